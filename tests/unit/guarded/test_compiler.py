"""Statements as the guarded compiler writes them: expression in, text out."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Table, func, select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, column_property, mapped_column, relationship

from backstay import Auth, AuthUser, Backstay, anyone, current, signed_in
from backstay.dialects.guarded.bounds import find_bounds
from backstay.dialects.guarded.compiler import guard
from backstay.dialects.sqlite.dialect import SQLiteDialect
from backstay.errors import PermissionDenied
from backstay.schema.caller import ANONYMOUS, Caller, Role
from backstay.schema.served import Schema


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


me = current(User)


class Club(Base):
    __tablename__ = "clubs"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(default=sa.text("'none'"))
    open: Mapped[bool]


members = Table(
    "members",
    Base.metadata,
    Column("club_id", ForeignKey("clubs.id"), primary_key=True),
    Column("person_id", ForeignKey("people.id"), primary_key=True),
)


class Person(Base):
    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    retired: Mapped[bool]
    clubs: Mapped[list[Club]] = relationship(secondary=members)


class Secret(Base):
    __tablename__ = "secrets"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(Person.id))


class Filed(Base):
    __tablename__ = "filed"
    __table_args__ = {"schema": "archive"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    mine: Mapped[bool]


Person.secrets = column_property(
    select(func.count(Secret.id)).where(Secret.person_id == Person.id).correlate_except(Secret).scalar_subquery()
)


def schema() -> Schema:
    app = Backstay("sqlite://", auth=Auth(User))
    app.resource(Club, select=Club.open | signed_in, insert=signed_in, update=Club.open, delete=Club.open)
    app.resource(Person, select=~Person.retired, insert=anyone, update=~Person.retired, delete=~Person.retired)
    app.resource(Filed, select=Filed.mine)
    return app.collected


SCHEMA = schema()
ADA = Caller("00000000-0000-4000-8000-000000000011", {}, Role.AUTHENTICATED)


def written(statement: Any, caller: Caller = ANONYMOUS, *, dialect: sa.Dialect | None = None) -> str:
    guarded = guard(dialect or PGDialect_asyncpg(), find_bounds(SCHEMA, caller))
    text = str(statement.compile(dialect=guarded))
    return re.sub(r"\s+", " ", text)


def test_table_is_narrowed_in_where() -> None:
    assert written(select(Club.name)) == "SELECT clubs.name FROM clubs WHERE clubs.open"
    assert written(select(Club.name).where((Club.id == 1) | (Club.id == 2))).endswith(
        "WHERE (clubs.id = $1::INTEGER OR clubs.id = $2::INTEGER) AND clubs.open"
    )


def test_rule_that_lets_every_row_adds_nothing() -> None:
    assert written(select(Club.name), ADA) == "SELECT clubs.name FROM clubs"


def test_alias_is_narrowed_by_its_own_name() -> None:
    assert written(select(aliased(Club).name)) == "SELECT clubs_1.name FROM clubs AS clubs_1 WHERE clubs_1.open"


def test_optional_side_is_narrowed_in_on() -> None:
    statement = select(Person.name, Club.name).select_from(Person).outerjoin(Club, Club.id == Person.id)
    assert written(statement) == (
        "SELECT people.name, clubs.name AS name_1 FROM people LEFT OUTER JOIN clubs "
        "ON clubs.id = people.id AND clubs.open WHERE NOT people.retired"
    )


def test_both_sides_of_a_full_join_are_narrowed_before_it() -> None:
    statement = select(Club.name).select_from(Person).join(Club, Club.id == Person.id, full=True)
    assert written(statement) == (
        "SELECT clubs.name FROM (SELECT * FROM people WHERE NOT people.retired) AS people "
        "FULL OUTER JOIN (SELECT * FROM clubs WHERE clubs.open) AS clubs ON clubs.id = people.id"
    )


def test_lateral_is_narrowed_inside() -> None:
    inner = select(Club.name).where(Club.id == Person.id).lateral("inside")
    assert (
        "LATERAL (SELECT clubs.name AS name FROM clubs WHERE clubs.id = people.id AND clubs.open) AS inside"
        in written(select(Person.name, inner.c.name).select_from(Person).join(inner, sa.true()))
    )


def test_condition_stays_one_condition_on_databases_without_booleans() -> None:
    statement = sa.update(Person).values(name="x").where(Person.id == 1)
    assert written(statement, dialect=SQLiteDialect()).endswith(
        "WHERE people.id = ? AND people.retired = 0 AND people.retired = 0"
    )


def test_writes_are_narrowed() -> None:
    assert written(sa.delete(Club)) == "DELETE FROM clubs WHERE clubs.open AND clubs.open"
    assert written(sa.update(Club).values(name="x")).endswith("WHERE clubs.open AND clubs.open")


def test_other_tables_of_an_update_are_narrowed() -> None:
    statement = sa.update(Person).values(name=Club.name).where(Club.id == Person.id)
    assert written(statement) == (
        "UPDATE people SET name=clubs.name FROM (SELECT * FROM clubs WHERE clubs.open) AS clubs "
        "WHERE clubs.id = people.id AND NOT people.retired AND NOT people.retired"
    )


def test_table_of_another_schema_is_narrowed() -> None:
    assert written(select(Filed.id)) == "SELECT archive.filed.id FROM archive.filed WHERE archive.filed.mine"
    assert written(select(Person.name).outerjoin(Filed, Filed.id == Person.id)).endswith(
        "LEFT OUTER JOIN archive.filed ON archive.filed.id = people.id AND archive.filed.mine WHERE NOT people.retired"
    )
    with pytest.raises(PermissionDenied):
        written(select(Person.name).join(Filed, Filed.id == Person.id, full=True))


# Secondary tables --------------------------------------------------------------------------------------------


def test_link_is_seen_where_both_of_its_rows_are() -> None:
    assert written(select(members)) == (
        "SELECT members.club_id, members.person_id FROM members WHERE "
        "(EXISTS (SELECT 1 FROM people AS people_1 WHERE members.person_id = people_1.id "
        "AND NOT people_1.retired)) AND "
        "(EXISTS (SELECT 1 FROM clubs AS clubs_1 WHERE members.club_id = clubs_1.id AND clubs_1.open))"
    )


def test_link_may_be_cut_by_who_may_delete_a_row_of_it() -> None:
    assert written(sa.delete(members), ADA) == (
        "DELETE FROM members WHERE (EXISTS (SELECT 1 FROM people AS people_1 "
        "WHERE members.person_id = people_1.id AND NOT people_1.retired)) AND "
        "((EXISTS (SELECT 1 FROM people AS people_2 WHERE members.person_id = people_2.id "
        "AND NOT people_2.retired AND NOT people_2.retired)) OR "
        "(EXISTS (SELECT 1 FROM clubs AS clubs_1 WHERE members.club_id = clubs_1.id AND clubs_1.open)))"
    )


def test_link_can_be_made_by_nobody() -> None:
    with pytest.raises(PermissionDenied) as refused:
        written(sa.insert(members), ADA)
    assert "app.resource()" in str(refused.value.hint)


def test_table_that_is_no_resource_is_refused_wherever_it_stands() -> None:
    for statement in (
        select(Secret.id),
        select(Person.name).join(Secret),
        select(Person.name).outerjoin(Secret),
        select(Person.name).where(sa.exists().where(Secret.person_id == Person.id)),
        select(aliased(Secret).id),
        select(Secret.__table__),
        sa.delete(Person).where(Secret.person_id == Person.id),
    ):
        with pytest.raises(PermissionDenied, match="secrets"):
            written(statement)


# What the program declares -----------------------------------------------------------------------------------


def test_computed_column_reads_what_it_needs() -> None:
    inner = "(SELECT count(secrets.id) AS count_1 FROM secrets WHERE secrets.person_id = people.id) AS anon_1"
    assert written(select(Person.secrets).select_from(Person)) == (
        f"SELECT {inner} FROM people WHERE NOT people.retired"
    )
    other = aliased(Person)
    assert "WHERE secrets.person_id = people_1.id) > $1::INTEGER AND NOT people_1.retired" in written(
        select(other.name).where(other.secrets > 1)
    )


def test_computed_column_on_its_own_is_no_way_round() -> None:
    # Without the row that it is computed for, it would be of all rows there are.
    with pytest.raises(PermissionDenied, match="secrets"):
        written(select(Person.secrets))


def test_text_in_a_default_is_the_programs_own() -> None:
    assert written(sa.insert(Club).values(id=1, open=True), ADA).endswith("VALUES ($1::INTEGER, 'none', $2::BOOLEAN)")
    with pytest.raises(PermissionDenied):
        written(sa.insert(Club).values(id=1, open=True, name=sa.text("'none'")), ADA)


# The caller --------------------------------------------------------------------------------------------------


def test_caller_is_a_parameter() -> None:
    assert written(select(Person.name).where(me.id == sa.func.gen_random_uuid()), ADA).startswith(
        "SELECT people.name FROM people WHERE $1::UUID = gen_random_uuid()"
    )
    assert "WHERE true" in written(select(Club.name).where(signed_in), ADA)
    assert "WHERE false" in written(select(Club.name).where(signed_in))


def test_outside_of_guarded_sessions_nobody_is_the_caller() -> None:
    statement = select(Person.name).where(me.id == me.id, signed_in)
    assert str(statement.compile(dialect=PGDialect_asyncpg())).endswith("WHERE NULL = NULL AND false")


def test_callers_who_give_equal_answers_share_their_bounds() -> None:
    bob = Caller("00000000-0000-4000-8000-000000000012", {}, Role.AUTHENTICATED)
    assert find_bounds(SCHEMA, ADA) is find_bounds(SCHEMA, bob)
    assert find_bounds(SCHEMA, ADA) is not find_bounds(SCHEMA, ANONYMOUS)
