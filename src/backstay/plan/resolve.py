"""``resolve(query, schema) -> Resolved``: every name of a query looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from backstay.errors import (
    AggregatesDisabled,
    DatabaseFault,
    NotEmbedded,
    NotImplementedHere,
    PutFilters,
    RelatedOrder,
    TypeMismatch,
    UnknownOperator,
    UnknownPayloadColumn,
    UnknownType,
)
from backstay.plan.aggregate import aggregated, check_groups, taken
from backstay.plan.cast import check_cast
from backstay.plan.find import find_column, find_relation, find_resource
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
from backstay.query import nodes
from backstay.query.nodes import Aggregate, Comparison, Embed, Everything, Field, Filter, Logic, Nulls, Order, Pick
from backstay.query.operators import OPERATORS, Takes
from backstay.query.shape import Slot
from backstay.schema.column import Column
from backstay.schema.kind import BIGINT, CASTS, Kind
from backstay.schema.kind.texts import Foreign
from backstay.schema.served import Schema, Served

_NO_OPERATOR = "No operator matches the given name and argument types. You might need to add explicit type casts."
_NO_FUNCTION = "No function matches the given name and argument types. You might need to add explicit type casts."
_SIGNS = {"like": "~~", "ilike": "~~*"}
_TEXTUAL = ("text", "character varying", "character", "citext")


def resolve(
    query: nodes.Select | nodes.Insert | nodes.Update | nodes.Delete,
    schema: Schema,
    *,
    may_know: Callable[[Served], bool],
    aggregates: bool = False,
) -> Resolved:
    """Look up every name of a query.

    Arguments:
        query: with a slot in the place of each value.
        schema: what is served.
        may_know: whether the caller may be told of a resource, in hints.
        aggregates: whether ``sum()`` and its like are allowed.

    Raises:
        UnknownResource, UnknownColumn, UnknownRelation, AmbiguousRelation, UnknownPayloadColumn, UnknownType,
        NotEmbedded, RelatedOrder, AggregatesDisabled, TypeMismatch, UnknownOperator.
    """
    return _Resolution(schema, may_know, aggregates).query(query)


@dataclass(slots=True)
class _Resolution:
    """One resolution under way: it numbers the sources of the statement."""

    schema: Schema
    may_know: Callable[[Served], bool]
    aggregates: bool
    count: int = field(default=0)

    def source(self, served: Served) -> Source:
        self.count += 1
        return Source(self.count, served)

    # The kinds of query --------------------------------------------------------------------------------------

    def query(self, query: nodes.Select | nodes.Insert | nodes.Update | nodes.Delete) -> Resolved:
        served = find_resource(self.schema, query.schema, query.resource, self.may_know)
        if isinstance(query, nodes.Select):
            return Read(self.select(served, query), query.count)
        source = self.source(served)
        returning = self.select(served, query.returning) if query.returning is not None else None
        if isinstance(query, nodes.Delete):
            return Deletion(source, self.filters(source, query.where, ()), returning)
        columns = tuple(_payload_column(served, name, query) for name in query.columns)
        if isinstance(query, nodes.Update):
            return Alteration(source, _slot(query.row), columns, self.filters(source, query.where, ()), returning)
        return Insertion(
            source,
            _slot(query.rows),
            columns,
            query.resolution if query.resolution is not None and (query.conflict or served.key) else None,
            _conflict(served, query),
            query.missing,
            returning,
            _named(served, query.where) if query.single else (),
            query.keyed,
        )

    def select(self, served: Served, query: nodes.Select) -> Rows:
        return self.rows(self.source(served), query.items, query.where, query.order, query.page)

    # Rows ----------------------------------------------------------------------------------------------------

    def rows(
        self,
        source: Source,
        items: tuple[nodes.Item, ...],
        where: tuple[Filter, ...],
        order: tuple[Order, ...],
        page: nodes.Page,
        *,
        hoisted: bool = False,
    ) -> Rows:
        outputs = tuple(output for item in items for output in self.item(source, item))
        branches = tuple(output for output in outputs if isinstance(output, Branch))
        rows = Rows(
            source=source,
            outputs=outputs,
            where=self.filters(source, where, branches),
            order=tuple(self.sort(source, term, branches) for term in order),
            limit=_slot(page.limit) if page.limited else None,
            offset=_slot(page.offset) if page.skipping else None,
        )
        check_groups(rows, hoisted=hoisted)
        return rows

    def item(self, source: Source, item: nodes.Item) -> Iterator[Output | Branch]:
        if isinstance(item, Everything):
            for column in source.served.visible.values():
                if column.starred:
                    yield Output(column.name, Target(source, column))
        elif isinstance(item, Pick):
            yield self.pick(source, item)
        else:
            yield self.branch(source, item)

    def pick(self, source: Source, pick: Pick) -> Output:
        if pick.aggregate is not None and not self.aggregates:
            raise AggregatesDisabled
        if pick.field is None:
            return Output(pick.alias or "count", None, None, pick.aggregate, _cast(pick.aggregate_cast, BIGINT))
        if pick.aggregate is None and _is_count(pick.field, source.served):
            return Output(pick.alias or "count", None, None, Aggregate.COUNT, _cast(pick.cast, BIGINT), standing=True)
        target = self.target(source, pick.field)
        cast = _cast(pick.cast, target.kind)
        if pick.aggregate is None:
            return Output(pick.alias or _path_key(pick.field), target, cast)
        given = cast or target.kind
        kind = taken(pick.aggregate, given)
        shown = aggregated(pick.aggregate, kind)
        return Output(
            pick.alias or pick.aggregate.value,
            target,
            cast if kind is given else kind,
            pick.aggregate,
            _cast(pick.aggregate_cast, shown),
        )

    def branch(self, source: Source, embed: Embed) -> Branch:
        relation = find_relation(self.schema, source.served, embed.relation, embed.hint, self.may_know)
        target = self.source(self.schema.resources[relation.target])
        junction = None
        if relation.junction is not None and relation.junction.resource is not None:
            junction = self.source(self.schema.resources[relation.junction.resource])
        hoisted = embed.spread and relation.cardinality.to_one
        rows = self.rows(target, embed.items, embed.where, embed.order, embed.page, hoisted=hoisted)
        if relation.order and not embed.order and (hoisted or not rows.aggregated):
            order = [Sort(Target(target, each.column), each.descending, each.nulls_first) for each in relation.order]
            rows = replace(rows, order=tuple(order))
        if embed.spread and not relation.cardinality.to_one and rows.hoists:
            raise NotImplementedHere(detail="Aggregates are not implemented for one-to-many or many-to-many spreads.")
        return Branch(
            key=embed.key,
            relation=relation,
            rows=rows,
            join=embed.join,
            spread=embed.spread,
            shown=bool(embed.items),
            junction=junction,
        )

    def target(self, source: Source, asked: Field) -> Target:
        column = find_column(source.served, asked.name)
        for before, step in pairwise(asked.path):
            if before.text:
                raise UnknownOperator(
                    f"operator does not exist: text {'->>' if step.text else '->'} "
                    f"{'integer' if isinstance(step.key, int) else 'unknown'}",
                    hint=_NO_OPERATOR,
                )
        return Target(source, column, asked.path)

    # Order ---------------------------------------------------------------------------------------------------

    def sort(self, source: Source, term: Order, branches: tuple[Branch, ...]) -> Sort:
        nulls_first = term.descending if term.nulls is None else term.nulls is Nulls.FIRST
        if term.relation is None:
            return Sort(_sortable(self.target(source, term.field)), term.descending, nulls_first)
        branch = next((each for each in branches if each.key == term.relation), None)
        if branch is None:
            raise NotEmbedded(
                f"'{term.relation}' is not an embedded resource in this request",
                hint=f"Verify that '{term.relation}' is included in the 'select' query parameter.",
            )
        if not branch.to_one:
            raise RelatedOrder(
                f"A related order on '{term.relation}' is not possible",
                detail=f"'{source.served.name[1]}' and '{term.relation}' do not form a many-to-one or "
                "one-to-one relationship",
            )
        output = _shown_as(term.field, branch)
        if output is not None and output.target is not None and (output.cast is None or not term.field.path):
            target = replace(output.target, path=(*output.target.path, *term.field.path))
            return Sort(_sortable(target, output.cast), term.descending, nulls_first, branch, output.cast)
        return Sort(_sortable(self.target(branch.rows.source, term.field)), term.descending, nulls_first, branch)

    # Filters -------------------------------------------------------------------------------------------------

    def filters(self, source: Source, where: tuple[Filter, ...], branches: tuple[Branch, ...]) -> tuple[Predicate, ...]:
        return tuple(self.filter(source, each, branches) for each in where)

    def filter(self, source: Source, asked: Filter, branches: tuple[Branch, ...]) -> Predicate:
        if isinstance(asked, Logic):
            return Combination(asked.connective, self.filters(source, asked.items, branches), asked.negated)
        branch = _null_embed(asked, branches)
        if branch is not None:
            return Match(branch, not asked.negated)
        target = self.target(source, asked.field)
        _accept(target, asked)
        return Test(
            target=target,
            operator=OPERATORS[asked.operator],
            value=_slot(asked.value),
            negated=asked.negated,
            quantifier=asked.quantifier,
            word=asked.word,
            language=asked.language,
        )


def _slot(value: Any) -> Slot:
    assert isinstance(value, Slot), "a query is resolved with slots in the place of its values"
    return value


def _null_embed(asked: Comparison, branches: tuple[Branch, ...]) -> Branch | None:
    if asked.operator != "is" or asked.word != "null" or asked.field.path:
        return None
    return next((branch for branch in branches if branch.key == asked.field.name), None)


def _accept(target: Target, asked: Comparison) -> None:
    """Refuse an operator that the target's type does not have."""
    kind = target.column.kind
    name = target.kind.name
    if asked.operator == "is" and asked.word in ("true", "false", "unknown") and name != "boolean":
        told = "json" if kind.name == "json" and name == "jsonb" else name
        raise TypeMismatch(f"argument of IS {asked.word.upper()} must be type boolean, not type {told}")
    takes = OPERATORS[asked.operator].takes
    if kind.name == "json" and not target.path and takes in (Takes.SCALAR, Takes.LIST):
        sign = OPERATORS[asked.operator].sql if takes is Takes.SCALAR and asked.operator != "isdistinct" else "="
        raise UnknownOperator(
            f"operator does not exist: json {sign} unknown",
            hint=_NO_OPERATOR,
        )
    if name == "json[]" and takes in (Takes.SCALAR, Takes.LIST, Takes.CONTAINER):
        raise UnknownOperator("could not identify an equality operator for type json")
    if not isinstance(target.kind, Foreign) and not _has(name, asked.operator, takes):
        if takes is Takes.TERMS:
            type_ = name.partition("(")[0]
            raise UnknownOperator(f"function to_tsvector(unknown, {type_}) does not exist", hint=_NO_FUNCTION)
        sign = _SIGNS.get(asked.operator, OPERATORS[asked.operator].sql)
        raise UnknownOperator(f"operator does not exist: {name} {sign} unknown", hint=_NO_OPERATOR)
    if asked.language is not None and not asked.language.replace("_", "a").isidentifier():
        raise DatabaseFault(f'text search configuration "{asked.language}" does not exist', state="42704")


