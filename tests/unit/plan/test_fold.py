"""Rules: what speaks of the caller alone is decided before any SQL."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import anyone, current, signed_in
from backstay.errors import InvalidClaims
from backstay.plan.fold import Folded, Known, Verdict, fold, questions
from backstay.schema.caller import ANONYMOUS, Caller, Role
from backstay.schema.expression.weave import plain
from fixtures.workspace import Note, User

me = current(User)
ADMIN = Caller(str(uuid4()), {"role": "admin", "org_id": str(uuid4())}, Role.AUTHENTICATED)
MEMBER = Caller(str(uuid4()), {"role": "member"}, Role.AUTHENTICATED)
STRANGER = Caller(str(uuid4()), {}, Role.AUTHENTICATED)
SURE = Caller(str(uuid4()), {"aal": "aal2"}, Role.AUTHENTICATED)


def folded(rule: ColumnElement[Any], caller: Caller) -> Folded:
    rule = plain(rule)
    return fold(rule, {question.subject: question.ask(caller) for question in questions(rule)})


def text(rule: Folded) -> str:
    assert isinstance(rule, ColumnElement)
    return str(rule)


@pytest.mark.parametrize(
    ("rule", "caller", "verdict"),
    [
        (anyone, ANONYMOUS, Verdict.LET),
        (sa.false(), ADMIN, Verdict.EMPTY),
        (signed_in, MEMBER, Verdict.LET),
        (signed_in, ANONYMOUS, Verdict.REFUSED),
        (~signed_in, MEMBER, Verdict.REFUSED),
        (~signed_in, ANONYMOUS, Verdict.LET),
        (me.role == "admin", ADMIN, Verdict.LET),
        (me.role == "admin", MEMBER, Verdict.REFUSED),
        (me.role == "admin", ANONYMOUS, Verdict.REFUSED),
        (me.role != "admin", ANONYMOUS, Verdict.REFUSED),
        (~(me.role == "admin"), ANONYMOUS, Verdict.REFUSED),
        (me.role.is_(None), ANONYMOUS, Verdict.LET),
        (me.role.in_(["admin", "owner"]), ADMIN, Verdict.LET),
        (me.role.in_(["admin", "owner"]), MEMBER, Verdict.REFUSED),
        (me.role.not_in(["admin", "owner"]), MEMBER, Verdict.LET),
        (me.role.in_([]), ANONYMOUS, Verdict.REFUSED),
        (me.role.not_in([]), ANONYMOUS, Verdict.LET),
        (signed_in & (me.role == "admin"), MEMBER, Verdict.REFUSED),
        (signed_in | (me.role == "admin"), MEMBER, Verdict.LET),
        (Note.author_id == me.id, ANONYMOUS, Verdict.EMPTY),
        (~(Note.author_id == me.id), ANONYMOUS, Verdict.EMPTY),
        (Note.author_id != me.id, ANONYMOUS, Verdict.EMPTY),
        (~(~(Note.author_id == me.id)), ANONYMOUS, Verdict.EMPTY),
        (signed_in & Note.public, ANONYMOUS, Verdict.REFUSED),
        (me.aal >= 2, SURE, Verdict.LET),
        (me.aal >= 2, MEMBER, Verdict.REFUSED),
        (me.aal >= 2, ANONYMOUS, Verdict.REFUSED),
        (~(me.aal >= 2), ANONYMOUS, Verdict.REFUSED),
        (~(me.aal >= 2), STRANGER, Verdict.LET),
        (me.aal == 1, STRANGER, Verdict.LET),
        (me.aal < 2, SURE, Verdict.REFUSED),
        (me.aal.in_([2, 3]), SURE, Verdict.LET),
        (me.aal.is_(None), ANONYMOUS, Verdict.LET),
        (me.aal.is_(None), STRANGER, Verdict.REFUSED),
        (Note.number <= me.aal, ANONYMOUS, Verdict.EMPTY),
    ],
)
def test_a_rule_about_the_caller_comes_to(rule: ColumnElement[Any], caller: Caller, verdict: Verdict) -> None:
    assert folded(rule, caller) is verdict


def test_what_is_decided_leaves_the_rest_of_the_rule() -> None:
    rule = (me.role == "admin") | Note.public
    assert folded(rule, ADMIN) is Verdict.LET
    assert text(folded(rule, MEMBER)) == "notes.public"
    assert text(folded(signed_in & Note.public, MEMBER)) == "notes.public"


def test_a_null_comparison_is_left_out_where_it_can_only_fail() -> None:
    assert text(folded(Note.public | (Note.author_id == me.id), ANONYMOUS)) == "notes.public"


def test_under_not_a_null_comparison_keeps_the_row_out() -> None:
    rule = ~(Note.public | (Note.author_id == me.id))
    # NOT (public OR NULL) is never true.
    assert folded(rule, ANONYMOUS) is Verdict.EMPTY


def test_a_term_the_token_cannot_decide_stays_in_the_statement() -> None:
    rule = (me.role == "admin") | Note.public
    assert "me.role" in text(folded(rule, STRANGER))
    answers = {question.subject: question.ask(STRANGER) for question in questions(plain(rule))}
    assert answers["role"] is Known.TABLE


def test_the_role_claim_that_every_token_has_is_not_the_users_role() -> None:
    from_the_wire = Caller(str(uuid4()), {"role": "authenticated"}, Role.AUTHENTICATED)
    rule = plain(me.role == "admin")
    answers = {question.subject: question.ask(from_the_wire) for question in questions(rule)}
    assert answers["role"] is Known.TABLE
    assert isinstance(fold(rule, answers), ColumnElement)


def test_callers_whose_answers_agree_ask_for_one_statement() -> None:
    rule = plain((me.role == "admin") | (Note.author_id == me.id))
    other = Caller(str(uuid4()), {"role": "member", "org_id": str(uuid4())}, Role.AUTHENTICATED)
    first, second = ([question.ask(caller) for question in questions(rule)] for caller in (MEMBER, other))
    assert first == second


def test_a_claim_of_the_wrong_type_is_a_bad_token() -> None:
    rule = Note.org_id == me.org_id
    bad = Caller(str(uuid4()), {"org_id": "acme"}, Role.AUTHENTICATED)
    from backstay.plan.fold import value_of

    attribute = plain(rule).right
    with pytest.raises(InvalidClaims):
        value_of(attribute, bad)


@pytest.mark.parametrize("claim", ["aal3", "AAL2", "2", 2, 2.0, True, ["aal2"], {"aal2": 1}, ""])
def test_an_assurance_level_that_does_not_exist_is_a_bad_token(claim: Any) -> None:
    with pytest.raises(InvalidClaims):
        folded(me.aal >= 2, Caller(str(uuid4()), {"aal": claim}, Role.AUTHENTICATED))


@pytest.mark.parametrize("claims", [{}, {"aal": None}, {"aal": "aal1"}])
def test_without_a_second_factor_the_assurance_level_is_one(claims: dict[str, Any]) -> None:
    assert folded(me.aal == 1, Caller(str(uuid4()), claims, Role.AUTHENTICATED)) is Verdict.LET


def test_the_assurance_level_is_never_read_from_the_users_table() -> None:
    for caller in (ANONYMOUS, STRANGER, SURE):
        answers = {question.subject: question.ask(caller) for question in questions(plain(Note.number <= me.aal))}
        assert answers["aal"] is not Known.TABLE


def test_a_column_that_would_hide_the_assurance_level_is_refused() -> None:
    class Base(DeclarativeBase): ...

    class Person(Base):
        __tablename__ = "people"
        id: Mapped[int] = mapped_column(primary_key=True)
        aal: Mapped[int]

    with pytest.raises(AttributeError, match="another name"):
        current(Person).aal  # noqa: B018
