"""Inserts of a few bytes, made as those of many megabytes are: through a file, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Backstay, anyone, system
from backstay.dialects import execute
from backstay.dialects.rowwise import spool
from backstay.server import body
from behaviour.door import Door
from behaviour.test_rest_conflicts import *  # noqa: F403
from behaviour.test_rest_csv import *  # noqa: F403
from behaviour.test_rest_insert import *  # noqa: F403
from behaviour.test_rest_upsert import *  # noqa: F403
from behaviour.test_told_inserts import *  # noqa: F403


@pytest.fixture(autouse=True)
def everything_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """No body is short, and hardly a row fits into a piece of one."""
    monkeypatch.setattr(body, "HELD", 0)
    monkeypatch.setattr(spool, "PIECE", 16)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each statement of an insert is given."""
    seen: list[int] = []
    insert = execute._insert_run

    async def counting(transaction: Any, inserting: Any, names: Any, records: Any, caller: Any) -> Any:
        seen.append(len(records))
        return await insert(transaction, inserting, names, records, caller)

    monkeypatch.setattr(execute, "_insert_run", counting)
    return seen


ROWS = [{"id": number, "name": f"style {number}"} for number in range(10, 20)]


def test_rows_are_written_in_several_statements(art: Door, statements: list[int]) -> None:
    answer = art.ask("POST", "/styles", ROWS, prefer="count=exact")
    assert (answer.status, answer.range) == (201, "*/10")
    assert sum(statements) == 10
    assert len(statements) > 3
    assert art.rows("/styles?id=gte.10&order=id") == ROWS


@pytest.mark.parametrize(
    "prefer", ["return=representation", "return=headers-only", "resolution=merge-duplicates"], ids=lambda prefer: prefer
)
def test_who_needs_all_rows_at_once_has_them(art: Door, statements: list[int], prefer: str) -> None:
    assert art.ask("POST", "/styles", ROWS, prefer=prefer).status == 201
    assert statements == [10]
    assert art.rows("/styles?id=gte.10&order=id") == ROWS


def test_duplicates_are_ignored_in_all_batches(art: Door, statements: list[int]) -> None:
    answer = art.ask("POST", "/styles", [*ROWS, *ROWS], prefer="resolution=ignore-duplicates,count=exact")
    assert (answer.status, answer.range) == (201, "*/10")
    assert len(statements) > 3
    assert art.rows("/styles?id=gte.10&order=id") == ROWS


def test_an_upsert_may_not_meet_its_own_rows(art: Door) -> None:
    answer = art.ask("POST", "/styles", [*ROWS, ROWS[0]], prefer="resolution=merge-duplicates")
    assert (answer.status, answer.code) == (400, "21000")
    assert art.rows("/styles?id=gte.10") == []


def test_rows_may_stand_before_those_that_they_refer_to(art: Door) -> None:
    rows = [{"id": number, "name": f"new {number}", "mentor_id": number + 1} for number in range(50, 59)]
    rows.append({"id": 59, "name": "the first", "mentor_id": None})
    assert art.ask("POST", "/artists", rows).status == 201
    assert len(art.rows("/artists?id=gte.50")) == 10


def test_an_error_in_a_later_batch_undoes_the_earlier_ones(art: Door, statements: list[int]) -> None:
    answer = art.ask("POST", "/styles", [*ROWS, {"id": 1, "name": "there already"}])
    assert (answer.status, answer.code) == (409, "23505")
    assert len(statements) > 3
    assert art.rows("/styles?id=gte.10") == []


def test_rows_may_give_different_columns(art: Door, statements: list[int]) -> None:
    rows = [{"id": 60, "title": "a", "artist_id": 1}, {"id": 61, "title": "b", "artist_id": 1, "status": "shown"}]
    url = "/paintings?columns=id,title,artist_id,status"
    assert art.ask("POST", url, rows, prefer="missing=default").status == 201
    assert art.rows("/paintings?id=gte.60&select=id,status&order=id") == [
        {"id": 60, "status": "stored"},
        {"id": 61, "status": "shown"},
    ]


# A rule that looks at the rows beside the new one ---------------------------------------------------------------


class Base(DeclarativeBase): ...


class Seat(Base):
    __tablename__ = "seats"

    id: Mapped[int] = mapped_column(primary_key=True)
    row: Mapped[int]


other = sa.alias(Seat.__table__, "other")


@pytest.fixture
def hall(database_url: str) -> Iterator[Door]:
    app = Backstay(database_url)
    beside = sa.select(sa.literal(1)).where(other.c.row == Seat.row, other.c.id != Seat.id).exists()
    app.resource(Seat, select=anyone, insert=beside)

    async def fill(app: Backstay) -> None:
        async with app.session(system) as session:
            await (await session.connection()).run_sync(Base.metadata.create_all)

    with Door(app, fill) as door:
        yield door


def test_a_rule_that_looks_at_other_rows_is_asked_when_all_are_there(hall: Door, statements: list[int]) -> None:
    rows = [{"id": number, "row": number % 5} for number in range(10)]
    assert hall.ask("POST", "/seats", rows).status == 201
    assert len(statements) > 3
    assert (
        hall.ask("POST", "/seats", [*({"id": 20 + n, "row": 1} for n in range(5)), {"id": 30, "row": 9}]).code
        == "42501"
    )
    assert len(hall.rows("/seats")) == 10
