"""Bounds: which rows of each table a caller may see and change, as conditions on the table.

Rules are folded for the answers that a caller gives to the schema's questions, so callers who give equal answers share
their bounds, and the statements compiled within them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapper, RelationshipProperty
from sqlalchemy.sql import visitors

from backstay.dialects.sql.adapt import adapt
from backstay.errors import PermissionDenied
from backstay.plan.fold import Answers, Question, Verdict, attribute_question, fold, questions
from backstay.plan.guard import denied, row_refused
from backstay.schema.caller import Caller
from backstay.schema.column import Expressed
from backstay.schema.rule import Rule
from backstay.schema.served import Schema, Served, once

Conditions: TypeAlias = tuple[ColumnElement[Any], ...]
"""What a row must satisfy; none: every row does."""

SYSTEM = "Use app.session(system) where the rules shall not hold."


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """One of the two tables that a relationship's secondary table links: ``pairs`` of its columns and the table's."""

    served: Served | None
    pairs: tuple[tuple[sa.Column[Any], sa.Column[Any]], ...]


class Bounds:
    """What callers may do who answer the schema's questions alike.

    Arguments:
        schema: what is served.
        answers: to the questions of :func:`questions_of`.
        signed_in: whether the callers are users.

    ``dialects`` are those that statements of a session within these bounds are compiled by, for each of a connection.
    """

    def __init__(self, schema: Schema, answers: Answers, *, signed_in: bool) -> None:
        self.schema = schema
        self.answers = answers
        self.signed_in = signed_in
        self.served = {served.table: served for served in schema.resources.values()}
        self.names = frozenset(table.name for table in schema.metadata.tables.values())
        self.links = links_of(schema)
        self.declared = declared_by(schema)
        self.computed = computed_by(schema)
        self.dialects: dict[sa.Dialect, tuple[sa.Dialect, sa.Dialect]] = {}
        self._found: dict[tuple[sa.Table, str], Conditions] = {}

    def visible(self, table: sa.Table) -> Conditions:
        """What a row must satisfy to be seen. A secondary table's row: that both rows it links are seen.

        Raises:
            PermissionDenied: no row of this table is for these callers, or it is no resource.
        """
        return self._once(table, "select")

    def changeable(self, table: sa.Table) -> Conditions:
        """What a row must satisfy to be updated. Raises PermissionDenied, likewise."""
        return self._once(table, "update")

    def deletable(self, table: sa.Table) -> Conditions:
        """What a row must satisfy to be deleted; a secondary table's row: that a row it links may be deleted.

        Raises:
            PermissionDenied: likewise.
        """
        return self._once(table, "delete")

    def insertable(self, table: sa.Table) -> Conditions:
        """What a new row must satisfy.

        Raises:
            PermissionDenied: these callers may insert nothing here, or it is no resource.
            RowRefused: no row can satisfy the rule.
        """
        return self._once(table, "insert")

    def kept(self, table: sa.Table) -> Conditions:
        """What a row must satisfy after an update. Raises PermissionDenied or RowRefused, likewise."""
        return self._once(table, "update_check")

    def _once(self, table: sa.Table, operation: str) -> Conditions:
        found = self._found.get((table, operation))
        if found is None:
            found = self._found[table, operation] = self._conditions(table, operation)
        return found

    def _conditions(self, table: sa.Table, operation: str) -> Conditions:
        served = self.served.get(table)
        if served is None:
            return self._link(table, operation)
        rule: Rule | None = getattr(served.rules, operation)
        folded = Verdict.REFUSED if rule is None else fold(rule.expression, self.answers)
        if folded is Verdict.REFUSED:
            raise denied(served)
        if folded is Verdict.EMPTY and operation in ("insert", "update_check"):
            raise row_refused(served)
        conditions = _conditions_of(folded)
        return (*self.visible(table), *conditions) if operation in ("update", "delete") else conditions

    # Secondary tables ----------------------------------------------------------------------------------------

    def _link(self, table: sa.Table, operation: str) -> Conditions:
        ends = self.links.get(table)
        if ends is None:
            raise PermissionDenied(
                f"permission denied for table {table.name}", hint=f"{table.name} is not a resource. {SYSTEM}"
            )
        seen = [condition for end in ends for condition in self._linked(table, end, "select")]
        if operation == "select":
            return tuple(seen)
        ways = [way for end in ends for way in self._cut(table, end)] if operation == "delete" else []
        if ways:
            return (*seen, sa.or_(*ways))
        raise PermissionDenied(
            f"permission denied for table {table.name}",
            hint=f"Nobody but the system may link rows through {table.name}, which has no rules of its own: map a "
            f"class to it and serve it with app.resource(). {SYSTEM}",
        )

    def _cut(self, table: sa.Table, end: End) -> list[ColumnElement[Any]]:
        """Whether the row at one end may be deleted, and its links with it; nothing where it never may."""
        try:
            return [sa.and_(sa.true(), *self._linked(table, end, "delete"))]
        except PermissionDenied:
            return []

    def _linked(self, table: sa.Table, end: End, operation: str) -> Conditions:
        if end.served is None:
            raise PermissionDenied(f"permission denied for table {table.name}", hint=SYSTEM)
        conditions = self._once(end.served.table, operation)
        if not conditions:
            return ()
        target = end.served.table.alias()
        match = [ours == target.c[theirs.name] for ours, theirs in end.pairs]
        rules = [adapt(each, end.served.table, target) for each in conditions]
        related: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(target).where(*match, *rules)
        return (related.correlate_except(target).exists(),)


def _conditions_of(folded: Verdict | ColumnElement[Any]) -> Conditions:
    if isinstance(folded, Verdict):
        return () if folded is Verdict.LET else (sa.false(),)
    return (folded,)


# What a schema asks and declares -----------------------------------------------------------------------------


@once
def questions_of(schema: Schema) -> tuple[Question, ...]:
    """Everything that the rules and defaults of a schema ask about the caller, in a fixed order."""
    found: dict[Any, Question] = {}
    for expression in _expressions(schema):
        for question in questions(expression):
            found.setdefault(question.subject, question)
    if schema.tenant is not None:
        found.setdefault(schema.tenant.name, attribute_question(schema.tenant))
    return tuple(found.values())


def _expressions(schema: Schema) -> Iterator[ColumnElement[Any]]:
    for served in schema.resources.values():
        rules = served.rules
        for rule in (rules.select, rules.insert, rules.update, rules.update_check, rules.delete):
            if rule is not None:
                yield rule.expression
        for column in served.columns.values():
            for filling in (column.default, column.onupdate):
                if isinstance(filling, Expressed):
                    yield filling.expression


@once
def links_of(schema: Schema) -> Mapping[sa.Table, tuple[End, End]]:
    """The secondary tables that relationships of the models lead through and that are no resources themselves."""
    served = {each.table: each for each in schema.resources.values()}
    found: dict[sa.Table, tuple[End, End]] = {}
    for mapper in _mappers(schema):
        for relationship in mapper.relationships:
            table = relationship.secondary
            if isinstance(table, sa.Table) and table not in served and table not in found:
                found[table] = _ends(relationship, served)
    return found


def _ends(relationship: RelationshipProperty[Any], served: Mapping[sa.Table, Served]) -> tuple[End, End]:
    far = relationship.secondary_synchronize_pairs or ()
    return _end(relationship.synchronize_pairs, served), _end(far, served)


def _end(pairs: Sequence[tuple[Any, Any]], served: Mapping[sa.Table, Served]) -> End:
    tables = {theirs.table for theirs, _ in pairs}
    (table,) = tables if len(tables) == 1 else (None,)
    return End(None if table is None else served.get(table), tuple((ours, theirs) for theirs, ours in pairs))


def _mappers(schema: Schema) -> list[Mapper[Any]]:
    models = [served.model for served in schema.resources.values() if served.model is not None]
    return list(dict.fromkeys(sa.inspect(model) for model in models))


@once
def declared_by(schema: Schema) -> frozenset[Any]:
    """The sub-selects of defaults, and the texts of defaults and computed columns: like rules, the program's word."""
    defaults: list[Any] = []
    for table in schema.metadata.tables.values():
        for column in table.columns:
            for default in (column.default, column.onupdate):
                if isinstance(default, sa.ColumnDefault) and default.is_clause_element:
                    defaults += visitors.iterate(default.arg)
    computed = [part for _, expression in _computed(schema) for part in visitors.iterate(expression)]
    texts = (each for each in [*defaults, *computed] if isinstance(each, sa.TextClause) or _is_literal(each))
    return frozenset([*texts, *[each for each in defaults if isinstance(each, sa.Select)]])


