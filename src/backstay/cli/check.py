"""``backstay check``: everything that is wrong with an application, at once."""

from __future__ import annotations

from backstay.app import Backstay
from backstay.cli.load import load
from backstay.cli.report import say, show_finding
from backstay.schema.check.finding import Finding


def check(file: str | None = None, /) -> int:
    """Find what is wrong with an application.

    Parameters
    ----------
    file
        The application.
    """
    loaded = load(file)
    findings = list(find_all(loaded.app))
    for finding in findings:
        show_finding(finding)
    errors = sum(finding.is_error for finding in findings)
    warnings = len(findings) - errors
    if not findings:
        say("Nothing is wrong.", "green")
    else:
        say(f"{_count(errors, 'error')}, {_count(warnings, 'warning')}")
    return 1 if errors else 0


def find_all(app: Backstay) -> list[Finding]:
    """What is wrong, and what is unwise, with an application; a DeclarationError where it cannot even be collected."""
    return app.findings()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
