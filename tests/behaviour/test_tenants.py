"""Tenants are apart wherever rows are looked at: in rules, sub-selects, joins, computed columns and counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship

from backstay import Auth, AuthUser, Backstay, Tenancy, current, signed_in, system
from behaviour.door import SECRET_KEY, Door
from fixtures.rows import ACME, ZETA


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"

    org_id: Mapped[sa.UUID] = mapped_column(sa.Uuid(), index=True)


me = current(User)


class Owned:
    org_id: Mapped[sa.UUID] = mapped_column(sa.Uuid(), default=me.org_id, index=True)


class Order(Owned, Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    paid: Mapped[bool]


class Customer(Owned, Base):
    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

    orders: Mapped[list[Order]] = relationship()

    order_count = column_property(
        sa.select(sa.func.count(Order.id)).where(Order.customer_id == id).correlate_except(Order).scalar_subquery()
    )


async def fill(app: Backstay) -> None:
    """Order 12 is Zeta's, of a customer of Acme's: no foreign key forbids it."""
    async with app.session(system) as session:
        await (await session.connection()).run_sync(Base.metadata.create_all)
        session.add_all([Customer(id=1, org_id=ACME, name="One"), Customer(id=2, org_id=ZETA, name="Two")])
        session.add_all([Customer(id=3, org_id=ACME, name="Three")])
        await session.flush()
        session.add_all(
            [
                Order(id=11, org_id=ACME, customer_id=1, paid=False),
                Order(id=12, org_id=ZETA, customer_id=1, paid=True),
                Order(id=13, org_id=ZETA, customer_id=2, paid=True),
                Order(id=14, org_id=ZETA, customer_id=3, paid=False),
            ]
        )


@pytest.fixture(scope="module")
def door(module_database_url: str) -> Iterator[Door]:
    """Customers with an order that is paid, or without any that is not."""
    app = Backstay(module_database_url, auth=Auth(User), tenancy=Tenancy(Owned.org_id, current=me.org_id))
    unpaid = sa.select(Customer.id).outerjoin(Order, (Order.customer_id == Customer.id) & ~Order.paid)
    app.resource(Customer, select=signed_in & Customer.id.in_(unpaid.where(Order.id.is_(None))) | (Customer.id == 1))
    app.resource(Order, select=signed_in)
    with Door(app, fill) as opened:
        yield opened


def test_a_computed_column_counts_the_tenants_rows_only(door: Door) -> None:
    assert door.rows("/customers?select=id,order_count&order=id") == [
        {"id": 1, "order_count": 1},
        {"id": 3, "order_count": 0},
    ]


def test_the_secret_key_sees_all_tenants(door: Door) -> None:
    rows = door.rows("/customers?select=id,order_count&order=id", caller="anon", apikey=SECRET_KEY)
    assert rows == [{"id": 1, "order_count": 2}, {"id": 2, "order_count": 1}, {"id": 3, "order_count": 1}]


def test_what_other_tenants_have_is_as_if_it_were_not_there(door: Door) -> None:
    """Customer 3 has an order of Zeta's only: for Ada it has none, and so none that is not paid."""
    assert [row["id"] for row in door.rows("/customers?order=id", caller="ada")] == [1, 3]
    assert [row["id"] for row in door.rows("/customers?order=id", caller="cyd")] == [2]


def test_a_filter_by_a_computed_column_tells_nothing_of_other_tenants(door: Door) -> None:
    assert door.rows("/customers?order_count=gt.1") == []


def test_embeds_and_counts_keep_to_the_tenant(door: Door) -> None:
    assert door.rows("/customers?id=eq.1&select=orders(id)") == [{"orders": [{"id": 11}]}]
    assert door.get("/orders?select=id", prefer="count=exact").range == "0-0/1"
