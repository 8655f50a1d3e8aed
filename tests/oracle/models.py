"""Three resources and a junction, small enough to think through, with NULLs everywhere they can be."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Numeric
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase): ...


class Person(Base):
    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    level: Mapped[int | None]
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)

    boss: Mapped[Person | None] = relationship(remote_side=[id], back_populates="team")
    team: Mapped[list[Person]] = relationship(back_populates="boss")


class Box(Base):
    __tablename__ = "boxes"

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str | None]
    open: Mapped[bool | None]
    keeper_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)

    keeper: Mapped[Person | None] = relationship()
    items: Mapped[list[Item]] = relationship(back_populates="box")


class Mark(Base):
    __tablename__ = "marks"

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int | None]
    flag: Mapped[bool | None]
    word: Mapped[str | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    box_id: Mapped[int | None] = mapped_column(ForeignKey("boxes.id"), index=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)

    box: Mapped[Box | None] = relationship(back_populates="items")
    owner: Mapped[Person | None] = relationship()
    fans: Mapped[list[Person]] = relationship(secondary="marks")


MODELS: dict[str, type[Any]] = {"people": Person, "boxes": Box, "marks": Mark, "items": Item}
WORDS = ["", "a", "A", "ab", "b%", "a_c", "é", "zz"]
PRICES = [Decimal(text) for text in ("-1.50", "0.00", "0.10", "2.00", "10.00", "9.99")]

Rows = dict[str, list[dict[str, Any]]]


def make_rows(seed: int = 7) -> Rows:
    """The same rows on every database, as plain values."""
    chance = random.Random(seed)

    def maybe(values: Any) -> Any:
        return None if chance.random() < 0.25 else chance.choice(values)

    people = [
        {"id": n, "name": maybe(WORDS), "level": maybe(range(4)), "boss_id": maybe(range(1, n)) if n > 1 else None}
        for n in range(1, 7)
    ]
    boxes = [
        {"id": n, "label": maybe(WORDS), "open": maybe([True, False]), "keeper_id": maybe(range(1, 7))}
        for n in range(1, 6)
    ]
    items = [
        {
            "id": n,
            "size": maybe(range(-2, 5)),
            "flag": maybe([True, False]),
            "word": maybe(WORDS),
            "price": maybe(PRICES),
            "box_id": maybe(range(1, 6)),
            "owner_id": maybe(range(1, 7)),
        }
        for n in range(1, 31)
    ]
    pairs = sorted({(chance.randint(1, 30), chance.randint(1, 6)) for _ in range(40)})
    marks = [{"item_id": item, "person_id": person} for item, person in pairs]
    return {"people": people, "boxes": boxes, "items": items, "marks": marks}
