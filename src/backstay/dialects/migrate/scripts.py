"""The migration scripts of an application: files in ``migrations/``, each after the one before."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backstay.errors import DeclarationError

FOLDER: Final = "migrations"
"""The folder of the scripts, beside the application's file."""

LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Script:
    """One migration.

    ``revision`` is its name (``0002_add_tags``), ``after`` the name of the one before (None: it is the first).
    """

    revision: str
    after: str | None
    message: str
    file: Path


def read_scripts(folder: Path) -> tuple[Script, ...]:
    """The scripts of a folder, the first one first; none where there is no folder.

    Raises:
        DeclarationError: when a file is no migration, or the scripts do not follow each other in one line.
    """
    found = [_read(file) for file in sorted(folder.glob("*.py")) if not file.name.startswith("_")]
    by_after: dict[str | None, Script] = {}
    for script in found:
        other = by_after.setdefault(script.after, script)
        if other is not script:
            before = script.after or "nothing"
            raise DeclarationError(
                f"{other.file.name} and {script.file.name} both follow {before}.",
                hint=f"Let one follow the other: change down_revision in {script.file}.",
            )
    line: list[Script] = []
    while (after := line[-1].revision if line else None) in by_after:
        line.append(by_after.pop(after))
    if by_after:
        lost = next(iter(by_after.values()))
        raise DeclarationError(f"{lost.file}: it follows {lost.after}, which is not there.")
    return tuple(line)


def next_name(scripts: tuple[Script, ...], message: str) -> str:
    """The name of the script to come: a number and the message's words."""
    numbers = [int(match[0]) for script in scripts if (match := re.match(r"\d+", script.revision))]
    words = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")
    return f"{max(numbers, default=0) + 1:04}_{words or 'change'}"[:LONGEST_NAME].rstrip("_")


def _read(file: Path) -> Script:
    try:
        module = ast.parse(file.read_text(encoding="utf-8"), str(file))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise DeclarationError(f"{file}:{line}: {getattr(error, 'msg', error)}") from error
    constants = {
        target.id: node.value.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    revision, after = constants.get("revision"), constants.get("down_revision")
    if not isinstance(revision, str) or not isinstance(after, str | None):
        raise DeclarationError(
            f"{file}: it is no migration.", hint='A migration says revision = "..." and down_revision = "..." or None.'
        )
    message = (ast.get_docstring(module) or revision).partition("\n")[0]
    return Script(revision, after, message, file)
