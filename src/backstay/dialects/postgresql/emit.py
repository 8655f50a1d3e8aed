"""How PostgreSQL says it: whole rows to ``json_agg``, parameters as text cast to the column's type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects.postgresql import ARRAY, insert

from backstay.dialects.dialect import WHOLE, Parameter
from backstay.dialects.payload import Writer
from backstay.dialects.postgresql.types import spell, unbounded
from backstay.dialects.postgresql.zones import ZoneDialect, pinned
from backstay.dialects.quote import quote_text, quoted
from backstay.dialects.sql import TEXT, Labelled
from backstay.plan.resolved import Branch, Rows, Source, Target, Test
from backstay.query.nodes import Quantifier
from backstay.schema.column import Column
from backstay.schema.kind import CASTS, Kind, other
from backstay.schema.kind.array import OTHERWISE
from backstay.schema.kind.texts import Structured
from backstay.schema.served import Served

_ROWS = "_rows"
_JSON = ("json", "jsonb")
_AS_IS = ("character varying", "date", "numeric", "text", "timestamp with time zone", "uuid")
"""Kinds whose canonical values are texts that stand in JSON as they are."""


class PostgreSQLEmission(Writer):
    """One PostgreSQL statement in the making."""

    sql = ZoneDialect()  # type: ignore[no-untyped-call]
    between = ", \n "
    row_key = (
        Column("ctid", "ctid", other("tid"), sa.column("ctid")),
        Column("tableoid", "tableoid", other("oid"), sa.column("tableoid")),
    )

    # Rules ---------------------------------------------------------------------------------------------------

    def own(self, expression: ColumnElement[Any], source: Source) -> ColumnElement[Any]:
        found = super().own(expression, source)
        return pinned(found) if self.plan.zoned else found

    # Parameters ----------------------------------------------------------------------------------------------

    def scalar(self, read: Parameter, kind: Kind) -> ColumnElement[Any]:
        if isinstance(kind, Structured):
            return self.structured(lambda values, caller: [read(values, caller)], kind)
        value = self.bind(lambda values, caller: spell(read(values, caller)), sa.Text())
        return value if kind.name == "text" else sa.cast(value, unbounded(kind.sql))

    def members(self, read: Parameter, kind: Kind) -> Any:
        if isinstance(kind, Structured):
            return self.structured(read, kind)
        if kind.name.endswith("[]") or kind.name in OTHERWISE:
            # Arrays of arrays are one array to PostgreSQL: ANY would go through the members of each.
            texts = self.bind(lambda values, caller: spell([spell(each) for each in read(values, caller)]), sa.Text())
            each = func.unnest(sa.cast(texts, ARRAY(sa.Text()))).table_valued("value").render_derived()
            return sa.select(sa.cast(each.c.value, kind.sql)).select_from(each).scalar_subquery()
        value = self.bind(lambda values, caller: spell(read(values, caller)), sa.Text())
        return sa.cast(value, ARRAY(unbounded(kind.sql)))

    def structured(self, read: Parameter, kind: Kind) -> ColumnElement[Any]:
        """A parameter of values that only the database can read from JSON, one row each."""

        def encode(values: Any, caller: Any) -> str:
            return "[" + ",".join(f'{{"v":{each or "null"}}}' for each in read(values, caller)) + "]"

        shape = sa.column("v", kind.sql)
        rows = func.json_to_recordset(sa.cast(self.bind(encode, sa.Text()), sa.JSON())).table_valued(shape)
        rows = rows.render_derived(with_types=True)
        found: sa.Select[Any] = sa.select(rows.c.v).select_from(rows)
        return found.scalar_subquery()

    # JSON ----------------------------------------------------------------------------------------------------

    def packed(self, labelled: list[Labelled]) -> list[Any]:
        return [value.label(key) for key, value in labelled]

    def json_array(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        page = select.subquery(_ROWS)
        return sa.select(_array(_row())).select_from(page).scalar_subquery()

    def json_object(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        page = select.subquery(_ROWS)
        return sa.select(func.row_to_json(_row())).select_from(page).scalar_subquery()

    def json_value(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        return value

    def json_values(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        page = select.subquery(_ROWS)
        return sa.select(_array(page.c.value)).select_from(page).scalar_subquery()

    def whole(self, select: sa.Select[Any], *, bounded: bool = False) -> sa.Select[Any]:
        page = select.subquery(_ROWS)
        body: ColumnElement[Any] = sa.cast(_array(_row()), sa.Text())
        if bounded:
            # PostgreSQL computes an aggregate that stands twice once, and knows its size without counting.
            size = func.pg_column_size(func.json_agg(_row()))
            body = sa.case((size > sa.literal_column(str(WHOLE)), sa.null()), else_=body)
        columns: list[ColumnElement[Any]] = [body, func.count()]
        return sa.select(*columns).select_from(page)

    def each(self, select: sa.Select[Any]) -> tuple[ColumnElement[Any], Any]:
        return sa.cast(func.row_to_json(_row()), sa.Text()), select.subquery(_ROWS)

    def shown(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        return value

    def path(self, column: ColumnElement[Any], target: Target) -> ColumnElement[Any]:
        value = column if target.column.kind.name in _JSON else func.to_jsonb(column)
        document = sa.JSON() if target.column.kind.name == "json" else CASTS["jsonb"].sql
        for step in target.path:
            key = sa.literal_column(str(step.key)) if isinstance(step.key, int) else quoted(step.key)
            arrow, type_ = ("->>", sa.Text()) if step.text else ("->", document)
            value = value.op(arrow, precedence=15, return_type=type_)(key)
        return value

    def groupable(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        # Embeds and spreads are `json`, which has no equality.
        is_json = kind.name == "jsonb" and not isinstance(value.type, CASTS["jsonb"].sql.__class__)
        return sa.cast(value, CASTS["jsonb"].sql) if is_json else value

    # Lists and patterns --------------------------------------------------------------------------------------

    def any_of(self, value: ColumnElement[Any], members: Any, kind: Kind) -> ColumnElement[Any]:
        return self.comparable(value, kind) == sa.any_(members)

    def comparable(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        # `json` has neither = nor an order; a path into it is compared as the `jsonb` it could be.
        return sa.cast(value, CASTS["jsonb"].sql) if type(value.type) is sa.JSON else value

    def quantified(
        self,
        value: ColumnElement[Any],
        kind: Kind,
        compare: Callable[[Any, Any], ColumnElement[Any]],
        members: Any,
        quantifier: Quantifier,
    ) -> ColumnElement[Any]:
        return compare(value, (sa.any_ if quantifier is Quantifier.ANY else sa.all_)(members))

    def matches(self, value: ColumnElement[Any], test: Test) -> ColumnElement[Any]:
        sign = "~*" if test.operator.name == "imatch" else "~"
        if test.quantifier is not None:
            members = self.literals(test.value, TEXT)
            compare = lambda left, right: left.op(sign, is_comparison=True)(right)  # noqa: E731
            return self.quantified(value, TEXT, compare, members, test.quantifier)
        return value.op(sign, is_comparison=True)(self.literal(test.value, TEXT))

    def special(self, value: ColumnElement[Any], kind: Kind, test: Test) -> ColumnElement[Any]:
        return self.comparable(value, kind).op(test.operator.sql, is_comparison=True)(self.literal(test.value, kind))

    def searched(self, test: Test, told: bool) -> ColumnElement[Any]:
        value, kind = self.value(test.target)
        # Written out, and not as a parameter: only so it is the expression that an index was made of.
        language = quoted(test.language or self.plan.schema.search_language)
        document = value if kind.name == "tsvector" else func.to_tsvector(language, value)
        query: Any = getattr(func, test.operator.sql.removeprefix("@@ "))
        return document.op("@@", is_comparison=True)(query(language, self.literal(test.value, TEXT)))

    def cast(self, value: ColumnElement[Any], source: Kind, target: Kind) -> ColumnElement[Any]:
        if type(value.type) is sa.JSON and target.name not in ("json", "text", "character varying"):
            # Of the two only jsonb can be cast to numbers.
            value = sa.cast(value, CASTS["jsonb"].sql)
        return sa.cast(value, target.sql)

    # Payloads and keys ---------------------------------------------------------------------------------------

    def recordset(self, columns: Sequence[Column], read: Parameter) -> tuple[dict[str, ColumnElement[Any]], Any]:
        names = [f"c{index}" for index in range(len(columns))]
        kinds = [(place, column.kind) for place, column in enumerate(columns, 1) if column.kind.name not in _AS_IS]
        keys = ("n", *names)

        def encode(values: Any, caller: Any) -> str:
            rows = read(values, caller)
            given: list[Any] = [range(len(rows)), *zip(*rows, strict=True)]
            for place, kind in kinds if rows else ():
                given[place] = [packable(value, kind) for value in given[place]]
            return orjson.dumps([dict(zip(keys, row, strict=True)) for row in zip(*given, strict=True)]).decode()

        shape = [
            sa.column("n", sa.Integer()),
            *[sa.column(name, column.kind.sql) for name, column in zip(names, columns, strict=True)],
        ]
        payload = sa.cast(self.bind(encode, sa.Text()), sa.JSON())
        rows = func.json_to_recordset(payload).table_valued(*shape).render_derived(with_types=True)
        return {column.name: rows.c[name] for column, name in zip(columns, names, strict=True)}, rows

    def position(self, source: Any) -> ColumnElement[Any]:
        return source.c.n  # type: ignore[no-any-return]

    def insertion(self, table: Any, values: Mapping[str, ColumnElement[Any]], source: Any) -> Any:
        if source is None:
            return insert(table).values({table.c[name]: value for name, value in values.items()})
        select = sa.select(*values.values()).select_from(source).order_by(source.c.n)
        return insert(table).from_select(list(values), select, include_defaults=False)

    def document(self, rows: Rows) -> ColumnElement[Any]:
        page = sa.select(*self.row(rows)).subquery(_ROWS)
        return sa.select(sa.cast(func.row_to_json(_row()), sa.Text())).select_from(page).scalar_subquery()

    def alone(self, served: Served, others: Sequence[Any]) -> ColumnElement[Any]:
        # Internal triggers guard foreign keys, and change no row that is inserted. Row security is a view of a kind.
        plain = (
            "(SELECT c.relkind = 'r' AND NOT c.relhasrules AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger AS t "
            "WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) FROM pg_catalog.pg_class AS c "
            f"WHERE c.oid = {self._number(served.table)})"
        )
        if others:
            numbers = ", ".join(map(self._number, others))
            plain += (
                f" AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class AS c WHERE c.oid IN ({numbers}) "
                "AND (c.relkind NOT IN ('r', 'p') OR c.relrowsecurity))"
            )
        return sa.literal_column(plain, sa.Boolean())

    def _number(self, table: Any) -> str:
        """The number of a table, by which the catalog knows it."""
        name: str = self.sql.identifier_preparer.format_table(table)
        return f"CAST({quote_text(name)} AS regclass)"

    def key_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return sa.cast(column, sa.Text())

    def is_inserted(self) -> ColumnElement[Any]:
        return sa.literal_column("(xmax = 0)", sa.Boolean())

    def locked(self, select: Any, table: Any) -> Any:
        return select.with_for_update(of=table)


def packable(value: Any, kind: Kind) -> Any:
    """A canonical value in a JSON payload, as ``json_to_recordset`` reads it."""
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, str) and (kind.name in _JSON or isinstance(kind, Structured)):
        return orjson.Fragment(value)
    if isinstance(value, list):
        return spell(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _row() -> ColumnElement[Any]:
    """The whole row of a page: PostgreSQL reads a table's name as that."""
    return sa.literal_column(_ROWS)


def _array(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.json_agg(value), sa.cast(quoted("[]"), sa.JSON()))
