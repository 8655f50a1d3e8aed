"""``new(...)``: what the models have that the scripts do not, as the next script: one that runs on every database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate import render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type
from alembic.operations import ops
from sqlalchemy.dialects.postgresql.base import PGDialect

from backstay.dialects.migrate.applied import read_applied, record
from backstay.dialects.migrate.apply import apply
from backstay.dialects.migrate.compare import Change, compare, open_context
from backstay.dialects.migrate.operations.enums import Enums
from backstay.dialects.migrate.run import run, scratch
from backstay.dialects.migrate.scripts import Script, next_name, read_scripts
from backstay.errors import DatabaseUnavailable, DeclarationError

_TEXT = '''"""{message}

{place}
"""

{imports}

revision = {revision!r}
down_revision = {after!r}


def upgrade() -> None:
{body}
'''


@dataclass(frozen=True, slots=True)
class Written:
    """A new script. ``lost`` says what data it drops; ``marked``: the database has these changes already."""

    script: Script
    lost: tuple[str, ...] = ()
    marked: bool = False


async def new(url: str, metadata: sa.MetaData, folder: Path, message: str, *, empty: bool = False) -> Written | None:
    """Write the next script; None where the models ask for none.

    The models are compared with what the scripts make of an empty database, so it does not matter in what state the
    application's own database is. If that is in step with the models already (``backstay dev`` saw to it), the script
    is noted there as applied.

    Arguments:
        url: the application's database; it says of which kind the scratch database is.
        metadata: the tables the application declares.
        folder: where the scripts are.
        message: what the script is for.
        empty: write a script without changes, for the user to fill in.

    Raises:
        DeclarationError: when a script fails, or no scratch database can be made.
    """
    scripts = read_scripts(folder)

    async def write(other: str) -> Written | None:
        enums: Enums = {}
        async for _ in apply(other, scripts, enums=enums):
            pass

        def look(connection: sa.Connection) -> Written | None:
            changes = [] if empty else compare(connection, metadata, enums=enums, removed=True)
            if not changes and not empty:
                return None
            script = _write(folder, scripts, message, changes)
            return Written(script, tuple(losses(changes)))

        return await run(other, look, writing=True)

    async with scratch(url) as other:
        if other is None:
            raise DeclarationError(
                "The models are compared with a scratch database, and this user may not create one.",
                hint="ALTER ROLE ... CREATEDB, or use a database of your own: --database URL.",
            )
        written = await write(other)
    if written is None or empty:
        return written
    marked = await _mark(url, metadata, scripts, written.script)
    return Written(written.script, written.lost, marked)


def losses(changes: list[Change]) -> list[str]:
    """What data some changes drop."""
    found: list[str] = []
    for change in changes:
        for operation in change.ops if isinstance(change, ops.ModifyTableOps) else [change]:
            if isinstance(operation, ops.DropTableOp):
                found.append(f"the table {operation.table_name}")
            elif isinstance(operation, ops.DropColumnOp):
                found.append(f"the column {operation.table_name}.{operation.column_name}")
    return found


async def _mark(url: str, metadata: sa.MetaData, scripts: tuple[Script, ...], script: Script) -> bool:
    """Note the script as applied where the database has its changes already."""

    def look(connection: sa.Connection) -> list[str] | None:
        known = read_applied(connection)
        pending = [each.revision for each in scripts if each.revision not in known]
        return None if (pending and known) or compare(connection, metadata) else pending

    try:
        pending = await run(url, look, writing=False)
    except DatabaseUnavailable:
        return False
    if pending is None:
        return False
    await run(url, lambda connection: record(connection, *pending, script.revision), writing=True)
    return True


# The text ---------------------------------------------------------------------------------------------------------


def _write(folder: Path, scripts: tuple[Script, ...], message: str, changes: Sequence[Change]) -> Script:
    """Write a new script at the end of the line.

    Arguments:
        folder: where; it is made if need be.
        scripts: the ones there are.
        message: what it is for.
        changes: what it does; none: the user fills it in.
    """
    imports: set[str] = set()

    def spell(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
        spelt = _spell(kind, item, autogen)
        imports.update(_imports(item))
        return spelt

    # PostgreSQL's spellings of defaults are those that every database understands here.
    context = open_context(None, dialect=PGDialect())  # type: ignore[no-untyped-call]
    body = render_python_code(
        ops.UpgradeOps(ops=list(changes)), render_as_batch=True, render_item=spell, migration_context=context
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


def _imports(item: Any) -> Iterator[str]:
    """What a script must import to speak of a type."""
    for each in (item, getattr(item, "item_type", None)):
        module = type(each).__module__
        if module.startswith("sqlalchemy.dialects."):
            yield f"from sqlalchemy.dialects import {module.split('.')[2]}"


def _spell(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """How a type or a default is written, where Alembic's own way would tie the script to one database."""
    if kind == "server_default" and isinstance(item, sa.DefaultClause):
        if isinstance(item.arg, sa.sql.functions.Function | sa.sql.functions.GenericFunction) and not list(
            item.arg.clauses
        ):
            return f"sa.func.{item.arg.name}()"
        return False
    # Not PostgreSQL's own, which Alembic knows how to write.
    if kind == "type" and type(item) is sa.ARRAY:
        return f"sa.ARRAY({_repr_type(item.item_type, autogen)})"
    return False
