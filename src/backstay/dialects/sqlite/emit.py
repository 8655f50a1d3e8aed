"""How SQLite says it: ``json_object`` per row, ``group_concat`` for rows, ``json_each`` for lists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects.sqlite import insert

from backstay.dialects.dialect import Parameter
from backstay.dialects.payload import Writer
from backstay.dialects.quote import quote_text, quoted
from backstay.dialects.sql import TEXT, Labelled
from backstay.dialects.sql.session_triggers import OF_USERS
from backstay.dialects.sqlite.dialect import SQLiteDialect
from backstay.dialects.sqlite.functions.conversions import stored
from backstay.dialects.sqlite.functions.zones import ZONED, hangs
from backstay.dialects.sqlite.search.index import trigger_names
from backstay.dialects.sqlite.sql.leading import LeadingJoin
from backstay.dialects.sqlite.sql.objects import Made, Merged, Part, object_of
from backstay.plan.aggregate import aggregated
from backstay.plan.resolved import Branch, Output, Rows, Target, Test
from backstay.query.nodes import Aggregate, Quantifier
from backstay.query.operators import Takes
from backstay.schema.column import Column
from backstay.schema.declaration import has_sessions
from backstay.schema.kind import BIGINT, Kind
from backstay.schema.kind.array import Array
from backstay.schema.kind.symbols import Enumeration
from backstay.schema.served import Served

_WHOLE = ("smallint", "integer", "bigint")
_ADDED = {
    ("smallint", Aggregate.SUM): "sum",
    ("integer", Aggregate.SUM): "sum",
    ("interval", Aggregate.SUM): "sum",
    ("interval", Aggregate.AVG): "interval_avg",
    ("real", Aggregate.SUM): "real_sum",
    ("real", Aggregate.AVG): "real_avg",
    ("double precision", Aggregate.SUM): "float_sum",
    ("double precision", Aggregate.AVG): "float_avg",
}
"""The functions that add up values of each kind; those of all others are exact, in decimals."""
_FLOATS = ("real", "double precision")
_EXPONENTS: ColumnElement[Any] = sa.literal_column("1e17")
"""From here on floats are written with an exponent, whole ones, too."""
_AS_JSON = ("numeric", "json", "jsonb")
_ALIKE = ("jsonb", "jsonb[]", "numeric[]", "character[]")
"""Kinds whose equal values may be written differently."""
_AS_IS = frozenset(
    {
        *("bigint", "integer", "smallint", "numeric", "real", "double precision"),
        *("text", "character varying", "uuid", "json", "jsonb"),
        *("date", "timestamp with time zone", "timestamp without time zone"),
    }
)
"""Kinds whose canonical values are stored as they are."""
_PLAIN_KEY = re.compile(r'[^$\["\\][^"\\]*').fullmatch
"""Keys that SQLite takes as they are: others begin a path, or hold what is escaped in JSON."""


class SQLiteEmission(Writer):
    """One SQLite statement in the making."""

    sql = SQLiteDialect()
    between = ","
    row_key = (Column("_rowid_", "_rowid_", BIGINT, sa.column("_rowid_")),)

    # Parameters ----------------------------------------------------------------------------------------------

    def scalar(self, read: Parameter, kind: Kind) -> ColumnElement[Any]:
        if kind.name in _AS_IS:
            return self.bind(read, kind.sql)
        return self.bind(lambda values, caller: stored(read(values, caller), kind), kind.sql)

    def members(self, read: Parameter, kind: Kind) -> Any:
        def encode(values: Any, caller: Any) -> str:
            return orjson.dumps([stored(each, kind) for each in read(values, caller)], default=_hex).decode()

        each = func.json_each(self.bind(encode, sa.Text())).table_valued("value")
        member: ColumnElement[Any] = each.c.value
        return sa.select(func.unhex(member) if kind.name == "bytea" else member).select_from(each)

    def zone(self) -> ColumnElement[Any]:
        """The caller's time zone."""
        return self.bind(lambda values, caller: caller.timezone.name if caller.timezone else "UTC", sa.Text())

    # JSON ----------------------------------------------------------------------------------------------------

    def row(self, rows: Rows) -> list[Any]:
        keys = Counter(_keys(rows))
        parts: dict[object, Part] = {}
        for output in rows.outputs:
            if isinstance(output, Branch) and _is_merged(output, keys):
                parts[id(output)] = self.merged(output)
            else:
                parts.update({key: (key, value) for key, value in self.labels(output)})
        return [object_of(list(parts.values())).label("r")]

    def merged(self, branch: Branch) -> Merged:
        """The keys of a spread of one row, by one look at that row."""
        rows = branch.rows
        select = self.in_order(self.scan(rows, self.row(rows), branch=branch), rows)
        return Merged(tuple(_keys(rows)), self.single(select, rows).scalar_subquery())

    def packed(self, labelled: list[Labelled]) -> list[Any]:
        return [object_of(labelled).label("r")]

    def embed(self, branch: Branch) -> ColumnElement[Any]:
        rows = branch.rows
        cut = self.max_rows or rows.limit is not None or rows.offset is not None
        if branch.to_one or rows.aggregated or cut or not rows.order:
            return super().embed(branch)
        # Ordered where it is listed: to select it in order first takes as long as to make it.
        (packed,) = self.row(rows)
        listed = _listed(packed.element, [self.sort(sort) for sort in rows.order])
        return Made(self.scan(rows, [listed], branch=branch).scalar_subquery())

    def json_array(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        page = select.subquery()
        return Made(sa.select(_listed(page.c.r)).select_from(page).scalar_subquery())

    def json_object(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        return Made(select.scalar_subquery())

    def json_text(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.json_quote(value)

    def json_value(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        return Made(value)

    def json_values(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        page = select.subquery()
        return Made(sa.select(_listed(page.c.value)).select_from(page).scalar_subquery())

    def whole(self, select: sa.Select[Any], *, bounded: bool = False) -> sa.Select[Any]:
        # The connection itself refuses to make a longer text: it need not be made to be measured.
        page = select.subquery()
        statement: sa.Select[Any] = sa.select(_listed(page.c.r), func.count()).select_from(page)
        return statement

    def each(self, select: sa.Select[Any]) -> tuple[ColumnElement[Any], Any]:
        page = select.subquery()
        return page.c.r, page

    def shown(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        if self.plan.zoned and kind.name.startswith(ZONED):
            if kind.name == ZONED:
                return func.zoned(value, self.zone())
            return func.json(func.zoned_array(value, self.zone()))
        if kind.name == "boolean":
            return func.json(sa.case((value.is_(sa.true()), quoted("true")), (value.is_(sa.false()), quoted("false"))))
        if kind.name == "bytea":
            return sa.case((value.is_not(None), quoted("\\x").concat(func.lower(func.hex(value)))))
        if kind.name == "interval":
            return func.interval_text(value)
        if kind.name == "any":
            text = quoted("\\x").concat(func.lower(func.hex(value)))
            return sa.case((func.typeof(value) == quoted("blob"), text), else_=value)
        if kind.name in _FLOATS:
            # A whole one would get a point, 1.0; a bitwise operator makes it an integer, whatever its size.
            whole = value.op("|", return_type=sa.BigInteger())(sa.literal_column("0"))
            return sa.case((sa.and_(value == whole, func.abs(value) < _EXPONENTS), whole), else_=value)
        if kind.name.startswith(_AS_JSON) or kind.name.endswith("[]"):
            return func.json(value)
        return value

    def path(self, column: ColumnElement[Any], target: Target) -> ColumnElement[Any]:
        kind = target.column.kind
        zoned = self.plan.zoned and kind.name.startswith(ZONED)
        document = kind.name.startswith("json") or (kind.name.endswith("[]") and not zoned)
        value: ColumnElement[Any] = column if document else func.json_quote(self.shown(column, kind))
        for step in target.path:
            value = stepped(value, step.key, scalars=kind.name != "json")
        if not target.path[-1].text:
            return value
        # `->>` alone would yield numbers and 0/1; PostgreSQL yields the JSON's own text.
        unwrapped = value.op("->>", return_type=sa.Text())(quoted("$"))
        return sa.case(
            (func.json_type(value) == quoted("text"), unwrapped),
            (func.json_type(value) == quoted("null"), sa.null()),
            # Joined with nothing it is text, and no longer JSON in SQLite's eyes.
            else_=value.concat(quoted("")),
        )

    # Groups --------------------------------------------------------------------------------------------------

    def grouped(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        # A sub-select hands on values, but not their collations.
        collation = "decimal" if kind.name == "numeric" else "array" if kind.name.endswith("[]") else None
        if collation is None:
            return self.comparable(value, kind)
        return sa.collate(sa.type_coerce(value, sa.Text()), collation)

    def aggregate(self, aggregate: Aggregate, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        found = aggregated(aggregate, kind)
        if aggregate in (Aggregate.MAX, Aggregate.MIN):
            return self.extreme(aggregate.value, value, kind)
        if aggregate is Aggregate.COUNT:
            return super().aggregate(aggregate, value, kind)
        name = _ADDED.get((kind.name, aggregate), f"decimal_{aggregate.value}")
        call: ColumnElement[Any] = getattr(func, name)(value, type_=found.sql)
        return call

    def extreme(self, name: str, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """The greatest or the least value."""
        if not isinstance(kind, Enumeration):
            return sa.type_coerce(getattr(func, name)(self.grouped(value, kind)), kind.sql)
        place = getattr(func, name)(self.ordered(value, kind))
        labels = [(place == sa.literal_column(str(index)), quoted(label)) for index, label in enumerate(kind.labels)]
        return sa.type_coerce(sa.case(*labels), kind.sql)

    # Full text -----------------------------------------------------------------------------------------------

    def searched(self, test: Test, told: bool) -> ColumnElement[Any]:
        # Loaded when it is first asked for: few requests search, and it takes a while.
        from backstay.dialects.sqlite.search.condition import condition

        return condition(self, test, told=told)

    # Arrays and documents ------------------------------------------------------------------------------------

    def special(self, value: ColumnElement[Any], kind: Kind, test: Test) -> ColumnElement[Any]:
        if test.operator.takes is Takes.CONTAINER and (isinstance(kind, Array) or kind.name == "jsonb"):
            return self.contains(value, kind, test)
        return super().special(value, kind, test)

    def contains(self, value: ColumnElement[Any], kind: Kind, test: Test) -> ColumnElement[Any]:
        """Whether an array or a document contains, is contained by, or overlaps another one."""
        other = self.literal(test.value, kind)
        one, other = (other, value) if test.operator.name == "cd" else (value, other)
        if isinstance(kind, Array):
            call = func.array_overlaps if test.operator.name == "ov" else func.array_contains
            return call(one, other, quoted(kind.of.name), type_=sa.Boolean())
        return func.document_contains(one, other, type_=sa.Boolean())

    # Lists and patterns --------------------------------------------------------------------------------------

    def any_of(self, value: ColumnElement[Any], members: Any, kind: Kind) -> ColumnElement[Any]:
        return self.comparable(value, kind).in_(members)

    def comparable(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        # As text, because SQLAlchemy collates nothing else.
        if kind.name in _ALIKE:
            return sa.collate(sa.type_coerce(value, sa.Text()), "jsonb" if kind.name == "jsonb" else "array")
        return value

    def ordered(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        if isinstance(kind, Enumeration):
            places: dict[str, ColumnElement[Any]] = {
                label: sa.literal_column(str(place)) for place, label in enumerate(kind.labels)
            }
            return sa.case(*[(value == quoted(label), place) for label, place in places.items()])
        if kind.name.endswith("[]"):
            return sa.collate(sa.type_coerce(value, sa.Text()), "array")
        if kind.name.startswith("numeric") and isinstance(value, sa.ScalarSelect):
            # A sub-select hands on a column's value, but not its collation.
            return sa.collate(sa.type_coerce(value, sa.Text()), "decimal")
        return self.comparable(value, kind)

    def quantified(
        self,
        value: ColumnElement[Any],
        kind: Kind,
        compare: Callable[[Any, Any], ColumnElement[Any]],
        members: Any,
        quantifier: Quantifier,
    ) -> ColumnElement[Any]:
        each = members.subquery()
        member = next(iter(each.c))
        holds = compare(value, sa.type_coerce(member, kind.sql))
        witness = holds if quantifier is Quantifier.ANY else sa.not_(holds.self_group())
        one: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(each).correlate_except(each)
        told, untold = (sa.true(), sa.false()) if quantifier is Quantifier.ANY else (sa.false(), sa.true())
        # Where no member decides, one that compares as NULL leaves it open.
        unknown = one.where(sa.or_(value.is_(None), member.is_(None))).exists()
        return sa.case((one.where(witness).exists(), told), (unknown, sa.null()), else_=untold)

    def matches(self, value: ColumnElement[Any], test: Test) -> ColumnElement[Any]:
        flags = "i" if test.operator.name == "imatch" else None

        def compare(left: Any, right: Any) -> ColumnElement[Any]:
            matched: ColumnElement[Any] = left.regexp_match(right, flags=flags)
            return matched

        if test.quantifier is not None:
            return self.quantified(value, TEXT, compare, self.literals(test.value, TEXT), test.quantifier)
        return compare(value, self.literal(test.value, TEXT))

    def cast(self, value: ColumnElement[Any], source: Kind, target: Kind) -> ColumnElement[Any]:
        document = source.name.startswith("json")
        if self.plan.zoned and hangs(source.name, target.name):
            moment = func.convert_in(value, quoted(source.name), quoted(target.name), self.zone())
            return sa.type_coerce(moment, target.sql)
        listed = source.name.endswith("[]")
        if target.name in ("text", "character varying") and source.name not in _FLOATS and not listed:
            # The blanks that pad a character to its length are no part of the text that it stands for.
            text = sa.cast(func.rtrim(value) if source.name == "character" else value, target.sql)
            # Joined with nothing it is text, and no longer JSON in SQLite's eyes.
            return text.concat(quoted("")) if document else text
        if source.name == target.name or (document and target.name.startswith("json")):
            return value
        converted = func.convert(value, quoted(source.name), quoted(target.name))
        return sa.type_coerce(converted, target.sql)

    # Payloads and keys ---------------------------------------------------------------------------------------

    def recordset(self, columns: Sequence[Column], read: Parameter) -> tuple[dict[str, ColumnElement[Any]], Any]:
        kinds = [(place, column.kind) for place, column in enumerate(columns) if column.kind.name not in _AS_IS]

        def encode(values: Any, caller: Any) -> str:
            rows = read(values, caller)
            if kinds:
                given: list[Any] = list(zip(*rows, strict=True))
                for place, kind in kinds if given else ():
                    given[place] = [_packable(value, kind) for value in given[place]]
                rows = list(zip(*given, strict=True))
            return orjson.dumps(rows, default=_hex).decode()

        rows = func.json_each(self.bind(encode, sa.Text())).table_valued("key", "value")
        found: dict[str, ColumnElement[Any]] = {}
        for index, column in enumerate(columns):
            value = rows.c.value.op("->>", return_type=sa.Text())(sa.literal_column(str(index)))
            found[column.name] = func.unhex(value) if column.kind.name == "bytea" else value
        return found, rows

    def leading(self, first: Any, then: Any) -> Any:
        # Where a rule asks for a column with an index, SQLite would go through all rows of it, and for each of them
        # through all keys: it takes a list of JSON to be long.
        return LeadingJoin(first, then)

    def position(self, source: Any) -> ColumnElement[Any]:
        return source.c.key  # type: ignore[no-any-return]

    def given(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        if kind.name.startswith("numeric"):
            return sa.type_coerce(sa.collate(sa.type_coerce(value, sa.Text()), "decimal"), kind.sql)
        return super().given(value, kind)

    def insertion(self, table: Any, values: Mapping[str, ColumnElement[Any]], source: Any) -> Any:
        if source is None:
            return insert(table).values({table.c[name]: value for name, value in values.items()})
        # WHERE true: without it SQLite reads the ON of an ON CONFLICT as a join's.
        select = sa.select(*values.values()).select_from(source).where(sa.true())
        return insert(table).from_select(list(values), select, include_defaults=False)

    def document(self, rows: Rows) -> ColumnElement[Any]:
        (packed,) = self.row(rows)
        return packed.element  # type: ignore[no-any-return]

    def alone(self, served: Served, others: Sequence[Any]) -> ColumnElement[Any]:
        # SQLite compares names without their case. The triggers of a search index write to the index alone, and that of
        # the users' table has to do with deletes.
        table = served.table.name
        found = f"type = 'trigger' AND tbl_name = {quote_text(table)} COLLATE NOCASE"
        own = [*(trigger_names(table) if served.search else ()), *([OF_USERS] if has_sessions(served.table) else ())]
        if own:
            found = f"{found} AND name NOT IN ({', '.join(map(quote_text, own))})"
        if others:
            views = ", ".join(quote_text(each.name) for each in others)
            found = f"{found} OR type = 'view' AND name COLLATE NOCASE IN ({views})"
        return sa.literal_column(f"NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE {found})", sa.Boolean())

    def key_value(self, value: ColumnElement[Any] | None, column: Column, served: Served) -> ColumnElement[Any] | None:
        if served.key != (column.name,) or column.kind.name not in _WHOLE:
            return value
        # The column is the row's number, for which SQLite takes NULL to mean the next one.
        given = sa.null() if value is None else value
        return func.not_null(given, quoted(column.name), quoted(served.name[1]), type_=column.kind.sql)

    def key_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return column


def stepped(value: ColumnElement[Any], key: str | int, *, scalars: bool) -> ColumnElement[Any]:
    """One step of a path; ``scalars``: whether a scalar counts as an array of one, as it does in jsonb."""
    if isinstance(key, str):
        if _PLAIN_KEY(key):
            return value.op("->", return_type=sa.Text())(quoted(key))
        return func.document_at(value, quoted(key), type_=sa.Text())
    index: ColumnElement[Any] = sa.literal_column(str(key))
    if key in (0, -1) and scalars:
        return func.document_item(value, index, type_=sa.Text())
    return value.op("->", return_type=sa.Text())(index)


def _keys(rows: Rows) -> Iterator[str]:
    """The keys of a row that is no group, those of spreads among them."""
    for output in rows.outputs:
        if isinstance(output, Branch) and output.spread:
            yield from _keys(output.rows)
        elif isinstance(output, Output) or output.shown:
            yield output.key


def _is_merged(branch: Branch, keys: Counter[str]) -> bool:
    """Whether a spread's keys can come from one object: several, of one row, that nothing else in the row is called."""
    own = list(_keys(branch.rows))
    counts = any(isinstance(output, Output) and output.aggregate is not None for output in branch.rows.outputs)
    return branch.spread and branch.to_one and len(own) > 1 and not counts and all(keys[key] == 1 for key in own)


def _packable(value: Any, kind: Kind) -> Any:
    if type(value) is str and kind.name != "interval":
        return value
    value = stored(value, kind)
    return value.hex() if isinstance(value, bytes) else value


def _hex(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _listed(row: ColumnElement[Any], order: Sequence[ColumnElement[Any]] = ()) -> ColumnElement[Any]:
    rows = func.group_concat(row, quoted(","))
    joined = func.coalesce(rows.aggregate_order_by(*order) if order else rows, quoted(""))
    return quoted("[").concat(joined).concat(quoted("]"))
