"""What the clients talk to, where they ask for one schema or another: PostgreSQL has several."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Backstay, anyone, system

SETTINGS = {"schemas": "public,archive"}
"""With which it is served."""


class Base(DeclarativeBase): ...


class Paper(Base):
    __tablename__ = "papers"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


class Folder(Base):
    __tablename__ = "folders"
    __table_args__ = ({"schema": "archive"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    year: Mapped[int]


class Old(Base):
    """There is a table of that name in either schema."""

    __tablename__ = "papers"
    __table_args__ = ({"schema": "archive"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    folder_id: Mapped[int] = mapped_column(ForeignKey(Folder.id), index=True)


async def titles(session: AsyncSession) -> list[str]:
    """The titles of the papers that are not archived."""
    return list((await session.scalars(sa.select(Paper.title).order_by(Paper.id))).all())


def build(url: str = "postgresql://") -> Backstay:
    """The application, on a database of its own."""
    app = Backstay(url)
    app.configure(schemas=("public", "archive"))
    for model in (Paper, Folder, Old):
        app.resource(model, select=anyone, write=anyone)
    app.function(titles)
    return app


app = build()


async def fill(app: Backstay) -> None:
    """Make the tables of a started application, and put the rows in."""
    async with app.session(system) as session:
        connection = await session.connection()
        await connection.run_sync(lambda plain: plain.execute(sa.schema.CreateSchema("archive", if_not_exists=True)))
        await connection.run_sync(Base.metadata.create_all)
        session.add_all([Paper(id=1, title="new"), Folder(id=1, year=1999)])
        await session.flush()
        session.add_all([Old(id=7, title="old", folder_id=1), Old(id=8, title="older", folder_id=1)])
