"""Explanations: what a query asks, which rule lets or refuses it, and the SQL it becomes. All of it as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql import visitors

from backstay.plan.fold import Folded, Verdict, fold, questions
from backstay.plan.pretty import pretty
from backstay.plan.resolved import (
    Alteration,
    Branch,
    Combination,
    Deletion,
    Insertion,
    Match,
    Output,
    Predicate,
    Read,
    Resolved,
    Rows,
    Sort,
    Source,
    Target,
    Test,
)
from backstay.plan.trace import trace
from backstay.query.nodes import Count, Join, Resolution
from backstay.query.shape import KEYS, Slot
from backstay.schema.caller import Caller, CallerAttribute, SignedIn
from backstay.schema.rule import Rule


class Spoken(Protocol):
    """A statement as far as it is explained: its text, and what fills its placeholders in their order."""

    @property
    def text(self) -> str:
        """The SQL."""
        ...

    @property
    def parameters(self) -> Sequence[Callable[[Sequence[Any], Caller], Any]]:
        """What fills each placeholder."""
        ...


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one rule came to for a caller.

    Arguments:
        operation: what it was asked: ``select``, ``insert``, ``update`` (of the old row), ``update check`` (of the
            new one), ``delete``.
        source: whose rule it is.
        rule: the rule; None: there is none, so nobody may.
        outcome: what it came to; None: the caller passes all rules.
    """

    operation: str
    source: Source
    rule: Rule | None
    outcome: Folded | None

    @property
    def resource(self) -> str:
        """The name of the resource whose rule it is."""
        return self.source.served.name[1]

    @property
    def refuses(self) -> bool:
        """Whether the query fails by this."""
        if self.rule is None:
            return True
        checks = self.operation in ("insert", "update check")
        return self.outcome is Verdict.REFUSED or (checks and self.outcome is Verdict.EMPTY)

    def __str__(self) -> str:
        head = f"{self.operation} of {self.resource}"
        if self.rule is None:
            return f"{head}: no rule, so nobody may (but the secret key)"
        return f"{head}  {self.rule.place}\n  {self._show(self.rule.expression)}\n  -> {self._words()}"

    def _words(self) -> str:
        match self.outcome:
            case None:
                return "not asked: this caller passes all rules"
            case Verdict.LET:
                return "lets every row"
            case Verdict.REFUSED:
                return "refuses this caller, whatever the row"
            case Verdict.EMPTY:
                return "no row can satisfy it for this caller"
            case woven:
                return f"woven in: {self._show(woven)}"

    def _show(self, expression: ColumnElement[Any]) -> str:
        return show_expression(expression, self.source.served.table)


def rule_on(resolved: Resolved, caller: Caller) -> list[Ruling]:
    """What each rule that a query meets comes to for a caller, in the order in which they are asked."""
    found = [_ruling(operation, source, rule, caller) for operation, source, rule in _asked(resolved)]
    unique = {(ruling.operation, ruling.resource): ruling for ruling in reversed(found)}
    return list(reversed(unique.values()))


def explain(
    resolved: Resolved, caller: Caller, values: Sequence[Any], statements: Sequence[tuple[str, Spoken]] = ()
) -> str:
    """A query's plan as a tree, its rules and what they came to, and its statements.

    Arguments:
        resolved: the query, every name looked up.
        caller: who asks.
        values: the query's values.
        statements: with a title each; none where a rule refuses.
    """
    rulings = rule_on(resolved, caller)
    parts = ["Plan", _indent(describe(resolved, values)), "Rules", _indent("\n".join(map(str, rulings)))]
    refusing = next((ruling for ruling in rulings if ruling.refuses), None)
    if refusing is not None and not caller.passes_rules and not statements:
        place = f" ({refusing.rule.place})" if refusing.rule is not None else ""
        parts += ["Refused", _indent(f"by the rule on {refusing.operation} of {refusing.resource}{place}")]
    for title, statement in statements:
        parts += [title, _indent(pretty(statement.text))]
        lines = list(_parameters(statement, resolved, values, caller))
        if lines:
            parts += ["  with", _indent("\n".join(lines), 2)]
    return "\n".join(parts)


def show_expression(expression: ColumnElement[Any], table: sa.Table) -> str:
    """A rule as text: the caller's attributes as ``me.name``, constants in their places.

    Arguments:
        expression: over the columns of ``table``.
        table: the resource's own; sub-selects speak of its row.
    """

    def name(element: Any, **_: Any) -> Any:
        if isinstance(element, CallerAttribute):
            return sa.literal_column(f"me.{element.name}")
        if isinstance(element, SignedIn):
            return sa.literal_column("signed_in")
        return None

    named = visitors.replacement_traverse(expression, {}, name)
    # Only as part of a select do its sub-selects know which table is the enclosing one.
    select: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(table).where(named)
    try:
        text = str(select.compile(compile_kwargs={"literal_binds": True}))
    except (sa.exc.CompileError, NotImplementedError):
        text = str(select)
    return " ".join(text.partition("\nWHERE ")[2].split()) or "true"


