"""``tell(emission, resolved)``: what an insert says of each row while it writes it, so that nobody need ask again.

A row is told by ``RETURNING`` as it is just after it was written, and other tables as they were before the statement.
So an insert tells only where neither its rule nor its answer looks at the table that it writes. What triggers do later
is not told either: each row says whether there are any, and if so the row is asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import AliasedReturnsRows

from backstay.dialects.payload import Writer
from backstay.plan.resolved import Branch, Insertion, Output, Rows


class Returned(ColumnElement[Any]):
    """An expression of ``RETURNING`` that is spelled as it would be in ``WHERE``.

    SQLAlchemy leaves tables out of ``RETURNING`` on SQLite, even in sub-selects, and does not count the members of IN.
    """

    inherit_cache = False

    def __init__(self, expression: ColumnElement[Any]) -> None:
        self.spelled = expression
        self.type = expression.type


@compiles(Returned)
def _spell(returned: Returned, compiler: Any, **options: Any) -> str:
    text: str = compiler.process(
        returned.spelled,
        within_columns_clause=False,
        add_to_result_map=None,
        include_table=True,
        render_postcompile=True,
        **{name: value for name, value in options.items() if name not in _OWN},
    )
    return text


_OWN: Final = ("within_columns_clause", "add_to_result_map", "include_table", "render_postcompile")


class Written:
    """The row that a statement writes, by the name it has in all of its ``RETURNING``, sub-selects included.

    Arguments:
        emission: the statement.
        table: what it writes.
    """

    def __init__(self, emission: Writer, table: sa.Table) -> None:
        preparer = emission.sql.identifier_preparer
        self._name: str = preparer.format_table(table)
        self.whole = False
        self.c: dict[str, ColumnElement[Any]] = {
            column.name: sa.literal_column(f"{self._name}.{preparer.quote(column.name)}", column.type)
            for column in table.columns
        }

    def table_valued(self) -> ColumnElement[Any]:
        """The row as one value, for a function: what that looks at nobody knows."""
        self.whole = True
        return sa.literal_column(self._name)


def tell(emission: Writer, resolved: Insertion) -> list[ColumnElement[Any]] | None:
    """What ``RETURNING`` tells of a row beside its key; None where the row must be asked for when all is done.

    Three columns: whether the rule keeps the row; the row as JSON text, NULL where it is not to be seen; and whether
    the statement alone had a hand in it.

    Arguments:
        emission: of the insert.
        resolved: what is inserted.
    """
    served, returning, plan = resolved.source.served, resolved.returning, emission.plan
    if resolved.resolution is not None or served.view or plan.zoned or emission.functions:
        return None
    if returning is not None and not (_is_plain(returning) and not returning.order):
        return None
    written = Written(emission, served.table)
    emission.aliases[resolved.source.number] = written
    kept = sa.and_(sa.true(), *emission.asked(plan.guards.new, resolved.source))
    row: ColumnElement[Any] = sa.null()
    if returning is not None:
        emission.aliases[returning.source.number] = written
        row = emission.document(returning)
        seen = emission.where(returning)
        row = sa.case((sa.and_(*seen), row)) if seen else row
    tables = set(_tables((kept, row)))
    if written.whole or served.table in tables:
        return None
    others = sorted(tables, key=lambda table: (table.schema or "", table.name))
    told = {"kept": kept, "row": row, "alone": emission.alone(served, others)}
    return [Returned(expression).label(name) for name, expression in told.items()]


def _is_plain(rows: Rows) -> bool:
    """Whether rows are shown as they are stored: to show them cannot fail, so it does not matter when it is done."""
    if rows.aggregated or rows.where or rows.limit is not None or rows.offset is not None or not rows.outputs:
        return False
    for output in rows.outputs:
        if isinstance(output, Branch):
            if not _is_plain(output.rows):
                return False
        elif not _is_stored(output):
            return False
    return True


def _is_stored(output: Output) -> bool:
    return output.target is not None and output.target.column.stored and output.cast is None


def _tables(expressions: Iterable[ColumnElement[Any]]) -> Iterable[Any]:
    """The tables that expressions look at."""
    for expression in expressions:
        for element in visitors.iterate(expression):
            for each in (element, getattr(element, "table", None)):
                found: Any = each
                while isinstance(found, AliasedReturnsRows):
                    found = found.element
                if isinstance(found, sa.TableClause):
                    yield found
