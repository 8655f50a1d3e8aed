"""What a program declares, collected: columns, relations, tenants, functions."""

from __future__ import annotations

import enum
import linecache
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Table
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship

from backstay import AuthUser, Backstay, Tenancy, anyone, current
from backstay.schema.collect import collect
from backstay.schema.column import Column as Served
from backstay.schema.column import Expressed, Fixed, Made
from backstay.schema.expression.refusal import show
from backstay.schema.relation import Cardinality, Relation
from fixtures import billing, notes


class Base(DeclarativeBase): ...


class Mood(enum.Enum):
    SAD = 1
    GLAD = 2


class User(AuthUser, Base):
    __tablename__ = "users"


me = current(User)


class Stamped:
    """A mixin: its columns are those of each class."""

    made_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    changed_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True), onupdate=sa.func.now())


class Person(Stamped, Base):
    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    _name: Mapped[str] = mapped_column("name", sa.String(40), comment="What they are called")
    mood: Mapped[Mood] = mapped_column(default=Mood.GLAD)
    pay: Mapped[Decimal | None] = mapped_column(sa.Numeric(10, 2), default=Decimal("1.5"))
    made_by: Mapped[UUID | None] = mapped_column(ForeignKey(User.id), default=me.id)
    counter: Mapped[int | None] = mapped_column(sa.Sequence("counters"))
    mentor_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    loud: Mapped[str] = mapped_column(sa.Computed("upper(name)"))
    serial: Mapped[int] = mapped_column(sa.Identity(always=True))
    number: Mapped[int] = mapped_column(sa.Identity())

    mentor: Mapped[Person | None] = relationship(remote_side=[id], back_populates="students")
    students: Mapped[list[Person]] = relationship(back_populates="mentor")
    passport: Mapped[Passport | None] = relationship(back_populates="person")
    sent: Mapped[list[Letter]] = relationship(foreign_keys="Letter.sender_id")
    unread: Mapped[list[Letter]] = relationship(
        primaryjoin="and_(Person.id == Letter.reader_id, Letter.read == False)", viewonly=True
    )
    groups: Mapped[list[Group]] = relationship(secondary="memberships", viewonly=True)
    friends: Mapped[list[Person]] = relationship(
        secondary="friendships",
        primaryjoin="Person.id == friendships.c.one_id",
        secondaryjoin="Person.id == friendships.c.other_id",
    )
    letters_count = column_property(
        sa.select(sa.func.count(sa.column("id"))).select_from(sa.table("letters")).scalar_subquery()
    )

    @hybrid_property
    def name(self) -> str:
        """The attribute under which the column is used: it is the column."""
        return self._name

    @hybrid_property
    def initial(self) -> str:
        return self._name[0]

    @initial.inplace.expression
    @classmethod
    def _initial(cls) -> sa.ColumnElement[str]:
        return sa.func.lower(cls._name)


class Passport(Base):
    __tablename__ = "passports"

    person_id: Mapped[int] = mapped_column(ForeignKey(Person.id), primary_key=True)

    person: Mapped[Person] = relationship(back_populates="passport")


class Letter(Base):
    __tablename__ = "letters"

    id: Mapped[int] = mapped_column(primary_key=True)
    sender_id: Mapped[int] = mapped_column(ForeignKey(Person.id))
    reader_id: Mapped[int] = mapped_column(ForeignKey(Person.id))
    read: Mapped[bool]

    sender: Mapped[Person] = relationship(foreign_keys=[sender_id], overlaps="sent")


class Group(Base):
    __tablename__ = "groups"

    building: Mapped[str] = mapped_column(primary_key=True)
    room: Mapped[int] = mapped_column(primary_key=True)


class Membership(Base):
    """A class of its own between two others, by keys of which one has two columns."""

    __tablename__ = "memberships"
    __table_args__ = (ForeignKeyConstraint(["building", "room"], ["groups.building", "groups.room"]),)

    person_id: Mapped[int] = mapped_column(ForeignKey(Person.id), primary_key=True)
    building: Mapped[str] = mapped_column(primary_key=True)
    room: Mapped[int] = mapped_column(primary_key=True)
    since: Mapped[datetime | None]


friendships = Table(
    "friendships",
    Base.metadata,
    Column("one_id", ForeignKey("people.id")),
    Column("other_id", ForeignKey("people.id")),
)
"""No primary key: only the relationship says that it links people."""


def app_of(*models: Any, **asked: Any) -> Backstay:
    app = Backstay("sqlite://")
    for model in models:
        app.resource(model, select=anyone, **asked)
    return app


SCHEMA = collect(app_of(Person, Passport, Letter, Group).declarations, user=User)
PEOPLE = SCHEMA.resources["public", "people"]


