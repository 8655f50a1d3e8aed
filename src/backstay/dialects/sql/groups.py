"""Groups of rows: what stands in each row first, then the groups and their aggregates around it.

Where more than columns are asked for, the values of each row are selected in a sub-select, those of embeds and spreads
among them; the groups are made of its columns. So a key may be anything that a row has, JSON of related rows as well.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from backstay.dialects.sql.relations import Relations
from backstay.plan.aggregate import aggregated
from backstay.plan.resolved import Branch, Output, Rows, Sort, Target
from backstay.query.nodes import Aggregate
from backstay.schema.kind import BIGINT, JSONB, Kind

_ROW: Final[ColumnElement[Any]] = sa.literal_column("1", sa.BigInteger())
"""What counts for each row."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of one row, and the aggregate that it is for; without one it is a key of the groups.

    Arguments:
        key: of the answer; None: it only orders.
        value, kind: of one row.
        aggregate, cast: what becomes of the values of a group.
        of: the column, and as what it is taken.
    """

    key: str | None
    value: ColumnElement[Any]
    kind: Kind
    aggregate: Aggregate | None = None
    cast: Kind | None = None
    of: tuple[Target, Kind | None] | None = None


@dataclass(frozen=True, slots=True)
class Grouping:
    """Groups in the making.

    Arguments:
        select: a select of columns from what is grouped, not yet grouped.
        labelled: each key of the answer with its value.
        by: what the groups are made by.
        order: what they are ordered by.
    """

    select: Callable[[Sequence[Any]], sa.Select[Any]]
    labelled: list[tuple[str, ColumnElement[Any]]]
    by: list[ColumnElement[Any]]
    order: list[ColumnElement[Any]]


class Groups(Relations):
    """Rows that are groups of rows."""

    def grouping(
        self, rows: Rows, conditions: Sequence[ColumnElement[Any]] = (), branch: Branch | None = None
    ) -> Grouping:
        """The groups of rows; ``conditions`` and ``branch`` as of :meth:`scan`."""
        leaves = list(self.leaves(rows))
        keys = [leaf.of for leaf in leaves if leaf.aggregate is None]
        # What orders is a key, or follows from the keys: to group by it, too, makes no more groups.
        extra = [sort for sort in rows.order if (sort.target, sort.cast) not in keys]
        leaves += [Leaf(None, *self.sorted_by(sort), of=(sort.target, sort.cast)) for sort in extra]
        values: Sequence[ColumnElement[Any]] = [leaf.value for leaf in leaves]
        if _is_plain(rows):
            return self.grouped_by(lambda found: self.scan(rows, found, conditions, branch), rows, leaves, values)
        columns = [self.groupable(leaf.value, leaf.kind).label(f"v{place}") for place, leaf in enumerate(leaves, 1)]
        page = self.scan(rows, columns, conditions, branch).subquery(f"{self.alias(rows.source).name}_g")
        return self.grouped_by(lambda found: sa.select(*found).select_from(page), rows, leaves, list(page.c))

    def grouped_by(
        self,
        select: Callable[[Sequence[Any]], sa.Select[Any]],
        rows: Rows,
        leaves: Sequence[Leaf],
        values: Sequence[ColumnElement[Any]],
    ) -> Grouping:
        """The groups that leaves make, each of which is one of the values."""
        pairs = list(zip(leaves, values, strict=True))
        keys = [(leaf, self.grouped(value, leaf.kind)) for leaf, value in pairs if leaf.aggregate is None]
        order = []
        for sort in rows.order:
            leaf, value = next(pair for pair in keys if pair[0].of == (sort.target, sort.cast))
            order.append(self.placed(self.ordered(value, leaf.kind), sort))
        labelled = {leaf.key: self.told(leaf, value) for leaf, value in pairs if leaf.key is not None}
        return Grouping(select, list(labelled.items()), [value for _, value in keys], order)

    def leaves(self, rows: Rows, *, spread: bool = False) -> Iterator[Leaf]:
        """Everything that a row has, aggregates not yet computed; what to-one spreads have is the row's own."""
        for output in rows.outputs:
            if isinstance(output, Output):
                yield self.leaf(output, spread)
            elif output.spread and output.to_one:
                for leaf in self.leaves(output.rows, spread=True):
                    yield replace(leaf, value=self.first(leaf.value, output))
            elif output.spread:
                for key, value in self.spread(output):
                    yield Leaf(key, value, JSONB)
            elif output.shown:
                yield Leaf(output.key, self.embed(output), JSONB)

    def leaf(self, output: Output, spread: bool) -> Leaf:
        """A plain value of one row."""
        if output.target is None:
            if output.standing and spread:
                return Leaf(output.key, sa.func.count(), BIGINT, None, output.cast)
            return Leaf(output.key, _ROW, BIGINT, Aggregate.COUNT, output.aggregate_cast or output.cast)
        value, kind = self.value(output.target)
        if output.cast is not None:
            value, kind = self.cast(value, kind, output.cast), output.cast
        of = (output.target, output.cast)
        return Leaf(output.key, value, kind, output.aggregate, output.aggregate_cast, of)

    def told(self, leaf: Leaf, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """What a group has of a value, ready to become JSON."""
        value, kind = column, leaf.kind
        if leaf.aggregate is not None:
            value, kind = self.aggregate(leaf.aggregate, value, kind), aggregated(leaf.aggregate, kind)
        if leaf.cast is not None:
            value, kind = self.cast(value, kind, leaf.cast), leaf.cast
        return self.shown(value, kind)

    def aggregate(self, aggregate: Aggregate, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """An aggregate of a value."""
        call: ColumnElement[Any] = getattr(sa.func, aggregate.value)(*([] if value is _ROW else [value]))
        return sa.type_coerce(call, aggregated(aggregate, kind).sql)

    def groupable(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """A value of a row in a form that can be grouped by."""
        return value

    def grouped(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """A column of a sub-select, compared as its kind is."""
        return value

    # What is said of rows that are no groups -----------------------------------------------------------------

    @abstractmethod
    def embed(self, branch: Branch) -> ColumnElement[Any]:
        """The value of an embed: an object or an array."""

    @abstractmethod
    def spread(self, branch: Branch) -> list[tuple[str, ColumnElement[Any]]]:
        """The columns of an embed, hoisted to the row it hangs on."""

    @abstractmethod
    def sorted_by(self, sort: Sort) -> tuple[ColumnElement[Any], Kind]:
        """What a term of an order compares, and its kind."""

    @abstractmethod
    def placed(self, value: ColumnElement[Any], sort: Sort) -> ColumnElement[Any]:
        """A term of an order: which way, and where NULL goes."""

    @abstractmethod
    def shown(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """A value as the wire shows it when it becomes JSON."""

    def cast(self, value: ColumnElement[Any], source: Kind, target: Kind) -> ColumnElement[Any]:
        """A value of one kind as another."""
        return sa.cast(value, target.sql)


def _is_plain(rows: Rows) -> bool:
    """Whether rows can be grouped by what they select as it stands: stored columns, which read the same each time."""
    targets = [output.target for output in rows.outputs if isinstance(output, Output)]
    targets += [sort.target for sort in rows.order]
    return not rows.branches and all(target is None or (target.column.stored and not target.path) for target in targets)
