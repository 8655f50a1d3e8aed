"""What aggregates come to, what rows can be grouped by, and what may order the groups: as on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from backstay.errors import DatabaseFault, UnknownOperator
from backstay.plan.resolved import Branch, Output, Rows, Sort, Source, Target
from backstay.query.nodes import Aggregate
from backstay.schema.kind import BIGINT, DOUBLE, INTERVAL, NUMERIC, Kind
from backstay.schema.kind.symbols import Enumeration

_UNORDERED: Final = frozenset({"boolean", "uuid", "bytea", "json", "jsonb"})
_UNSUMMED: Final = _UNORDERED | {
    "text",
    "character varying",
    "character",
    "citext",
    "date",
    "timestamp without time zone",
    "timestamp with time zone",
    "time with time zone",
}
_CLOCK: Final = "time without time zone"


def taken(aggregate: Aggregate, kind: Kind) -> Kind:
    """The kind as which an aggregate takes values: a time of day is summed as the interval since midnight."""
    summing = aggregate in (Aggregate.SUM, Aggregate.AVG)
    return INTERVAL if summing and kind.name == _CLOCK else kind


def aggregated(aggregate: Aggregate, kind: Kind) -> Kind:
    """The kind of an aggregate of values of a kind.

    Raises:
        UnknownOperator: PostgreSQL has no such function (42883).
    """
    if aggregate is Aggregate.COUNT:
        return BIGINT
    if aggregate in (Aggregate.MAX, Aggregate.MIN):
        if kind.name in _UNORDERED:
            raise _no_function(aggregate, kind)
        return kind
    if kind.name in _UNSUMMED or kind.name.endswith("[]") or isinstance(kind, Enumeration):
        raise _no_function(aggregate, kind)
    return _added(aggregate, kind)


def _added(aggregate: Aggregate, kind: Kind) -> Kind:
    summing = aggregate is Aggregate.SUM
    match kind.name:
        case "smallint" | "integer":
            return BIGINT if summing else NUMERIC
        case "bigint" | "numeric":
            return NUMERIC
        case "real":
            return kind if summing else DOUBLE
        case _:
            return kind


def _no_function(aggregate: Aggregate, kind: Kind) -> UnknownOperator:
    return UnknownOperator(
        f"function {aggregate.value}({kind.name}) does not exist",
        hint="No function matches the given name and argument types. You might need to add explicit type casts.",
    )


# Groups ------------------------------------------------------------------------------------------------------


def check_groups(rows: Rows, *, hoisted: bool = False) -> None:
    """Refuse what cannot be grouped, and an order by what the groups do not have.

    Arguments:
        rows: whose.
        hoisted: they are the one row of a spread: what is grouped are the rows around.

    Raises:
        UnknownOperator: a key's type knows no equality (42883).
        DatabaseFault: something is neither grouped by nor aggregated (42803).
    """
    _check_written_as_column(rows)
    if hoisted or not rows.aggregated:
        return
    keys = list(_keys(rows))
    for key in keys:
        if _shown_kind(key).name == "json":
            raise UnknownOperator("could not identify an equality operator for type json")
    for sort in rows.order:
        if not (_is_among(sort.target, sort.cast, keys) or _follows(sort, rows.source, keys)):
            raise ungrouped(sort.target)


def ungrouped(target: Target) -> DatabaseFault:
    """The answer to a column that groups of rows do not have."""
    name = f"{target.source.served.name[1]}.{target.column.name}"
    return DatabaseFault(
        f'column "{name}" must appear in the GROUP BY clause or be used in an aggregate function', state="42803"
    )


def _check_written_as_column(rows: Rows) -> None:
    """``count`` among columns is ``count(t)`` to PostgreSQL, in a query that groups by nothing."""
    if not any(isinstance(output, Output) and output.standing for output in rows.outputs):
        return
    for output in rows.outputs:
        if isinstance(output, Output) and output.aggregate is None and output.target is not None:
            raise ungrouped(output.target)
        if isinstance(output, Branch) and output.shown:
            raise DatabaseFault(
                f'column "{output.key}" must appear in the GROUP BY clause or be used in an aggregate function',
                state="42803",
            )
    if rows.order:
        raise ungrouped(rows.order[0].target)


def _keys(rows: Rows) -> Iterator[Output]:
    """The plain keys that groups of rows have, those of to-one spreads among them."""
    for output in rows.outputs:
        if isinstance(output, Output):
            if output.aggregate is None:
                yield output
        elif output.spread and output.to_one:
            yield from _keys(output.rows)


def _shown_kind(key: Output) -> Kind:
    if key.cast is not None:
        return key.cast
    assert key.target is not None
    return key.target.kind


def _is_among(target: Target, cast: Kind | None, keys: Sequence[Output]) -> bool:
    return any(
        key.target is not None
        and key.target.source.number == target.source.number
        and (key.target.column, key.target.path, key.cast) == (target.column, target.path, cast)
        for key in keys
    )


def _follows(sort: Sort, source: Source, keys: Sequence[Output]) -> bool:
    """Whether what orders follows from the keys, since they have the whole primary key."""
    served = source.served
    if sort.target.source.number != source.number or served.view or not served.key:
        return False
    return all(_is_among(Target(source, served.columns[name]), None, keys) for name in served.key)
