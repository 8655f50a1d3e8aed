"""``weave(expression, table) -> expression``: free of the ORM, closed in itself, narrowed to the caller's tenant.

In what comes out, a bare table is the resource's own, standing for the row in question. Every table of a sub-select
goes by a name of its own, and every sub-select says which tables are its own and which the enclosing row's. So the
expression means the same wherever in a statement it stands, and under whatever name the row goes there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql.elements import Label
from sqlalchemy.sql.selectable import Exists, FromClause, FromGrouping, SelectStatementGrouping

from backstay.errors import DeclarationError
from backstay.schema.caller import CallerAttribute

E = TypeVar("E", bound=ColumnElement[Any])
Scope: TypeAlias = Mapping[Any, Any]
"""What each table that is within reach goes by."""

_LONGEST_NAME = 48


@dataclass(frozen=True, slots=True)
class Tenants:
    """Whose rows are whose.

    Arguments:
        columns: of each table that belongs to tenants, the column that says whose a row is.
        current: the caller's tenant.
    """

    columns: Mapping[sa.Table, sa.Column[Any]]
    current: CallerAttribute

    def condition(self, table: sa.Table, alias: FromClause) -> list[ColumnElement[bool]]:
        """What rows of a table, under a name of it, must satisfy; nothing where the table has no tenants."""
        column = self.columns.get(table)
        return [] if column is None else [alias.c[column.key] == self.current]


def plain(expression: E) -> E:
    """An expression that speaks of no row, free of the ORM. Raises DeclarationError, as :func:`weave` does."""
    return cast("E", _Weaving(None).strip(expression, {}))


def weave(expression: E, table: sa.Table, tenants: Tenants | None = None) -> E:
    """An expression ready to be put into statements.

    A tenant's data is as if it were a database of its own, so the sub-selects see only that.

    Arguments:
        expression: as declared.
        table: whose row it speaks of.
        tenants: what its sub-selects are narrowed to.

    Raises:
        DeclarationError: where a sub-select cannot be understood.
    """
    return cast("E", _Weaving(tenants).strip(expression, {table: table}))


def weave_between(expression: E, tables: Sequence[FromClause], tenants: Tenants | None = None) -> E:
    """The same for a condition on rows of several tables, or of one table under several names.

    Raises:
        DeclarationError: as :func:`weave` does.
    """
    return cast("E", _Weaving(tenants).strip(expression, {table: table for table in tables}))


def narrow(rule: ColumnElement[Any], table: sa.Table, tenants: Tenants | None) -> ColumnElement[Any]:
    """A woven rule, of the caller's tenant's rows only."""
    conditions = [] if tenants is None else tenants.condition(table, table)
    return sa.and_(*conditions, rule) if conditions else rule


@dataclass(slots=True)
class _Weaving:
    """One expression on its way: it numbers the tables of its sub-selects."""

    tenants: Tenants | None
    count: int = field(default=0)

    def strip(self, element: Any, scope: Scope) -> Any:
        """A copy without the ORM's annotations, its tables under the names they have in ``scope``."""
        if isinstance(element, sa.Select):
            return self.select(element, scope)
        bare = element._deannotate()
        if isinstance(bare, Exists):
            return self.select(_inner(bare), scope).exists()
        if isinstance(bare, Label):
            return self.strip(bare.element, scope)
        if isinstance(bare, FromClause) and not isinstance(bare, ColumnElement):
            return scope.get(bare, bare)
        table = getattr(bare, "table", None)
        if table is not None and isinstance(bare, sa.ColumnClause):
            owner = scope.get(table._deannotate())
            return bare if owner is None or owner is table else owner.c[bare.key]
        copy = bare._clone()
        copy._copy_internals(clone=lambda part, **_: self.strip(part, scope))
        return copy

    # Sub-selects ---------------------------------------------------------------------------------------------

    def select(self, select: sa.Select[Any], scope: Scope) -> sa.Select[Any]:
        """A sub-select whose tables go by their own names, and which speaks of all others as the enclosing rows'."""
        _refuse_clauses(select)
        sources = [_bare(source) for source in select.get_final_froms()]
        own = [source for source in sources if not _is_enclosing(source, sources, select, scope)]
        inner = {**scope, **{leaf: self.alias(leaf) for source in own for leaf in _leaves(source)}}
        conditions: list[ColumnElement[bool]] = []
        froms = [self.source(source, inner, conditions) for source in own]
        where = [self.strip(each, inner) for each in select._where_criteria]
        woven = sa.select(*self.columns(select, inner)).select_from(*froms).where(*where, *conditions)
        woven = woven.group_by(*[self.strip(each, inner) for each in select._group_by_clauses])
        woven = woven.having(*[self.strip(each, inner) for each in select._having_criteria])
        woven = woven.order_by(*[self.strip(each, inner) for each in select._order_by_clauses])
        if select._distinct:
            woven = woven.distinct()
        if select._limit_clause is not None:
            woven = woven.limit(self.strip(select._limit_clause, inner))
        if select._offset_clause is not None:
            woven = woven.offset(self.strip(select._offset_clause, inner))
        return woven.correlate_except(*[inner[leaf] for source in own for leaf in _leaves(source)])

    def columns(self, select: sa.Select[Any], inner: Scope) -> Iterator[Any]:
        """What a sub-select yields; ``*``, which means nothing in particular, as 1."""
        for column in select._raw_columns:
            is_star = isinstance(column, sa.ColumnClause) and column.is_literal and str(column.name) == "*"
            yield sa.literal_column("1") if is_star else self.strip(column, inner)

    def alias(self, leaf: Any) -> FromClause:
        """A name for a table that no other name in any statement can be mistaken for."""
        self.count += 1
        table = _table(leaf)
        return table.alias(f"{table.name[:_LONGEST_NAME]}_r{self.count}")

    def source(self, source: Any, inner: Scope, conditions: list[ColumnElement[bool]]) -> FromClause:
        """What a sub-select reads from; ``conditions`` gets what the tenant's rows must satisfy in WHERE."""
        if not isinstance(source, sa.Join):
            if self.tenants is not None:
                conditions += self.tenants.condition(_table(source), inner[source])
            return inner[source]  # type: ignore[no-any-return]
        left = self.source(source.left, inner, conditions)
        # Narrowing the optional side in WHERE would drop the rows that have no match.
        optional: list[ColumnElement[bool]] = []
        right = self.source(source.right, inner, optional if source.isouter else conditions)
        match = self.strip(source.onclause, inner)
        return sa.join(left, right, sa.and_(match, *optional) if optional else match, isouter=source.isouter)


