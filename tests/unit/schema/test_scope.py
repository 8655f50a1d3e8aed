"""Scopes: a key may what its owner may, as far as one of its scopes lets it, and no rule tells it more."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import ColumnElement

from backstay import Backstay, anyone, current, signed_in
from backstay.errors import DeclarationError
from backstay.plan.fold import Folded, Verdict, fold, questions
from backstay.schema.caller import ANONYMOUS, Caller, Role
from backstay.schema.expression.weave import plain
from backstay.schema.scope.held import held, limit
from fixtures.workspace import Note, User, build

me = current(User)
MINE = Note.author_id == me.id
SCOPES = {"all": anyone, "public": Note.public, "admins": me.role == "admin", "nothing": sa.false()}


def key(*scopes: str, **claims: Any) -> Caller:
    return Caller(str(uuid4()), claims, Role.AUTHENTICATED, scopes=frozenset(scopes))


def folded(rule: ColumnElement[Any], caller: Caller) -> Folded:
    limited = limit(plain(rule), {name: plain(extent) for name, extent in SCOPES.items()})
    return fold(limited, {question.subject: question.ask(caller) for question in questions(limited)})


def text(rule: Folded) -> str:
    assert isinstance(rule, ColumnElement)
    return str(rule)


@pytest.mark.parametrize(
    ("caller", "verdict"),
    [
        (key(), Verdict.REFUSED),
        (key("unknown"), Verdict.REFUSED),
        (key("ALL"), Verdict.REFUSED),
        (key("admins", role="member"), Verdict.REFUSED),
        (key("nothing"), Verdict.REFUSED),
        (key("admins", role="admin"), Verdict.LET),
        (key("all"), Verdict.LET),
        (key("unknown", "all"), Verdict.LET),
        (key("*"), Verdict.LET),
        (Caller(str(uuid4()), {}, Role.AUTHENTICATED), Verdict.LET),
    ],
)
def test_a_scope_comes_to(caller: Caller, verdict: Verdict) -> None:
    assert folded(signed_in, caller) is verdict


@pytest.mark.parametrize("scopes", [each for n in range(5) for each in itertools.combinations([*SCOPES, "*"], n)])
def test_no_scope_gives_what_the_rule_does_not(scopes: tuple[str, ...]) -> None:
    assert folded(me.role == "admin", key(*scopes, role="member")) is Verdict.REFUSED
    assert folded(sa.false(), key(*scopes)) in (Verdict.EMPTY, Verdict.REFUSED)


def test_a_scope_narrows_what_is_left_of_the_rule() -> None:
    narrowed = text(folded(MINE, key("public")))
    assert narrowed == "notes.public AND notes.author_id = me.id"
    assert text(folded(MINE, key("*"))) == text(folded(MINE, key("all", "public"))) == "notes.author_id = me.id"
    assert text(folded(anyone, key("public"))) == "notes.public"


def test_who_shows_no_key_is_not_bound_by_scopes() -> None:
    for caller in (ANONYMOUS, Caller(str(uuid4()), {}, Role.AUTHENTICATED)):
        assert folded(anyone, caller) is Verdict.LET


def test_a_caller_is_asked_once_for_a_scope() -> None:
    assert held("notes:read") is held("notes:read")
    both = sa.and_(limit(plain(MINE), SCOPES), limit(plain(signed_in), SCOPES))
    subjects = [each.subject for each in questions(both)]
    assert len({id(each) for each in subjects if each is held("all")}) == 1


def test_rules_are_as_they_were_where_no_scope_is_declared() -> None:
    one, other = build(), build()
    other.scope("*")
    rules = [app.schema.resources["public", "notes"].rules.select for app in (one, other)]
    assert [rule is not None and "scope(*)" in str(rule.expression) for rule in rules] == [False, True]


@pytest.mark.parametrize("name", ["", " ", "notes read", "notes:", ":read", "a" * 65, "nötes", "**", "a/b", "a,b"])
def test_a_name_that_cannot_be_a_scopes_is_refused(name: str) -> None:
    with pytest.raises(DeclarationError, match="no name of a scope"):
        Backstay("sqlite://").scope(name)


def test_a_scope_is_declared_once() -> None:
    app = Backstay("sqlite://")
    app.scope("notes:read")
    with pytest.raises(DeclarationError, match="declared already"):
        app.scope("notes:read")


def test_the_scope_of_everything_allows_nothing_more() -> None:
    app = build()
    every = app.scope("*")
    notes = app.declarations.resources[0]
    for allow in (lambda: every.allow(notes), lambda: every.allow_call(print), lambda: every.allow_mount(print)):
        with pytest.raises(DeclarationError, match="lets everything"):
            allow()
