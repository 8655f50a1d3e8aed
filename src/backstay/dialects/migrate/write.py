"""``write_script(...)``: changes as the text of a migration that reads well and runs on every database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate import render_python_code
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext

from backstay.dialects.migrate.compare import Change
from backstay.dialects.migrate.scripts import Script, next_name

_TEXT = '''"""{message}

{place}
"""

{imports}

revision = {revision!r}
down_revision = {after!r}


def upgrade() -> None:
{body}
'''


def write_script(
    folder: Path, scripts: tuple[Script, ...], message: str, changes: Sequence[Change], context: MigrationContext
) -> Script:
    """Write a new script at the end of the line.

    Arguments:
        folder: where; it is made if need be.
        scripts: the ones there are.
        message: what it is for.
        changes: what it does; none: the user fills it in.
        context: of the database that the changes were found on.
    """
    imports: set[str] = set()
    body = render_python_code(
        ops.UpgradeOps(ops=list(changes)),
        render_as_batch=True,
        render_item=lambda kind, item, autogen: _spell(kind, item, autogen, imports),
        migration_context=context,
    )
    revision = next_name(scripts, message)
    after = scripts[-1].revision if scripts else None
    text = _TEXT.format(
        message=message.replace('"""', "'''").strip() or revision,
        place=f"Follows {after}." if after else "The first migration.",
        imports="\n".join(["import sqlalchemy as sa", "from alembic import op", *sorted(imports)]),
        revision=revision,
        after=after,
        body=_tidy(body),
    )
    folder.mkdir(exist_ok=True)
    file = folder / f"{revision}.py"
    file.write_text(text, encoding="utf-8")
    return Script(revision, after, message, file)


def _tidy(body: str) -> str:
    lines = [line.rstrip() for line in body.splitlines() if not line.lstrip().startswith("# ###")]
    # Alembic leaves what a table is made of at the margin.
    shown = [f"    {line}" if line.startswith("    sa.") else line for line in lines]
    return "\n".join(shown).strip("\n") or "    pass"


def _spell(kind: str, item: Any, autogen: Any, imports: set[str]) -> str | Literal[False]:
    """How a type or a default is written, where Alembic's own way would tie the script to one database."""
    if kind == "server_default" and isinstance(item, sa.DefaultClause):
        if isinstance(item.arg, sa.sql.functions.Function | sa.sql.functions.GenericFunction) and not list(
            item.arg.clauses
        ):
            return f"sa.func.{item.arg.name}()"
        return False
    if kind != "type":
        return False
    if isinstance(item, sa.ARRAY):
        inner = _spell("type", item.item_type, autogen, imports) or f"sa.{item.item_type!r}"
        return f"sa.ARRAY({inner})"
    module = type(item).__module__
    if module.startswith("sqlalchemy.dialects."):
        dialect = module.split(".")[2]
        imports.add(f"from sqlalchemy.dialects import {dialect}")
        return False
    return False
