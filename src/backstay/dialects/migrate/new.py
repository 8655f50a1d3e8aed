"""``new(...)``: what the models have that the scripts do not, as the next script."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic.operations import ops

from backstay.dialects.migrate.applied import read_applied, record
from backstay.dialects.migrate.apply import apply
from backstay.dialects.migrate.compare import Change, compare, open_context
from backstay.dialects.migrate.enums import Enums
from backstay.dialects.migrate.run import run, scratch
from backstay.dialects.migrate.scripts import Script, read_scripts
from backstay.dialects.migrate.write import write_script
from backstay.errors import DatabaseUnavailable, DeclarationError


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
            script = write_script(folder, scripts, message, changes, open_context(connection))
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
    def look(connection: sa.Connection) -> bool:
        known = read_applied(connection)
        pending = [each.revision for each in scripts if each.revision not in known]
        if (pending and known) or compare(connection, metadata):
            return False
        record(connection, *pending, script.revision)
        return True

    try:
        return await run(url, look, writing=True)
    except DatabaseUnavailable:
        return False