# Rules -------------------------------------------------------------------------------------------------------


def _ruling(operation: str, source: Source, rule: Rule | None, caller: Caller) -> Ruling:
    if rule is None or caller.passes_rules:
        return Ruling(operation, source, rule, None)
    answers = {question.subject: question.ask(caller) for question in questions(rule.expression)}
    return Ruling(operation, source, rule, fold(rule.expression, answers))


def _asked(resolved: Resolved) -> Iterator[tuple[str, Source, Rule | None]]:
    """Every rule that a query meets: of the change first, then of what is seen."""
    source = resolved.source
    rules = source.served.rules
    merging = isinstance(resolved, Insertion) and resolved.resolution is Resolution.MERGE
    if isinstance(resolved, Insertion):
        yield "insert", source, rules.insert
    if isinstance(resolved, Deletion):
        yield "delete", source, rules.delete
    if isinstance(resolved, Alteration) or merging:
        yield "update", source, rules.update
        yield "update check", source, rules.update_check
    if isinstance(resolved, Alteration | Deletion) or merging:
        yield "select", source, rules.select
    rows = resolved.rows if isinstance(resolved, Read) else resolved.returning
    if rows is not None:
        for each in _sources(rows):
            yield "select", each, each.served.rules.select


def _sources(rows: Rows) -> Iterator[Source]:
    yield rows.source
    for branch in rows.branches:
        if branch.junction is not None:
            yield branch.junction
        yield from _sources(branch.rows)


# The plan as a tree --------------------------------------------------------------------------------------------


def describe(resolved: Resolved, values: Sequence[Any]) -> str:
    """A query as a tree."""
    name = resolved.source.served.name[1]
    match resolved:
        case Read(rows, count):
            extra = [] if count is Count.NONE else [f"count: {count.value}"]
            return _tree(f"select {name}", [*_rows(rows, values), *extra])
        case Insertion(columns=columns, resolution=resolution, conflict=conflict, returning=returning):
            lines = [f"columns: {', '.join(column.name for column in columns) or 'none given'}"]
            if resolution is not None:
                lines.append(f"{resolution.value} by {', '.join(column.name for column in conflict)}")
            verb = "insert into"
        case Alteration(columns=columns, where=where, returning=returning):
            lines = [f"columns: {', '.join(column.name for column in columns)}", *_filters(where, values)]
            verb = "update"
        case Deletion(where=where, returning=returning):
            lines = _filters(where, values)
            verb = "delete from"
    if returning is not None:
        lines.append(_tree("answer with", _rows(returning, values)))
    return _tree(f"{verb} {name}", lines)


def outline(resolved: Resolved) -> str:
    """A query on one line, a ? in the place of each value."""
    return "; ".join(_flat(describe(resolved, _HIDDEN)))


def _flat(tree: str) -> Iterator[str]:
    """The lines of a tree, those below an embed in brackets behind it."""
    head, *lines = tree.split("\n")
    below = [line[3:] for line in lines]
    starts = [place for place, line in enumerate(lines) if line.startswith(("├─ ", "└─ "))]
    yield head
    for start, end in pairwise([*starts, len(lines)]):
        first, *rest = _flat("\n".join(below[start:end]))
        yield f"{first} ({'; '.join(rest)})" if rest else first


class _Hidden(Sequence[Any]):
    """The values of a query that is shown without them."""

    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: Any) -> Any:
        return self

    def __repr__(self) -> str:
        return "?"


_HIDDEN = _Hidden()


def _rows(rows: Rows, values: Sequence[Any]) -> list[str]:
    lines: list[str] = []
    shown = [_output(output) for output in rows.outputs if isinstance(output, Output)]
    if shown:
        lines.append(f"columns: {', '.join(shown)}")
    lines += _filters(rows.where, values)
    if rows.order:
        lines.append(f"order: {', '.join(_sort(term) for term in rows.order)}")
    for word, slot in (("limit", rows.limit), ("offset", rows.offset)):
        if slot is not None:
            lines.append(f"{word}: {_value(slot, values)}")
    return lines + [_branch(branch, values) for branch in rows.branches]


def _branch(branch: Branch, values: Sequence[Any]) -> str:
    relation = branch.relation
    target = relation.target[1]
    head = f"{branch.key}: {relation.cardinality.value} {target} by {relation.describe()}"
    notes = [note for note, holds in (("inner", branch.join is Join.INNER), ("spread", branch.spread)) if holds]
    return _tree(f"{head}{''.join(f', {note}' for note in notes)}", _rows(branch.rows, values))


