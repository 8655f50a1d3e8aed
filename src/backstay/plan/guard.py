"""``guard(resolved, answers) -> Plan``: the rules woven in. The only maker of a Plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from backstay.errors import PermissionDenied, RowRefused
from backstay.plan.fold import Answers, Folded, Question, Verdict, attribute_question, fold, questions
from backstay.plan.resolved import (
    Alteration,
    Deletion,
    Insertion,
    Read,
    Resolved,
    Rows,
    Source,
)
from backstay.query.nodes import Resolution
from backstay.schema.caller import Caller
from backstay.schema.column import Column, Expressed
from backstay.schema.rule import Rule
from backstay.schema.served import Schema, Served, SQLFunction

_MAKER = object()


@dataclass(frozen=True, slots=True)
class Guards:
    """The rules of one plan.

    ``select``: by the number of each source, what its rows must satisfy to be seen. ``old``: what a row must satisfy
    to be changed or deleted; ``new``: what it must satisfy after an insert or update, ``merged`` after an insert that
    met a duplicate. True means every row.
    """

    select: Mapping[int, ColumnElement[Any] | bool]
    old: ColumnElement[Any] | bool = True
    new: ColumnElement[Any] | bool = True
    merged: ColumnElement[Any] | bool = True


class Plan:
    """What will be done: a resolved query with a rule for each of its sources. Only :func:`guard` makes one."""

    __slots__ = ("answers", "guards", "resolved", "schema", "zoned")

    def __init__(
        self, maker: object, schema: Schema, resolved: Resolved, guards: Guards, answers: Answers, zoned: bool
    ) -> None:
        if maker is not _MAKER:
            raise TypeError("only guard() makes a Plan")
        self.schema = schema
        self.resolved = resolved
        self.guards = guards
        self.answers = answers
        self.zoned = zoned
        """Whether moments are shown in the caller's zone, and not in UTC."""

    def rule(self, source: Source) -> ColumnElement[Any] | bool:
        """What a row of this source must satisfy to be seen; True: nothing."""
        return self.guards.select[source.number]


def asked(resolved: Resolved, schema: Schema) -> tuple[Question, ...]:
    """Every question about the caller whose answer the plan depends on, in a fixed order."""
    found: dict[Any, Question] = {}
    for rule in _rules(resolved):
        for question in questions(rule.expression):
            found.setdefault(question.subject, question)
    for column in _filled(resolved):
        for filling in (column.default, column.onupdate):
            if isinstance(filling, Expressed):
                for question in questions(filling.expression):
                    found.setdefault(question.subject, question)
    if schema.tenant is not None:
        found.setdefault(schema.tenant.name, attribute_question(schema.tenant))
    return tuple(found.values())


def guard(resolved: Resolved, schema: Schema, answers: Answers | None, *, zoned: bool = False) -> Plan:
    """Weave the rules into a resolved query.

    Arguments:
        resolved: the query.
        schema: what is served.
        answers: to the questions of :func:`asked`; None for a caller whom rules do not bind.
        zoned: whether moments are shown in the caller's zone.

    Raises:
        PermissionDenied: when a rule refuses the caller whatever the row, or there is no rule.
        RowRefused: when no row can satisfy the rule on a new row.
    """
    if answers is None:
        free = {source.number: True for source in _sources(resolved)}
        return Plan(_MAKER, schema, resolved, Guards(free), {}, zoned)
    weaving = _Weaving(answers)
    select = {source.number: weaving.seen(source.served) for source in _sources(resolved)}
    served = resolved.source.served
    if isinstance(resolved, Read):
        guards = Guards(select)
    elif isinstance(resolved, Deletion):
        guards = Guards(select, old=weaving.allowed(served, "delete"))
    elif isinstance(resolved, Alteration):
        _refuse_readonly(served, resolved.columns)
        # A check that no row can satisfy refuses what is changed: where that is nothing, nothing is wrong.
        guards = Guards(select, old=weaving.allowed(served, "update"), new=weaving.allowed(served, "update_check"))
    else:
        guards = _insertion(resolved, weaving, select)
    return Plan(_MAKER, schema, resolved, guards, answers, zoned)


