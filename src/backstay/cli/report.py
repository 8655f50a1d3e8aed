"""What commands print: on a terminal in colour, elsewhere plain; never wrapped, so that lines can be pasted."""

from __future__ import annotations

from functools import cache

from rich.console import Console
from rich.text import Text

from backstay.cli.load import show_path
from backstay.errors import BackstayError
from backstay.schema.check.finding import Finding, Severity


@cache
def console(*, error: bool = False) -> Console:
    """The terminal."""
    return Console(stderr=error, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(text: str = "", style: str = "", *, error: bool = False) -> None:
    """Print a line as it is."""
    console(error=error).print(Text(text, style))


def complain(error: BackstayError) -> None:
    """Print an error, and what to do about it."""
    findings = [finding for finding in getattr(error, "findings", ()) if isinstance(finding, Finding)]
    if findings:
        for finding in findings:
            show_finding(finding, error=True)
    else:
        say(error.message, "bold red", error=True)
    if isinstance(error.detail, str):
        say(f"    {error.detail}", error=True)
    if error.hint:
        say(f"    {error.hint}", error=True)


def show_finding(finding: Finding, *, error: bool = False) -> None:
    """Print one finding: where, what, and what to do."""
    style = "red" if finding.severity is Severity.ERROR else "yellow"
    place = f"{show_path(finding.place.file)}:{finding.place.line}: "
    line = Text.assemble((place, "bold"), (f"{finding.severity.value} {finding.code} ", style), finding.message)
    console(error=error).print(line)
    say(f"    {finding.hint}", "dim", error=error)
