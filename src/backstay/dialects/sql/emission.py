"""Rows, their embeds and the statement that reads them, as SQLAlchemy expressions.

Embeds are correlated sub-selects that make JSON, so a read is one statement whatever it embeds. A dialect overrides how
JSON is made and how lists are asked.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from backstay.dialects.dialect import Statement
from backstay.dialects.sql.filters import Filters, shallow
from backstay.plan.resolved import Branch, Output, Read, Rows, Sort, Source
from backstay.query.nodes import Aggregate, Count, Join
from backstay.schema.kind import CASTS, Kind

Labelled: TypeAlias = tuple[str, ColumnElement[Any]]

_BIGINT = CASTS["bigint"]


class Emission(Filters):
    """One statement in the making: what it selects, row by row, and the related rows in them."""

    # Rows ----------------------------------------------------------------------------------------------------

    def where(self, rows: Rows) -> list[ColumnElement[Any]]:
        """Everything that a row must satisfy: its rule, the filters, the inner embeds."""
        found = self.rule(rows.source)
        found += [self.predicate(each) for each in rows.where]
        found += [self.exists(branch) for branch in rows.branches if branch.join is Join.INNER]
        return shallow(found, sa.and_)

    def select(self, rows: Rows, conditions: Iterable[ColumnElement[Any]] = ()) -> sa.Select[Any]:
        """The rows as a select of one labelled column per key, in order, page by page."""
        labelled = self.labelled(rows)
        select = sa.select(*self.packed(labelled)).select_from(self.alias(rows.source))
        select = select.where(*conditions, *self.where(rows))
        if rows.aggregated:
            select = select.group_by(*self.groups(rows))
        select = select.order_by(*[term for sort in rows.order for term in self.sort(sort)])
        limit, offset = self.limit(rows.limit), self.offset(rows.offset)
        if limit is not None:
            select = select.limit(limit)
        return select.offset(offset) if offset is not None else select

    def labelled(self, rows: Rows) -> list[Labelled]:
        """Each key of a row with its value, ready to become JSON. Of a key that stands twice, the last counts."""
        found: dict[str, ColumnElement[Any]] = {}
        for output in rows.outputs:
            if isinstance(output, Output):
                found[output.key] = self.output(output, rows.source)
            elif output.spread:
                found.update(self.spread(output))
            elif output.shown:
                found[output.key] = self.embed(output)
        return list(found.items())

    def output(self, output: Output, source: Source) -> ColumnElement[Any]:
        """One plain key of a row."""
        if output.target is None:
            counted: ColumnElement[Any] = sa.func.count()
            asked = output.aggregate_cast or output.cast
            return self.shown(counted if asked is None else self.cast(counted, _BIGINT, asked), asked or _BIGINT)
        value, kind = self.value(output.target)
        if output.cast is not None:
            value, kind = self.cast(value, kind, output.cast), output.cast
        if output.aggregate is not None:
            value, kind = self.aggregate(output.aggregate, value, kind)
            if output.aggregate_cast is not None:
                value, kind = self.cast(value, kind, output.aggregate_cast), output.aggregate_cast
        return self.shown(value, kind)

    def aggregate(self, aggregate: Aggregate, value: ColumnElement[Any], kind: Kind) -> tuple[ColumnElement[Any], Kind]:
        """An aggregate of a value, with PostgreSQL's result types."""
        call = getattr(sa.func, aggregate.value)(value)
        if aggregate is Aggregate.COUNT:
            return call, _BIGINT
        if aggregate in (Aggregate.MAX, Aggregate.MIN):
            return call, kind
        return call, self.summed(aggregate, kind)

    def summed(self, aggregate: Aggregate, kind: Kind) -> Kind:
        """The kind of a sum or an average."""
        if kind.name in ("real", "double precision"):
            return CASTS["double precision"]
        if aggregate is Aggregate.SUM and kind.name in ("smallint", "integer"):
            return _BIGINT
        return CASTS["numeric"]

    def groups(self, rows: Rows) -> list[ColumnElement[Any]]:
        """What aggregated rows are grouped by: every other key of the level."""
        found: list[ColumnElement[Any]] = []
        for output in rows.outputs:
            if isinstance(output, Output) and output.aggregate is None and output.target is not None:
                value, kind = self.value(output.target)
                found.append(value if output.cast is None else self.cast(value, kind, output.cast))
            elif isinstance(output, Branch):
                found += [self.alias(rows.source).c[ours] for ours, _ in _near_pairs(output)]
        return found

    # Embeds --------------------------------------------------------------------------------------------------

    def joined(self, branch: Branch) -> list[ColumnElement[Any]]:
        """The conditions that make rows related, over the aliases of both sides (and of the junction)."""
        origin = self.origin_of(branch)
        target = self.alias(branch.rows.source)
        junction = branch.relation.junction
        if junction is None:
            return [origin.c[ours] == target.c[theirs] for ours, theirs in branch.relation.pairs]
        between = self.junction(branch)
        near = [origin.c[ours] == between.c[theirs] for ours, theirs in junction.near]
        far = [between.c[ours] == target.c[theirs] for ours, theirs in junction.far]
        rule = self.rule(branch.junction) if branch.junction is not None else []
        return [*near, *far, *rule]

    def junction(self, branch: Branch) -> Any:
        """The table between, under its name in this statement."""
        assert branch.relation.junction is not None
        if branch.junction is not None:
            return self.alias(branch.junction)
        number = -branch.rows.source.number
        if number not in self.aliases:
            table = branch.relation.junction.table
            self.aliases[number] = table.alias(f"{table.name[:50]}_{branch.rows.source.number}j")
        return self.aliases[number]

    def origin_of(self, branch: Branch) -> Any:
        """The alias of the rows that a branch hangs on."""
        return self.alias(self.origins[branch.rows.source.number])

    def related(self, branch: Branch) -> sa.Select[Any]:
        """The related rows of one row."""
        select = self.select(branch.rows, self.joined(branch))
        if branch.relation.junction is not None:
            select = select.select_from(self.junction(branch))
        return self.correlated(select, branch)

    def correlated(self, select: sa.Select[Any], branch: Branch) -> sa.Select[Any]:
        """A sub-select that speaks of its own tables, and of all others as the enclosing rows'."""
        own = [self.alias(branch.rows.source)]
        if branch.relation.junction is not None:
            own.append(self.junction(branch))
        return select.correlate_except(*own)

    def embed(self, branch: Branch) -> ColumnElement[Any]:
        """The value of an embed: an object or an array."""
        related = self.related(branch)
        return self.json_object(related, branch) if branch.to_one else self.json_array(related, branch)

    def spread(self, branch: Branch) -> list[Labelled]:
        """The columns of an embed, hoisted to the row it hangs on."""
        found: list[Labelled] = []
        for output in branch.rows.outputs:
            if isinstance(output, Output):
                key, value = output.key, self.output(output, branch.rows.source)
            elif output.spread:
                inner = self.spread(output)
                found += [(key, self.hoisted(value, branch)) for key, value in inner]
                continue
            elif output.shown:
                key, value = output.key, self.embed(output)
            else:
                continue
            found.append((key, self.hoisted(value, branch)))
        return found

    def hoisted(self, value: ColumnElement[Any], branch: Branch) -> ColumnElement[Any]:
        """One value of a spread embed."""
        rows = branch.rows
        select: sa.Select[Any] = sa.select(self.json_text(value).label("value")).select_from(self.alias(rows.source))
        if branch.relation.junction is not None:
            select = select.select_from(self.junction(branch))
        select = self.correlated(select.where(*self.joined(branch), *self.where(rows)), branch)
        if branch.to_one:
            return self.json_value(select.limit(1).scalar_subquery())
        select = select.order_by(*[term for sort in rows.order for term in self.sort(sort)])
        limit, offset = self.limit(rows.limit), self.offset(rows.offset)
        if limit is not None:
            select = select.limit(limit)
        if offset is not None:
            select = select.offset(offset)
        return self.json_values(select, branch)

    def exists(self, branch: Branch) -> ColumnElement[Any]:
        """Whether a row has a related row."""
        select: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(self.alias(branch.rows.source))
        if branch.relation.junction is not None:
            select = select.select_from(self.junction(branch))
        return self.correlated(select.where(*self.joined(branch), *self.where(branch.rows)), branch).exists()

    # Order ---------------------------------------------------------------------------------------------------

    def sort(self, sort: Sort) -> list[ColumnElement[Any]]:
        """One term of an order, NULLs placed explicitly."""
        value, kind = self.value(sort.target)
        if sort.branch is not None:
            branch = sort.branch
            select = sa.select(value).select_from(self.alias(branch.rows.source))
            select = select.where(*self.joined(branch), *self.where(branch.rows)).limit(1)
            value = self.correlated(select, branch).scalar_subquery()
        value = self.ordered(value, kind)
        term = value.desc() if sort.descending else value.asc()
        return [term.nulls_first() if sort.nulls_first else term.nulls_last()]

    # What each dialect says in its own way -------------------------------------------------------------------

    @abstractmethod
    def packed(self, labelled: list[Labelled]) -> list[Any]:
        """The columns of a select that yields one JSON object per row."""

    @abstractmethod
    def json_array(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        """The rows of a select as a JSON array."""

    @abstractmethod
    def json_object(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        """The one row of a select as a JSON object, or NULL."""

    def json_text(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """A value inside a sub-select, in a form that it does not lose on the way out."""
        return value

    @abstractmethod
    def json_value(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """A hoisted value, kept as the JSON it is."""

    @abstractmethod
    def json_values(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        """The values of a select of one column as a JSON array."""

    @abstractmethod
    def whole(self, select: sa.Select[Any]) -> sa.Select[Any]:
        """One row: the body (a JSON array as text) and the number of rows of a select."""

    @abstractmethod
    def shown(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """A value as the wire shows it when it becomes JSON."""

    def cast(self, value: ColumnElement[Any], source: Kind, target: Kind) -> ColumnElement[Any]:
        """A value of one kind as another."""
        return sa.cast(value, target.sql)

    # Statements ----------------------------------------------------------------------------------------------

    def read(self, count: Count) -> Statement:
        """The statement of a read: one row of body, rows, and total where one was asked for."""
        resolved = self.plan.resolved
        rows = resolved.rows if isinstance(resolved, Read) else resolved.returning
        assert rows is not None
        statement = self.whole(self.select(rows))
        if count is not Count.NONE:
            statement = statement.add_columns(self.total(rows))
        return self.compile(statement)

    def total(self, rows: Rows) -> ColumnElement[Any]:
        """How many rows there are, whatever the page."""
        counted = sa.select(sa.func.count()).select_from(self.alias(rows.source)).where(*self.where(rows))
        if rows.aggregated:
            groups = self.groups(rows)
            inner: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(self.alias(rows.source))
            inner = inner.where(*self.where(rows))
            counted = sa.select(sa.func.count()).select_from(inner.group_by(*groups).subquery())
        return counted.correlate(None).scalar_subquery()


def _near_pairs(branch: Branch) -> Sequence[tuple[str, str]]:
    junction = branch.relation.junction
    return branch.relation.pairs if junction is None else junction.near
