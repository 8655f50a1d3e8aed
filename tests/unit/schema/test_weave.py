"""Sub-selects of rules: their own tables under their own names, the tenant's rows only, free of the ORM."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, column_property, mapped_column, relationship

from backstay import current
from backstay.dialects.sql.adapt import adapt
from backstay.errors import DeclarationError
from backstay.schema.expression.refusal import show
from backstay.schema.expression.weave import Tenants, narrow, weave


class Base(DeclarativeBase): ...


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int]


me = current(User)


class Org(Base):
    __tablename__ = "orgs"

    id: Mapped[int] = mapped_column(primary_key=True)

    members: Mapped[list[Member]] = relationship(back_populates="org")


class Member(Base):
    __tablename__ = "members"

    user_id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey(Org.id), primary_key=True)

    org: Mapped[Org] = relationship(back_populates="members")


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey(Org.id))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id"))

    org: Mapped[Org] = relationship()
    parent: Mapped[Note | None] = relationship(remote_side=[id], back_populates="children")
    children: Mapped[list[Note]] = relationship(back_populates="parent")
    size = column_property(sa.select(sa.func.count(Member.user_id)).where(Member.org_id == org_id).scalar_subquery())


notes: Any = Note.__table__
members: Any = Member.__table__
orgs: Any = Org.__table__
Other = aliased(Note)
OneMember = aliased(Member)
TENANTS = Tenants({notes: notes.c.org_id, members: members.c.org_id}, me.org_id)


def text(expression: Any) -> str:
    """An expression as a statement says it."""
    element = sa.sql.coercions.expect(sa.sql.roles.ExpressionElementRole, expression)
    return spell(weave(element, notes))


def spell(expression: Any) -> str:
    """The text of an expression, with its aliases as they are."""
    return " ".join(str(sa.select(sa.literal_column("1")).select_from(notes).where(expression)).split()).partition(
        " WHERE "
    )[2]


def test_a_table_of_a_sub_select_goes_by_a_name_of_its_own() -> None:
    rule = sa.exists().where(Member.org_id == Note.org_id)
    assert text(rule) == "EXISTS (SELECT 1 FROM members AS members_r1 WHERE members_r1.org_id = notes.org_id)"


def test_a_relationship_asks_for_rows_by_its_keys() -> None:
    assert text(Note.org.has(Org.id == 3)) == (
        "EXISTS (SELECT 1 FROM orgs AS orgs_r1 WHERE orgs_r1.id = notes.org_id AND orgs_r1.id = :id_1)"
    )


def test_nested_relationships_speak_each_of_the_row_around() -> None:
    assert text(Note.org.has(Org.members.any(Member.user_id == 3))) == (
        "EXISTS (SELECT 1 FROM orgs AS orgs_r1 WHERE orgs_r1.id = notes.org_id AND (EXISTS (SELECT 1 "
        "FROM members AS members_r2 WHERE orgs_r1.id = members_r2.org_id AND members_r2.user_id = :user_id_1)))"
    )


def test_a_relationship_to_the_same_table_keeps_the_two_rows_apart() -> None:
    assert text(Note.children.any(Note.org_id == 3)) == (
        "EXISTS (SELECT 1 FROM notes AS notes_r1 WHERE notes.id = notes_r1.parent_id AND notes_r1.org_id = :org_id_1)"
    )


def test_an_alias_of_the_same_table_is_not_the_row_at_hand() -> None:
    assert text(sa.exists().where(Other.parent_id == Note.id)) == (
        "EXISTS (SELECT 1 FROM notes AS notes_r1 WHERE notes_r1.parent_id = notes.id)"
    )


def test_a_sub_select_of_the_table_alone_reads_it() -> None:
    assert text(Note.id.in_(sa.select(Note.parent_id))) == (
        "notes.id IN (SELECT notes_r1.parent_id FROM notes AS notes_r1)"
    )


def test_a_row_two_sub_selects_away_is_still_the_row_at_hand() -> None:
    """SQLAlchemy itself would read all notes in the innermost select, and so let every row through."""
    inner = sa.select(Org.id).where(Org.id == Note.org_id)
    rule = sa.exists(sa.select(Member.user_id).where(Member.org_id.in_(inner)))
    assert text(rule).endswith("IN (SELECT orgs_r2.id FROM orgs AS orgs_r2 WHERE orgs_r2.id = notes.org_id))")


@pytest.mark.parametrize(
    "select",
    [
        sa.select(Org.id).join(Org.members).where(Member.user_id == 3),
        sa.select(Org.id).join(Member).where(Member.user_id == 3),
        sa.select(orgs.c.id).select_from(orgs.join(members)).where(members.c.user_id == 3),
    ],
)
def test_joins_are_made_plain(select: sa.Select[Any]) -> None:
    assert text(Note.org_id.in_(select)) == (
        "notes.org_id IN (SELECT orgs_r1.id FROM orgs AS orgs_r1 JOIN members AS members_r2 "
        "ON orgs_r1.id = members_r2.org_id WHERE members_r2.user_id = :user_id_1)"
    )


def test_grouped_ordered_and_limited_sub_selects_stay_so() -> None:
    select = sa.select(Member.org_id).group_by(Member.org_id).having(sa.func.count() > 3)
    first = sa.select(Member.user_id).order_by(Member.user_id.desc()).distinct().limit(1).offset(2)
    assert "GROUP BY members_r1.org_id HAVING count(*) > :count_1" in text(Note.org_id.in_(select))
    assert (
        "SELECT DISTINCT members_r1.user_id FROM members AS members_r1 ORDER BY members_r1.user_id DESC LIMIT"
        in text(Note.id == first.scalar_subquery())
    )


def test_a_computed_column_in_a_rule_is_what_it_is_computed_from() -> None:
    assert text(Note.size > 3) == (
        "(SELECT count(members_r1.user_id) AS count_1 FROM members AS members_r1 "
        "WHERE members_r1.org_id = notes.org_id) > :param_1"
    )


def test_a_sub_select_that_may_mean_either_row_is_refused() -> None:
    rule = sa.exists(sa.select(Note.id).where(Member.org_id == Note.org_id))
    with pytest.raises(DeclarationError, match="may mean the enclosing row of 'notes'"):
        text(rule)


def test_correlate_says_which_row_is_meant() -> None:
    rule = sa.exists(sa.select(Note.id).where(Member.org_id == Note.org_id).correlate(Note))
    assert text(rule) == ("EXISTS (SELECT notes.id FROM members AS members_r1 WHERE members_r1.org_id = notes.org_id)")


@pytest.mark.parametrize(
    ("select", "what"),
    [
        (sa.select(Member.user_id).with_for_update(), "FOR UPDATE"),
        (sa.select(Member.user_id).prefix_with("ALL"), "a prefix"),
        (sa.select(Member.user_id).outerjoin(Org, full=True), "full outer join"),
        (sa.select(sa.select(Member.user_id).subquery().c.user_id), "no table"),
        (sa.select(sa.func.json_each("[]").table_valued("value").c.value), "no table"),
    ],
)
def test_what_cannot_be_made_plain_is_refused(select: sa.Select[Any], what: str) -> None:
    with pytest.raises(DeclarationError, match=what):
        text(Note.id.in_(select))


# Tenants -----------------------------------------------------------------------------------------------------


def narrowed(rule: Any) -> str:
    """What a rule says of the tenant, too."""
    element = sa.sql.coercions.expect(sa.sql.roles.ExpressionElementRole, rule)
    return show(narrow(weave(element, notes, TENANTS), notes, TENANTS))


def test_a_rule_is_of_the_tenants_rows_only() -> None:
    assert narrowed(Note.id == 3) == "notes.org_id = me.org_id AND notes.id = 3"


def test_a_rule_of_two_ways_is_of_the_tenants_rows_either_way() -> None:
    assert narrowed((Note.id == 3) | (Note.id == 4)) == "notes.org_id = me.org_id AND (notes.id = 3 OR notes.id = 4)"


def woven(rule: Any) -> str:
    return spell(weave(sa.sql.coercions.expect(sa.sql.roles.ExpressionElementRole, rule), notes, TENANTS)).replace(
        "NULL", "me.org_id"
    )


def test_every_sub_select_is_of_the_tenants_rows_only() -> None:
    rule = sa.exists(sa.select(OneMember.user_id).where(OneMember.user_id.in_(sa.select(Other.id))))
    assert woven(rule) == (
        "EXISTS (SELECT members_r1.user_id FROM members AS members_r1 WHERE members_r1.user_id IN (SELECT notes_r2.id "
        "FROM notes AS notes_r2 WHERE notes_r2.org_id = me.org_id) AND members_r1.org_id = me.org_id)"
    )


def test_the_optional_side_of_a_join_is_narrowed_where_it_is_joined() -> None:
    rule = ~Note.org_id.in_(sa.select(Org.id).outerjoin(Member, Member.org_id == Org.id))
    assert "ON members_r2.org_id = orgs_r1.id AND members_r2.org_id = me.org_id)" in woven(rule)
    assert "WHERE members_r2" not in woven(rule)


def test_both_sides_of_an_inner_join_are_narrowed() -> None:
    rule = Note.id.in_(sa.select(Other.id).join(Member, Member.org_id == Other.org_id))
    assert "WHERE notes_r1.org_id = me.org_id AND members_r2.org_id = me.org_id" in woven(rule)


# Adapting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        sa.exists().where(Other.parent_id == Note.id),
        Note.children.any(Note.org_id == 3),
        Note.parent.has(),
        Note.id.in_(sa.select(Note.parent_id)),
        Note.size > 3,
        sa.exists(sa.select(Member.user_id).where(Member.org_id.in_(sa.select(Org.id).where(Org.id == Note.org_id)))),
    ],
    ids=show,
)
def test_under_another_name_the_row_is_that_name_everywhere(rule: Any) -> None:
    alias = notes.alias("notes_1")
    expression = weave(sa.sql.coercions.expect(sa.sql.roles.WhereHavingRole, rule), notes)
    found = str(sa.select(alias.c.id).where(adapt(expression, notes, alias)))
    assert "notes." not in found
    assert found.count("FROM notes AS notes_1") == 1
    assert "notes_1." in found.partition("WHERE")[2]


def test_two_uses_of_one_rule_in_one_statement_do_not_meet() -> None:
    rule = weave(Note.children.any(), notes)
    outer, inner = notes.alias("notes_1"), notes.alias("notes_2")
    embed = sa.select(inner.c.id).where(inner.c.parent_id == outer.c.id, adapt(rule, notes, inner))
    statement = sa.select(embed.correlate_except(inner).scalar_subquery()).where(adapt(rule, notes, outer))
    text = " ".join(str(statement).split())
    assert "WHERE notes_2.id = notes_r1.parent_id" in text
    assert text.endswith("WHERE notes_1.id = notes_r1.parent_id)")
