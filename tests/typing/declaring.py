"""What a user's editor must know of declarations, and what it must refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_type
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, ForeignKey
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Mapped, mapped_column

from backstay import (
    Auth,
    AuthUser,
    Backstay,
    Caller,
    Event,
    Request,
    Resource,
    Response,
    Tenancy,
    Using,
    anyone,
    current,
    signed_in,
    system,
)


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"

    org_id: Mapped[UUID]


me = current(User)
assert_type(me, type[User])
assert_type(me.org_id, InstrumentedAttribute[UUID])


class Owned:
    org_id: Mapped[UUID] = mapped_column(default=me.org_id, index=True)


class Note(Owned, Base):
    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    text: Mapped[str]
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), default=me.id)


app = Backstay("sqlite://", auth=Auth(User), tenancy=Tenancy(Owned.org_id, current=me.org_id))
mine = Note.author_id == me.id
assert_type(mine, ColumnElement[bool])
assert_type(me.aal >= 2, ColumnElement[bool])
assert_type(anyone, ColumnElement[bool])

notes = app.resource(
    Note, select=signed_in, insert=mine, update=Using(mine, check=Note.text != ""), delete=mine, readonly=[Note.id]
)
assert_type(notes, Resource[Note])
assert_type(notes.inserted, Event[Note])


@notes.before_insert
async def tidy(db: AsyncSession, note: Note) -> None:
    note.text = note.text.strip()


@app.function
async def count_words(db: AsyncSession, text: str, least: int = 1) -> int:
    return max(least, len(text.split()))


@app.function
async def upload(db: AsyncSession, body: bytes, /) -> int:
    return len(body)


@app.function
async def add_up(db: AsyncSession, request: Request, caller: Caller, *numbers: int, twice: bool = False) -> int:
    assert_type(request.headers["host"], str)
    assert_type(request.cookies, Mapping[str, str])
    return sum(numbers)


@app.function
async def make(db: AsyncSession, text: str) -> Response[Note]:
    answer = Response(Note(text=text), status=201, headers={"Location": "/notes"})
    assert_type(answer, Response[Note])
    assert_type(answer.body, Note)
    return answer


@app.function
async def perhaps(db: AsyncSession) -> Response[str | None]:
    return Response("text", media="text/html", headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])


@app.function
async def many(db: AsyncSession) -> Response[Sequence[Note]]:
    return Response([Note()])


async def use() -> None:
    async with app.session(system) as db:
        note = await db.get_one(Note, uuid4())
        assert_type(note.text, str)
        assert_type((await db.get_one(User, note.author_id)).created_at, datetime)
        await tidy(db, note)  # a hook is still the function it was
        assert_type(await count_words(db, "a b", least=2), int)
        assert_type(await upload(db, b"bytes"), int)
        assert_type(await make(db, "text"), Response[Note])
        await upload(db, body=b"")  # type: ignore[call-arg]
        await upload(db, "text")  # type: ignore[arg-type]


Response(1, 201)  # type: ignore[call-arg]
Response(1, status="201")  # type: ignore[arg-type]
Response(1, headers={"Age": 1})  # type: ignore[arg-type]


@app.function
async def mistaken(db: AsyncSession) -> Response[int]:
    return Response("text")  # type: ignore[arg-type]


app.resource(Note, mine)  # type: ignore[call-arg]
app.resource(Note, select="true")  # type: ignore[arg-type]
app.resource(Note, insert=Using(mine, check=mine))  # type: ignore[arg-type]
app.session()  # type: ignore[call-arg]
app.session("system")  # type: ignore[arg-type]
Backstay("sqlite://", User)  # type: ignore[call-arg, arg-type]
Auth(Note)  # type: ignore[arg-type]


@notes.before_insert  # type: ignore[arg-type]
async def wrong(db: AsyncSession, note: User) -> None: ...