def _output(output: Output) -> str:
    text = _target(output.target) if output.target is not None else ""
    text += f"::{output.cast.name}" if output.cast is not None else ""
    text = f"{output.aggregate.value}({text})" if output.aggregate is not None else text
    text += f"::{output.aggregate_cast.name}" if output.aggregate_cast is not None else ""
    return text if text == output.key else f"{output.key} = {text}"


def _sort(sort: Sort) -> str:
    place = f"{sort.branch.key}." if sort.branch is not None else ""
    nulls = "nulls first" if sort.nulls_first else "nulls last"
    return f"{place}{_target(sort.target)} {'desc' if sort.descending else 'asc'} {nulls}"


def _filters(where: Sequence[Predicate], values: Sequence[Any]) -> list[str]:
    return [f"filter: {_predicate(each, values)}" for each in where]


def _predicate(predicate: Predicate, values: Sequence[Any]) -> str:
    match predicate:
        case Match(branch, negated):
            return f"{branch.key} has {'no' if negated else 'a'} row"
        case Combination(connective, items, negated):
            inner = f" {connective.value} ".join(_predicate(item, values) for item in items)
            return f"{'not ' if negated else ''}({inner})"
        case Test():
            name = f"{'not ' if predicate.negated else ''}{predicate.operator.name}"
            name += f"({predicate.quantifier.value})" if predicate.quantifier is not None else ""
            name += f"({predicate.language})" if predicate.language is not None else ""
            value = predicate.word if predicate.word is not None else _value(predicate.value, values)
            return f"{_target(predicate.target)} {name} {value}"


def _target(target: Target) -> str:
    steps = (f"{'->>' if step.text else '->'}{step.key}" for step in target.path)
    return target.column.name + "".join(steps)


def _value(slot: Slot, values: Sequence[Any]) -> str:
    return _shown(values[slot.index])


def _tree(head: str, lines: Sequence[str]) -> str:
    text = [head]
    for index, line in enumerate(lines):
        last = index == len(lines) - 1
        first, *rest = line.split("\n")
        text.append(f"{'└─' if last else '├─'} {first}")
        text += [f"{'   ' if last else '│  '}{more}" for more in rest]
    return "\n".join(text)


# Parameters ----------------------------------------------------------------------------------------------------


def _parameters(statement: Spoken, resolved: Resolved, values: Sequence[Any], caller: Caller) -> Iterator[str]:
    names = dict(_slots(resolved))
    sign = "$" if "$1" in statement.text else "?"
    for number, read in enumerate(statement.parameters, 1):
        found = trace(read, values, caller)
        known = [names.get(index, "the rows of the request") for index in found.indexes]
        origin = ", ".join([*known, *(f"me.{name}" for name in found.attributes)]) or "a constant"
        # An insert reads rows that are made ready for the database first, not the query's own values.
        prepared = (isinstance(resolved, Insertion) and bool(found.indexes)) or KEYS in found.indexes
        value = f" = {_shown(found.value)}" if found.readable and not prepared else ""
        yield f"{sign}{number}{value}  ({origin})"


def _slots(resolved: Resolved) -> Iterator[tuple[int, str]]:
    """What each slot of a query is for."""
    match resolved:
        case Read(rows):
            yield from _row_slots(rows, "")
        case Alteration(row=row, where=where):
            yield row.index, "the new values"
            yield from _filter_slots(where, "")
        case Deletion(where=where):
            yield from _filter_slots(where, "")
        case Insertion(rows=slot):
            yield slot.index, "the rows of the request"
    returning = getattr(resolved, "returning", None)
    if returning is not None:
        yield from _row_slots(returning, "")
    yield KEYS, "the keys of the written rows"


def _row_slots(rows: Rows, place: str) -> Iterator[tuple[int, str]]:
    yield from _filter_slots(rows.where, place)
    for word, slot in (("limit", rows.limit), ("offset", rows.offset)):
        if slot is not None:
            yield slot.index, f"{place}{word}"
    for branch in rows.branches:
        yield from _row_slots(branch.rows, f"{place}{branch.key}.")


def _filter_slots(where: Sequence[Predicate], place: str) -> Iterator[tuple[int, str]]:
    for predicate in where:
        if isinstance(predicate, Combination):
            yield from _filter_slots(predicate.items, place)
        elif isinstance(predicate, Test):
            yield predicate.value.index, f"{place}{_target(predicate.target)} {predicate.operator.name}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _indent(text: str, depth: int = 1) -> str:
    return "\n".join("  " * depth + line for line in text.split("\n"))
