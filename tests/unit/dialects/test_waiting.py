"""Reads that wait together: who shares one, and who must not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.dialects.dialect import Row
from backstay.dialects.sql.waiting import Waiting, same


class Store:
    """A database of one connection and one number; a read of it takes a while."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(1)
        self.number = 0
        self.runs = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.reads: Waiting[None] = Waiting(self.take)

    async def take(self) -> None:
        await self.free.acquire()

    async def run(self, _turn: None, text: str, parameters: Sequence[Any]) -> list[Row]:
        try:
            self.runs += 1
            seen = self.number
            await self.gate.wait()
            await asyncio.sleep(0)
            if text == "broken":
                raise RuntimeError("broken")
            return [(seen, *parameters)]
        finally:
            self.free.release()

    async def write(self) -> int:
        """Write; the number that whoever did so must see from now on."""
        await self.free.acquire()
        self.number += 1
        self.free.release()
        return self.number

    def read(self, *parameters: Any, text: str = "read") -> asyncio.Task[list[Row]]:
        return asyncio.create_task(self.reads.fetch(text, parameters, self.run))


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def busy() -> Store:
    """One whose connection is taken."""
    store = Store()
    await store.take()
    return store


async def test_those_who_ask_the_same_share_one_read(busy: Store) -> None:
    tasks = [busy.read("a", 1) for _ in range(20)]
    await turns()
    busy.free.release()
    assert await asyncio.gather(*tasks) == [[(0, "a", 1)]] * 20
    assert busy.runs == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a",), ("b",)),
        ((1,), (True,)),
        ((1,), ("1",)),
        ((0.0,), (-0.0,)),
        ((Decimal("1.0"),), (Decimal("1.00"),)),
        ((None,), ()),
        (([1],), ([1],)),
        ((datetime(2026, 1, 1, tzinfo=UTC),), (datetime(2026, 1, 1, tzinfo=UTC),)),
        ((UUID(int=1),), (UUID(int=2),)),
    ],
)
async def test_others_and_those_that_may_differ_share_nothing(busy: Store, one: Any, other: Any) -> None:
    tasks = [busy.read(*one), busy.read(*other)]
    await turns()
    busy.free.release()
    assert [list(map(repr, rows[0][1:])) for rows in await asyncio.gather(*tasks)] == [
        list(map(repr, one)),
        list(map(repr, other)),
    ]
    assert busy.runs == 2
    assert same("a", ("x",)) != same("b", ("x",))


async def test_nobody_joins_a_read_that_has_begun(busy: Store) -> None:
    busy.gate.clear()
    first = busy.read()
    await turns()
    busy.free.release()
    await turns()
    assert busy.runs == 1
    busy.number = 7
    second = busy.read()
    await turns()
    busy.gate.set()
    assert (await first, await second) == ([(0,)], [(7,)])


async def test_one_who_leaves_takes_nobody_along(busy: Store) -> None:
    tasks = [busy.read() for _ in range(6)]
    await turns()
    tasks[0].cancel()
    tasks[2].cancel()
    await turns()
    busy.free.release()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [True, False, True, *[False] * 3]
    assert busy.runs == 1


async def test_who_leaves_while_reading_is_followed_by_another(busy: Store) -> None:
    busy.gate.clear()
    tasks = [busy.read() for _ in range(3)]
    await turns()
    busy.free.release()
    await turns()
    tasks[0].cancel()
    await turns(1)
    tasks[1].cancel()
    busy.gate.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [True, True, False]


async def test_an_error_is_everybodys(busy: Store) -> None:
    tasks = [busy.read(text="broken") for _ in range(3)]
    await turns()
    busy.free.release()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["broken"] * 3
    assert busy.runs == 1


STEPS = st.lists(st.sampled_from(["read", "write", "leave", "turn", "finish"]), min_size=5, max_size=60)


@given(steps=STEPS, choices=st.randoms(use_true_random=False))
def test_who_has_written_reads_it(steps: list[str], choices: Any) -> None:
    """Whatever the order of reads, writes and leaving: a read sees all that was acknowledged before it came."""

    async def play() -> None:
        store = Store()
        acknowledged = 0
        tasks: list[tuple[int, asyncio.Task[list[Row]]]] = []
        for step in steps:
            if step == "read":
                tasks.append((acknowledged, store.read()))
            elif step == "write" and store.gate.is_set():
                acknowledged = await store.write()
            elif step == "leave" and tasks:
                choices.choice(tasks)[1].cancel()
            elif step == "turn":
                await turns(choices.randrange(4))
            else:
                (store.gate.set if choices.random() < 0.6 else store.gate.clear)()
        store.gate.set()
        async with asyncio.timeout(60):
            outcomes = await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)
        for (least, _), outcome in zip(tasks, outcomes, strict=True):
            if not isinstance(outcome, asyncio.CancelledError):
                assert isinstance(outcome, list), outcome
                assert outcome[0][0] >= least
        assert not store.free.locked()

    asyncio.run(play())
