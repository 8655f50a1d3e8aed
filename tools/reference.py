"""Write the reference pages that say what the code already says in a table.

``python tools/reference.py`` writes them; with ``--check`` it fails where one is stale.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from enum import Enum
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from backstay import errors
from backstay.cli import _assemble
from backstay.query.operators import OPERATORS
from backstay.schema.check import CODES
from backstay.schema.expression.subset import CASTS, ELEMENTS, FUNCTIONS, REFUSED
from backstay.settings import SETTINGS
from conformance import conformance_page

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def settings_page() -> str:
    """The page of settings, from :data:`backstay.settings.SETTINGS`."""
    rows = [
        (f"`{entry.name}`", f"`BACKSTAY_{entry.name.upper()}`", _shown(entry.default), entry.metadata["help"])
        for entry in SETTINGS
    ]
    return _page(
        "Settings",
        "A setting comes, in falling precedence, from the command line, the environment, a TOML file\n"
        "(`backstay.toml` beside the application, or the file that `BACKSTAY_CONFIG` names), and its default. In the\n"
        "environment, lists are separated by commas and durations are seconds. `backstay config` prints the\n"
        "settings in force.",
        _table(("Name in the file", "Environment", "Default", "Meaning"), rows),
    )


def errors_page() -> str:
    """The page of errors, from :mod:`backstay.errors`."""
    rows = [
        (
            f"`{kind.__name__}`",
            f"`{kind.__mro__[1].__name__}`",
            f"`{kind.code}`",
            str(kind.status),
            _state(kind),
            _prose(kind),
        )
        for kind in _tree(errors.BackstayError)
    ]
    return _page(
        "Errors",
        "Every error carries a message, and where there is more to say a detail and a hint. Its status is that of\n"
        "the HTTP answer, its code is Backstay's own and is never reused; SQLSTATE is what PostgreSQL calls the same\n"
        "fault. All are importable from `backstay.errors`.",
        _table(("Error", "Is a", "Code", "Status", "SQLSTATE", "Meaning"), rows),
    )


def operators_page() -> str:
    """The page of filter operators, from :data:`backstay.query.operators.OPERATORS`."""
    rows = [
        (
            f"`{operator.name}`",
            f"`{operator.sql}`",
            operator.meaning,
            operator.takes.value,
            ", ".join(["`any` `all`"] * operator.quantified + ["a language"] * operator.language),
        )
        for operator in OPERATORS.values()
    ]
    return _page(
        "Operators",
        "A filter is written `column=operator.value`. `not.` before the operator negates it. An operator that may be\n"
        "quantified is written `eq(any).{1,2}`; one that takes a language, `fts(english).word`.",
        _table(("Operator", "SQL", "Meaning", "Takes", "In brackets"), rows),
    )


def findings_page() -> str:
    """The page of findings, from :data:`backstay.schema.check.CODES`."""
    rows = [(f"`{code.number}`", code.severity.value, code.meaning) for code in CODES.values()]
    return _page(
        "Findings",
        "`backstay check` prints everything that is wrong with a program at once: each finding with its file and\n"
        "line, a code, and what to do. An application with an error does not start; a warning is only told. Codes\n"
        "are never reused.",
        _table(("Code", "Severity", "Meaning"), rows),
    )


def rules_page() -> str:
    """The page of what rules may say, from :mod:`backstay.schema.expression.subset`."""
    elements = [(each.name, "<br>".join(each.examples), each.meaning) for each in ELEMENTS.values()]
    functions = [(f"`{name}`", each.meaning, _arguments(each.least, each.most)) for name, each in FUNCTIONS.items()]
    casts = [(source, ", ".join(sorted(targets - {source}))) for source, targets in CASTS.items()]
    refused = [(each.name, each.instead) for each in REFUSED]
    return _page(
        "What rules may say",
        _RULES,
        "\n".join(
            [
                _table(("Element", "Written", "Meaning"), elements),
                "## Functions\n\nCalled as `sa.func.name(...)`.\n",
                _table(("Function", "Meaning", "Arguments"), functions),
                "## Casts\n",
                _table(("From", "To"), casts),
                _REFUSED,
                _table(("Not", "Instead"), refused),
                _DIFFERS,
            ]
        ),
    )


_RULES = """\
A rule is an ordinary SQLAlchemy expression over a model's columns, such as `Note.public | (Note.author_id == me.id)`.
It is compiled into the statement of every request, on every database, and it may say what means the same on all of
them: with NULLs, with letters and their case, with decimals, with time zones. Whatever else is in it is a
[finding](findings.md) when the application is declared, not a surprise when it is asked.

