"""Folding: the terms of a rule that speak of the caller alone are decided before any SQL.

A rule is asked *questions* about the caller first: what a term such as ``me.role == Role.ADMIN`` comes to, and whether
the token knows an attribute. The answers, not the caller, decide the statement's text; so callers for whom the answers
are equal share a statement.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import (
    AsBoolean,
    BinaryExpression,
    BindParameter,
    BooleanClauseList,
    Grouping,
    UnaryExpression,
)

from backstay.errors import InvalidClaims, RequestError
from backstay.schema.caller import ASSURANCE, ASSURANCE_LEVELS, Caller, CallerAttribute, Role, SignedIn
from backstay.schema.kind import Kind
from backstay.schema.scope.held import Held

# Questions and answers ---------------------------------------------------------------------------------------


class Known(Enum):
    """Where the value of an attribute of the caller comes from."""

    TOKEN = "the token"
    TABLE = "the users' table"
    NOTHING = "nobody is signed in"

    # It is a part of what is looked up for every request; Enum's own hash is Python's.
    __hash__ = object.__hash__


class Open(Enum):
    """The answer to a term that the token alone cannot decide."""

    OPEN = "open"


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One thing a rule asks about the caller. ``subject`` is a term, or an attribute's name; answers are hashable."""

    subject: ColumnElement[Any] | str
    ask: Callable[[Caller], Any]


Answers: TypeAlias = Mapping[ColumnElement[Any] | str, Any]


def questions(rule: ColumnElement[Any]) -> tuple[Question, ...]:
    """Everything a rule asks about the caller, in a fixed order."""
    found: list[Question] = []
    _collect_terms(rule, found)
    names: set[str] = set()
    for element in visitors.iterate(rule):
        if isinstance(element, CallerAttribute) and element.name not in names:
            names.add(element.name)
            found.append(attribute_question(element))
        elif isinstance(element, SignedIn) and SIGNED_IN not in names:
            names.add(SIGNED_IN)
            found.append(Question(SIGNED_IN, lambda caller: caller.signed_in))
    return tuple(found)


_LONGEST = 64
"""Characters of a claim whose canonical value is remembered: ids are shorter."""

SIGNED_IN = "signed in?"
"""The subject of the question whether the caller is a user, for where it stands inside a sub-select."""


def attribute_question(attribute: CallerAttribute) -> Question:
    """Where this attribute of the caller comes from."""

    def ask(caller: Caller) -> Known:
        if caller.role is not Role.AUTHENTICATED:
            return Known.NOTHING
        return Known.TOKEN if is_certain or _is_claimed(attribute, caller) else Known.TABLE

    is_certain = attribute.name == "id" or attribute.column is None
    return Question(attribute.name, ask)


def _is_claimed(attribute: CallerAttribute, caller: Caller) -> bool:
    """Whether the token says what this attribute is."""
    if attribute.name not in caller.claims:
        return False
    # Every user's token says `role: authenticated`. That is what they are to Backstay, not in the users' table.
    return attribute.name != "role" or caller.claims["role"] != caller.role.value


def value_of(attribute: CallerAttribute, caller: Caller) -> Any:
    """The canonical value of an attribute that the token knows; None for a caller who is not signed in.

    Raises:
        InvalidClaims: when the claim has not the column's type.
    """
    if caller.role is not Role.AUTHENTICATED:
        return None
    if attribute.column is None:
        return attribute.kind.take(_assurance(caller))
    claim = caller.id if attribute.name == "id" else caller.claims.get(attribute.name)
    if claim is None:
        return None
    try:
        if type(claim) is str and len(claim) <= _LONGEST:
            return attribute.take(claim)
        return attribute.kind.take(claim)
    except RequestError as error:
        raise InvalidClaims("Parsing claims failed", detail=f"claim '{attribute.name}': {error.message}") from error


def _assurance(caller: Caller) -> int:
    """By how many factors a user signed in."""
    claim = caller.claims.get(ASSURANCE)
    level = 1 if claim is None else ASSURANCE_LEVELS.get(claim) if isinstance(claim, str) else None
    if level is None:
        raise InvalidClaims("Parsing claims failed", detail=f"claim '{ASSURANCE}': it is neither aal1 nor aal2")
    return level


def _collect_terms(rule: Any, found: list[Question]) -> None:
    rule = _bare(rule)
    if isinstance(rule, BooleanClauseList):
        for clause in rule.clauses:
            _collect_terms(clause, found)
    elif _is_negation(rule) or _is_affirmation(rule):
        _collect_terms(rule.element, found)
    elif isinstance(rule, Held):
        found.append(Question(rule, rule.ask))
    elif _is_term(rule):
        found.append(Question(rule, lambda caller: _evaluate(rule, caller)))


def _bare(element: Any) -> Any:
    while isinstance(element, Grouping):
        element = element.element
    return element


def _is_negation(element: Any) -> bool:
    return isinstance(element, UnaryExpression) and element.operator in (operators.inv, operators.is_false)


def _is_affirmation(element: Any) -> bool:
    """Whether an expression is another one spelt as a truth value, for databases that have none."""
    return isinstance(element, AsBoolean) and element.operator is operators.is_true


def _is_term(element: Any) -> bool:
    """Whether an expression speaks of the caller alone, and Python can decide it."""
    if isinstance(element, SignedIn | Held):
        return True
    if not isinstance(element, BinaryExpression) or element.operator not in _COMPARE:
        return False
    sides = (_bare(element.left), _bare(element.right))
    return any(isinstance(side, CallerAttribute) for side in sides) and all(_is_plain(side) for side in sides)


def _is_plain(side: Any) -> bool:
    return isinstance(side, CallerAttribute | BindParameter | sa.sql.elements.Null | sa.True_ | sa.False_)


