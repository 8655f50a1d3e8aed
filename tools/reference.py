"""Write the reference pages that say what the code already says in a table.

``python tools/reference.py`` writes them; with ``--check`` it fails where one is stale.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from backstay import errors
from backstay.query.operators import OPERATORS
from backstay.schema.check import CODES
from backstay.schema.expression.subset import CASTS, ELEMENTS, FUNCTIONS, REFUSED
from backstay.settings import SETTINGS

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


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "operators.md": operators_page,
    "findings.md": findings_page,
    "rules.md": rules_page,
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
        if below.__module__ == errors.__name__:
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
