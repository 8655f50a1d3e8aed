"""Rows, their embeds and the statement that reads them, as SQLAlchemy expressions.

Embeds are correlated sub-selects that make JSON, so a read is one statement whatever it embeds. A dialect overrides how
JSON is made and how lists are asked.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from backstay.dialects.dialect import Statement
from backstay.dialects.sql.groups import Groups
from backstay.plan.resolved import Branch, Output, Read, Rows, Sort
from backstay.query.nodes import Count
from backstay.schema.kind import Kind

Labelled: TypeAlias = tuple[str, ColumnElement[Any]]


class Emission(Groups):
    """One statement in the making: what it selects, row by row, and the related rows in them."""

    # Rows ----------------------------------------------------------------------------------------------------

    def select(
        self, rows: Rows, conditions: Sequence[ColumnElement[Any]] = (), branch: Branch | None = None
    ) -> sa.Select[Any]:
        """The rows as a select of one labelled column per key, in order, page by page.

        Arguments:
            rows: whose.
            conditions: what is asked beside what the rows say.
            branch: the embed that the rows are of.
        """
        if not rows.aggregated:
            select = self.in_order(self.scan(rows, self.row(rows), conditions, branch), rows)
        else:
            groups = self.grouping(rows, conditions, branch)
            select = groups.select(self.packed(groups.labelled)).group_by(*groups.by).order_by(*groups.order)
        return self.single(select, rows) if branch is not None and branch.to_one else self.paged(select, rows)

    def in_order(self, select: sa.Select[Any], rows: Rows) -> sa.Select[Any]:
        """A select of rows, ordered."""
        return select.order_by(*[self.sort(sort) for sort in rows.order])

    def paged(self, select: sa.Select[Any], rows: Rows) -> sa.Select[Any]:
        """A select, cut to the page."""
        limit, offset = self.limit(rows.limit), self.offset(rows.offset)
        if limit is not None:
            select = select.limit(limit)
        return select.offset(offset) if offset is not None else select

    def row(self, rows: Rows) -> list[Any]:
        """The columns of a select that yields one JSON object per row."""
        return self.packed(self.labelled(rows))

    def labelled(self, rows: Rows) -> list[Labelled]:
        """Each key of a row with its value, ready to become JSON. Of a key that stands twice, the last counts."""
        found: dict[str, ColumnElement[Any]] = {}
        for output in rows.outputs:
            found.update(self.labels(output))
        return list(found.items())

    def labels(self, output: Output | Branch) -> list[Labelled]:
        """The keys that one output makes, with their values."""
        if isinstance(output, Output):
            return [(output.key, self.output(output))]
        if output.spread:
            return self.spread(output)
        return [(output.key, self.embed(output))] if output.shown else []

    def output(self, output: Output) -> ColumnElement[Any]:
        """One plain key of a row."""
        leaf = self.leaf(output, spread=True)
        return self.told(leaf, leaf.value)

    # Embeds --------------------------------------------------------------------------------------------------

    def embed(self, branch: Branch) -> ColumnElement[Any]:
        """The value of an embed: an object or an array."""
        related = self.select(branch.rows, branch=branch)
        return self.json_object(related, branch) if branch.to_one else self.json_array(related, branch)

    def spread(self, branch: Branch) -> list[Labelled]:
        """The columns of an embed, hoisted to the row it hangs on."""
        return [(key, self.hoisted(value, branch)) for key, value in self.labelled(branch.rows)]

    def hoisted(self, value: ColumnElement[Any], branch: Branch) -> ColumnElement[Any]:
        """One value of a spread embed: of many rows, an array."""
        select = self.in_order(
            self.scan(branch.rows, [self.json_text(value).label("value")], branch=branch), branch.rows
        )
        if branch.to_one:
            return self.json_value(self.single(select, branch.rows).scalar_subquery())
        select = select.order_by(*self.tie_breaks(branch.rows))
        return self.json_values(self.paged(select, branch.rows), branch)

    def tie_breaks(self, rows: Rows) -> list[ColumnElement[Any]]:
        """What orders rows that their order does not tell apart, so that the arrays of a spread are aligned."""
        served = rows.source.served
        alias = self.alias(rows.source)
        if any(isinstance(output, Output) and output.standing for output in rows.outputs):
            return []
        if served.key:
            return [alias.c[name] for name in served.key]
        # Rows that are alike in all that is shown of them may stand in any order.
        return [sa.cast(column, sa.Text()) for column in alias.c]

    # Order ---------------------------------------------------------------------------------------------------

    def sort(self, sort: Sort) -> ColumnElement[Any]:
        """One term of an order, NULLs placed explicitly."""
        value, kind = self.sorted_by(sort)
        return self.placed(self.ordered(value, kind), sort)

    def sorted_by(self, sort: Sort) -> tuple[ColumnElement[Any], Kind]:
        """What a term of an order compares, and its kind."""
        value, kind = self.value(sort.target)
        if sort.cast is not None:
            value, kind = self.cast(value, kind, sort.cast), sort.cast
        return (value if sort.branch is None else self.first(value, sort.branch)), kind

    def placed(self, value: ColumnElement[Any], sort: Sort) -> ColumnElement[Any]:
        """A term of an order: which way, and where NULL goes, if there can be one.

        Where nothing is said of NULL, an index serves the order, either way round; else an index of SQLite serves the
        first term alone, and one of PostgreSQL only the places that it has for NULLs.
        """
        term = value.desc() if sort.descending else value.asc()
        if isinstance(value, sa.Column) and not value.nullable and not sort.target.source.served.view:
            return term
        return term.nulls_first() if sort.nulls_first else term.nulls_last()

    # What each dialect says in its own way -------------------------------------------------------------------

    @abstractmethod
    def packed(self, labelled: list[Labelled]) -> list[Any]:
        """The columns of a select that yields one JSON object of these keys per row."""

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

    between: ClassVar[str]
    """What stands between two rows of an array that :meth:`whole` makes."""

    @abstractmethod
    def whole(self, select: sa.Select[Any], *, bounded: bool = False) -> sa.Select[Any]:
        """One row: the body (a JSON array as text) and the number of rows of a select.

        ``bounded``: in the place of a body longer than :data:`~backstay.dialects.dialect.WHOLE` stands NULL, unless the
        driver itself keeps such bodies out.
        """

    @abstractmethod
    def each(self, select: sa.Select[Any]) -> tuple[ColumnElement[Any], Any]:
        """The JSON text of each row of a select, and what to select it from."""

    # Statements ----------------------------------------------------------------------------------------------

    def read(self, count: Count, *, bounded: bool = False) -> Statement:
        """The statement of a read: one row of body, rows, and total where one was asked for.

        ``bounded``: as for :meth:`whole`.
        """
        rows = self.root
        statement = self.whole(self.select(rows), bounded=bounded)
        if count is not Count.NONE:
            statement = statement.add_columns(self.total(rows))
        return self.compile(statement)

    def read_rows(self, count: Count) -> Statement:
        """The statement of the same read, row by row: the text of each, and NULL.

        Where the total was asked for, it stands in a row of its own before the others, with NULL in the place of a
        text: it must be told even where the page holds no rows.
        """
        text, page = self.each(self.select(self.root))
        each = sa.select(text, sa.cast(sa.null(), sa.BigInteger())).select_from(page)
        if count is Count.NONE:
            return self.compile(each)
        total = sa.select(sa.cast(sa.null(), sa.Text()), self.total(self.root))
        return self.compile(sa.union_all(total, each))

    @property
    def root(self) -> Rows:
        """The rows to answer with."""
        resolved = self.plan.resolved
        rows = resolved.rows if isinstance(resolved, Read) else resolved.returning
        assert rows is not None
        return rows

    def total(self, rows: Rows, conditions: Sequence[ColumnElement[Any]] = ()) -> ColumnElement[Any]:
        """How many rows (or groups of rows) there are, whatever the page."""
        if not rows.aggregated:
            counted = self.scan(rows, [sa.func.count()], conditions)
        else:
            groups = self.grouping(rows, conditions)
            one: ColumnElement[Any] = sa.literal_column("1") if groups.by else sa.func.count()
            each = groups.select([one.label("v")]).group_by(*groups.by)
            counted = sa.select(sa.func.count()).select_from(each.subquery())
        return counted.correlate(None).scalar_subquery()
