"""What the clients talk to: the workspace, with functions."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.errors import Conflict
from fixtures.workspace import Note, Tag, User, build

app = build()


@app.function
async def add(session: AsyncSession, a: int, b: int = 10) -> int:
    """Answer one value."""
    return a + b


@app.function
async def numbers(session: AsyncSession, of: list[int]) -> list[int]:
    """Answer many values."""
    return sorted(of)


@app.function
async def notes_like(session: AsyncSession, pattern: str = "%") -> list[Note]:
    """Answer rows of a resource."""
    return list((await session.scalars(sa.select(Note).where(Note.text.like(pattern)).order_by(Note.number))).all())


@app.function
async def rename_tag(session: AsyncSession, id: int, name: str) -> None:
    """Write, and answer nothing."""
    tag = await session.get(Tag, id)
    if tag is not None:
        tag.name = name


@app.function
async def colleagues(session: AsyncSession) -> list[str]:
    """Answer what the caller may see."""
    return sorted(str(each) for each in (await session.scalars(sa.select(User.id))).all())


@app.function
async def refuse(session: AsyncSession) -> None:
    """Raise."""
    raise Conflict("The shop is closed.", detail="It is Sunday.", hint="Come back tomorrow.")