def _inner(exists: Exists) -> sa.Select[Any]:
    select: Any = exists.element
    while not isinstance(select, sa.Select):
        if not isinstance(select, SelectStatementGrouping | sa.ScalarSelect):
            raise DeclarationError(
                "a sub-select is a union of several", hint="Write one exists() for each, and combine them with |."
            )
        select = select.element
    return select


def _bare(source: Any) -> Any:
    """A source without annotations; of a join, both sides."""
    source = source._deannotate()
    while isinstance(source, FromGrouping):
        source = source.element._deannotate()
    if not isinstance(source, sa.Join):
        return source
    if source.full:
        raise DeclarationError("a sub-select has a full outer join", hint="Ask each side in an exists() of its own.")
    return sa.join(_bare(source.left), _bare(source.right), source.onclause, isouter=source.isouter)


def _leaves(source: Any) -> list[Any]:
    if isinstance(source, sa.Join):
        return _leaves(source.left) + _leaves(source.right)
    return [source]


def _table(leaf: Any) -> sa.Table:
    table = leaf.element._deannotate() if isinstance(leaf, sa.Alias) else leaf
    if not isinstance(table, sa.Table):
        raise DeclarationError(
            f"a sub-select reads from something that is no table ({type(leaf).__name__})",
            hint="Read from models, or aliased() models, and join them.",
        )
    return table


def _is_enclosing(source: Any, sources: list[Any], select: sa.Select[Any], scope: Scope) -> bool:
    """Whether a sub-select that names a table means the enclosing row's, and does not read the table itself."""
    if source not in scope:
        return False
    if select._correlate_except is not None:
        return source not in [each._deannotate() for each in select._correlate_except]
    if select._correlate:
        return source in [each._deannotate() for each in select._correlate]
    if len(sources) == 1:
        return False
    named = [each for clause in (*select._raw_columns, *select._from_obj) for each in clause._from_objects]
    if source in [leaf for each in named for leaf in _leaves(each._deannotate())]:
        name = _table(source).name
        raise DeclarationError(
            f"a sub-select reads from {name!r} and may mean the enclosing row of {name!r} instead",
            hint=f"Give the one it reads from a name of its own: other = aliased({name}).",
        )
    return True


def _refuse_clauses(select: sa.Select[Any]) -> None:
    found = {
        "FOR UPDATE": select._for_update_arg,
        "FETCH": select._fetch_clause,
        "DISTINCT ON": select._distinct_on,
        "WITH": select._independent_ctes,
        "a prefix": select._prefixes,
        "a suffix": select._suffixes,
    }
    for name, clause in found.items():
        if clause is not None and not (isinstance(clause, tuple | list) and not clause):
            raise DeclarationError(f"a sub-select has {name}", hint="Write the sub-select without it.")