def _has(name: str, operator: str, takes: Takes) -> bool:
    """Whether a type that is known here has an operator."""
    if takes in (Takes.PATTERN, Takes.TERMS):
        textual = name.startswith(_TEXTUAL) and not name.endswith("[]")
        return textual or (takes is Takes.TERMS and name in ("json", "jsonb"))
    if takes is Takes.CONTAINER:
        return name.endswith("[]") or (name == "jsonb" and operator != "ov")
    return takes is not Takes.RANGE


def _shown_as(asked: Field, branch: Branch) -> Output | None:
    """The key of an embed that is no column of its resource, by which rows are ordered."""
    if asked.name in branch.rows.source.served.visible:
        return None
    outputs = (output for output in branch.rows.outputs if isinstance(output, Output))
    return next((output for output in outputs if output.key == asked.name and output.aggregate is None), None)


def _sortable(target: Target, cast: Kind | None = None) -> Target:
    kind = target.kind if cast is None else cast
    if kind.name == "json":
        raise UnknownOperator(
            "could not identify an ordering operator for type json",
            hint="Use an explicit ordering operator or modify the query.",
        )
    if target.column.kind.name == "json[]" and not target.path:
        raise UnknownOperator("could not identify a comparison function for type json")
    return target


def _named(served: Served, where: tuple[Filter, ...]) -> tuple[tuple[Column, Slot], ...]:
    """The primary key that a PUT names: ``eq`` on each of its columns, and nothing else."""
    found: dict[str, Slot] = {}
    for asked in where:
        if not isinstance(asked, Comparison) or not _is_plain_eq(asked) or asked.field.name in found:
            raise PutFilters
        found[asked.field.name] = _slot(asked.value)
    if set(found) != set(served.key):
        raise PutFilters
    return tuple((served.columns[name], slot) for name, slot in found.items())


