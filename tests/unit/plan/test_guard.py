"""The guard: no rule, no plan."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from backstay.errors import (
    AmbiguousRelation,
    BackstayError,
    NotEmbedded,
    PermissionDenied,
    PutFilters,
    RelatedOrder,
    RowRefused,
    UnknownColumn,
    UnknownPayloadColumn,
    UnknownRelation,
    UnknownResource,
)
from backstay.plan.cache import Cache
from backstay.plan.guard import Guards, Plan
from backstay.plan.resolved import Insertion
from backstay.query.nodes import (
    Comparison,
    Delete,
    Embed,
    Everything,
    Field,
    Insert,
    Order,
    Pick,
    Quantifier,
    Resolution,
    Select,
    Step,
    Update,
)
from backstay.schema.caller import ANONYMOUS, SERVICE, Caller, Role
from fixtures.workspace import build

MEMBER = Caller(str(uuid4()), {"role": "member", "org_id": str(uuid4())}, Role.AUTHENTICATED)


@pytest.fixture(scope="module")
def cache() -> Cache[Plan]:
    return Cache(build().schema, lambda plan: plan, size=100)


def test_only_guard_makes_a_plan(cache: Cache[Plan]) -> None:
    plan, _ = cache.find(Select("notes"), MEMBER)
    with pytest.raises(TypeError):
        Plan(object(), plan.schema, plan.resolved, Guards({}), {})


@pytest.mark.parametrize(
    ("query", "caller", "error", "words"),
    [
        (Select("nots"), MEMBER, UnknownResource, "Could not find the table 'public.nots' in the schema cache"),
        (Select("drafts"), MEMBER, PermissionDenied, "permission denied for table drafts"),
        (Select("users"), ANONYMOUS, PermissionDenied, "permission denied for table users"),
        (Select("notes", items=(Pick(Field("nope")),)), MEMBER, UnknownColumn, "column notes.nope does not exist"),
        (Select("notes", items=(Pick(Field("secret")),)), MEMBER, UnknownColumn, "column notes.secret does not exist"),
        (
            Select("notes", where=(Comparison(Field("secret"), "eq", "x"),)),
            SERVICE,
            UnknownColumn,
            "column notes.secret does not exist",
        ),
        (
            Select("notes", order=(Order(Field("secret")),)),
            MEMBER,
            UnknownColumn,
            "column notes.secret does not exist",
        ),
        (
            Select("notes", items=(Embed("nothing"),)),
            MEMBER,
            UnknownRelation,
            "Could not find a relationship between 'notes' and 'nothing' in the schema cache",
        ),
        (
            Select("users", items=(Embed("notes"),)),
            MEMBER,
            AmbiguousRelation,
            "Could not embed because more than one relationship was found for 'users' and 'notes'",
        ),
        (
            Select("notes", order=(Order(Field("name"), relation="author"),)),
            MEMBER,
            NotEmbedded,
            "'author' is not an embedded resource in this request",
        ),
        (
            Select("notes", items=(Embed("replies"),), order=(Order(Field("text"), relation="replies"),)),
            MEMBER,
            RelatedOrder,
            "A related order on 'replies' is not possible",
        ),
        (
            Insert("notes", rows=({"nope": 1},), columns=("nope",)),
            MEMBER,
            UnknownPayloadColumn,
            "Could not find the 'nope' column of 'notes' in the schema cache",
        ),
        (
            Insert("notes", rows=({"secret": 1},), columns=("secret",)),
            MEMBER,
            UnknownPayloadColumn,
            "Could not find the 'secret' column of 'notes' in the schema cache",
        ),
        (
            Update("notes", row={"likes": 1}, columns=("likes",)),
            MEMBER,
            PermissionDenied,
            "permission denied for column likes of table notes",
        ),
        (Insert("tags", rows=({"name": "x"},), columns=("name",)), MEMBER, PermissionDenied, "tags"),
        (Delete("drafts"), MEMBER, PermissionDenied, "permission denied for table drafts"),
        (Insert("notes", rows=({"text": "x"},), columns=("text",)), ANONYMOUS, RowRefused, "notes"),
    ],
)
def test_a_query_is_refused(
    cache: Cache[Plan], query: Any, caller: Caller, error: type[BackstayError], words: str
) -> None:
    with pytest.raises(error) as raised:
        cache.find(query, caller)
    assert words in raised.value.message


def test_a_hint_names_no_resource_the_caller_may_not_select(cache: Cache[Plan]) -> None:
    with pytest.raises(UnknownResource) as raised:
        cache.find(Select("userz"), ANONYMOUS)
    assert raised.value.hint is None
    with pytest.raises(UnknownResource) as raised:
        cache.find(Select("userz"), MEMBER)
    assert raised.value.hint == "Perhaps you meant the table 'public.users'"


def test_a_hint_names_no_hidden_column(cache: Cache[Plan]) -> None:
    with pytest.raises(UnknownColumn) as raised:
        cache.find(Select("notes", items=(Pick(Field("secretx")),)), MEMBER)
    assert raised.value.hint is None


def test_every_source_of_a_plan_has_its_rule(cache: Cache[Plan]) -> None:
    query = Select("notes", items=(Everything(), Embed("author"), Embed("tags"), Embed("replies")))
    plan, _ = cache.find(query, MEMBER)
    assert len(plan.guards.select) == 5  # notes, author, tags and their junction, replies
    assert not isinstance(plan.guards.select[1], bool)


def test_the_secret_key_passes_every_rule_but_sees_no_hidden_column(cache: Cache[Plan]) -> None:
    plan, _ = cache.find(Select("drafts"), SERVICE)
    assert set(plan.guards.select.values()) == {True}


def test_one_entry_serves_all_values_and_all_callers_who_answer_alike(cache: Cache[Plan]) -> None:
    other = Caller(str(uuid4()), {"role": "member", "org_id": str(uuid4())}, Role.AUTHENTICATED)
    one, _ = cache.find(Select("notes", where=(Comparison(Field("text"), "eq", "a"),)), MEMBER)
    two, values = cache.find(Select("notes", where=(Comparison(Field("text"), "eq", "b"),)), other)
    assert one is two
    assert "b" in values


def test_the_cache_is_bounded() -> None:
    small: Cache[Plan] = Cache(build().schema, lambda plan: plan, size=3)
    for name in ("text", "number", "public", "level", "id"):
        small.find(Select("notes", items=(Pick(Field(name)),)), MEMBER)
    assert len(small) == 3


def put(where: tuple[Comparison, ...]) -> Insert:
    rows: tuple[dict[str, Any], ...] = ({"id": 1, "name": "red"},)
    return Insert("tags", rows=rows, columns=("id", "name"), resolution=Resolution.MERGE, single=True, where=where)


def test_a_put_names_its_row_by_its_key(cache: Cache[Plan]) -> None:
    plan, values = cache.find(put((Comparison(Field("id"), "eq", "1"),)), SERVICE)
    assert isinstance(plan.resolved, Insertion)
    ((column, slot),) = plan.resolved.named
    assert (column.name, values[slot.index]) == ("id", "1")


@pytest.mark.parametrize(
    "where",
    [
        (),
        (Comparison(Field("id"), "gt", "1"),),
        (Comparison(Field("id"), "eq", "1", negated=True),),
        (Comparison(Field("id"), "eq", "1"), Comparison(Field("id"), "eq", "1")),
        (Comparison(Field("id"), "eq", "1"), Comparison(Field("name"), "eq", "red")),
        (Comparison(Field("name"), "eq", "red"),),
        (Comparison(Field("id", (Step("x"),)), "eq", "1"),),
        (Comparison(Field("id"), "eq", ("1",), quantifier=Quantifier.ANY),),
    ],
)
def test_a_put_with_other_filters_is_refused(cache: Cache[Plan], where: tuple[Comparison, ...]) -> None:
    with pytest.raises(PutFilters):
        cache.find(put(where), SERVICE)
