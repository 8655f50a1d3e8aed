"""What rules come to: each element of the subset, asked of the same rows on both databases.

The answers are PostgreSQL's. A case names the rows that a rule lets through and those that its negation lets through;
for the others it is NULL.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import aliased

from backstay import Backstay, Caller, anyone, signed_in
from backstay.dialects.road import Road
from backstay.query.nodes import Field, Pick, Select
from backstay.schema.caller import Role
from backstay.schema.collect import collect
from backstay.schema.declaration import Asked, Declarations, Resource
from backstay.schema.expression.refusal import show
from backstay.schema.expression.sort import sort_of
from backstay.schema.expression.subset import CASTS, ELEMENTS, FUNCTIONS
from backstay.schema.kind.zone import find_zone
from backstay.schema.rule import place
from fixtures import subset
from fixtures.subset import ADA, Colour, Label, Member, Team, Thing, User, me

Other = aliased(Thing)
Membership = aliased(Member)
now = sa.func.now()


Asking = Callable[..., list[int]]


class Case(NamedTuple):
    """A rule, and the rows for which it is true and false."""

    element: str
    rule: Any
    true: list[int]
    false: list[int]


CASES = [
    Case("columns", Thing.flag, [1, 4], [2, 5]),
    Case("columns", Thing.other == Thing.whole, [5], [1, 2, 4]),
    Case("caller", Thing.key == me.id, [1], [2]),
    Case("caller", me.level > 3, [1, 2, 3, 4, 5], []),
    Case("caller", Thing.whole == me.level, [1, 5], [2, 4]),
    Case("caller", signed_in & Thing.flag, [1, 4], [2, 5]),
    Case("caller", Thing.text == me.email, [], [1, 2, 4, 5]),
    Case("caller", anyone, [1, 2, 3, 4, 5], []),
    Case("caller", me.email.is_(None), [], [1, 2, 3, 4, 5]),
    Case("caller", me.id.in_(sa.select(Member.user_id).where(Member.team_id == Thing.team_id)), [1, 4], [2, 3, 5]),
    Case("literals", Thing.text == "Alpha", [1], [2, 4, 5]),
    Case("literals", Thing.text != "Alpha", [2, 4, 5], [1]),
    Case("literals", Thing.colour == Colour.RED, [1], [2, 4]),
    Case("literals", Thing.key == ADA, [1], [2]),
    Case("literals", Thing.raw == b"\x00\x01", [1], [2, 4]),
    Case("literals", Thing.day == date(2024, 2, 29), [2], [1, 4]),
    Case("literals", Thing.moment == datetime(2024, 1, 31, 12, tzinfo=UTC), [1], [2, 4]),
    Case("literals", Thing.moment == datetime(2024, 1, 31, 13, tzinfo=timezone(timedelta(hours=1))), [1], [2, 4]),
    Case("literals", Thing.naive == datetime(2024, 1, 31, 12), [1], [2, 4]),
    Case("literals", Thing.clock == time(8, 30), [1], [2, 4]),
    Case("literals", Thing.span == timedelta(days=1), [1], [2, 4]),
    Case("literals", Thing.exact == Decimal("1.1"), [1], [2, 4, 5]),
    Case("literals", Thing.exact == 10, [2], [1, 4, 5]),
    Case("literals", Thing.exact > 1.05, [1, 2, 5], [4]),
    Case("literals", Thing.float_ == 1.5, [1], [2, 4]),
    Case("literals", Thing.float_ > 1, [1, 4], [2]),
    Case("literals", Thing.big == 2**40, [1], [2, 4]),
    Case("literals", Thing.flag == sa.true(), [1, 4], [2, 5]),
    Case("literals", Thing.text == sa.null(), [3], [1, 2, 4, 5]),
    Case("literals", sa.literal(5) == Thing.whole, [1, 5], [2, 4]),
    Case("literals", sa.true(), [1, 2, 3, 4, 5], []),
    Case("literals", sa.null() == Thing.whole, [], []),
    Case("literals", Thing.text == "it's \\ \"%", [], [1, 2, 4, 5]),
    Case("logic", Thing.flag | (Thing.whole == -7), [1, 2, 4], [5]),
    Case("logic", Thing.flag & (Thing.whole == 5), [1], [2, 4, 5]),
    Case("logic", ~Thing.flag, [2, 5], [1, 4]),
    Case("logic", ~(Thing.flag & (Thing.whole == 5)), [2, 4, 5], [1]),
    Case("logic", ~(Thing.flag | (Thing.whole == 5)), [2], [1, 4, 5]),
    Case("logic", sa.and_(Thing.flag, sa.or_(Thing.whole == 0, Thing.whole == 5)), [1, 4], [2, 5]),
    Case("logic", sa.not_(sa.or_(Thing.flag, Thing.whole.is_(None))), [2, 5], [1, 3, 4]),
    Case("logic", Thing.flag != (Thing.whole == 5), [4, 5], [1, 2]),
    Case("comparison", Thing.whole < Thing.other, [2, 4], [1, 5]),
    Case("comparison", Thing.whole <= 5, [1, 2, 4, 5], []),
    Case("comparison", Thing.exact > Thing.whole, [2, 5], [1, 4]),
    Case("comparison", Thing.exact >= Thing.exact, [1, 2, 4, 5], []),
    Case("comparison", Thing.float_ < Thing.whole, [1], [2, 4]),
    Case("comparison", Thing.day > date(2024, 2, 1), [2, 4], [1]),
    Case("comparison", Thing.moment > now, [4], [1, 2]),
    Case("comparison", Thing.naive > now, [4], [1, 2]),
    Case("comparison", Thing.day > sa.func.current_date(), [4], [1, 2]),
    Case("comparison", Thing.clock < time(12), [1, 4], [2]),
    Case("comparison", Thing.span > timedelta(days=1), [2], [1, 4]),
    Case("comparison", Thing.key > ADA, [2], [1]),
    Case("comparison", Thing.raw > b"\x00", [1, 2], [4]),
    Case("comparison", Thing.big > Thing.whole, [1, 2], [4]),
    Case("distinct", Thing.flag.is_distinct_from(True), [2, 3, 5], [1, 4]),
    Case("distinct", Thing.whole.is_distinct_from(Thing.other), [1, 2, 4], [3, 5]),
    Case("distinct", Thing.text.is_not_distinct_from(None), [3], [1, 2, 4, 5]),
    Case("distinct", Thing.exact.is_distinct_from(Decimal("1.1")), [2, 3, 4, 5], [1]),
    Case("distinct", Thing.exact.is_not_distinct_from(10), [2], [1, 3, 4, 5]),
    Case("null", Thing.text.is_(None), [3], [1, 2, 4, 5]),
    Case("null", Thing.meta.is_not(None), [1, 2, 4, 5], [3]),
    Case("null", Thing.flag.is_(True), [1, 4], [2, 3, 5]),
    Case("null", Thing.flag.is_not(True), [2, 3, 5], [1, 4]),
    Case("null", Thing.flag.is_(False), [2, 5], [1, 3, 4]),
    Case("null", (Thing.whole == 5).is_(None), [3], [1, 2, 4, 5]),
    Case("between", Thing.whole.between(0, 5), [1, 4, 5], [2]),
    Case("between", ~Thing.whole.between(0, 5), [2], [1, 4, 5]),
    Case("between", Thing.exact.between(1, 10), [1, 2], [4, 5]),
    Case("between", Thing.exact.between(Decimal("1.1"), Decimal("10")), [1, 2], [4, 5]),
    Case("between", Thing.day.between(date(2024, 1, 31), date(2024, 2, 29)), [1, 2], [4]),
    Case("between", Thing.whole.between(Thing.other, 5), [1, 5], [2, 4]),
    Case("between", Thing.moment.between(datetime(2024, 1, 1, tzinfo=UTC), now), [1, 2], [4]),
    Case("in", Thing.text.in_(["Alpha", ""]), [1, 5], [2, 4]),
    Case("in", Thing.text.in_(["Alpha", None]), [1], []),
    Case("in", Thing.text.not_in(["Alpha"]), [2, 4, 5], [1]),
    Case("in", Thing.text.not_in(["Alpha", None]), [], [1]),
    Case("in", Thing.text.in_([]), [], [1, 2, 3, 4, 5]),
    Case("in", Thing.text.not_in([]), [1, 2, 3, 4, 5], []),
    Case("in", Thing.exact.in_([Decimal("1.1"), 10]), [1, 2], [4, 5]),
    Case("in", Thing.colour.in_([Colour.RED, Colour.BLUE]), [1, 4], [2]),
    Case("in", Thing.key.in_([ADA]), [1], [2]),
    Case("in", Thing.day.in_([date(2024, 1, 31)]), [1], [2, 4]),
    Case("in", Thing.moment.in_([datetime(2024, 1, 31, 12, tzinfo=UTC)]), [1], [2, 4]),
    Case("in", Thing.span.in_([timedelta(days=1)]), [1], [2, 4]),
    Case("in", Thing.whole.in_([Thing.other, 0]), [4, 5], [1, 2]),
    Case("in", Thing.team_id.in_(sa.select(Member.team_id).where(Member.user_id == me.id)), [1, 4], [2, 5]),
    Case("in", Thing.team_id.not_in(sa.select(Member.team_id).where(Member.user_id == me.id)), [2, 5], [1, 4]),
    Case("in", Thing.exact.in_(sa.select(Member.fee)), [], []),
    Case("in", Thing.exact.not_in(sa.select(Member.fee)), [], []),
    Case("in", sa.tuple_(Thing.team_id, Thing.key).in_(sa.select(Member.team_id, Member.user_id)), [1, 2], [5]),
    Case("in", sa.tuple_(Thing.whole, Thing.text).in_([(5, "Alpha"), (0, "x")]), [1], [2, 4, 5]),
    Case("in", Thing.whole.in_(sa.select(Team.size)), [4], []),
    Case(
        "in",
        Thing.team_id.in_(sa.select(Member.team_id).group_by(Member.team_id).having(sa.func.count() > 1)),
        [1, 4],
        [2, 5],
    ),
    Case("pattern", Thing.text.like("%a%"), [1, 2, 4], [5]),
    Case("pattern", Thing.text.like("A%"), [1], [2, 4, 5]),
    Case("pattern", Thing.text.like("a%"), [4], [1, 2, 5]),
    Case("pattern", Thing.text.ilike("A%"), [1, 4], [2, 5]),
    Case("pattern", Thing.text.not_like("A%"), [2, 4, 5], [1]),
    Case("pattern", Thing.text.not_ilike("a%"), [2, 5], [1, 4]),
    Case("pattern", Thing.text.like("beta\\%"), [2], [1, 4, 5]),
    Case("pattern", Thing.text.like("a\\_b%"), [4], [1, 2, 5]),
    Case("pattern", Thing.text.like("beta/%", escape="/"), [2], [1, 4, 5]),
    Case("pattern", Thing.text.like("_____"), [1, 2, 4], [5]),
    Case("pattern", Thing.text.startswith("be"), [2], [1, 4, 5]),
    Case("pattern", Thing.text.startswith("%", autoescape=True), [], [1, 2, 4, 5]),
    Case("pattern", Thing.text.endswith("%", autoescape=True), [2], [1, 4, 5]),
    Case("pattern", Thing.text.contains("_", autoescape=True), [4], [1, 2, 5]),
    Case("pattern", Thing.text.contains("_"), [1, 2, 4], [5]),
    Case("pattern", Thing.text.icontains("ALP"), [1], [2, 4, 5]),
    Case("pattern", Thing.text.istartswith("ALP"), [1], [2, 4, 5]),
    Case("pattern", Thing.text.iendswith("HA"), [1], [2, 4, 5]),
    Case("pattern", ~Thing.text.contains("a"), [5], [1, 2, 4]),
    Case("pattern", Thing.text.contains("\\", autoescape=True), [4], [1, 2, 5]),
    Case("pattern", Thing.text.like("%\\\\%"), [4], [1, 2, 5]),
    Case("pattern", Thing.text.contains(me.name), [], [1, 2, 4, 5]),
    Case("pattern", Thing.text.like(""), [5], [1, 2, 4]),
    Case("pattern", Thing.text.startswith(Thing.text), [1, 2, 5], [4]),
    Case("exists", Thing.team.has(Team.name == "One"), [1, 4], [2, 3, 5]),
    Case("exists", ~Thing.team.has(Team.name == "One"), [2, 3, 5], [1, 4]),
    Case("exists", Thing.team.has(Team.members.any(Member.user_id == me.id)), [1, 4], [2, 3, 5]),
    Case("exists", Thing.labels.any(), [1, 2], [3, 4, 5]),
    Case("exists", ~Thing.labels.any(), [3, 4, 5], [1, 2]),
    Case("exists", Thing.labels.any(Label.word == "new"), [1], [2, 3, 4, 5]),
    Case("exists", Thing.children.any(Thing.flag), [1], [2, 3, 4, 5]),
    Case("exists", Thing.parent.has(Thing.whole == 5), [2, 4], [1, 3, 5]),
    Case("exists", Thing.parent.has(Thing.parent.has()), [5], [1, 2, 3, 4]),
    Case("exists", sa.exists().where(Member.team_id == Thing.team_id, Member.user_id == me.id), [1, 4], [2, 3, 5]),
    Case("exists", sa.select(Other.id).where(Other.parent_id == Thing.id).exists(), [1, 4], [2, 3, 5]),
    Case(
        "exists",
        sa.exists(
            sa.select(Member.user_id).where(Member.team_id.in_(sa.select(Team.id).where(Team.id == Thing.team_id)))
        ),
        [1, 2, 4],
        [3, 5],
    ),
    Case(
        "exists",
        sa.exists(sa.select(Team.id).join(Team.members).where(Team.id == Thing.team_id, Member.fee > 10)),
        [2],
        [1, 3, 4, 5],
    ),
    Case(
        "exists",
        sa.exists(
            sa.select(Team.id)
            .outerjoin(Membership, (Membership.team_id == Team.id) & (Membership.fee > 10))
            .where(Team.id == Thing.team_id, Membership.user_id.is_(None))
        ),
        [1, 4, 5],
        [2, 3],
    ),
    Case("exists", sa.exists().where(Team.size > 1), [1, 2, 3, 4, 5], []),
    Case(
        "exists",
        sa.exists(
            sa.select(Member.team_id)
            .where(Member.team_id == Thing.team_id)
            .group_by(Member.team_id)
            .having(sa.func.count() > 1)
        ),
        [1, 4],
        [2, 3, 5],
    ),
    Case("exists", Thing.team.has(Team.size > Thing.whole), [4], [1, 2, 3, 5]),
    Case("exists", sa.exists(sa.select(1).where(Member.team_id == Thing.team_id, signed_in)), [1, 2, 4], [3, 5]),
    Case("select", sa.select(Team.name).where(Team.id == Thing.team_id).scalar_subquery() == "One", [1, 4], [2, 5]),
    Case("select", sa.select(Team.name).where(Team.id == Thing.team_id).scalar_subquery() != "One", [2, 5], [1, 4]),
    Case("select", sa.select(Team.size).where(Team.id == Thing.team_id).scalar_subquery().is_(None), [2, 3], [1, 4, 5]),
    Case(
        "select",
        sa.select(Member.user_id)
        .where(Member.team_id == Thing.team_id)
        .order_by(Member.fee.desc())
        .limit(1)
        .scalar_subquery()
        == me.id,
        [],
        [1, 2, 4],
    ),
    Case(
        "select",
        sa.select(Member.user_id).where(Member.team_id == Thing.team_id).order_by(Member.fee).limit(1).scalar_subquery()
        == me.id,
        [1, 4],
        [2],
    ),
    Case(
        "select",
        sa.select(Member.fee).where(Member.team_id == Thing.team_id, Member.user_id == me.id).scalar_subquery()
        < Thing.exact,
        [],
        [1, 4],
    ),
    Case(
        "select",
        sa.select(Team.size)
        .join(Member)
        .where(Member.team_id == Thing.team_id, Member.user_id == me.id)
        .scalar_subquery()
        == 2,
        [1, 4],
        [],
    ),
    Case("case", sa.case((Thing.flag, 1), (Thing.whole == 5, 2), else_=3) == 2, [5], [1, 2, 3, 4]),
    Case("case", sa.case((Thing.flag, Thing.whole)) == 5, [1], [4]),
    Case("case", sa.case((Thing.flag, Thing.exact), else_=Thing.whole) > 1, [1, 5], [2, 4]),
    Case("case", sa.case({5: "five", 0: "zero"}, value=Thing.whole, else_="other") == "other", [2, 3], [1, 4, 5]),
    Case("case", sa.case((Thing.flag, Thing.text == "Alpha"), else_=Thing.whole == 5), [1, 5], [2, 4]),
    Case("functions", sa.func.coalesce(Thing.flag, True), [1, 3, 4], [2, 5]),
    Case("functions", sa.func.coalesce(Thing.whole, 0) == 0, [3, 4], [1, 2, 5]),
    Case("functions", sa.func.coalesce(Thing.exact, Thing.whole, 7) > 6, [2, 3, 5], [1, 4]),
    Case("functions", sa.func.nullif(Thing.text, "") != "Alpha", [2, 4], [1]),
    Case("functions", sa.func.nullif(Thing.whole, 5).is_(None), [1, 3, 5], [2, 4]),
    Case("functions", sa.func.lower(Thing.text) == "alpha", [1], [2, 4, 5]),
    Case("functions", sa.func.upper(Thing.text).like("BETA%"), [2], [1, 4, 5]),
    Case("functions", sa.func.length(Thing.text) == 5, [1, 2, 4], [5]),
    Case("functions", sa.func.char_length(Thing.text) == 0, [5], [1, 2, 4]),
    Case("functions", sa.func.abs(Thing.whole) == 7, [2], [1, 4, 5]),
    Case("functions", sa.func.abs(Thing.exact) == Decimal("2.5"), [4], [1, 2, 5]),
    Case("functions", sa.func.abs(Thing.float_) == 0.5, [2], [1, 4]),
    Case("functions", Thing.moment < now, [1, 2], [4]),
    Case("functions", Thing.moment < sa.func.current_timestamp(), [1, 2], [4]),
    Case("functions", Thing.day < sa.func.current_date(), [1, 2], [4]),
    Case("functions", sa.func.coalesce(Thing.moment, now) <= now, [1, 2, 3, 5], [4]),
    Case("functions", sa.func.lower(me.name) == "ada", [1, 2, 3, 4, 5], []),
    Case("functions", sa.func.coalesce(Thing.text, me.name) == "Ada", [3], [1, 2, 4, 5]),
    Case("functions", sa.func.nullif(Thing.exact, 10).is_(None), [2, 3], [1, 4, 5]),
    Case("functions", sa.func.length(me.name) == 3, [1, 2, 3, 4, 5], []),
    Case("functions", sa.func.upper(Thing.text) == "ÄX", [], [1, 2, 4, 5]),
    Case(
        "aggregates",
        sa.select(sa.func.count()).where(Member.team_id == Thing.team_id).scalar_subquery() > 1,
        [1, 4],
        [2, 3, 5],
    ),
    Case(
        "aggregates",
        sa.select(sa.func.count(Member.fee)).where(Member.team_id == Thing.team_id).scalar_subquery() == 1,
        [1, 2, 4],
        [3, 5],
    ),
    Case(
        "aggregates",
        sa.select(sa.func.sum(Member.fee)).where(Member.team_id == Thing.team_id).scalar_subquery() > 15,
        [2],
        [1, 4],
    ),
    Case(
        "aggregates",
        sa.select(sa.func.max(Member.fee)).where(Member.team_id == Thing.team_id).scalar_subquery() == Decimal("9.5"),
        [1, 4],
        [2],
    ),
    Case("aggregates", sa.select(sa.func.min(Member.fee)).scalar_subquery() < Thing.exact, [2, 5], [1, 4]),
    Case("aggregates", sa.select(sa.func.sum(Team.size)).scalar_subquery() == 2, [1, 2, 3, 4, 5], []),
    Case("aggregates", sa.select(sa.func.count(Member.team_id.distinct())).scalar_subquery() == 2, [1, 2, 3, 4, 5], []),
    Case(
        "aggregates",
        sa.select(sa.func.max(Other.moment)).where(Other.parent_id == Thing.id).scalar_subquery() > now,
        [1],
        [],
    ),
    Case(
        "aggregates",
        sa.select(sa.func.sum(Other.span)).where(Other.parent_id == Thing.id).scalar_subquery() > timedelta(days=1),
        [1],
        [],
    ),
    Case("aggregates", sa.select(sa.func.sum(Other.float_)).scalar_subquery() > 1, [1, 2, 3, 4, 5], []),
    Case(
        "aggregates",
        sa.select(sa.func.coalesce(sa.func.sum(Member.fee), 0)).where(Member.team_id == Thing.team_id).scalar_subquery()
        == 0,
        [3, 5],
        [1, 2, 4],
    ),
    Case("aggregates", sa.select(sa.func.max(Other.day)).scalar_subquery() == Thing.day, [4], [1, 2]),
    Case("aggregates", sa.select(sa.func.min(Other.clock)).scalar_subquery() == Thing.clock, [4], [1, 2]),
    Case("arithmetic", Thing.whole + Thing.other == 7, [1], [2, 4, 5]),
    Case("arithmetic", Thing.whole - Thing.other < 0, [2, 4], [1, 5]),
    Case("arithmetic", Thing.whole * 2 == 10, [1, 5], [2, 4]),
    Case("arithmetic", Thing.whole / Thing.other == Decimal("2.5"), [1], [2, 4, 5]),
    Case("arithmetic", Thing.whole // Thing.other == -3, [2], [1, 4, 5]),
    Case("arithmetic", Thing.whole % Thing.other == -1, [2], [1, 4, 5]),
    Case("arithmetic", Thing.whole % 3 == 2, [1, 5], [2, 4]),
    Case("arithmetic", -Thing.whole == 7, [2], [1, 4, 5]),
    Case("arithmetic", Thing.exact + 1 == Decimal("2.1"), [1], [2, 4, 5]),
    Case("arithmetic", Thing.exact * Thing.exact == Decimal("1.21"), [1], [2, 4, 5]),
    Case("arithmetic", Thing.exact - Thing.whole < 0, [1, 4], [2, 5]),
    Case("arithmetic", Thing.exact / 3 > Decimal("0.366"), [1, 2, 5], [4]),
    Case("arithmetic", Thing.exact % 2 == Decimal("1.1"), [1], [2, 4, 5]),
    Case("arithmetic", Thing.exact // 3 == 3, [2], [1, 4, 5]),
    Case("arithmetic", -Thing.exact == Decimal("2.5"), [4], [1, 2, 5]),
    Case("arithmetic", Thing.float_ * 2 == 3, [1], [2, 4]),
    Case("arithmetic", Thing.float_ / 2 == 0.75, [1], [2, 4]),
    Case("arithmetic", Thing.float_ + Thing.whole == 6.5, [1], [2, 4]),
    Case("arithmetic", Thing.whole / 3 > 1, [1, 5], [2, 4]),
    Case("arithmetic", Thing.whole / 2.0 == 2.5, [1, 5], [2, 4]),
    Case("arithmetic", (Thing.whole + 1) * 2 == 12, [1, 5], [2, 4]),
    Case("arithmetic", Thing.exact + Thing.whole == Decimal("6.1"), [1], [2, 4, 5]),
    Case("arithmetic", Thing.big * 2 > Thing.whole, [1, 2], [4]),
    Case("arithmetic", Thing.whole + me.level == 10, [1, 5], [2, 4]),
    Case("arithmetic", Thing.exact / Thing.other > 1, [2, 5], [1, 4]),
    Case("times", Thing.moment + timedelta(days=1) > datetime(2024, 2, 29, tzinfo=UTC), [2, 4], [1]),
    Case("times", Thing.moment > now - timedelta(days=7), [4], [1, 2]),
    Case("times", Thing.naive - timedelta(hours=12) == datetime(2024, 1, 31), [1], [2, 4]),
    Case("times", Thing.day + timedelta(days=1) == datetime(2024, 2, 1), [1], [2, 4]),
    Case("times", Thing.day + timedelta(hours=36) == datetime(2024, 2, 1, 12), [1], [2, 4]),
    Case("times", Thing.clock + timedelta(hours=1) == time(9, 30), [1], [2, 4]),
    Case("times", Thing.moment - Thing.moment == timedelta(0), [1, 2, 4], []),
    Case("times", now - Thing.moment > timedelta(days=1), [1, 2], [4]),
    Case("times", Thing.span + timedelta(hours=12) == timedelta(hours=36), [1], [2, 4]),
    Case("times", Thing.moment + Thing.span == datetime(2024, 2, 1, 12, tzinfo=UTC), [1], [2, 4]),
    Case("times", Thing.moment + timedelta(days=60) == datetime(2024, 3, 31, 12, tzinfo=UTC), [1], [2, 4]),
    Case("times", Thing.moment - timedelta(days=180) == datetime(2023, 8, 4, 12, tzinfo=UTC), [1], [2, 4]),
    Case("times", Thing.naive > now - timedelta(days=7), [4], [1, 2]),
    Case("times", Thing.naive - now < timedelta(0), [1, 2], [4]),
    Case("times", Thing.day + 1 == date(2024, 2, 1), [1], [2, 4]),
    Case("times", Thing.day - 1 == date(2024, 2, 28), [2], [1, 4]),
    Case("times", sa.func.current_date() - timedelta(days=1) > Thing.naive, [1, 2], [4]),
    Case("times", Thing.span - timedelta(hours=12) == timedelta(hours=12), [1], [2, 4]),
    Case("times", Thing.clock - timedelta(hours=1) == time(7, 30), [1], [2, 4]),
    Case("text", Thing.text + "!" == "Alpha!", [1], [2, 4, 5]),
    Case("text", Thing.text + Thing.text == "AlphaAlpha", [1], [2, 4, 5]),
    Case("text", (Thing.text + me.name).like("%Ada"), [1, 2, 4, 5], []),
    Case("text", "x" + Thing.text == "x", [5], [1, 2, 4]),
    Case("json", Thing.meta["s"].as_string() == "x", [1], [2, 4]),
    Case("json", Thing.meta["s"].as_string() == "5", [4], [1, 2]),
    Case("json", Thing.meta["a"]["b"].as_integer() > 0, [1], [2]),
    Case("json", Thing.meta["a", "b"].as_integer() == -1, [2], [1]),
    Case("json", Thing.meta["t"].as_boolean(), [1], [2]),
    Case("json", ~Thing.meta["t"].as_boolean(), [2], [1]),
    Case("json", Thing.meta["f"].as_float() > 1, [1], [2]),
    Case("json", Thing.meta["f"].as_numeric(10, 2) == Decimal("0.1"), [2], [1]),
    Case("json", Thing.meta["n"].as_string().is_(None), [1, 2, 3, 4, 5], []),
    Case("json", Thing.meta["s"].as_string().in_(["x", "5"]), [1, 4], [2]),
    Case("json", Thing.meta["l", 1].as_integer() == 2, [1], []),
    Case("json", Thing.meta["nope"].as_string().is_(None), [1, 2, 3, 4, 5], []),
    Case("json", Thing.meta["s"].as_string().like("x%"), [1], [2, 4]),
    Case("json", Thing.meta["a"].as_string().is_(None), [3, 5], [1, 2, 4]),
    Case("json", Thing.meta["n"].as_string().is_(None), [1, 2, 3, 4, 5], []),
    Case("json", Thing.meta["t"].as_boolean().is_(None), [3, 4, 5], [1, 2]),
    Case("json", Thing.meta["f"].as_string() == "1.5", [1], [2]),
    Case("json", Thing.meta["t"].as_string() == "true", [1], [2]),
    Case("json", Thing.meta["a", "b"].as_string() == "3", [1], [2]),
    Case("cast", sa.cast(Thing.whole, sa.Text) == "5", [1, 5], [2, 4]),
    Case("cast", sa.cast(Thing.meta["s"].as_string(), sa.Text) == "5", [4], [1, 2]),
    Case("cast", sa.cast(sa.literal("7"), sa.Integer) == 7, [1, 2, 3, 4, 5], []),
    Case("cast", sa.cast(Thing.exact, sa.Integer) == -3, [4], [1, 2, 5]),
    Case("cast", sa.cast(Thing.exact, sa.Integer) == 1, [1], [2, 4, 5]),
    Case("cast", sa.cast(Thing.exact, sa.Text) == "1.100", [1], [2, 4, 5]),
    Case("cast", sa.cast(Thing.exact, sa.Numeric(10, 1)) == Decimal("1.1"), [1], [2, 4, 5]),
    Case("cast", sa.cast(Thing.exact, sa.Float) == 1.1, [1], [2, 4, 5]),
    Case("cast", sa.cast(Thing.flag, sa.Integer) == 1, [1, 4], [2, 5]),
    Case("cast", sa.cast(Thing.flag, sa.Text) == "true", [1, 4], [2, 5]),
    Case("cast", sa.cast(Thing.whole, sa.Boolean), [1, 2, 5], [4]),
    Case("cast", sa.cast(Thing.key, sa.Text) == str(ADA), [1], [2]),
    Case("cast", sa.cast(sa.literal(str(ADA)), sa.Uuid) == Thing.key, [1], [2]),
    Case("cast", sa.cast(Thing.day, sa.Text) == "2024-01-31", [1], [2, 4]),
    Case("cast", sa.cast(Thing.day, sa.DateTime) == datetime(2024, 1, 31), [1], [2, 4]),
    Case("cast", sa.cast(Thing.moment, sa.Date) == date(2024, 2, 29), [2], [1, 4]),
    Case("cast", sa.cast(Thing.naive, sa.Date) == Thing.day, [1, 2, 4], []),
    Case("cast", sa.cast(Thing.moment, sa.DateTime) == Thing.naive, [1, 2, 4], []),
    Case("cast", sa.cast(sa.literal("2024-01-31"), sa.Date) == Thing.day, [1], [2, 4]),
    Case("cast", sa.cast(sa.literal("2024-01-31T12:00:00Z"), sa.DateTime(timezone=True)) == Thing.moment, [1], [2, 4]),
    Case("cast", sa.cast(sa.literal("2024-01-31 12:00:00"), sa.DateTime(timezone=True)) == Thing.moment, [1], [2, 4]),
    Case("cast", sa.cast(sa.literal("2024-01-31 12:00:00"), sa.DateTime()) == Thing.naive, [1], [2, 4]),
    Case("cast", sa.cast(sa.cast(Thing.moment, sa.DateTime), sa.Date) == date(2024, 1, 31), [1], [2, 4]),
    Case("cast", sa.cast(now, sa.Date) > Thing.day, [1, 2], [4]),
    Case("cast", sa.cast(now, sa.DateTime) > Thing.naive, [1, 2], [4]),
    Case("cast", sa.cast(now, sa.DateTime(timezone=True)) > Thing.moment, [1, 2], [4]),
    Case("cast", sa.cast(sa.literal("1.10"), sa.Numeric) == Thing.exact, [1], [2, 4, 5]),
    Case("cast", sa.cast(sa.literal("1.5"), sa.Float) == Thing.float_, [1], [2, 4]),
    Case("cast", sa.cast(Thing.whole, sa.Float) == 5.0, [1, 5], [2, 4]),
    Case("cast", sa.cast(Thing.float_, sa.Numeric(20, 2)) == Decimal("1.5"), [1], [2, 4]),
    Case("cast", sa.cast(sa.literal("yes"), sa.Boolean) == Thing.flag, [1, 4], [2, 5]),
    Case("cast", sa.cast(Thing.whole, sa.Numeric) / 2 == Decimal("2.5"), [1, 5], [2, 4]),
    Case("cast", sa.cast(Thing.big, sa.Text) == "0", [4], [1, 2]),
    Case("cast", sa.cast(Thing.whole, sa.BigInteger) * 10000000000 > 1, [1, 5], [2, 4]),
]


@pytest.fixture(scope="module")
def ask(module_database_url: str) -> Iterator[Asking]:
    """Tells which things Ada sees by a rule."""
    app = subset.build(module_database_url)
    ada = Caller(str(ADA), {}, Role.AUTHENTICATED)
    with asyncio.Runner() as runner:
        runner.run(app.start())
        runner.run(subset.fill(app))
        yield lambda rule, zone=None: runner.run(seen(app, rule, replace(ada, timezone=zone)))
        runner.run(app.stop())


async def seen(app: Backstay, rule: Any, caller: Caller) -> list[int]:
    """The ids of the things that a caller sees by a rule, in order."""
    declared = Declarations([Resource(Thing, Asked(select=rule), place())])
    schema = collect(declared, user=User)
    assert list(map(str, schema.findings)) == []
    query = Select("things", items=(Pick(Field("id")),))
    reply = await Road(schema, app.assembly.engine, app.settings).answer(query, caller, lambda reply: None)
    return sorted(row["id"] for row in json.loads(reply.body))


def named(case: Case) -> str:
    """A case's name, the same in every process of a run."""
    return f"{case.element}: {show(case.rule)}"


