"""``apply(url, scripts)``: scripts on a database, each in one transaction with the note that it was applied."""

from __future__ import annotations

import importlib.util
import io
import time
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import sqlalchemy as sa
from alembic.operations import Operations

from backstay.dialects.migrate.applied import TABLE, read_applied, record
from backstay.dialects.migrate.compare import open_context
from backstay.dialects.migrate.operations.enums import Enums
from backstay.dialects.migrate.run import run
from backstay.dialects.migrate.scripts import Script
from backstay.errors import BackstayError, DeclarationError
from backstay.observe import MigrationApplied, observe


async def apply(url: str, scripts: Sequence[Script], *, enums: Enums | None = None) -> AsyncIterator[Script]:
    """Apply the scripts that a database has not had yet, in their order, and yield each when it is done.

    Whenever this is cut short, each script was applied and noted, or neither; applying again goes on from there.

    Arguments:
        url: the database.
        scripts: all of them up to the last one wanted.
        enums: where the operations on enumerations note what they did.

    Raises:
        DeclarationError: with file and line, when a script fails; nothing of it is kept.
    """
    for script in scripts:

        def step(connection: sa.Connection, script: Script = script) -> bool:
            if script.revision in read_applied(connection):
                return False
            with Operations.context(open_context(connection, enums=enums)):
                _upgrade(script)
            record(connection, script.revision)
            return True

        began = time.perf_counter()
        try:
            done = await run(url, step, writing=True)
        except BackstayError as error:
            if isinstance(error, DeclarationError):
                raise
            raise DeclarationError(f"{script.file}: {error.message}", hint=_KEPT) from error
        if done:
            observe(MigrationApplied(script.revision, script.message, (time.perf_counter() - began) * 1000))
            yield script


_KEPT = "Nothing of this migration was kept: mend it and apply again."


def show_sql(scripts: Sequence[Script], dialect: sa.Dialect) -> str:
    """The SQL that scripts stand for, for a database that others look after.

    Raises:
        DeclarationError: when a script looks at the database as it runs.
    """
    buffer = io.StringIO()
    table = str(sa.schema.CreateTable(TABLE, if_not_exists=True).compile(dialect=dialect)).strip()
    buffer.write(f"{table};\n\n")
    for script in scripts:
        buffer.write(f"-- {script.revision}: {script.message}\n\nBEGIN;\n\n")
        options = {"as_sql": True, "literal_binds": True, "output_buffer": buffer}
        context = open_context(None, dialect=dialect, options=options)
        with Operations.context(context):
            _upgrade(script)
        note = TABLE.insert().values(revision=script.revision, applied_at=sa.func.now())
        text = note.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        buffer.write(f"{text};\n\nCOMMIT;\n\n")
    return buffer.getvalue()


def _upgrade(script: Script) -> None:
    upgrade = _load(script.file)
    try:
        upgrade()
    except Exception as error:
        raise DeclarationError(f"{_where(error, script.file)}: {_reason(error)}", hint=_KEPT) from error


def _load(file: Path) -> Callable[[], None]:
    spec = importlib.util.spec_from_file_location(f"backstay_migration_{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise DeclarationError(f"{_where(error, file)}: {type(error).__name__}: {error}") from error
    upgrade: Callable[[], None] | None = getattr(module, "upgrade", None)
    if upgrade is None:
        raise DeclarationError(f"{file}: it has no function upgrade().")
    return upgrade


def _where(error: Exception, file: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f"{file}:{lines[-1]}" if lines else str(file)


def _reason(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {cause}"