def column(name: str) -> Served:
    return PEOPLE.columns[name]


def relations(name: str) -> list[Relation]:
    return sorted(SCHEMA.resources["public", name].relations, key=lambda each: (each.target, each.describe()))


def test_the_schema_is_found_without_a_fault() -> None:
    assert [str(finding) for finding in SCHEMA.findings if finding.code not in ("BS133",)] == []


# Columns -----------------------------------------------------------------------------------------------------


def test_columns_stand_in_the_order_of_the_table_and_computed_ones_behind() -> None:
    stored = [each.name for each in Person.__table__.columns]
    assert [*PEOPLE.columns][: len(stored)] == stored
    assert [*PEOPLE.columns][len(stored) :] == ["initial"]


def test_a_column_goes_by_the_name_of_the_table() -> None:
    assert (column("name").attribute, column("name").comment) == ("_name", "What they are called")


def test_a_hybrid_that_is_the_column_is_the_column() -> None:
    assert column("name").stored


def test_a_hybrid_expression_is_selected_by_its_name_alone() -> None:
    initial = column("initial")
    assert (initial.stored, initial.starred, initial.generated) == (False, False, True)
    assert (show(initial.expression), initial.kind.name) == ("lower(people.name)", "character varying")


@pytest.mark.parametrize(
    ("name", "filling"),
    [("key", Made), ("mood", Fixed), ("pay", Fixed), ("made_by", Expressed), ("counter", Expressed)],
)
def test_what_a_column_gets_without_the_request(name: str, filling: type) -> None:
    assert isinstance(column(name).default, filling)


def test_random_keys_may_be_made_together() -> None:
    filling = column("key").default
    assert isinstance(filling, Made)
    assert filling.many is not None
    assert all(str(UUID(text)) == text for text in filling.many(2))
    assert isinstance(filling.make(), UUID)


def test_a_fixed_default_is_in_the_wires_form() -> None:
    assert (column("mood").default, column("pay").default) == (Fixed("GLAD"), Fixed("1.5"))


def test_columns_of_a_mixin_are_each_classs_own() -> None:
    assert column("made_at").expression is Person.__table__.c.made_at
    assert column("made_at").server_default
    assert isinstance(column("changed_at").onupdate, Expressed)


@pytest.mark.parametrize(
    ("name", "generated", "required"),
    [
        ("id", False, False),
        ("loud", True, False),
        ("serial", True, False),
        ("number", False, False),
        ("name", False, True),
        ("mentor_id", False, False),
    ],
)
def test_who_gives_a_column_its_value(name: str, generated: bool, required: bool) -> None:
    assert (column(name).generated, column(name).required) == (generated, required)


def test_hidden_readonly_and_search_name_columns_however_they_are_written() -> None:
    app = Backstay("sqlite://")
    app.resource(
        Person, hidden=[Person._name, Stamped.made_at], readonly=[Person.initial], search=[Person.__table__.c.name]
    )
    people = collect(app.declarations, user=User).resources["public", "people"]
    assert {each.name for each in people.columns.values() if each.hidden} == {"name", "made_at"}
    assert people.search == ("name",)
    assert "name" not in people.visible


# Relations ---------------------------------------------------------------------------------------------------


def test_a_foreign_key_is_a_relation_from_either_side() -> None:
    (passport,) = relations("passports")
    assert (passport.cardinality, passport.attribute, passport.owning) == (Cardinality.ONE_TO_ONE, "person", True)
    (person,) = [each for each in relations("people") if each.target[1] == "passports"]
    assert (person.cardinality, person.attribute, person.owning) == (Cardinality.ONE_TO_ONE, "passport", False)
    assert person.pairs == (("id", "person_id"),)


def test_two_foreign_keys_to_one_table_are_two_relations() -> None:
    sender, reader = sorted(relations("letters"), key=lambda each: each.constraint, reverse=True)
    assert (sender.constraint, sender.attribute) == ("letters_sender_id_fkey", "sender")
    assert (reader.constraint, reader.attribute) == ("letters_reader_id_fkey", None)


def test_a_relationship_with_a_filter_of_its_own_is_a_relation_of_its_own() -> None:
    letters = [each for each in relations("people") if each.target[1] == "letters"]
    assert {each.constraint: each.attribute for each in letters if not each.computed} == {
        "letters_sender_id_fkey": "sent",
        "letters_reader_id_fkey": None,
    }
    (computed,) = [each for each in letters if each.computed]
    assert (computed.attribute, computed.cardinality) == ("unread", Cardinality.ONE_TO_MANY)


