"""SQLite under kill -9, beside other processes, and on a file that may not be written."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
import sqlalchemy as sa

from backstay.dialects.sqlite.connect import SQLite
from backstay.errors import StorageFull
from backstay.settings import Settings
from in_time import in_time

pytestmark = pytest.mark.processes

PREAMBLE = """
    import asyncio, os, sys
    from datetime import timedelta
    import sqlalchemy as sa
    from backstay.dialects.sqlite.connect import SQLite
    from backstay.errors import StorageReadOnly
    from backstay.settings import Settings

    def opened(**given):
        return SQLite(sys.argv[1], settings=Settings(**given), metadata=sa.MetaData())

    async def run(database, text, *parameters):
        return await database.write(lambda transaction: transaction.fetch(text, parameters))

    INSERT = "INSERT INTO rows (worker, number) VALUES (?, ?)"
"""
WRITERS = """
    async def write(database, worker):
        for number in range(1_000_000):
            if worker % 2:
                await run(database, INSERT, worker, number)
            else:
                async with database.session() as session:
                    await session.execute(sa.text("INSERT INTO rows (worker, number) VALUES (:w, :n)"),
                                          {"w": worker, "n": number})
            os.write(1, f"{worker} {number}\\n".encode())  # acknowledged

    async def main():
        database = opened()
        await database.start()
        await asyncio.gather(*(write(database, worker) for worker in range(16)))

    asyncio.run(main())
"""
COUNTING = """
    async def main():
        database = opened(statement_timeout=timedelta(seconds=30))
        await database.start()
        me = int(sys.argv[2])
        await asyncio.gather(*(run(database, INSERT, me, number) for number in range(300)))
        for number in range(300, 320):
            await run(database, INSERT, me, number)
        await database.close()

    asyncio.run(main())
"""
READ_ONLY = """
    async def main():
        warm = SQLite("sqlite://", settings=Settings(), metadata=sa.MetaData())
        await warm.start()  # imports what another user may be unable to read
        await warm.close()
        os.setuid(65534)  # who may read the file, but not write it
        try:
            await opened().start()
        except StorageReadOnly as error:
            print("refused:", error.message)

    asyncio.run(main())
"""


@contextmanager
def program(text: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program under way, killed in the end."""
    source = textwrap.dedent(PREAMBLE) + textwrap.dedent(text)
    child = subprocess.Popen(
        [sys.executable, "-c", source, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with an empty table."""
    path = tmp_path / "rows.db"
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("CREATE TABLE rows (worker INTEGER, number INTEGER, PRIMARY KEY (worker, number))")
    connection.close()
    return path


def rows_in(path: Path) -> set[tuple[int, int]]:
    connection = apsw.Connection(str(path))
    assert connection.pragma("integrity_check") == "ok"
    found = {(int(worker), int(number)) for worker, number in connection.execute("SELECT worker, number FROM rows")}
    connection.close()
    return found


@pytest.mark.invariant("I1")
@pytest.mark.parametrize("life", [0.2, 0.5, 1.0])
def test_a_killed_process_loses_no_acknowledged_row(path: Path, life: float) -> None:
    with program(WRITERS, f"sqlite:///{path}") as child:
        assert child.stdout is not None
        first = child.stdout.readline()  # writing has begun
        lines = [first, *(child.stdout.readline() for _ in range(50))]
        time.sleep(life)
        os.kill(child.pid, signal.SIGKILL)
        lines += child.stdout.read().splitlines()
    acknowledged = {(int(worker), int(number)) for worker, number in (line.split() for line in lines)}
    kept = rows_in(path)
    assert len(acknowledged) > 50
    assert acknowledged <= kept
    # of each worker at most the write under way when it was killed is there without having been acknowledged
    assert len(kept) - len(acknowledged) <= 16


def test_several_processes_write_to_one_file(path: Path) -> None:
    with (
        program(COUNTING, f"sqlite:///{path}", "1") as one,
        program(COUNTING, f"sqlite:///{path}", "2") as two,
        program(COUNTING, f"sqlite:///{path}", "3") as three,
    ):
        for child in (one, two, three):
            _, errors = child.communicate(timeout=100)
            assert child.returncode == 0, errors
    assert rows_in(path) == {(worker, number) for worker in (1, 2, 3) for number in range(320)}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_a_file_that_may_not_be_written_is_refused_at_start(path: Path) -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own is closed to others
    folder.chmod(0o755)
    path = Path(shutil.copy(path, folder))
    with program(READ_ONLY, f"sqlite:///{path}") as child:
        output, errors = child.communicate(timeout=100)
    shutil.rmtree(folder)
    assert output == f"refused: The database file {path} is read-only.\n", errors


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.invariant("I2")
@pytest.mark.invariant("I29")
async def test_a_full_disk_refuses_writes_serves_reads_and_heals(small_disk: Path) -> None:
    database = SQLite(f"sqlite:///{small_disk}/rows.db", settings=Settings(), metadata=sa.MetaData())
    await database.start()

    async def insert(number: int, size: int) -> None:
        text = "INSERT INTO rows (number, filler) VALUES (?, zeroblob(?))"
        await database.write(lambda transaction: transaction.fetch(text, (number, size)))

    await database.write(lambda transaction: transaction.fetch("CREATE TABLE rows (number INTEGER, filler BLOB)", ()))
    await insert(1, 1000)
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(b"x" * 4096)
            file.flush()
    outcomes = await asyncio.gather(*(insert(number, 100_000) for number in (2, 3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageFull, StorageFull]
    assert await database.fetch("SELECT number FROM rows", ()) == [(1,)]
    filler.unlink()
    await insert(4, 1000)
    assert await database.fetch("SELECT number FROM rows ORDER BY number", ()) == [(1,), (4,)]
    await database.close()


SHARING = """
    async def write(database, worker):
        while True:
            await run(database, INSERT, worker, 0)
            os.write(1, b".")

    async def main():
        database = opened()
        await database.start()
        await asyncio.gather(*(write(database, worker) for worker in range(4)))

    asyncio.run(main())
"""


def test_processes_take_turns_and_a_killed_one_holds_nobody_up(tmp_path: Path) -> None:
    program = textwrap.dedent(PREAMBLE) + textwrap.dedent(SHARING)
    for number, watch in enumerate(in_time(1.0)):
        path = tmp_path / f"shared{number}.db"
        apsw.Connection(str(path)).execute("CREATE TABLE rows (worker INTEGER, number INTEGER)").close()
        words = [sys.executable, "-c", program, f"sqlite:///{path}"]
        both = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(2)]
        try:
            for process in both:
                assert process.stdout is not None
                process.stdout.read(20)  # both are under way
            for process in both:
                written_by(process)
            written = [0, 0]
            with watch:
                while min(written) < 200:
                    watch.check()
                    time.sleep(0.05)
                    written = [had + written_by(process) for had, process in zip(written, both, strict=True)]
            both[0].send_signal(signal.SIGKILL)
            both[0].wait()
            written_by(both[1])
            alone = 0
            with watch:
                while alone <= 20:
                    watch.check()
                    time.sleep(0.05)
                    alone += written_by(both[1])
            if max(written) >= 4 * min(written):
                watch.took = math.inf  # one had the turn for too long
        finally:
            for process in both:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()


def written_by(process: subprocess.Popen[bytes]) -> int:
    """How many rows it has told of since it was asked last."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    return len(process.stdout.read() or b"")
