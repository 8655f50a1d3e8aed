"""Hooks run inside a write's transaction, on objects, as the caller; what they leave is checked and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import JSON, ForeignKey, LargeBinary, UniqueConstraint, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import DateTime

from backstay import Auth, AuthUser, Backstay, Resource, Using, anyone, current, system
from backstay.dialects.reply import Reply
from backstay.errors import Conflict
from backstay.query.nodes import Insert, Resolution
from behaviour.door import Answer, Door
from fixtures import billing
from fixtures.rows import ACME, ADA, BOB, CALLERS, CYD, ZETA, uid

# Billing -----------------------------------------------------------------------------------------------------


async def fill_billing(app: Backstay) -> None:
    async with app.session(system) as db:
        await (await db.connection()).run_sync(billing.Base.metadata.create_all)
        db.add_all([billing.Org(id=ACME, name="Acme"), billing.Org(id=ZETA, name="Zeta")])
        await db.flush()
        db.add_all(
            [
                billing.User(id=ADA, org_id=ACME),
                billing.User(id=CYD, org_id=ZETA),
                billing.Customer(id=uid(21), org_id=ACME, name="A", email="a@a.example", days_to_pay=10),
                billing.Customer(id=uid(22), org_id=ZETA, name="Z", email="z@z.example"),
            ]
        )


@pytest.fixture
def office(database_url: str) -> Iterator[Door]:
    billing.app.configure(database=database_url)
    with Door(billing.app, fill_billing) as door:
        yield door


RETURN = {"prefer": "return=representation"}


def test_invoice_gets_its_due_date_from_the_customer(office: Door) -> None:
    answer = office.ask("POST", "/invoices", {"total": "12.50", "customer_id": str(uid(21))}, **RETURN)
    assert answer.status == 201
    [invoice] = answer.json
    assert invoice["due_on"] == str(date.today() + timedelta(days=10))
    assert (invoice["status"], invoice["org_id"]) == ("DRAFT", str(ACME))
    assert Decimal(str(invoice["total"])) == Decimal("12.5")


def test_hook_sees_no_more_than_the_caller(office: Door) -> None:
    answer = office.ask("POST", "/invoices", {"total": 1, "customer_id": str(uid(22))})
    assert answer.status == 404
    assert office.ask("GET", "/invoices").json == []


def test_column_that_only_the_hook_may_set_is_denied_to_the_caller(office: Door) -> None:
    body = {"total": 1, "customer_id": str(uid(21)), "due_on": "2030-01-01"}
    answer = office.ask("POST", "/invoices", body)
    assert (answer.status, answer.code) == (403, "42501")


def test_rule_holds_after_the_hook(office: Door) -> None:
    body = {"total": 1, "customer_id": str(uid(21)), "status": "PAID"}
    assert (office.ask("POST", "/invoices", body).code, office.ask("GET", "/invoices").json) == ("42501", [])


def test_one_refused_row_undoes_all(office: Door) -> None:
    rows = [{"total": 1, "customer_id": str(uid(21)), "status": status} for status in ("DRAFT", "SENT")]
    assert office.ask("POST", "/invoices", rows).status == 403
    assert office.ask("GET", "/invoices").json == []


def test_the_secret_key_passes_rules_but_not_hooks(office: Door) -> None:
    body = {"total": 1, "customer_id": str(uid(22)), "status": "PAID", "org_id": str(ZETA)}
    answer = office.ask("POST", "/invoices", body, caller="service", **RETURN)
    assert answer.status == 201
    assert answer.json[0]["due_on"] == str(date.today() + timedelta(days=30))


# A shelf of things -------------------------------------------------------------------------------------------


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


me = current(User)


class State(Enum):
    NEW = auto()
    OLD = auto()


class Thing(Base):
    __tablename__ = "things"
    __table_args__ = (UniqueConstraint("slug"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    amount: Mapped[int] = mapped_column(default=1)
    price: Mapped[Decimal | None]
    state: Mapped[State] = mapped_column(default=State.NEW)
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    made_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    code: Mapped[str | None] = mapped_column(unique=True)
    token: Mapped[UUID] = mapped_column(default=uuid4)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), default=me.id)
    changed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), onupdate=func.now())
    parts: Mapped[list[Part]] = relationship(back_populates="thing")


class Part(Base):
    __tablename__ = "parts"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    thing_id: Mapped[int | None] = mapped_column(ForeignKey("things.id"))
    thing: Mapped[Thing | None] = relationship(back_populates="parts")


class Log(Base):
    __tablename__ = "logs"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    author_id: Mapped[UUID] = mapped_column(default=me.id)


class Secret(Base):
    __tablename__ = "secrets"

    id: Mapped[int] = mapped_column(primary_key=True)


async def fill(app: Backstay) -> None:
    async with app.session(system) as db:
        await (await db.connection()).run_sync(Base.metadata.create_all)
        db.add_all([User(id=ADA), User(id=BOB)])
        await db.flush()
        db.add_all(
            [
                Thing(id=101, slug="a", owner_id=ADA, amount=5, extra={"k": [1]}),
                Thing(id=102, slug="b", owner_id=ADA, amount=6),
                Thing(id=103, slug="c", owner_id=BOB, amount=7),
            ]
        )
        await db.flush()
        db.add(Part(name="p", thing_id=101))


Declare = Callable[[Resource[Thing]], None]


def build(url: str, declare: Declare) -> Backstay:
    app = Backstay(url, auth=Auth(User))
    mine = Thing.owner_id == me.id
    things = app.resource(
        Thing, select=anyone, insert=mine, update=Using(mine, check=mine & (Thing.amount < 100)), delete=mine
    )
    app.resource(Part, select=anyone, write=anyone)
    app.resource(Log, select=anyone, insert=Log.author_id == me.id)
    declare(things)
    return app


@pytest.fixture
def shelf(database_url: str) -> Iterator[Callable[[Declare], Door]]:
    """Opens the door of an application whose hooks a test declares."""
    doors: list[Door] = []

    def open_door(declare: Declare) -> Door:
        doors.append(Door(build(database_url, declare), fill).__enter__())
        return doors[-1]

    yield open_door
    for door in doors:
        door.__exit__(None, None, None)


def thing(door: Door, slug: str) -> Any:
    found = door.ask("GET", f"/things?slug=eq.{slug}").json
    return found[0] if found else None


def test_hook_gets_python_values_and_defaults(shelf: Callable[[Declare], Door]) -> None:
    seen: list[Thing] = []

    def declare(things: Resource[Thing]) -> None:
        @things.before_insert
        async def look(db: AsyncSession, row: Thing) -> None:
            seen.append(row)

    door = shelf(declare)
    body = {
        "slug": "n",
        "price": "1.10",
        "state": "OLD",
        "extra": {"a": None},
        "raw": "\\x00ff",
        "made_at": "2024-02-29T12:00:00+01:00",
    }
    assert door.ask("POST", "/things", body).status == 201
    [row] = seen
    assert (row.slug, row.price, row.state, row.extra, row.raw) == (
        "n",
        Decimal("1.10"),
        State.OLD,
        {"a": None},
        b"\0\xff",
    )
    assert row.made_at == datetime(2024, 2, 29, 11, tzinfo=UTC)
    assert isinstance(row.token, UUID)
    assert (row.amount, row.owner_id) == (1, ADA)
    saved = thing(door, "n")
    assert saved["extra"] == {"a": None}
    assert saved["made_at"] == "2024-02-29T11:00:00+00:00"
    assert saved["token"] == str(row.token)


def test_hooks_run_in_the_order_of_their_registration(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_insert
        async def first(db: AsyncSession, row: Thing) -> None:
            row.slug += "1"

        @things.before_insert
        async def second(db: AsyncSession, row: Thing) -> None:
            row.slug += "2"

    door = shelf(declare)
    assert door.ask("POST", "/things", {"slug": "n"}, **RETURN).json[0]["slug"] == "n12"


def test_only_hooks_of_the_kind_of_change_run(shelf: Callable[[Declare], Door]) -> None:
    ran: list[str] = []

    def declare(things: Resource[Thing]) -> None:
        @things.before_insert
        async def inserted(db: AsyncSession, row: Thing) -> None:
            ran.append(f"insert {row.slug}")

        @things.before_update
        async def updated(db: AsyncSession, row: Thing) -> None:
            ran.append(f"update {row.slug}")

        @things.before_delete
        async def deleted(db: AsyncSession, row: Thing) -> None:
            ran.append(f"delete {row.slug}")

    door = shelf(declare)
    door.ask("POST", "/things", {"slug": "n"})
    door.ask("PATCH", "/things?slug=eq.b", {"amount": 1})
    door.ask("DELETE", "/things?slug=eq.b")
    door.ask("GET", "/things")
    assert ran == ["insert n", "update b", "delete b"]


def test_several_rows_come_back_in_their_order(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_insert
        async def double(db: AsyncSession, row: Thing) -> None:
            row.amount *= 2

    door = shelf(declare)
    rows = [{"slug": f"n{n}", "amount": n} for n in (3, 1, 2)]
    answer = door.ask("POST", "/things?select=slug,amount", rows, prefer="return=representation,count=exact")
    assert answer.json == [{"slug": f"n{n}", "amount": 2 * n} for n in (3, 1, 2)]
    assert answer.range == "*/3"


def test_location_names_the_new_row(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_insert
        async def number(db: AsyncSession, row: Thing) -> None:
            row.id = 777

    door = shelf(declare)
    answer = door.ask("POST", "/things", {"slug": "n"}, prefer="return=headers-only")
    assert answer.headers["location"] == "/things?id=eq.777"


def test_json_null_is_stored_as_null(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_insert
        @things.before_update
        async def look(db: AsyncSession, row: Thing) -> None:
            assert row.extra is None

    door = shelf(declare)
    door.ask("POST", "/things", {"slug": "n", "extra": None})
    door.ask("PATCH", "/things?slug=eq.a", {"extra": None})
    assert {row["slug"] for row in door.ask("GET", "/things?extra=is.null").json} == {"a", "b", "c", "n"}


def test_update_shows_the_hook_the_new_values_over_the_old_ones(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_update
        async def note(db: AsyncSession, row: Thing) -> None:
            row.extra = {"was": (row.extra or {}).get("k"), "amount": row.amount}

    door = shelf(declare)
    answer = door.ask("PATCH", "/things?owner_id=eq." + str(ADA) + "&order=id", {"amount": 50}, **RETURN)
    assert [(row["id"], row["amount"], row["extra"]) for row in answer.json] == [
        (101, 50, {"was": [1], "amount": 50}),
        (102, 50, {"was": None, "amount": 50}),
    ]
    assert all(row["changed_at"] for row in answer.json)


def test_update_that_changes_nothing_is_an_update_all_the_same(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_update
        async def look(db: AsyncSession, row: Thing) -> None: ...

    door = shelf(declare)
    answer = door.ask("PATCH", "/things?slug=eq.a", {"amount": 5}, prefer="return=representation,count=exact")
    assert answer.range == "0-0/1"
    assert answer.json[0]["changed_at"] is not None


def test_rows_that_the_caller_may_not_change_are_not_shown_to_hooks(shelf: Callable[[Declare], Door]) -> None:
    seen: list[str] = []

    def declare(things: Resource[Thing]) -> None:
        @things.before_update
        @things.before_delete
        async def look(db: AsyncSession, row: Thing) -> None:
            seen.append(row.slug)

    door = shelf(declare)
    assert door.ask("PATCH", "/things?slug=eq.c", {"amount": 1}, **RETURN).json == []
    assert door.ask("DELETE", "/things?slug=eq.c", **RETURN).json == []
    assert seen == []
    assert thing(door, "c")["amount"] == 7


def test_check_is_asked_after_the_hooks_of_an_update(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_update
        async def cap(db: AsyncSession, row: Thing) -> None:
            # Reading must not send what is not yet as it shall be.
            await db.scalar(select(func.count()).select_from(Thing))
            row.amount = min(row.amount, 99) if row.slug == "a" else row.amount

    door = shelf(declare)
    assert door.ask("PATCH", "/things?slug=eq.a", {"amount": 500}).status == 204
    assert thing(door, "a")["amount"] == 99
    refused = door.ask("PATCH", "/things?slug=eq.b", {"amount": 500})
    assert (refused.status, refused.code) == (403, "42501")
    assert thing(door, "b")["amount"] == 6


def test_hook_may_change_the_key_of_a_row(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_update
        async def move(db: AsyncSession, row: Thing) -> None:
            row.id += 1000

    door = shelf(declare)
    answer = door.ask("PATCH", "/things?slug=eq.b", {"amount": 1}, **RETURN)
    assert [row["id"] for row in answer.json] == [1102]


def test_delete_answers_with_what_was_there(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_delete
        async def write_down(db: AsyncSession, row: Thing) -> None:
            db.add(Log(text=f"deleted {row.slug}"))

    door = shelf(declare)
    answer = door.ask("DELETE", "/things?slug=eq.b", prefer="return=representation,count=exact")
    assert [row["slug"] for row in answer.json] == ["b"]
    assert thing(door, "b") is None
    assert [row["text"] for row in door.ask("GET", "/logs").json] == ["deleted b"]


def test_delete_of_a_row_that_others_refer_to_is_the_databases_to_refuse(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_delete
        async def look(db: AsyncSession, row: Thing) -> None: ...

    door = shelf(declare)
    answer = door.ask("DELETE", "/things?slug=eq.a")
    assert (answer.status, answer.code) == (409, "23503")
    assert thing(door, "a") is not None


# Upserts -----------------------------------------------------------------------------------------------------


def marking(things: Resource[Thing]) -> None:
    """Hooks that leave a mark of their kind."""

    @things.before_insert
    async def inserted(db: AsyncSession, row: Thing) -> None:
        row.extra = {"by": "insert"}

    @things.before_update
    async def updated(db: AsyncSession, row: Thing) -> None:
        row.extra = {"by": "update"}


def upsert(door: Door, rows: Any, **prefer: str) -> Answer:
    wanted = f"resolution={prefer.get('resolution', 'merge')}-duplicates,return=representation"
    return door.ask("POST", "/things?on_conflict=slug&select=slug,amount,extra", rows, prefer=wanted)


def test_upsert_runs_the_hooks_of_what_it_does_to_each_row(shelf: Callable[[Declare], Door]) -> None:
    door = shelf(marking)
    answer = upsert(door, [{"slug": "a", "amount": 1}, {"slug": "n", "amount": 2}])
    assert answer.status == 201
    assert answer.json == [
        {"slug": "a", "amount": 1, "extra": {"by": "update"}},
        {"slug": "n", "amount": 2, "extra": {"by": "insert"}},
    ]
    assert upsert(door, [{"slug": "a", "amount": 3}]).status == 200


def test_upsert_that_ignores_duplicates_leaves_them_alone(shelf: Callable[[Declare], Door]) -> None:
    door = shelf(marking)
    answer = upsert(door, [{"slug": "a", "amount": 1}, {"slug": "n", "amount": 2}], resolution="ignore")
    assert answer.json == [{"slug": "n", "amount": 2, "extra": {"by": "insert"}}]
    assert (thing(door, "a")["amount"], thing(door, "a")["extra"]) == (5, {"k": [1]})


def test_upsert_of_a_row_of_somebody_else_is_refused(shelf: Callable[[Declare], Door]) -> None:
    door = shelf(marking)
    answer = upsert(door, [{"slug": "n", "amount": 1}, {"slug": "c", "amount": 1}])
    assert (answer.status, answer.code) == (403, "42501")
    assert (thing(door, "c")["amount"], thing(door, "n")) == (7, None)


def test_duplicate_within_one_upsert_updates_what_was_just_inserted(shelf: Callable[[Declare], Door]) -> None:
    door = shelf(marking)
    upsert(door, [{"slug": "n", "amount": 1}, {"slug": "n", "amount": 2}])
    assert (thing(door, "n")["amount"], thing(door, "n")["extra"]) == (2, {"by": "update"})


def test_upserts_of_one_new_row_at_the_same_time_both_succeed(postgresql_url: str) -> None:
    together = asyncio.Barrier(2)
    arrived = 0

    def declare(things: Resource[Thing]) -> None:
        @things.before_insert
        async def meet(db: AsyncSession, row: Thing) -> None:
            nonlocal arrived
            arrived += 1
            await together.wait()

        @things.before_update
        async def mark(db: AsyncSession, row: Thing) -> None:
            row.extra = {"by": "update"}

    app = build(postgresql_url, declare)

    async def upsert_one(amount: int) -> Reply:
        row = {"slug": "n", "amount": amount}
        query = Insert(
            "things", rows=(row,), columns=("slug", "amount"), resolution=Resolution.MERGE, conflict=("slug",)
        )
        return await app.assembly.road.answer(query, CALLERS["bare-ada"], lambda reply: None)

    async def both() -> list[Reply]:
        return await asyncio.gather(upsert_one(1), upsert_one(2))

    with Door(app, fill) as door:
        replies = door.run(both())
        assert arrived == 2
        assert sorted(reply.inserted or 0 for reply in replies) == [0, 1]
        assert thing(door, "n")["extra"] == {"by": "update"}


def test_null_is_a_duplicate_of_nothing(shelf: Callable[[Declare], Door]) -> None:
    door = shelf(marking)
    prefer = "resolution=merge-duplicates,return=representation"
    answer = door.ask("POST", "/things?on_conflict=code", [{"slug": "n", "code": None}], prefer=prefer)
    assert (answer.status, answer.json[0]["extra"]) == (201, {"by": "insert"})
    answer = door.ask("POST", "/things?on_conflict=code", [{"slug": "m", "code": None}], prefer=prefer)
    assert (answer.status, answer.json[0]["extra"]) == (201, {"by": "insert"})
    assert {row["slug"] for row in door.ask("GET", "/things").json} == {"a", "b", "c", "n", "m"}


def test_put_runs_hooks_too(shelf: Callable[[Declare], Door]) -> None:
    door = shelf(marking)
    row = {"id": 102, "slug": "b", "amount": 9, "owner_id": str(ADA)}
    assert door.ask("PUT", "/things?id=eq.102", row, **RETURN).json[0]["extra"] == {"by": "update"}
    row = {"id": 500, "slug": "n", "amount": 9, "owner_id": str(ADA)}
    assert door.ask("PUT", "/things?id=eq.500", row, **RETURN).json[0]["extra"] == {"by": "insert"}
    assert door.ask("PUT", "/things?id=eq.501", row).code == "PGRST115"


# Errors ------------------------------------------------------------------------------------------------------


def test_error_of_ours_that_a_hook_raises_reaches_the_caller(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_insert
        async def refuse(db: AsyncSession, row: Thing) -> None:
            db.add(Log(text="tried"))
            await db.flush()
            raise Conflict("Not today.", hint="Tomorrow.")

    door = shelf(declare)
    answer = door.ask("POST", "/things", {"slug": "n"})
    assert answer.status == 409
    assert (answer.json["message"], answer.json["hint"]) == ("Not today.", "Tomorrow.")
    assert door.ask("GET", "/logs").json == []


def test_other_error_in_a_hook_is_ours_and_tells_nothing(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_insert
        async def fail(db: AsyncSession, row: Thing) -> None:
            raise ZeroDivisionError("the password is swordfish")

    answer = shelf(declare).ask("POST", "/things", {"slug": "n"})
    assert answer.status == 500
    assert b"swordfish" not in answer.body


def test_hook_may_not_reach_what_the_caller_may_not(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_insert
        async def peek(db: AsyncSession, row: Thing) -> None:
            await db.scalars(select(Secret))

    answer = shelf(declare).ask("POST", "/things", {"slug": "n"})
    assert (answer.status, answer.code) == (403, "42501")


def test_errors_of_the_database_are_those_of_any_write(shelf: Callable[[Declare], Door]) -> None:
    door = shelf(marking)
    answer = door.ask("POST", "/things", {"slug": "a"})
    assert (answer.status, answer.code) == (409, "23505")
    assert (door.ask("POST", "/things", {"slug": None}).code) == "23502"
    assert (door.ask("POST", "/things", {"slug": "n", "amount": "many"}).code) == "22P02"


def test_reply_that_is_refused_undoes_the_write_and_what_hooks_did(shelf: Callable[[Declare], Door]) -> None:
    def declare(things: Resource[Thing]) -> None:
        @things.before_update
        async def write_down(db: AsyncSession, row: Thing) -> None:
            db.add(Log(text=row.slug))

    door = shelf(declare)
    answer = door.ask("PATCH", f"/things?owner_id=eq.{ADA}", {"amount": 1}, prefer="handling=strict,max-affected=1")
    assert answer.code == "PGRST124"
    assert thing(door, "a")["amount"] == 5
    assert door.ask("GET", "/logs").json == []
