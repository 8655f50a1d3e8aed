"""Functions of the library that say one thing of the wire each, beside those that ``program.py`` declares."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay import Backstay, Request, Response
from backstay.errors import DatabaseFault
from compliance.rest.program import Binding, Book, Genre


@dataclass
class Offer:
    """A row of no table."""

    book: int
    title: str
    price: Decimal | None
    binding: Binding | None
    tags: list[str | None] | None
    info: Any = None


async def sum_of(session: AsyncSession, *numbers: int) -> int:
    """Take any number of values."""
    return sum(numbers)


async def said(session: AsyncSession, text: str | None = "nothing", *, twice: bool = False) -> str | None:
    """Take a text or NULL."""
    return text if text is None or not twice else f"{text} {text}"


async def reserved(session: AsyncSession, select: str = "", order: str = "", limit: int = 0) -> str:
    """Have arguments with the names of parameters."""
    return f"{select}/{order}/{limit}"


async def take_json(session: AsyncSession, body: Any, /) -> Any:
    """Take a body of JSON."""
    return body


async def take_text(session: AsyncSession, body: str, /) -> str:
    """Take a body of text."""
    return body.upper()


async def take_bytes(session: AsyncSession, body: bytes, /) -> bytes:
    """Take a body of bytes, and answer with some."""
    return body[::-1]


async def offers(session: AsyncSession, most: Decimal = Decimal(100)) -> list[Offer]:
    """Answer rows of no table."""
    found = await session.scalars(sa.select(Book).where(Book.price <= most).order_by(Book.id))
    return [Offer(each.id, each.title, each.price, each.binding, each.tags, each.info) for each in found]


async def offer(session: AsyncSession, book: int) -> Offer | None:
    """Answer one row of no table, or none."""
    return next((each for each in await offers(session) if each.book == book), None)


async def add_genres(session: AsyncSession, names: list[str]) -> list[Genre]:
    """Write, and answer with rows."""
    genres = [Genre(name=name) for name in names]
    session.add_all(genres)
    return genres


async def add_genre(session: AsyncSession, name: str) -> Response[Genre]:
    """Write, and say so."""
    genre = Genre(name=name)
    session.add(genre)
    await session.flush()
    return Response(genre, status=201, headers={"Location": f"/genres?id=eq.{genre.id}"})


async def page(session: AsyncSession) -> Response[str]:
    """Answer in a media type of its own."""
    return Response("<h1>Books</h1>", media="text/html", headers={"Cache-Control": "max-age=60"})


async def asked(session: AsyncSession, request: Request) -> list[str | None]:
    """Tell of the request."""
    return [request.method, request.path, request.headers.get("x-own"), request.cookies.get("a")]


async def fail(session: AsyncSession, state: str = "P0001", message: str = "No", detail: str | None = None) -> None:
    """Raise what a database's function could."""
    raise DatabaseFault(message, state=state, detail=detail)


async def break_down(session: AsyncSession) -> None:
    """Raise what nobody outside is told."""
    raise ZeroDivisionError("the secret of the library")


async def say(session: AsyncSession, status: int = 200, name: str = "x", value: str = "y") -> Response[int]:
    """Say of the answer what may not be."""
    return Response(1, status=status, headers={name: value})


FUNCTIONS = (
    sum_of,
    said,
    reserved,
    take_json,
    take_text,
    take_bytes,
    offers,
    offer,
    add_genres,
    add_genre,
    page,
    asked,
    fail,
    break_down,
    say,
)


def declare(app: Backstay) -> Backstay:
    """Serve them all."""
    for function in FUNCTIONS:
        app.function(function)
    return app