def may_select(served: Served, answers: Answers) -> bool:
    """Whether the caller may select from a resource at all."""
    rule = served.rules.select
    return rule is not None and fold(rule.expression, answers) is not Verdict.REFUSED


def may_call(function: SQLFunction, caller: Caller) -> bool:
    """Whether the caller may call a function of the database: its rule speaks of them alone."""
    if caller.passes_rules:
        return True
    rule = function.rule
    if rule is None:
        return False
    answers = {question.subject: question.ask(caller) for question in questions(rule.expression)}
    return fold(rule.expression, answers) is Verdict.LET


def _insertion(resolved: Insertion, weaving: _Weaving, select: Mapping[int, ColumnElement[Any] | bool]) -> Guards:
    served = resolved.source.served
    _refuse_readonly(served, resolved.columns)
    new = weaving.allowed(served, "insert")
    if new is False:
        raise row_refused(served)
    if resolved.resolution is not Resolution.MERGE:
        return Guards(select, new=new)
    return Guards(
        select,
        old=weaving.allowed(served, "update"),
        new=new,
        merged=weaving.allowed(served, "update_check"),
    )


def _refuse_readonly(served: Served, columns: tuple[Column, ...]) -> None:
    for column in columns:
        if column.readonly:
            raise PermissionDenied(
                f"permission denied for column {column.name} of table {served.name[1]}",
                hint=f"'{column.name}' is read-only.",
            )


@dataclass(frozen=True, slots=True)
class _Weaving:
    answers: Answers

    def fold(self, rule: Rule | None, served: Served) -> ColumnElement[Any] | Verdict:
        if rule is None:
            raise denied(served)
        folded = fold(rule.expression, self.answers)
        if folded is Verdict.REFUSED:
            raise denied(served)
        return folded

    def seen(self, served: Served) -> ColumnElement[Any] | bool:
        return _or_bool(self.fold(served.rules.select, served))

    def allowed(self, served: Served, operation: str) -> ColumnElement[Any] | bool:
        return _or_bool(self.fold(getattr(served.rules, operation), served))


def _or_bool(folded: Folded) -> ColumnElement[Any] | bool:
    return folded is Verdict.LET if isinstance(folded, Verdict) else folded


def denied(served: Served) -> PermissionDenied:
    """The answer to a caller who may not do this to any row of a resource."""
    return PermissionDenied(f"permission denied for table {served.name[1]}")


def row_refused(served: Served) -> RowRefused:
    """The answer to a row that its rule refuses as it would be after the write."""
    return RowRefused(f'new row violates row-level security policy for table "{served.name[1]}"')


# Walking -----------------------------------------------------------------------------------------------------


def _sources(resolved: Resolved) -> Iterator[Source]:
    """Every source whose rows a caller could see or count by: a row that may not be seen may not be changed, either."""
    if isinstance(resolved, Read):
        yield from _sources_of(resolved.rows)
        return
    if not isinstance(resolved, Insertion) or resolved.resolution is Resolution.MERGE:
        yield resolved.source
    if resolved.returning is not None:
        yield from _sources_of(resolved.returning)


def _sources_of(rows: Rows) -> Iterator[Source]:
    yield rows.source
    for branch in rows.branches:
        if branch.junction is not None:
            yield branch.junction
        yield from _sources_of(branch.rows)


def _rules(resolved: Resolved) -> Iterator[Rule]:
    for source in _sources(resolved):
        if source.served.rules.select is not None:
            yield source.served.rules.select
    rules = resolved.source.served.rules
    wanted = {
        Read: (),
        Insertion: (rules.insert, rules.update, rules.update_check),
        Alteration: (rules.update, rules.update_check),
        Deletion: (rules.delete,),
    }[type(resolved)]
    yield from (rule for rule in wanted if rule is not None)


def _filled(resolved: Resolved) -> Iterator[Column]:
    if isinstance(resolved, Insertion | Alteration):
        yield from resolved.source.served.columns.values()