def _is_literal(element: Any) -> bool:
    return isinstance(element, sa.ColumnClause) and element.is_literal


@once
def computed_by(schema: Schema) -> Mapping[Any, sa.Table]:
    """The sub-selects that computed columns are made of, each with the table that it computes a column of."""
    return {
        part: table
        for table, expression in _computed(schema)
        for part in visitors.iterate(expression)
        if isinstance(part, sa.Select)
    }


def _computed(schema: Schema) -> Iterator[tuple[sa.Table, ColumnElement[Any]]]:
    for mapper in _mappers(schema):
        if isinstance(mapper.local_table, sa.Table):
            for attribute in mapper.column_attrs:
                yield from ((mapper.local_table, each) for each in attribute.columns if not isinstance(each, sa.Column))


@once
def _bounds(schema: Schema) -> Callable[[bool, tuple[Any, ...]], Bounds]:
    @lru_cache(maxsize=256)
    def bounds(signed_in: bool, answers: tuple[Any, ...]) -> Bounds:
        subjects = [question.subject for question in questions_of(schema)]
        return Bounds(schema, dict(zip(subjects, answers, strict=True)), signed_in=signed_in)

    return bounds


def find_bounds(schema: Schema, caller: Caller) -> Bounds:
    """The bounds of a caller.

    Raises:
        InvalidClaims: a claim that a rule asks for has not its column's type.
    """
    answers = tuple(question.ask(caller) for question in questions_of(schema))
    return _bounds(schema)(caller.signed_in, answers)
