"""Links through a secondary table that has no rules of its own, in a caller's session."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Column, ForeignKey, Table, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship, selectinload

from backstay import Auth, AuthUser, Backstay, anyone, current, system
from backstay.errors import PermissionDenied, RowRefused
from backstay.schema.caller import Caller, Role
from fixtures.rows import ADA, BOB


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


me = current(User)

styles = Table(
    "work_styles",
    Base.metadata,
    Column("work_id", ForeignKey("works.id"), primary_key=True),
    Column("style_id", ForeignKey("styles.id"), primary_key=True),
)


class Work(Base):
    __tablename__ = "works"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[str]
    styles: Mapped[list[Style]] = relationship(secondary=styles, back_populates="works")


class Style(Base):
    __tablename__ = "styles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    secret: Mapped[bool] = mapped_column(default=False)
    works: Mapped[list[Work]] = relationship(secondary=styles, back_populates="styles")


class Visit(Base):
    """Nobody's business, but counted."""

    __tablename__ = "visits"

    id: Mapped[int] = mapped_column(primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey(Work.id))


Work.visits = column_property(  # type: ignore[attr-defined]
    select(func.count(Visit.id)).where(Visit.work_id == Work.id).correlate_except(Visit).scalar_subquery()
)

ada = Caller(str(ADA), {}, Role.AUTHENTICATED)
bob = Caller(str(BOB), {}, Role.AUTHENTICATED)


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[Backstay]:
    app = Backstay(database_url, auth=Auth(User))
    mine = Work.owner_id == func.lower(str(ADA))
    app.resource(Work, select=anyone, write=mine & (me.id == ADA))
    app.resource(Style, select=~Style.secret)
    await app.start()
    async with app.session(system) as db:
        await (await db.connection()).run_sync(Base.metadata.create_all)
        oil, ink, lost = Style(id=1, name="oil"), Style(id=2, name="ink"), Style(id=3, name="lost", secret=True)
        db.add_all([Work(id=1, owner_id=str(ADA), styles=[oil, lost]), Work(id=2, owner_id=str(BOB), styles=[ink])])
        await db.flush()
        db.add_all([Visit(work_id=1), Visit(work_id=1)])
    yield app
    await app.stop()


async def links(app: Backstay) -> set[tuple[int, int]]:
    async with app.session(system) as db:
        return {(work, style) for work, style in (await db.execute(select(styles))).all()}


async def test_relationship_leads_only_to_what_may_be_seen(app: Backstay) -> None:
    async with app.session(ada) as db:
        work = await db.get_one(Work, 1, options=[selectinload(Work.styles)])
        assert [style.name for style in work.styles] == ["oil"]
        assert set((await db.execute(select(styles))).all()) == {(1, 1), (2, 2)}


async def test_computed_column_is_the_same_for_all(app: Backstay) -> None:
    async with app.session(bob) as db:
        assert (await db.get_one(Work, 1)).visits == 2  # type: ignore[attr-defined]


async def test_nobody_may_make_a_link(app: Backstay) -> None:
    with pytest.raises(PermissionDenied, match="work_styles"):
        async with app.session(ada) as db:
            work = await db.get_one(Work, 1, options=[selectinload(Work.styles)])
            work.styles.append(await db.get_one(Style, 2))
    assert await links(app) == {(1, 1), (1, 3), (2, 2)}


async def test_link_may_be_cut_by_who_may_delete_the_row(app: Backstay) -> None:
    async with app.session(ada) as db:
        work = await db.get_one(Work, 1, options=[selectinload(Work.styles)])
        work.styles.clear()
    assert await links(app) == {(1, 3), (2, 2)}


async def test_link_of_somebody_else_may_not_be_cut(app: Backstay) -> None:
    with pytest.raises(PermissionDenied):
        async with app.session(bob) as db:
            work = await db.get_one(Work, 1, options=[selectinload(Work.styles)])
            work.styles.clear()
    with pytest.raises(RowRefused):
        async with app.session(ada) as db:
            work = await db.get_one(Work, 2, options=[selectinload(Work.styles)])
            work.styles.clear()
    assert await links(app) == {(1, 1), (1, 3), (2, 2)}


async def test_table_that_is_only_counted_cannot_be_read(app: Backstay) -> None:
    with pytest.raises(PermissionDenied, match="visits"):
        async with app.session(ada) as db:
            await db.scalars(select(Visit))