A row is let through only if its rule is true. A rule that is NULL for a row, as a comparison with NULL is, lets it not
through, and neither does its negation.

A sub-select of a rule reads other tables whole: their own rules do not hold in it, since it is the program's word.
Where the application has tenants, though, it reads only the rows of the caller's tenant."""

_REFUSED = """\
## What rules may not say

What stands in no table above is refused, with what to write instead where that is known:
"""

_DIFFERS = """\
## What still depends on the database

- Which letters beyond ASCII have an upper and a lower case (`lower`, `ilike`): on PostgreSQL the locale of the database
  decides; in the locale `C` it is none of them.
- An integer computation that leaves the range of its type is an error on PostgreSQL; SQLite computes with 64 bits.
- `now()` is the start of the transaction on PostgreSQL, and of the statement on SQLite, to the millisecond.
"""


def _arguments(least: int, most: int) -> str:
    if least == most:
        return str(least) if least else "none"
    return f"{least} or {most}" if most - least == 1 else f"{least} or more"


def cli_page() -> str:
    """The page of commands, from the command line itself."""
    said: str = _assemble().generate_docs()  # type: ignore[attr-defined]
    commands = said[said.index("\n## backstay ") :]
    return _page(
        "Command line",
        "`FILE` is `path.py`, `path.py:name` or `package.module:name`. It may be left out where the environment\n"
        "variable `BACKSTAY_APP` names it, or where one file of the working directory makes an application.\n"
        "`backstay COMMAND --help` says what is here, with an example. A command ends with 0 when all is well, with 1\n"
        "when it found something or failed, and with 2 when it was used wrongly.",
        commands.strip() + "\n",
    )


# Python ------------------------------------------------------------------------------------------------------


def python_page() -> str:
    """The page of public names, from the doors and their docstrings."""
    doors = ("backstay", "backstay.testing", "backstay.fastapi", "backstay.django", "backstay.flask")
    parts = [part for door in doors for part in _door(door)]
    return _page(
        "Python",
        "Every public name. [Errors](errors.md) and [settings](settings.md) have pages of their own.",
        "\n\n".join(parts) + "\n",
    )


def _door(name: str) -> Iterator[str]:
    door = import_module(name)
    yield f"## {name}"
    for each in door.__all__:
        if each != "__version__":
            yield from _described(door, each)


def _described(door: ModuleType, name: str) -> Iterator[str]:
    found = getattr(door, name)
    yield f"### {name}"
    if inspect.isclass(found):
        yield from _described_class(name, found)
    elif inspect.isfunction(found):
        yield _signed(name, found)
        yield _docstring(found.__doc__)
    else:
        yield _docstring(_words_behind(door, name))


def _described_class(name: str, found: type) -> Iterator[str]:
    if issubclass(found, Enum):
        yield _docstring(found.__doc__)
        yield "\n".join(f"- `{name}.{member.name}`" for member in found)
        return
    if found.__init__ is not object.__init__ and name not in _MADE:
        yield _signed(name, found)
    yield _docstring(found.__doc__)
    for each, method in vars(found).items():
        call = method.func if hasattr(method, "func") else method.fget if isinstance(method, property) else method
        if each.startswith("_") or each in _INNER or not inspect.isfunction(call) or not call.__doc__:
            continue
        yield f"#### {name}.{each}"
        if call is method:
            yield _signed(each, method)
        yield _docstring(call.__doc__)


_MADE = frozenset({"Answer", "Client", "Event", "Resource"})
"""Classes whose objects one is given, and does not make."""

_INNER = frozenset({"assembly", "collected", "covers", "declarations", "facts"})
"""What other rooms of the package ask for, and programs need not."""


