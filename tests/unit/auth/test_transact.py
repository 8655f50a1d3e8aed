"""Something done in a transaction is done again where the database undid it for another's sake, and not for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from backstay.auth.store.transact import TIMES, transact
from backstay.errors import BackstayError, DatabaseFault, UniqueViolation


class Opened:
    """Sessions, of which the first ones fail when they are committed."""

    def __init__(self, *failures: BackstayError) -> None:
        self.failures = list(failures)
        self.count = 0

    @asynccontextmanager
    async def __call__(self, *, readonly: bool = False) -> AsyncIterator[Any]:
        self.count += 1
        yield self.count
        if self.failures:
            raise self.failures.pop(0)


async def number(session: Any) -> int:
    return int(session)


@pytest.mark.parametrize("state", ["40P01", "40001"])
async def test_what_was_undone_is_done_again_in_a_session_of_its_own(state: str) -> None:
    assert await transact(Opened(*[DatabaseFault(state=state)] * (TIMES - 1)), number) == TIMES


async def test_what_is_undone_each_time_is_an_error() -> None:
    opened = Opened(*[DatabaseFault(state="40P01")] * TIMES)
    with pytest.raises(DatabaseFault):
        await transact(opened, number)
    assert opened.count == TIMES


@pytest.mark.parametrize("error", [DatabaseFault(state="P0001"), UniqueViolation()])
async def test_any_other_error_is_told_at_once(error: BackstayError) -> None:
    opened = Opened(error)
    with pytest.raises(type(error)):
        await transact(opened, number)
    assert opened.count == 1
