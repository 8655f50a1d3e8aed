"""What the clients talk to, where they ask for more than notes: arrays, documents, ranges, searches, plans."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import INT4RANGE, JSONB, Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from backstay import Backstay, anyone, system

SETTINGS = {"plan_media": "true", "transaction_override": "true", "aggregates": "true"}
"""With which it is served."""


class Base(DeclarativeBase): ...


class Seller(Base):
    __tablename__ = "sellers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

    goods: Mapped[list[Good]] = relationship(back_populates="seller")


class Good(Base):
    __tablename__ = "goods"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    text: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(sa.ARRAY(sa.Text))
    sizes: Mapped[list[int] | None] = mapped_column(sa.ARRAY(sa.Integer))
    doc: Mapped[Any | None] = mapped_column(sa.JSON(none_as_null=True).with_variant(JSONB(), "postgresql"))
    price: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 2))
    months: Mapped[Any | None] = mapped_column(sa.Text().with_variant(INT4RANGE(), "postgresql"))
    """When it is sold; ranges are PostgreSQL's alone."""
    seller_id: Mapped[int] = mapped_column(ForeignKey(Seller.id), index=True)

    seller: Mapped[Seller] = relationship(back_populates="goods")


async def cheap(session: AsyncSession, most: Decimal = Decimal(10)) -> list[Good]:
    """What costs no more than that."""
    return list((await session.scalars(sa.select(Good).where(Good.price <= most).order_by(Good.id))).all())


async def longest(session: AsyncSession, of: list[str]) -> str:
    """The longest of some words."""
    return max(of, key=len)


async def sold_by(session: AsyncSession, seller: dict[str, int]) -> list[Good]:
    """What one seller sells; who they are is an object."""
    return list((await session.scalars(sa.select(Good).filter_by(seller_id=seller["id"]).order_by(Good.id))).all())


async def wait(session: AsyncSession, seconds: float) -> str:
    """Answer late."""
    await asyncio.sleep(seconds)
    return "late"


async def discount(session: AsyncSession, percent: int) -> list[Good]:
    """Lower all prices."""
    await session.execute(sa.update(Good).values(price=Good.price * (100 - percent) / 100))
    return list((await session.scalars(sa.select(Good).order_by(Good.id))).all())


def build(url: str = "sqlite://") -> Backstay:
    """The application, on a database of its own."""
    app = Backstay(url)
    app.resource(Seller, select=anyone, write=anyone)
    app.resource(Good, select=anyone, write=anyone, search=[Good.name, Good.text])
    for function in (cheap, longest, sold_by, wait, discount):
        app.function(function)
    return app


app = build()


async def fill(app: Backstay) -> None:
    """Make the tables of a started application, and put the rows in."""
    async with app.session(system) as session:
        connection = await session.connection()
        await connection.run_sync(Base.metadata.create_all)
        session.add_all([Seller(id=1, name="Ida"), Seller(id=2, name="Jon"), Seller(id=3, name="Kim")])
        await session.flush()
        native = connection.dialect.name == "postgresql"
        session.add_all(_good(native, *each) for each in _GOODS)


_GOODS: list[Any] = [
    (
        1,
        "apple",
        "a red fruit that grows on a tree",
        ["red", "sweet"],
        [1, 2],
        {"from": {"city": "Bonn"}},
        "1.20",
        8,
        11,
    ),
    (2, "beet", "a red root, grown in a field", ["red", 'so "called"'], [2, 3, 4], {"n": [1, 2]}, "0.80", 6, 10),
    (3, "cress", "a green herb; fruit trees keep it cool", ["green", "a,b"], [], None, None, 3, 6),
    (4, "dill", None, [], None, {"from": {"city": "Rome"}, "n": [2]}, "12.00", None, None),
]


def _good(native: bool, id: int, name: str, text: str | None, tags: Any, sizes: Any, doc: Any, *rest: Any) -> Good:
    price, begin, end = rest
    months = None if begin is None else Range(begin, end) if native else f"[{begin},{end})"
    return Good(
        id=id,
        name=name,
        text=text,
        tags=tags,
        sizes=sizes,
        doc=doc,
        price=None if price is None else Decimal(price),
        months=months,
        seller_id=1 if id < 3 else 2,
    )
