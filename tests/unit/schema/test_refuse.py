"""What rules may not say: each is refused, with a code, the part that is meant, and what to write instead."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column

from backstay.errors import DeclarationError
from backstay.schema.expression.refusal import Refusal, show
from backstay.schema.expression.refuse import refuse
from backstay.schema.expression.subset import REFUSED
from backstay.schema.expression.weave import weave
from fixtures.subset import Colour, Label, Member, Team, Thing, labels, me


class Base(DeclarativeBase): ...


class Odd(Base):
    __tablename__ = "odds"

    id: Mapped[int] = mapped_column(primary_key=True)
    words: Mapped[list[str]] = mapped_column(postgresql.ARRAY(sa.String))
    address = mapped_column(postgresql.INET)
    code: Mapped[str] = mapped_column(sa.CHAR(5))


things: Any = Thing.__table__
odds: Any = Odd.__table__
Other = aliased(Thing)
fees = sa.select(Member.fee).subquery()


def refusals(rule: Any, table: Any = things) -> list[Refusal]:
    return refuse(weave(sa.sql.coercions.expect(sa.sql.roles.WhereHavingRole, rule), table), table)


NOT_IN_THE_SUBSET = [
    (sa.text("flag"), "`text()`"),
    (sa.literal_column("flag") == 1, "`literal_column()`"),
    (sa.column("flag") == 1, "a column of no table"),
    (Thing.text.op("~")("a"), "the operator `~`"),
    (Thing.text.regexp_match("a"), "the operator `regexp_match_op`"),
    (Thing.text.match("a"), "the operator `match_op`"),
    (Thing.whole.bitwise_and(1) == 1, "the operator `bitwise_and_op`"),
    (sa.func.random() > 0.5, "the function `random`"),
    (sa.func.pg_catalog.lower(Thing.text) == "a", "the function `lower`"),
    (sa.func.coalesce() == 1, "another number of arguments"),
    (sa.func.nullif(Thing.whole) == 1, "another number of arguments"),
    (sa.func.row_number().over() == 1, "a window function"),
    (sa.func.count().filter(Thing.flag) > 1, "`.filter()` of an aggregate"),
    (sa.func.percentile_cont(0.5).within_group(Thing.whole) > 1, "`.within_group()`"),
    (sa.extract("year", Thing.day) == 2024, "`extract()`"),
    (sa.collate(Thing.text, "C") == "a", "the operator `collate`"),
    (sa.type_coerce(Thing.whole, sa.String) == "a", "`type_coerce()`"),
    (sa.try_cast(Thing.text, sa.Integer) == 1, "`try_cast()`"),
    (Thing.whole == sa.bindparam("given"), "a parameter that nothing fills"),
    (Thing.whole == sa.bindparam("asked", callable_=lambda: 1), "computed at each use"),
    (Thing.id.in_(sa.select(Team.id).union(sa.select(Label.id))), "a union of sub-selects"),
    (sa.func.max(Thing.whole) > 3, "outside of a sub-select's columns"),
    (sa.exists().where(sa.func.count(Member.fee) > 3), "outside of a sub-select's columns"),
    (Thing.whole.between(1, 2, symmetric=True), "a symmetric range"),
    (Thing.whole.is_(5), "is not among what rules may say"),
    (Thing.whole.distinct() == 1, "is not among what rules may say"),
    (Thing.meta['a"b'].as_string() == "x", "is not a key that rules may name"),
    (sa.exists(sa.select(sa.func.count(Team.id))), "is always true"),
    (sa.select(Team.id, Team.size).where(Team.id == 1).scalar_subquery() == 1, "more than one column"),
    (sa.select(Team.size).scalar_subquery() == 1, "may find several rows"),
    (sa.select(Member.fee).where(Member.team_id == Thing.team_id).scalar_subquery() > 1, "may find several rows"),
    (sa.select(Team.size).where((Team.id == 1) | (Team.id == 2)).scalar_subquery() > 1, "may find several rows"),
    (sa.select(Team.size).where(Team.id == Team.size).scalar_subquery() > 1, "may find several rows"),
    (sa.select(Team.size).order_by(Team.id).limit(2).scalar_subquery() > 1, "may find several rows"),
    (sa.select(sa.func.max(Team.size)).group_by(Team.name).scalar_subquery() > 1, "may find several rows"),
    (sa.select(Team.size).limit(1).scalar_subquery() > 1, "its first rows in no order"),
    (Thing.id.in_(sa.select(Team.size).group_by(Team.id)), "neither grouped by nor aggregated"),
    (Thing.id.in_(sa.select(Team.id).order_by(Team.name).limit(3)), "the order of a text differs"),
]

OF_ANOTHER_TABLE = [
    (Team.size > 3, "belongs to another table, teams"),
    ((Thing.team_id == Team.id) & (Team.size > 3), "belongs to another table, teams"),
    (labels.c.thing_id == Thing.id, "belongs to another table, thing_labels"),
    (Other.flag, "belongs to another table, things"),
]

OF_TYPES_THAT_DO_NOT_FIT = [
    (Thing.id, "is a whole number, not a condition"),
    (sa.and_(Thing.text, Thing.flag), "is a text, not a condition"),
    (sa.case((Thing.whole, 1)) == 1, "is a whole number, not a condition"),
    (Thing.whole == "five", "a whole number with a text"),
    (Thing.key == "five", "does not fit: invalid input syntax for type uuid"),
    (Thing.key == me.name, "a uuid with a text"),
    (Thing.day == "2024-01-01", "a date with a text"),
    (Thing.day == datetime(2024, 1, 1), "a date with a timestamp without time zone"),
    (Thing.moment > datetime(2024, 1, 1), "is no value for a timestamp with time zone"),
    (Thing.naive > datetime(2024, 1, 1, tzinfo=UTC), "is no value for a timestamp without time zone"),
    (Thing.moment > Thing.naive, "a timestamp with time zone with a timestamp without time zone"),
    (Thing.day > sa.func.now(), "a date with a present moment"),
    (Thing.colour == "PINK", "does not fit: invalid input value for enum colour"),
    (Thing.colour < Colour.BLUE, "the order of a colour differs"),
    (Thing.text < "b", "the order of a text differs"),
    (Thing.text.between("a", "b"), "the order of a text differs"),
    (Thing.exact > Thing.float_, "a decimal number with a floating-point number"),
    (Thing.exact * 1.5 > 1, "computes with a decimal number and a floating-point number"),
    (Thing.float_ % 2 > 1, "computes with a floating-point number and a whole number"),
    (Thing.text + Thing.whole == "a", "computes with a text and a whole number"),
    (Thing.day - Thing.day > timedelta(1), "computes with a date and a date"),
    (Thing.whole == sa.true(), "a whole number with a boolean"),
    (Thing.whole.is_(True), "is neither true nor false"),
    (Thing.whole.in_(["a"]), "a whole number with a text"),
    (Thing.whole.in_(sa.select(Team.name)), "a whole number with a text"),
    (sa.tuple_(Thing.whole, Thing.text).in_([(1, 2)]), "2 is no value for a text"),
    (Thing.text.like(Thing.whole), "a whole number has no letters"),
    (Thing.meta["a"] == "x", "a JSON with a text"),
    (Thing.meta == {"a": 1}, "compares JSON"),
    (Thing.meta["a"].is_(None), "compares JSON"),
    (sa.case((Thing.flag, 1), else_="x") == 1, "a whole number with a text"),
    (sa.func.coalesce(Thing.whole, "x") == 1, "a whole number with a text"),
    (sa.func.lower(Thing.whole) == "a", "it takes no whole number"),
    (sa.select(sa.func.max(Other.text)).scalar_subquery() == "a", "it takes no text"),
    (sa.cast(Thing.float_, sa.Text) == "1.5", "converts a floating-point number to a text"),
    (sa.cast(Thing.day, sa.Integer) == 1, "converts a date to a whole number"),
    (sa.exists().where(Team.size == Thing.text), "a whole number with a text"),
]


@pytest.mark.parametrize(("rule", "message"), NOT_IN_THE_SUBSET, ids=lambda value: show(value)[:60])
def test_what_is_outside_of_the_subset_is_refused(rule: Any, message: str) -> None:
    (refusal,) = refusals(rule)
    assert (refusal.code, message in refusal.message) in (("BS101", True), ("BS107", True)), refusal
    assert refusal.hint


@pytest.mark.parametrize(("rule", "message"), OF_ANOTHER_TABLE, ids=lambda value: show(value)[:60])
def test_another_table_outside_of_a_sub_select_is_refused(rule: Any, message: str) -> None:
    (refusal, *_) = refusals(rule)
    assert refusal.code == "BS102"
    assert message in refusal.message
    assert "sa.exists()" in refusal.hint


@pytest.mark.parametrize(("rule", "message"), OF_TYPES_THAT_DO_NOT_FIT, ids=lambda value: show(value)[:60])
def test_types_that_do_not_fit_are_refused(rule: Any, message: str) -> None:
    (refusal,) = refusals(rule)
    assert refusal.code == "BS107"
    assert message in refusal.message
    assert refusal.hint


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Odd.words.any_() == "a", "`ANY (odds.words)`"),
        (Odd.words.contains(["a"]), "the operator `@>`"),
        (Odd.address > "10.0.0.1", "the order of a inet differs"),
        (Odd.code < "b", "the order of a character differs"),
    ],
)
def test_types_of_one_database_have_equality_only(rule: Any, message: str) -> None:
    (refusal,) = refusals(rule, odds)
    assert message in refusal.message


def test_all_that_is_wrong_in_one_rule_is_found_at_once() -> None:
    rule = sa.or_(Thing.text.op("~")("a"), Team.size > 3) & (Thing.whole == "x") & sa.exists().where(Member.fee == "y")
    assert [refusal.code for refusal in refusals(rule)] == ["BS101", "BS102", "BS107", "BS107"]


def test_a_union_is_refused_where_it_is_asked_for_rows() -> None:
    union = sa.select(Team.id).union(sa.select(Label.id))
    with pytest.raises(DeclarationError, match="a union of several"):
        refusals(sa.exists(union))


@pytest.mark.parametrize("select", [sa.select(fees.c.fee), sa.select(sa.select(Member.fee).cte().c.fee)])
def test_a_sub_select_reads_from_tables_only(select: sa.Select[Any]) -> None:
    with pytest.raises(DeclarationError, match="no table"):
        refusals(Thing.exact.in_(select))


def test_a_lambda_is_no_rule() -> None:
    (refusal,) = refuse(sa.sql.lambdas.LambdaElement(lambda: Thing.flag, sa.sql.roles.WhereHavingRole), things)
    assert "a lambda" in refusal.message


def test_everything_that_is_refused_by_name_says_what_to_write_instead() -> None:
    assert [refused.name for refused in REFUSED if not refused.instead or not refused.types] == []


def test_a_sub_select_found_by_keys_one_after_the_other_is_a_value() -> None:
    select = sa.select(Member.fee).join(Member.team).where(Team.id == Thing.team_id, Member.user_id == me.id)
    assert refusals(select.scalar_subquery() > Decimal(1)) == []


def test_a_refusal_shows_the_rule_as_its_author_knows_it() -> None:
    (refusal,) = refusals(sa.exists().where(Member.user_id == me.name))
    assert "`members.user_id = me.name`" in refusal.message


def test_a_long_rule_is_shown_in_part() -> None:
    assert len(show(sa.and_(*[Thing.day == date(2024, 1, 1)] * 50))) < 120