@pytest.mark.invariant("I16")
@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_rule_means_the_same_on_every_database(case: Case, ask: Asking) -> None:
    assert (ask(case.rule), ask(sa.not_(case.rule))) == (case.true, case.false)


TIMELESS = ("caller", "json", "text", "arithmetic", "logic", "null")


@pytest.mark.invariant("I16")
@pytest.mark.parametrize("case", [case for case in CASES if case.element not in TIMELESS], ids=named)
def test_a_rule_means_the_same_wherever_the_caller_is(case: Case, ask: Asking) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"):
        assert ask(case.rule, find_zone(zone)) == case.true, zone


def test_every_element_of_the_subset_has_a_case() -> None:
    assert {case.element for case in CASES} == set(ELEMENTS)


def test_every_function_of_the_subset_has_a_case() -> None:
    called = {
        str(element.name).lower()
        for case in CASES
        for element in sa.sql.visitors.iterate(case.rule)
        if isinstance(element, sa.sql.functions.FunctionElement)
    }
    assert called == set(FUNCTIONS)


def test_every_cast_of_the_subset_has_a_case() -> None:
    cast = {
        (_sort(element.clause), sort_of(element.type))
        for case in CASES
        for element in sa.sql.visitors.iterate(case.rule)
        if isinstance(element, sa.Cast)
    }
    allowed = {(source, target) for source, targets in CASTS.items() for target in targets if source != target}
    assert allowed - cast == set()


def _sort(element: Any) -> str:
    return "present moment" if isinstance(element, sa.sql.functions.now) else sort_of(element.type)
