"""Functions of Python under /rpc: found by name and arguments, run as the caller, answered in the wire's forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backstay import Backstay
from backstay.errors import Conflict
from behaviour.door import Door
from fixtures.rows import ADA, fill, uid
from fixtures.workspace import Level, Note, Tag, User, build


class Size(Enum):
    SMALL = auto()
    LARGE = auto()


@dataclass
class Point:
    x: int
    y: Decimal = Decimal(0)


class Line(TypedDict):
    start: Point
    size: Size


class Pair(NamedTuple):
    left: int
    right: str


class Box(msgspec.Struct):
    id: UUID
    made: datetime


def declare(app: Backstay) -> None:
    """The functions that these tests call."""

    @app.function
    async def add(db: AsyncSession, a: int, b: int = 10) -> int:
        return a + b

    @app.function
    async def nothing(db: AsyncSession) -> None: ...

    @app.function
    async def echo(
        db: AsyncSession,
        text: str = "",
        flag: bool = False,
        number: float = 0.0,
        exact: Decimal = Decimal(0),
        id: UUID | None = None,
        day: date | None = None,
        moment: datetime | None = None,
        clock: time | None = None,
        span: timedelta | None = None,
        raw: bytes = b"",
        level: Level = Level.LOW,
        size: Size = Size.SMALL,
        numbers: list[int] = [],  # noqa: B006
        ids: Sequence[UUID] = (),
        many: dict[str, Decimal] | None = None,
        point: Point | None = None,
        line: Line | None = None,
        pair: Pair | None = None,
        way: Literal["up", "down"] = "up",
        few: Annotated[int, msgspec.Meta(le=3)] = 0,
        either: int | str = 0,
        anything: Any = None,
    ) -> dict[str, Any]:
        return {
            name: value
            for name, value in {
                "text": text,
                "flag": flag,
                "number": number,
                "exact": exact,
                "id": id,
                "day": day,
                "moment": moment,
                "clock": clock,
                "span": span,
                "raw": raw,
                "level": level,
                "size": size,
                "numbers": numbers,
                "ids": ids,
                "many": many,
                "point": point,
                "line": line,
                "pair": pair,
                "way": way,
                "few": few,
                "either": either,
                "anything": anything,
            }.items()
            if value and value not in (Level.LOW, Size.SMALL, "up")
        }

    @app.function
    async def visible(db: AsyncSession) -> list[int]:
        return sorted((await db.scalars(select(Note.number))).all())

    @app.function
    async def notes(db: AsyncSession, least: int = 0) -> list[Note]:
        return list((await db.scalars(select(Note).where(Note.number >= least).order_by(Note.number.desc()))).all())

    @app.function
    async def note(db: AsyncSession, number: int) -> Note | None:
        return (await db.scalars(select(Note).where(Note.number == number))).one_or_none()

    @app.function
    async def one_note(db: AsyncSession, number: int) -> Note:
        return (await db.scalars(select(Note).where(Note.number == number))).one()

    @app.function
    async def write(db: AsyncSession, number: int, text: str, author_id: UUID | None = None) -> Note:
        new = Note(number=number, text=text)
        if author_id is not None:
            new.author_id = author_id
        db.add(new)
        return new

    @app.function
    async def like_all(db: AsyncSession) -> int:
        result: Any = await db.execute(update(Note).values(likes=Note.likes + 1))
        return int(result.rowcount)

    @app.function
    async def counts(db: AsyncSession) -> list[Any]:
        return list((await db.execute(select(Note.level, func.count().label("n")).group_by(Note.level))).all())

    @app.function
    async def boxes(db: AsyncSession) -> list[Box]:
        return [Box(uid(1), datetime(2024, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)), Box(uid(2), datetime(2024, 1, 2))]

    @app.function
    async def refuse(db: AsyncSession) -> None:
        db.add(Note(number=99, text="tried"))
        await db.flush()
        raise Conflict("Not today.", detail="It rains.", hint="Tomorrow.")

    @app.function
    async def fail(db: AsyncSession) -> None:
        raise ZeroDivisionError("the password is swordfish")

    @app.function
    async def swallow(db: AsyncSession) -> str:
        db.add(Note(number=1, text="again"))
        try:
            await db.flush()
        except Exception:
            return "never mind"
        return "fine"

    @app.function
    async def users(db: AsyncSession) -> list[User]:
        return list((await db.scalars(select(User).order_by(User.id))).all())

    @app.function
    async def mixed(db: AsyncSession) -> Mapping[str, Any]:
        return {"note": await db.get(Note, uid(101)), "tags": (await db.scalars(select(Tag.name))).all(), "none": None}


@pytest.fixture(scope="module")
def module_desk(module_database_url: str) -> Iterator[Door]:
    app = build(module_database_url)
    declare(app)
    with Door(app, fill) as door:
        yield door


@pytest.fixture
def desk(module_desk: Door) -> Door:
    module_desk.restore()
    return module_desk


def post(desk: Door, name: str, body: Any = None, **asked: Any) -> Any:
    answer = desk.ask("POST", f"/rpc/{name}", {} if body is None else body, **asked)
    assert answer.status == 200, answer.body
    return answer.json


def get(desk: Door, name: str, **asked: Any) -> Any:
    answer = desk.ask("GET", f"/rpc/{name}", **asked)
    assert answer.status in (200, 206), answer.body
    return answer.json


# Finding the function ----------------------------------------------------------------------------------------


def test_function_is_called_with_the_arguments_that_are_given(desk: Door) -> None:
    assert post(desk, "add", {"a": 1, "b": 2}) == 3
    assert post(desk, "add", {"a": 1}) == 11
    assert get(desk, "add?a=1&b=2") == 3
    assert get(desk, "add?a=5") == 15


def test_nothing_is_answered_without_a_body(desk: Door) -> None:
    answer = desk.ask("POST", "/rpc/nothing", {})
    assert (answer.status, answer.body) == (204, b"")


UNKNOWN = [
    (
        ("POST", "/rpc/ad", {"a": 1}),
        "Could not find the function public.ad(a) in the schema cache",
        "Searched for the function public.ad with parameter a or with a single unnamed json/jsonb parameter, "
        "but no matches were found in the schema cache.",
        "Perhaps you meant to call the function public.add",
    ),
    (
        ("GET", "/rpc/ad?b=1&a=1", None),
        "Could not find the function public.ad(a, b) in the schema cache",
        "Searched for the function public.ad with parameters a, b, but no matches were found in the schema cache.",
        "Perhaps you meant to call the function public.add",
    ),
    (
        ("POST", "/rpc/zzzzzz", {}),
        "Could not find the function public.zzzzzz without parameters in the schema cache",
        "Searched for the function public.zzzzzz without parameters or with a single unnamed json/jsonb parameter, "
        "but no matches were found in the schema cache.",
        None,
    ),
    (
        ("POST", "/rpc/add", {"a": 1, "c": 2}),
        "Could not find the function public.add(a, c) in the schema cache",
        "Searched for the function public.add with parameters a, c or with a single unnamed json/jsonb parameter, "
        "but no matches were found in the schema cache.",
        "Perhaps you meant to call the function public.add(a, b)",
    ),
    (
        ("GET", "/rpc/add", None),
        "Could not find the function public.add without parameters in the schema cache",
        "Searched for the function public.add without parameters, but no matches were found in the schema cache.",
        "Perhaps you meant to call the function public.add(a, b)",
    ),
]


@pytest.mark.parametrize(("request_", "message", "details", "hint"), UNKNOWN)
def test_unknown_function_is_told_in_postgrests_words(
    desk: Door, request_: Any, message: str, details: str, hint: str | None
) -> None:
    method, path, body = request_
    answer = desk.ask(method, path, body)
    assert answer.status == 404
    assert answer.json == {"code": "PGRST202", "message": message, "details": details, "hint": hint}


def test_text_is_no_argument(desk: Door) -> None:
    answer = desk.ask("POST", "/rpc/add", raw=b"hello", content_type="text/plain")
    assert answer.json["message"] == "Could not find the function public.add in the schema cache"
    assert "with a single unnamed text parameter" in answer.json["details"]


# Arguments ---------------------------------------------------------------------------------------------------

ECHOED: list[tuple[str, Any, Any]] = [
    ("text", "a b", "a b"),
    ("flag", True, True),
    ("number", 1.5, 1.5),
    ("exact", 0.10, 0.1),
    ("exact", "12.50", 12.5),
    ("id", str(uid(1)).upper(), str(uid(1))),
    ("day", "2024-02-29", "2024-02-29"),
    ("moment", "2024-02-29T12:00:00+02:00", "2024-02-29T10:00:00+00:00"),
    ("clock", "12:30", "12:30:00"),
    ("span", "1 day 02:00:00", "1 day 02:00:00"),
    ("raw", "\\x00ff", "\\x00ff"),
    ("level", "HIGH", "HIGH"),
    ("size", "LARGE", "LARGE"),
    ("size", 2, "LARGE"),
    ("numbers", [1, 2], [1, 2]),
    ("ids", [str(uid(1))], [str(uid(1))]),
    ("many", {"a": "1.10", "b": 2}, {"a": 1.1, "b": 2}),
    ("point", {"x": 1}, {"x": 1, "y": 0}),
    ("line", {"start": {"x": 1, "y": 2.5}, "size": "LARGE"}, {"start": {"x": 1, "y": 2.5}, "size": "LARGE"}),
    ("pair", {"left": 1, "right": "r"}, {"left": 1, "right": "r"}),
    ("way", "down", "down"),
    ("few", 3, 3),
    ("either", 5, 5),
    ("either", "five", "five"),
    ("anything", {"a": [1, 2.5, None]}, {"a": [1, 2.5, None]}),
]


@pytest.mark.parametrize(("name", "value", "expected"), ECHOED)
def test_arguments_are_what_the_annotations_say(desk: Door, name: str, value: Any, expected: Any) -> None:
    assert post(desk, "echo", {name: value}) == {name: expected}


FROM_URLS: list[tuple[str, Any]] = [
    ("text=a+b", {"text": "a b"}),
    ("text=null", {"text": "null"}),
    ("flag=t", {"flag": True}),
    ("number=1e2", {"number": 100}),
    ("exact=1.10", {"exact": 1.1}),
    ("id=null", {}),
    ("id=" + str(uid(3)), {"id": str(uid(3))}),
    ("day=2024-02-29", {"day": "2024-02-29"}),
    ("level=HIGH", {"level": "HIGH"}),
    ("size=2", {"size": "LARGE"}),
    ("numbers={1,2}", {"numbers": [1, 2]}),
    ("numbers=1&numbers=2", {"numbers": [1, 2]}),
    ("ids={" + str(uid(3)) + "}", {"ids": [str(uid(3))]}),
    ('point={"x":1,"y":"2.5"}', {"point": {"x": 1, "y": 2.5}}),
    ("way=down", {"way": "down"}),
    ("few=2", {"few": 2}),
    ("either=12", {"either": 12}),
    ("text=first&text=last", {"text": "last"}),
]


@pytest.mark.parametrize(("query", "expected"), FROM_URLS)
def test_arguments_in_a_url_are_read_by_the_annotations(desk: Door, query: str, expected: Any) -> None:
    assert get(desk, f"echo?{query}") == expected


WRONG: list[tuple[Any, str, str]] = [
    ({"number": "x"}, "22P02", 'invalid input syntax for type double precision: "x"'),
    ({"id": "x"}, "22P02", 'invalid input syntax for type uuid: "x"'),
    ({"day": "2024-02-30"}, "22008", 'date/time field value out of range: "2024-02-30"'),
    ({"flag": "maybe"}, "22P02", 'invalid input syntax for type boolean: "maybe"'),
    ({"level": "HUGE"}, "22P02", 'invalid input value for enum level: "HUGE"'),
    ({"numbers": "1"}, "22P02", "expected JSON array"),
    ({"numbers": [1, "x"]}, "22P02", 'invalid input syntax for type bigint: "x"'),
    ({"numbers": [2**70]}, "22003", f'value "{2**70}" is out of range for type bigint'),
    ({"text": None}, "22004", "null value not allowed for this argument"),
    ({"point": {"y": 1}}, "22P02", "invalid Point"),
    ({"point": {"x": 1, "z": 1}}, "22P02", "Point has no field 'z'"),
    ({"point": 5}, "22P02", "expected a JSON object for Point"),
    ({"line": {"size": "SMALL"}}, "22P02", "invalid Line"),
    ({"way": "left"}, "22P02", 'invalid input value: "left"'),
    ({"few": 4}, "22P02", "invalid argument"),
]


@pytest.mark.parametrize(("body", "code", "message"), WRONG)
def test_argument_that_cannot_be_is_refused(desk: Door, body: Any, code: str, message: str) -> None:
    answer = desk.ask("POST", "/rpc/echo", body)
    assert (answer.status, answer.code, answer.json["message"]) == (400, code, message)


# Rules -------------------------------------------------------------------------------------------------------


def test_rules_hold_inside_a_function(desk: Door) -> None:
    assert post(desk, "visible") == [1, 2, 3]
    assert post(desk, "visible", caller="bob") == [2, 3, 4]
    assert post(desk, "visible", caller="anon") == []
    assert post(desk, "visible", caller="service") == [1, 2, 3, 4, 5, 6]


def test_function_writes_as_the_caller(desk: Door) -> None:
    assert post(desk, "write", {"number": 7, "text": "new"})["author_id"] == str(ADA)
    answer = desk.ask("POST", "/rpc/write", {"number": 8, "text": "new", "author_id": str(uid(12))})
    assert (answer.status, answer.code) == (403, "42501")
    assert post(desk, "visible") == [1, 2, 3, 7]
    assert post(desk, "like_all") == 3


def test_call_by_get_may_not_write(desk: Door) -> None:
    answer = desk.ask("GET", "/rpc/write?number=7&text=new")
    assert (answer.status, answer.code) == (405, "25006")
    assert answer.json["message"] == "cannot execute INSERT in a read-only transaction"
    answer = desk.ask("GET", "/rpc/like_all")
    assert (answer.status, answer.json["message"]) == (405, "cannot execute UPDATE in a read-only transaction")
    assert desk.ask("GET", "/rpc/write?number=7&text=new", caller="service").status in (405, 400)


# Answers -----------------------------------------------------------------------------------------------------


def test_rows_show_their_columns_on_the_wire(desk: Door) -> None:
    [first] = [row for row in post(desk, "notes") if row["number"] == 1]
    assert first == desk.ask("GET", "/notes?number=eq.1").json[0]
    assert "secret" not in first
    assert all("email" not in row for row in post(desk, "users"))


def test_one_row_is_an_object_and_none_is_null(desk: Door) -> None:
    assert post(desk, "note", {"number": 2})["text"] == "note 2 of Acme"
    assert post(desk, "note", {"number": 4}) is None


def test_row_that_the_function_insists_on_is_not_found(desk: Door) -> None:
    answer = desk.ask("POST", "/rpc/one_note", {"number": 4})
    assert answer.status == 404


def test_new_row_shows_what_the_database_made(desk: Door) -> None:
    row = post(desk, "write", {"number": 7, "text": "new"})
    assert row == desk.ask("GET", "/notes?number=eq.7").json[0]


def test_rows_come_in_the_functions_order_and_can_be_shaped(desk: Door) -> None:
    assert [row["number"] for row in post(desk, "notes")] == [3, 2, 1]
    assert get(desk, "notes?select=number,text") == [{"number": n, "text": f"note {n} of Acme"} for n in (3, 2, 1)]
    assert get(desk, "notes?select=number&number=lt.3") == [{"number": 2}, {"number": 1}]
    assert get(desk, "notes?select=number&order=number&limit=2") == [{"number": 1}, {"number": 2}]
    assert get(desk, "notes?select=number&offset=1") == [{"number": 2}, {"number": 1}]
    assert get(desk, "notes?least=3&select=number,parent(number),tags(name)") == [
        {"number": 3, "parent": {"number": 1}, "tags": []}
    ]
    assert get(desk, "notes?least=9&select=number&number=lt.3") == []
    assert get(desk, "note?number=2&select=text") == {"text": "note 2 of Acme"}


def test_rows_are_counted(desk: Door) -> None:
    answer = desk.ask("GET", "/rpc/notes?select=number&limit=2", prefer="count=exact")
    assert (answer.status, answer.range, len(answer.json)) == (206, "0-1/3", 2)
    answer = desk.ask("GET", "/rpc/notes?number=lt.3&limit=1", prefer="count=exact")
    assert answer.range == "0-0/2"
    answer = desk.ask("GET", "/rpc/visible?limit=2&offset=1", prefer="count=exact")
    assert (answer.range, answer.json) == ("1-2/3", [2, 3])


def test_one_of_the_rows_may_be_asked_for(desk: Door) -> None:
    single = {"accept": "application/vnd.pgrst.object+json"}
    assert get(desk, "notes?number=eq.3&select=number", **single) == {"number": 3}
    answer = desk.ask("POST", "/rpc/notes", {}, **single)
    assert (answer.status, answer.code) == (406, "PGRST116")


def test_hidden_column_cannot_be_asked_for(desk: Door) -> None:
    for query in ("select=secret", "secret=eq.x", "order=secret"):
        answer = desk.ask("GET", f"/rpc/notes?{query}")
        assert (answer.status, answer.code) == (400, "42703")


def test_what_is_no_row_cannot_be_filtered(desk: Door) -> None:
    answer = desk.ask("GET", "/rpc/visible?order=number")
    assert (answer.status, answer.code) == (400, "42703")
    answer = desk.ask("GET", "/rpc/counts?order=n")
    assert (answer.status, answer.code) == (400, "PGRST127")


def test_rows_of_columns_are_objects(desk: Door) -> None:
    found = {row["level"]: row["n"] for row in post(desk, "counts")}
    assert found == {"HIGH": 1, "LOW": 2}


def test_structures_have_the_wires_forms(desk: Door) -> None:
    assert post(desk, "boxes") == [
        {"id": str(uid(1)), "made": "2024-01-02T03:04:05.6+00:00"},
        {"id": str(uid(2)), "made": "2024-01-02T00:00:00"},
    ]
    found = post(desk, "mixed")
    assert found["note"] == desk.ask("GET", "/notes?number=eq.1").json[0]
    assert sorted(found["tags"]) == ["blue", "green", "red"]
    assert found["none"] is None


def test_numbers_keep_every_digit(desk: Door) -> None:
    answer = desk.ask("POST", "/rpc/echo", raw=b'{"exact": 1.10000000000000000000001}')
    assert answer.body == b'{"exact":1.10000000000000000000001}'


# Errors ------------------------------------------------------------------------------------------------------


def test_error_of_ours_reaches_the_caller_and_undoes_everything(desk: Door) -> None:
    answer = desk.ask("POST", "/rpc/refuse", {})
    assert answer.status == 409
    assert answer.json == {"code": "23000", "message": "Not today.", "details": "It rains.", "hint": "Tomorrow."}
    assert post(desk, "visible") == [1, 2, 3]


def test_other_error_tells_nothing(desk: Door) -> None:
    answer = desk.ask("POST", "/rpc/fail", {})
    assert answer.status == 500
    assert b"swordfish" not in answer.body


def test_error_that_the_function_swallows_is_not_passed_over(desk: Door) -> None:
    answer = desk.ask("POST", "/rpc/swallow", {})
    assert (answer.status, answer.code) == (409, "23505")


def test_reply_that_is_refused_undoes_the_call(desk: Door) -> None:
    answer = desk.ask(
        "POST", "/rpc/notes", {}, accept="application/vnd.pgrst.object+json", prefer="handling=strict,max-affected=1"
    )
    assert answer.status in (400, 406)
    answer = desk.ask("POST", "/rpc/write", {"number": 7, "text": "x"}, prefer="handling=strict,max-affected=1")
    assert answer.code == "PGRST128"
    assert post(desk, "visible") == [1, 2, 3]