def _signed(name: str, call: Callable[..., Any]) -> str:
    signature = inspect.signature(call)
    parameters = [each for each in signature.parameters.values() if each.name != "self"]
    written = str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    written = re.sub(r"<[^>]* at 0x[0-9a-f]+>|<[\w.]+(?:: [^>]*)?>", "...", written)
    result = signature.return_annotation
    # Annotations are quoted; so are texts that are defaults, and these stay so.
    written = re.sub(r"= b?'[^']*'|'([^']*)'", lambda found: found[0] if found[1] is None else found[1], written)
    shown = f"{name}{written}" + (f" -> {result}" if isinstance(result, str) and result != "None" else "")
    if len(shown) > _WIDTH:
        inner = written.removeprefix("(").removesuffix(")")
        shown = shown.replace(written, "(\n    " + ",\n    ".join(_split(inner)) + ",\n)")
    return f"```text\n{shown}\n```"


_WIDTH = 100


def _split(parameters: str) -> list[str]:
    """The parameters of a signature, apart: the commas that are within no brackets."""
    parts, depth = [""], 0
    for letter in parameters:
        depth += (letter in "[(") - (letter in ")]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _words_behind(door: ModuleType, name: str) -> str:
    """What the source says of a name that is a value: the text behind its assignment."""
    place = getattr(door, "_PLACE", {}).get(name, door.__name__)
    source = Path(str(import_module(place).__file__)).read_text(encoding="utf-8")
    body = ast.parse(source).body
    for assigned, behind in pairwise(body):
        targets = getattr(assigned, "targets", None) or [getattr(assigned, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            assert isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant), name
            return str(behind.value.value)
    raise LookupError(name)


_SECTIONS = {"Arguments:": "Arguments", "Returns:": "Returns", "Raises:": "Raises"}


def _docstring(text: str | None) -> str:
    """A docstring as Markdown: its sections become lists."""
    lines: list[str] = []
    section = ""
    for line in inspect.cleandoc(text or "").splitlines():
        plain = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", line.replace("``", "`"))
        if line in _SECTIONS:
            section = _SECTIONS[line]
            lines += [f"**{section}**", ""]
        elif section and line and not line.startswith(" "):
            section = ""
            lines.append(plain)
        elif section and line.startswith("    ") and not line.startswith("     "):
            lines.append(f"- {_named(plain.strip())}" if section != "Returns" else plain.strip())
        else:
            lines.append(f"  {plain.strip()}" if section and plain.strip() else plain)
    return "\n".join(lines).strip()


def _named(item: str) -> str:
    """``name: words`` with the name as code."""
    return re.sub(r"^([\w, ]+):", lambda found: f"`{found[1]}`:", item)


PAGES: dict[str, Callable[[], str]] = {
    "python.md": python_page,
    "cli.md": cli_page,
    "settings.md": settings_page,
    "errors.md": errors_page,
    "operators.md": operators_page,
    "findings.md": findings_page,
    "rules.md": rules_page,
    "conformance.md": conformance_page,
}
"""Every generated page by its file name."""


def _page(title: str, lead: str, body: str) -> str:
    return f"# {title}\n\n<!-- Generated by `make docs`. -->\n\n{lead}\n\n{body}"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _shown(default: Any) -> str:
    match default:
        case "" | ():
            return ""
        case timedelta():
            return f"`{default.total_seconds():g}` seconds"
        case tuple():
            return f"`{','.join(default)}`"
        case bool():
            return f"`{str(default).lower()}`"
        case _:
            return f"`{default}`"


def _tree(kind: type[errors.BackstayError]) -> Iterator[type[errors.BackstayError]]:
    for below in kind.__subclasses__():
        if below.__module__.startswith(f"{errors.__name__}."):
            yield below
            yield from _tree(below)


def _state(kind: type[errors.BackstayError]) -> str:
    state = getattr(kind, "state", "")
    return f"`{state}`" if state else ""


def _prose(kind: type[errors.BackstayError]) -> str:
    message, _, more = inspect.cleandoc(kind.__doc__ or "").partition("\n")
    plain = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", more.replace("``", "`"))
    return " ".join([f"*{message}*", *plain.split()])


def main() -> int:
    """Write the pages, or say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    check = parser.parse_args().check
    stale = [name for name, page in PAGES.items() if _written(REFERENCE / name) != page()]
    for name in stale:
        if check:
            print(f"docs/reference/{name} is stale: run `make docs`", file=sys.stderr)
        else:
            (REFERENCE / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"docs/reference/{name}")
    return 1 if check and stale else 0


def _written(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    raise SystemExit(main())