def test_a_table_refers_to_itself_in_two_ways() -> None:
    own = [each for each in relations("people") if each.target[1] == "people" and each.junction is None]
    assert {(each.cardinality.value, each.attribute) for each in own} == {
        ("many-to-one", "mentor"),
        ("one-to-many", "students"),
    }


def test_a_class_between_two_others_is_a_junction_though_it_is_not_served() -> None:
    (groups,) = [each for each in relations("people") if each.target[1] == "groups"]
    assert groups.junction is not None
    assert (groups.cardinality, groups.attribute) == (Cardinality.MANY_TO_MANY, "groups")
    assert groups.junction.resource is None
    assert groups.junction.far == (("building", "building"), ("room", "room"))
    assert groups.describe() == (
        "memberships using memberships_person_id_fkey(person_id) and memberships_building_room_fkey(building, room)"
    )


def test_a_secondary_table_without_a_key_links_what_a_relationship_says() -> None:
    friends = [each for each in relations("people") if each.junction and each.junction.table is friendships]
    assert {(each.junction.near_constraint, each.attribute) for each in friends if each.junction} == {
        ("friendships_one_id_fkey", "friends"),
        ("friendships_other_id_fkey", None),
    }


def test_a_junction_that_is_served_too_says_so() -> None:
    schema = collect(app_of(Person, Group, Membership).declarations)
    groups = [each for each in schema.resources["public", "people"].relations if each.junction]
    assert {each.junction.resource for each in groups if each.junction and each.target[1] == "groups"} == {
        ("public", "memberships")
    }


def test_unserved_tables_are_not_related() -> None:
    schema = collect(app_of(Letter).declarations)
    assert schema.resources["public", "letters"].relations == ()


# Tenants and rules -------------------------------------------------------------------------------------------


def test_rules_of_tenants_rows_ask_for_the_tenant_first() -> None:
    customers = billing.app.collected.resources["public", "customers"]
    assert customers.rules.select is not None
    assert show(customers.rules.select.expression) == "customers.org_id = me.org_id AND signed_in"
    assert customers.rules.insert is not None
    assert show(customers.rules.insert.expression).startswith("customers.org_id = me.org_id AND me.role = ")


def test_a_rule_left_out_stays_out() -> None:
    assert billing.app.collected.resources["public", "invoices"].rules.delete is None


def test_using_asks_two_things() -> None:
    rules = billing.app.collected.resources["public", "invoices"].rules
    assert rules.update is not None
    assert rules.update_check is not None
    assert show(rules.update.expression) != show(rules.update_check.expression)


def test_the_column_of_the_tenant_is_the_callers_by_default() -> None:
    class Other(DeclarativeBase): ...

    class Owned:
        org_id: Mapped[UUID] = mapped_column()

    class Note(Owned, Other):
        __tablename__ = "notes"

        id: Mapped[int] = mapped_column(primary_key=True)

    schema = collect(
        app_of(Note).declarations,
        user=User,
        tenancy=Tenancy(Owned.org_id, current=me.id),  # type: ignore[arg-type]
    )
    default = schema.resources["public", "notes"].columns["org_id"].default
    assert isinstance(default, Expressed)
    assert show(default.expression) == "me.id"


def test_the_place_of_a_resource_is_its_declaration() -> None:
    place = notes.app.collected.resources["public", "notes"].place
    assert place.file == notes.__file__
    assert linecache.getline(place.file, place.line).startswith("app.resource(Note,")


# Functions ---------------------------------------------------------------------------------------------------


def test_a_functions_parameters_are_its_arguments_but_for_the_session() -> None:
    app = Backstay("sqlite://")

    @app.function
    async def total(db: AsyncSession, days: int = 30, *, name: str) -> Decimal:
        """How much there is."""
        return Decimal(days)

    function = collect(app.declarations).functions["public", "total"]
    assert [(each.name, each.type, each.required, each.default) for each in function.arguments] == [
        ("days", int, False, 30),
        ("name", str, True, None),
    ]
    assert (function.returns, function.description) == (Decimal, "How much there is.")


def test_metadata_holds_every_table_of_the_models() -> None:
    assert {"people", "users", "friendships"} <= set(SCHEMA.metadata.tables)


def test_circular_foreign_keys_are_no_trouble() -> None:
    class Circle(DeclarativeBase): ...

    class One(Circle):
        __tablename__ = "ones"
        id: Mapped[int] = mapped_column(primary_key=True)
        two_id: Mapped[int] = mapped_column(ForeignKey("twos.id"))

    class Two(Circle):
        __tablename__ = "twos"
        id: Mapped[int] = mapped_column(primary_key=True)
        one_id: Mapped[int] = mapped_column(ForeignKey("ones.id"))

    assert len(collect(app_of(One, Two).declarations).resources["public", "ones"].relations) == 2
