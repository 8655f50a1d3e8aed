"""Rows and the rows related to them: what joins them, what they must satisfy, whether there are any."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from backstay.dialects.sql.adapt import adapt
from backstay.dialects.sql.filters import Filters, shallow
from backstay.plan.resolved import Branch, Rows
from backstay.query.nodes import Join
from backstay.schema.relation import Condition


class Relations(Filters):
    """The rows of a statement and of its embeds, before it is said what is selected of them."""

    def where(self, rows: Rows) -> list[ColumnElement[Any]]:
        """Everything that a row must satisfy: its rule, the filters, the inner embeds."""
        found = self.rule(rows.source)
        found += [self.predicate(each) for each in rows.where]
        found += [self.exists(branch) for branch in rows.branches if branch.join is Join.INNER]
        return shallow(found, sa.and_)

    def scan(
        self,
        rows: Rows,
        columns: Sequence[Any],
        conditions: Sequence[ColumnElement[Any]] = (),
        branch: Branch | None = None,
    ) -> sa.Select[Any]:
        """A select of columns from rows, neither ordered nor cut.

        Arguments:
            rows: whose.
            columns: what is selected.
            conditions: what is asked beside what the rows say.
            branch: the embed that the rows are of: those related to one row of the enclosing select.
        """
        select: sa.Select[Any] = sa.select(*columns).select_from(self.rows_of(rows.source))
        if branch is None:
            return select.where(*conditions, *self.where(rows))
        own = [self.alias(rows.source)]
        if branch.relation.junction is not None:
            own.append(self.junction(branch))
            select = select.select_from(self.junction(branch))
        select = select.where(*conditions, *self.joined(branch), *self.where(rows))
        # It speaks of its own tables, and of all others as the enclosing rows'.
        return select.correlate_except(*own)

    def first(self, value: ColumnElement[Any], branch: Branch) -> ColumnElement[Any]:
        """A value of the one related row; NULL where there is none."""
        select = self.in_order(self.scan(branch.rows, [value], branch=branch), branch.rows)
        return self.single(select, branch.rows).scalar_subquery()

    @abstractmethod
    def in_order(self, select: sa.Select[Any], rows: Rows) -> sa.Select[Any]:
        """A select of rows, ordered."""

    def single(self, select: sa.Select[Any], rows: Rows) -> sa.Select[Any]:
        """A select of one row at most, or of none where the page leaves it out."""
        if rows.limit is None:
            select = select.limit(sa.literal_column("1"))
        else:
            index = rows.limit.index
            select = select.limit(self.bind(lambda values, caller: min(values[index], 1), sa.BigInteger()))
        offset = self.offset(rows.offset)
        return select if offset is None else select.offset(offset)

    def exists(self, branch: Branch) -> ColumnElement[Any]:
        """Whether a row has a related row."""
        return self.scan(branch.rows, [sa.literal_column("1")], branch=branch).exists()

    # Joins ---------------------------------------------------------------------------------------------------

    def joined(self, branch: Branch) -> list[ColumnElement[Any]]:
        """The conditions that make rows related, over the aliases of both sides (and of the junction)."""
        origin = self.origin_of(branch)
        target = self.alias(branch.rows.source)
        junction = branch.relation.junction
        rule = self.rule(branch.junction) if branch.junction is not None else []
        if branch.relation.function is not None:
            # What a function answers with that has no row is a row of NULLs.
            return [target.c[name].is_not(None) for name in branch.rows.source.served.key]
        if branch.relation.condition is not None:
            return [self.condition(branch.relation.condition, branch), *rule]
        if junction is None:
            return [origin.c[ours] == target.c[theirs] for ours, theirs in branch.relation.pairs]
        between = self.junction(branch)
        near = [origin.c[ours] == between.c[theirs] for ours, theirs in junction.near]
        far = [between.c[ours] == target.c[theirs] for ours, theirs in junction.far]
        return [*near, *far, *rule]

    def condition(self, condition: Condition, branch: Branch) -> ColumnElement[Any]:
        """The condition of a relation of the program's own, over the aliases of this statement."""
        # A caller whom rules do not bind has no tenant, and gives no answers.
        narrowed = condition.narrowed if self.plan.answers else None
        found = condition.expression if narrowed is None else narrowed
        found = adapt(found, condition.origin, self.origin_of(branch))
        found = adapt(found, condition.target, self.alias(branch.rows.source))
        return found if condition.between is None else adapt(found, condition.between, self.junction(branch))

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
