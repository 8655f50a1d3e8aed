"""Reading bodies, and dropping those that nobody reads."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.dialects.rowwise.spool import Spool
from backstay.errors import Malformed, TooLarge
from backstay.server.body import HELD, SMALL, drain, read_body
from lengths import open_spools


class Pieces:
    """A body that arrives in pieces; ``taken`` counts those that were asked for."""

    def __init__(self, *pieces: bytes, ends: bool = True) -> None:
        self._messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        if ends and self._messages:
            self._messages[-1]["more_body"] = False
        self.taken = 0

    async def __call__(self) -> dict[str, Any]:
        self.taken += 1
        return self._messages.pop(0) if self._messages else {"type": "http.disconnect"}


async def test_a_body_in_one_piece_and_in_several_is_the_same() -> None:
    assert await read_body(Pieces(b"abc"), 3, 10) == b"abc"
    assert await read_body(Pieces(b"a", b"", b"bc"), 3, 10) == b"abc"
    assert await read_body(Pieces(b"a", b"bc"), None, 10) == b"abc"
    assert await read_body(Pieces(b""), 0, 10) == b""


async def test_a_message_may_leave_out_what_is_empty() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    assert await read_body(receive, None, 10) == b""


async def test_a_body_as_long_as_the_limit_is_let_in() -> None:
    for body in (Pieces(b"a" * 10), Pieces(b"a" * 4, b"a" * 6)):
        assert await read_body(body, 10, 10) == b"a" * 10


async def test_a_body_that_says_it_is_too_long_is_not_read() -> None:
    body = Pieces(b"a" * 11)
    with pytest.raises(TooLarge):
        await read_body(body, 11, 10)
    assert body.taken == 0


@pytest.mark.parametrize("pieces", [[b"a" * 11], [b"a" * 10, b"a"], [b"a"] * 11])
async def test_a_body_that_turns_out_too_long_is_refused(pieces: list[bytes]) -> None:
    with pytest.raises(TooLarge):
        await read_body(Pieces(*pieces), None, 10)


@pytest.mark.invariant("I27")
async def test_no_more_is_read_than_what_goes_over_the_limit() -> None:
    body = Pieces(*[b"a"] * 1000)
    with pytest.raises(TooLarge):
        await read_body(body, None, 10)
    assert body.taken == 11


@pytest.mark.parametrize("pieces", [[], [b"abc"], [b"a", b"b"]])
async def test_a_body_that_ends_early_is_malformed(pieces: list[bytes]) -> None:
    with pytest.raises(Malformed):
        await read_body(Pieces(*pieces, ends=False), 10, 10)


async def test_a_small_body_is_dropped() -> None:
    body = Pieces(b"a", b"b")
    assert await drain(body, 2)
    assert body.taken == 2


async def test_no_body_needs_no_dropping() -> None:
    body = Pieces()
    assert await drain(body, 0)
    assert body.taken == 0


@pytest.mark.parametrize("length", [None, SMALL + 1, 10**12])
async def test_a_body_that_is_large_or_without_length_is_left(length: int | None) -> None:
    body = Pieces(b"a")
    assert not await drain(body, length)
    assert body.taken == 0


async def test_a_body_that_breaks_off_cannot_be_dropped() -> None:
    assert not await drain(Pieces(b"a", ends=False), 2)


async def test_a_long_body_is_spooled() -> None:
    pieces = [bytes([number]) * 100_000 for number in range(15)]
    body = await read_body(Pieces(*pieces), None, 2_000_000)
    assert isinstance(body, Spool)
    assert (body.length, body.whole()) == (1_500_000, None)
    assert b"".join(body.parts()) == b"".join(pieces)
    body.close()


async def test_a_long_body_in_one_piece_is_spooled() -> None:
    body = await read_body(Pieces(b"a" * (HELD + 1)), HELD + 1, HELD + 1)
    assert isinstance(body, Spool)
    assert b"".join(body.parts()) == b"a" * (HELD + 1)
    body.close()


async def test_a_body_of_the_length_that_is_held_is_held() -> None:
    assert await read_body(Pieces(b"a" * (HELD - 1), b"b"), None, HELD) == b"a" * (HELD - 1) + b"b"


@pytest.mark.parametrize("ends", [True, False])
async def test_a_long_body_that_is_refused_leaves_no_file(ends: bool) -> None:
    there = open_spools()
    limit = 1_200_000 if ends else 10_000_000
    with pytest.raises((TooLarge, Malformed)):
        await read_body(Pieces(*[b"a" * 100_000] * 20, ends=ends), None, limit)
    assert open_spools() == there