# Deciding one term -------------------------------------------------------------------------------------------


def _is_in(left: Any, right: Any) -> bool | None:
    if left in [each for each in right if each is not None]:
        return True
    return None if None in right else False


def _is_not_in(left: Any, right: Any) -> bool | None:
    found = _is_in(left, right)
    return None if found is None else not found


_COMPARE: dict[Any, Callable[[Any, Any], bool | None]] = {
    operators.eq: operator.eq,
    operators.ne: operator.ne,
    operators.lt: operator.lt,
    operators.le: operator.le,
    operators.gt: operator.gt,
    operators.ge: operator.ge,
    operators.in_op: _is_in,
    operators.not_in_op: _is_not_in,
    operators.is_: operator.eq,
    operators.is_not: operator.ne,
    operators.is_distinct_from: operator.ne,
    operators.is_not_distinct_from: operator.eq,
}
_NULL_AWARE = (operators.is_, operators.is_not, operators.is_distinct_from, operators.is_not_distinct_from)


def _evaluate(term: Any, caller: Caller) -> bool | Open | None:
    if isinstance(term, SignedIn):
        return caller.signed_in
    attributes = [side for side in (_bare(term.left), _bare(term.right)) if isinstance(side, CallerAttribute)]
    if any(attribute_question(attribute).ask(caller) is Known.TABLE for attribute in attributes):
        return Open.OPEN
    kind = attributes[0].kind
    left, right = (_value(side, kind, caller) for side in (_bare(term.left), _bare(term.right)))
    empty = right == [] and term.operator in (operators.in_op, operators.not_in_op)  # even NULL is not in it
    if term.operator not in _NULL_AWARE and (left is None or right is None) and not empty:
        return None
    return _COMPARE[term.operator](left, right)


def _value(side: Any, kind: Kind, caller: Caller) -> Any:
    if isinstance(side, CallerAttribute):
        value = value_of(side, caller)
    elif isinstance(side, BindParameter):
        value = side.effective_value
        if isinstance(value, list | tuple | set | frozenset):
            return [None if each is None else kind.key(kind.dump(each)) for each in value]
        value = None if value is None else kind.dump(value)
    else:
        return {sa.sql.elements.Null: None, sa.True_: True, sa.False_: False}[type(side)]
    return None if value is None else kind.key(value)


# Folding a rule ----------------------------------------------------------------------------------------------


class Verdict(Enum):
    """What a rule comes to when it does not depend on the row.

    ``REFUSED``: the caller may not do this at all. ``EMPTY``: they may, but no row can satisfy the rule.
    """

    LET = "every row"
    REFUSED = "refused to this caller"
    EMPTY = "no row"


Folded: TypeAlias = Verdict | ColumnElement[Any]


def fold(rule: ColumnElement[Any], answers: Answers) -> Folded:
    """A rule with its terms about the caller decided.

    Arguments:
        rule: over a resource's table.
        answers: to each of the rule's questions, by subject.
    """
    return _fold(rule, answers, positive=True)


def _fold(rule: Any, answers: Answers, *, positive: bool) -> Folded:
    """``positive`` is false under an odd number of NOTs: there a NULL must count as true for the row to stay out."""
    rule = _bare(rule)
    if isinstance(rule, sa.True_):
        return Verdict.LET
    if isinstance(rule, sa.False_):
        return Verdict.EMPTY
    if _is_affirmation(rule):
        return _fold(rule.element, answers, positive=positive)
    if _is_negation(rule):
        return _negated(_fold(rule.element, answers, positive=not positive), _bare(rule.element))
    if isinstance(rule, BooleanClauseList):
        parts = [_fold(clause, answers, positive=positive) for clause in rule.clauses]
        return _conjunction(parts) if rule.operator is operators.and_ else _disjunction(parts)
    answer = answers.get(rule, Open.OPEN) if _is_term(rule) else Open.OPEN
    if answer is not Open.OPEN:
        unknown = Verdict.REFUSED if positive else Verdict.LET
        return unknown if answer is None else Verdict.LET if answer else Verdict.REFUSED
    if _is_null_for(rule, answers):
        return Verdict.EMPTY if positive else Verdict.LET
    return rule  # type: ignore[no-any-return]


def _is_null_for(rule: Any, answers: Answers) -> bool:
    """Whether a comparison with an attribute of a caller who has none: NULL whatever the row."""
    if not isinstance(rule, BinaryExpression) or rule.operator not in _COMPARE or rule.operator in _NULL_AWARE:
        return False
    if rule.operator in (operators.in_op, operators.not_in_op):
        return False
    return any(
        isinstance(side, CallerAttribute) and answers.get(side.name) is Known.NOTHING
        for side in (_bare(rule.left), _bare(rule.right))
    )


def _negated(part: Folded, element: Any) -> Folded:
    if part is Verdict.LET:
        return Verdict.REFUSED if _is_term(element) else Verdict.EMPTY
    return Verdict.LET if isinstance(part, Verdict) else sa.not_(part)


def _conjunction(parts: list[Folded]) -> Folded:
    verdicts = {part for part in parts if isinstance(part, Verdict)}
    for verdict in (Verdict.REFUSED, Verdict.EMPTY):
        if verdict in verdicts:
            return verdict
    rest = [part for part in parts if not isinstance(part, Verdict)]
    return sa.and_(*rest) if rest else Verdict.LET


def _disjunction(parts: list[Folded]) -> Folded:
    verdicts = {part for part in parts if isinstance(part, Verdict)}
    if Verdict.LET in verdicts:
        return Verdict.LET
    rest = [part for part in parts if not isinstance(part, Verdict)]
    if rest:
        return sa.or_(*rest)
    return Verdict.EMPTY if Verdict.EMPTY in verdicts else Verdict.REFUSED
