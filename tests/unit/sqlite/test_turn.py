"""Turns among those that write to one file: in order, handed on, and never in the way of who is alone."""

from __future__ import annotations

import threading
import time
from itertools import groupby
from pathlib import Path

import pytest

from backstay.dialects.sqlite.turn import FileTurn
from backstay.errors import Overloaded
from in_time import TRIES


def test_who_waits_gets_the_turn_when_it_is_released(tmp_path: Path) -> None:
    one, other = FileTurn(f"{tmp_path}/a.db"), FileTurn(f"{tmp_path}/a.db")
    one.take(1)
    with pytest.raises(Overloaded):
        other.take(0.02)
    threading.Timer(0.05, one.release).start()
    other.take(5)
    other.release()
    one.close()
    other.close()


def test_a_turn_that_comes_too_late_is_handed_on(tmp_path: Path) -> None:
    one, other = FileTurn(f"{tmp_path}/a.db"), FileTurn(f"{tmp_path}/a.db")
    one.take(1)
    with pytest.raises(Overloaded):
        other.take(0.02)
    one.release()
    one.take(5)
    one.release()
    other.take(5)
    other.close()
    one.take(5)
    one.close()


def test_who_has_written_is_behind_those_that_wait(tmp_path: Path) -> None:
    # A thread that gets no processor does not wait meanwhile, and the others have its turns.
    for number in range(TRIES):
        order = turns_of_three(tmp_path / f"{number}.db")
        middle = order[5:-25]
        assert len(order) == 90
        longest = max(len(list(run)) for _, run in groupby(middle))
        counts = {middle.count(number) for number in range(3)}
        if longest <= 3 and counts <= set(range(14, 27)):
            break
    assert longest <= 3
    assert counts <= set(range(14, 27))


def turns_of_three(path: Path) -> list[int]:
    """In which order three threads have their turns, thirty each."""
    order: list[int] = []
    begin = threading.Barrier(3)

    def write(number: int) -> None:
        turn = FileTurn(str(path))
        begin.wait()
        for _ in range(30):
            turn.take(60)
            order.append(number)
            time.sleep(0.002)
            turn.release()
        turn.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return order


def test_where_no_files_can_be_made_nobody_waits(tmp_path: Path) -> None:
    one, other = FileTurn(f"{tmp_path}/missing/a.db"), FileTurn(f"{tmp_path}/missing/a.db")
    one.take(1)
    other.take(0)
    one.release()
    other.release()
    one.close()
    other.close()


def test_a_database_of_ones_own_needs_no_files() -> None:
    turn = FileTurn(None)
    turn.take(0)
    turn.release()
    turn.close()
