"""Reads that may be long: which ones, how they are fetched in batches, where their bytes gather."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.dialects.rowwise import spool as spools
from backstay.dialects.rowwise.batch import FIRST, next_size
from backstay.dialects.rowwise.fetch import Gathering
from backstay.dialects.rowwise.layout import Listed
from backstay.dialects.rowwise.reading import Habit, Reading
from backstay.dialects.rowwise.spool import Spool
from backstay.errors import StorageFull
from backstay.frontends.http import Request
from backstay.frontends.rest.parse import parse
from backstay.query.nodes import Select
from backstay.schema.caller import SERVICE
from fixtures import workspace


async def read(spool: Spool) -> bytes:
    return b"".join([piece async for piece in spool.pieces()])


# The spool ---------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=50)), st.integers(0, 60))
def test_a_spool_gives_back_what_it_was_given(pieces: list[bytes], held: int) -> None:
    spool = Spool(held)
    for piece in pieces:
        spool.write(piece)
    whole = b"".join(pieces)
    assert spool.length == len(whole)
    assert spool.whole() == (whole if len(whole) <= held else None)
    assert asyncio.run(read(spool)) == whole
    spool.close()


def test_large_pieces_come_back_in_parts() -> None:
    spool = Spool(0)
    whole = bytes(range(256)) * 4096
    spool.write(whole)

    async def gather() -> list[bytes]:
        return [piece async for piece in spool.pieces()]

    pieces = asyncio.run(gather())
    assert b"".join(pieces) == whole
    assert max(map(len, pieces)) <= spools.PIECE
    spool.close()


def test_a_closed_spool_takes_and_gives_nothing() -> None:
    spool = Spool(0)
    spool.write(b"x")
    spool.close()
    spool.close()
    with pytest.raises(ValueError, match="closed"):
        spool.write(b"y")
    with pytest.raises(ValueError, match="closed"):
        asyncio.run(read(spool))


def test_a_spool_that_is_closed_while_it_is_written_leaves_no_file() -> None:
    for _ in range(50):
        spool = Spool(0)

        def write(into: Spool = spool) -> None:
            with pytest.raises(ValueError, match="closed"):
                while True:
                    into.write(b"x" * 1000)

        writing = threading.Thread(target=write)
        writing.start()
        spool.close()
        writing.join()


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, piece: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = Spool(0)
    with monkeypatch.context() as patch:
        patch.setattr(spools.os, "write", full)
        with pytest.raises(StorageFull, match="temporary"):
            spool.write(b"x")
    spool.close()


def test_writes_that_the_system_cuts_short_are_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    write = spools.os.write
    spool = Spool(0)
    with monkeypatch.context() as patch:
        patch.setattr(spools.os, "write", lambda descriptor, piece: write(descriptor, piece[:7]))
        spool.write(b"as much as fits, and then the rest of it")
    assert asyncio.run(read(spool)) == b"as much as fits, and then the rest of it"
    spool.close()


# Batches -----------------------------------------------------------------------------------------------------


@given(st.integers(1, 4096), st.integers(0, 10**9))
def test_a_batch_of_rows_like_the_last_ones_is_about_a_piece(rows: int, weight: int) -> None:
    size = next_size(rows, weight)
    assert size in (1, 4, 16, 64, 256, 1024, 4096)
    assert size == 1 or size * weight <= 256 * 1024 * rows
    assert size == 4096 or size * 4 * weight > 256 * 1024 * rows


def test_the_first_batch_is_small() -> None:
    assert FIRST <= 4


def test_wide_rows_are_written_one_by_one() -> None:
    written: list[int] = []

    class Counting(Listed):
        def write(self, rows: Sequence[str]) -> bytes:
            written.append(len(rows))
            return super().write(rows)

    gathering = Gathering(Counting(","), counted=False)
    narrow, wide = "1" * 1000, "2" * 200_000
    assert gathering.take([(text, None) for text in (narrow, wide, wide, narrow, narrow)]) == 403_000
    assert (written, gathering.rows) == ([2, 3], 5)
    assert gathering.spool.whole() == f"[{narrow},{wide},{wide},{narrow},{narrow}".encode()
    gathering.spool.close()


@given(st.lists(st.lists(st.text(max_size=5), max_size=4)), st.one_of(st.none(), st.integers(0, 9)))
def test_rows_gather_as_an_array(batches: list[list[str]], total: int | None) -> None:
    batches = [[text.encode("utf-8", "replace").decode() for text in batch] for batch in batches]
    sheet = Listed(", \n ")
    gathering = Gathering(sheet, counted=total is not None)
    rows: list[Sequence[tuple[Any, ...]]] = [[(text, None) for text in batch] for batch in batches]
    if total is not None:
        rows.insert(0, [(None, total)])
    for batch in rows:
        assert gathering.take(batch) == sum(len(text or "") for text, _ in batch)
    gathering.spool.write(sheet.end())
    texts = [text for batch in batches for text in batch]
    assert gathering.spool.whole() == ("[" + ", \n ".join(texts) + "]").encode()
    assert (gathering.rows, gathering.total) == (len(texts), total)
    gathering.spool.close()


# Which reads may be long -------------------------------------------------------------------------------------


def test_a_statement_that_gave_a_long_answer_is_remembered_for_a_while() -> None:
    habit = Habit()
    assert not habit.long
    habit.note(long=True)
    for _ in range(8):
        assert habit.long
        habit.note(long=False)
    assert not habit.long
    habit.note(long=False)
    assert not habit.long


@pytest.mark.parametrize(
    ("query", "max_rows", "short", "limited"),
    [
        ("", 0, False, False),
        ("number=eq.1", 0, False, False),
        ("id=eq.{id}", 0, True, False),
        ("id=eq.{id}&number=eq.1&order=number", 0, True, False),
        ("id=not.eq.{id}", 0, False, False),
        ("id=in.({id})", 0, False, False),
        ("id=eq(any).{{{id}}}", 0, False, False),
        ("or=(id.eq.{id},number.eq.1)", 0, False, False),
        ("select=parent(id)&parent.id=eq.{id}", 0, False, False),
        ("id=eq.{id}&select=count()", 0, False, False),
        ("limit=3", 0, False, True),
        ("id=eq.{id}&limit=3", 0, True, True),
        ("", 1000, True, False),
        ("", 1001, False, False),
    ],
)
def test_reads_of_few_rows_are_known(query: str, max_rows: int, short: bool, limited: bool) -> None:
    app = workspace.build()
    app.configure(aggregates=True, max_rows=max_rows)
    text = query.format(id="00000000-0000-4000-8000-000000000101")
    asked = parse(Request("GET", "/notes", text), app.settings)
    assert isinstance(asked.query, Select)
    reading, values = app.assembly.road.cache.find(asked.query, SERVICE)
    assert isinstance(reading, Reading)
    assert (reading.short, reading.limit is not None) == (short, limited)
    if limited:
        assert values[reading.limit or 0] == 3