def _is_plain_eq(asked: Comparison) -> bool:
    return asked.operator == "eq" and not asked.negated and asked.quantifier is None and not asked.field.path


def _payload_column(served: Served, name: str, query: nodes.Insert | nodes.Update) -> Column:
    column = served.visible.get(name)
    if column is None or not column.stored:
        raise UnknownPayloadColumn(f"Could not find the '{name}' column of '{served.name[1]}' in the schema cache")
    if column.generated:
        inserting = isinstance(query, nodes.Insert)
        raise DatabaseFault(
            f'cannot insert a non-DEFAULT value into column "{name}"'
            if inserting
            else f'column "{name}" can only be updated to DEFAULT',
            state="428C9",
            detail=f'Column "{name}" is a generated column.',
        )
    return column


def _conflict(served: Served, query: nodes.Insert) -> tuple[Column, ...]:
    """The columns that tell a duplicate: those of one unique constraint."""
    columns = tuple(find_column(served, name) for name in query.conflict or served.key)
    names = frozenset(column.name for column in columns)
    if query.resolution is not None and query.conflict and not served.view and names not in served.uniques:
        raise DatabaseFault(
            "there is no unique or exclusion constraint matching the ON CONFLICT specification", state="42P10"
        )
    return columns


def _cast(name: str | None, source: Kind) -> Kind | None:
    """The kind that a value of another one is cast to; None where it is not."""
    if name is None:
        return None
    kind = CASTS.get(name.strip().lower())
    if kind is None:
        raise UnknownType(f'type "{name}" does not exist')
    check_cast(source, kind)
    return kind


def _is_count(asked: Field, served: Served) -> bool:
    """Whether a column that a table does not have is ``count``: PostgreSQL reads ``t.count`` as ``count(t)``."""
    return asked.name == "count" and not asked.path and "count" not in served.visible


def _path_key(asked: Field) -> str:
    """The key of a path: its last key, or the column's name where it has only indexes."""
    keys = [step.key for step in asked.path if isinstance(step.key, str)]
    return keys[-1] if keys else asked.name
