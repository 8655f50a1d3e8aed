"""How SQLite stores each SQLAlchemy type: in the form the wire shows, so that making JSON converts nothing.

| type | declared as | stored as |
|---|---|---|
| Uuid | UUID_TEXT | dashed lower-case text |
| DateTime(timezone=True) | TIMESTAMPTZ_TEXT | ``2024-01-01T00:00:00.5+00:00``, in UTC |
| DateTime | TIMESTAMP_TEXT | ``2024-01-01T00:00:00.5`` |
| Date, Time | DATE_TEXT, TIME_TEXT | ``2024-01-01``, ``12:30:00.25`` |
| Interval | INTERVAL | whole microseconds (``interval_text(x)`` shows them as PostgreSQL does) |
| Numeric | NUMERIC_TEXT(p, s) COLLATE decimal | exact text, ``1.10`` |
| Integer, BigInteger, SmallInteger | INTEGER | a 64-bit number |
| Float, Double | FLOAT, DOUBLE | an 8-byte float |
| Boolean | BOOLEAN | 0 or 1 |
| CHAR | CHAR(n) | text, padded with blanks |
| Enum | VARCHAR(n) | the member's name |
| JSON, JSONB | JSON_TEXT | JSON text, as compact as it can be |
| ARRAY | JSON_TEXT | a JSON array of the items' wire forms |
| LargeBinary | BLOB | bytes |

The declared names end in ``_TEXT`` because SQLite derives a column's affinity from its name, and only text affinity
leaves these texts alone in columns and casts; the name still tells reflection the type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import Dialect
from sqlalchemy.sql import sqltypes, type_api
from sqlalchemy.types import TypeEngine

from backstay.dialects.sqlite.functions.decimals import parse, show
from backstay.dialects.sqlite.functions.times import (
    interval_number,
    interval_text,
    parse_interval,
    time_text,
    timestamp_text,
)
from backstay.errors import InvalidLiteral

Process: TypeAlias = Callable[[Any], Any] | None


def compact_json(value: Any) -> str:
    """The stored form of a JSON value."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class _Stored:
    """What the stored types share: a literal is the quoted stored form."""

    def bind_processor(self, dialect: Dialect) -> Process:
        raise NotImplementedError

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """How a value is written into a statement (in checks, index conditions and defaults)."""
        store = self.bind_processor(dialect)

        def process(value: Any) -> str:
            stored = value if store is None else store(value)
            return str(stored) if isinstance(stored, int | float) else "'" + str(stored).replace("'", "''") + "'"

        return process


class StoredUuid(_Stored, sqltypes.Uuid[Any]):
    """A UUID as dashed lower-case text."""

    def bind_processor(self, dialect: Dialect) -> Process:
        """UUID, or any spelling of one, to text."""

        def process(value: UUID | str | None) -> str | None:
            if value is None:
                return None
            return str(value if isinstance(value, UUID) else UUID(value))

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Process:
        """Text to UUID (to text, for ``as_uuid=False``)."""
        return _nullable(UUID if self.as_uuid else lambda value: str(UUID(value)))


class StoredTimestamp(_Stored, sqltypes.DateTime):
    """A timestamp as ISO 8601, in UTC where it has a zone.

    As with asyncpg, a naive datetime given for a timestamp with zone is taken as local time, and one with a zone is
    refused for a timestamp without.
    """

    def bind_processor(self, dialect: Dialect) -> Process:
        """Datetime to text."""
        zoned = self.timezone

        def process(value: datetime | date | None) -> str | None:
            if value is None:
                return None
            if not isinstance(value, datetime):
                value = datetime.combine(value, time())
            if zoned:
                return timestamp_text(value.astimezone(UTC))
            if value.tzinfo is not None:
                raise TypeError("a timestamp without time zone takes a datetime without tzinfo")
            return timestamp_text(value)

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Process:
        """Text to datetime."""
        return _nullable(datetime.fromisoformat)


class StoredDate(_Stored, sqltypes.Date):
    """A date as ISO 8601."""

    def bind_processor(self, dialect: Dialect) -> Process:
        """Date (or the date of a datetime) to text."""
        return _nullable(lambda value: (value.date() if isinstance(value, datetime) else value).isoformat())

    def result_processor(self, dialect: Dialect, coltype: object) -> Process:
        """Text to date."""
        return _nullable(date.fromisoformat)


class StoredTime(_Stored, sqltypes.Time):
    """A time of day as ISO 8601."""

    def bind_processor(self, dialect: Dialect) -> Process:
        """Time to text."""
        return _nullable(time_text)

    def result_processor(self, dialect: Dialect, coltype: object) -> Process:
        """Text to time."""
        return _nullable(time.fromisoformat)


class StoredInterval(_Stored, type_api.NativeForEmulated, sqltypes._AbstractInterval):
    """An interval as whole microseconds: exact, sortable, summable."""

    __visit_name__ = "INTERVAL"

    @classmethod
    def adapt_emulated_to_native(cls, impl: Any, **_kw: Any) -> StoredInterval:
        """This type, for SQLAlchemy's Interval."""
        return cls()

    @property
    def python_type(self) -> type[timedelta]:
        """What values are."""
        return timedelta

    def bind_processor(self, dialect: Dialect) -> Process:
        """Timedelta to microseconds."""
        return _nullable(interval_number)

    def result_processor(self, dialect: Dialect, coltype: object) -> Process:
        """Microseconds to timedelta."""
        return _nullable(lambda value: timedelta(microseconds=value))


class StoredNumeric(_Stored, sqltypes.Numeric[Any]):
    """A decimal as exact text. Its scale is enforced where a column is written, not where a value is compared."""

    def bind_processor(self, dialect: Dialect) -> Process:
        """Decimal, int or float to text. Raises InvalidLiteral for NaN and infinities."""
        return _nullable(lambda value: show(parse(str(value) if isinstance(value, Decimal) else value)))

    def result_processor(self, dialect: Dialect, coltype: object) -> Process:
        """Text (or a number, from a table made elsewhere) to Decimal; to float for ``asdecimal=False``."""
        return _nullable((lambda value: Decimal(str(value))) if self.asdecimal else float)


class StoredFloat(sqltypes.Float[Any]):
    """A float. NaN is refused, since SQLite would make NULL of it."""

    def bind_processor(self, dialect: Dialect) -> Process:
        """The number, unless it is none. Raises InvalidLiteral."""

        def process(value: Any) -> float | None:
            if value is None:
                return None
            number = float(value)
            if number != number:
                raise InvalidLiteral('invalid input syntax for type double precision: "NaN"')
            return number

        return process


class StoredCharacter(sqltypes.CHAR):
    """A text of a fixed length, padded with blanks."""

    def bind_processor(self, dialect: Dialect) -> Process:
        """Text to padded text."""
        length = self.length or 1
        return _nullable(lambda value: str(value).ljust(length))


class StoredArray(_Stored, sqltypes.ARRAY[Any]):
    """An array as JSON text."""

    def bind_processor(self, dialect: Dialect) -> Process:
        """List to JSON."""
        item = _item_text(self.item_type, dialect)
        return _nullable(lambda values: _array_text(values, item))

    def result_processor(self, dialect: Dialect, coltype: object) -> Process:
        """JSON to list (to tuple, for ``as_tuple``)."""
        load = _item_load(self.item_type, dialect)
        collection = tuple if self.as_tuple else list
        return _nullable(lambda text: _load_array(json.loads(text, parse_float=Decimal), load, collection))


COLSPECS: Mapping[type[TypeEngine[Any]], type[TypeEngine[Any]]] = {
    sqltypes.Uuid: StoredUuid,
    sqltypes.DateTime: StoredTimestamp,
    sqltypes.Date: StoredDate,
    sqltypes.Time: StoredTime,
    sqltypes.Interval: StoredInterval,
    sqltypes._AbstractInterval: StoredInterval,
    sqltypes.Numeric: StoredNumeric,
    sqltypes.Float: StoredFloat,
    sqltypes.CHAR: StoredCharacter,
    sqltypes.ARRAY: StoredArray,
}
"""Which stored type stands for each of SQLAlchemy's; the others are stored as they are."""


def array_text(values: Sequence[Any], item_type: TypeEngine[Any], dialect: Dialect) -> str:
    """The stored form of an array of Python values."""
    return _array_text(values, _item_text(item_type, dialect))


# Parts -------------------------------------------------------------------------------------------------------


def _nullable(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


def _array_text(values: Sequence[Any], item: Callable[[Any], str]) -> str:
    parts = (_array_text(value, item) if isinstance(value, list | tuple) else item(value) for value in values)
    return f"[{','.join(parts)}]"


def _item_text(item_type: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], str]:
    implementation = item_type.dialect_impl(dialect)
    store = implementation.bind_processor(dialect)
    affinity = item_type._type_affinity

    def process(value: Any) -> str:
        if value is None:
            return "null"
        stored = value if store is None else store(value)
        if affinity in (sqltypes.Numeric, sqltypes.JSON):
            return str(stored)
        if affinity is sqltypes.Interval:
            return compact_json(interval_text(stored))
        if affinity is sqltypes.Boolean:
            return "true" if stored else "false"
        return compact_json("\\x" + bytes(stored).hex() if isinstance(stored, bytes | memoryview) else stored)

    return process


def _item_load(item_type: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any]:
    affinity = item_type._type_affinity
    load = item_type.dialect_impl(dialect).result_processor(dialect, None)
    if affinity is sqltypes.JSON:
        return _plain_json
    if affinity in (sqltypes.LargeBinary, sqltypes._Binary):
        return lambda value: bytes.fromhex(value[2:])
    if affinity is sqltypes.Float:
        return float
    if affinity is sqltypes.Interval:
        return lambda value: timedelta(microseconds=parse_interval(value))
    return load or (lambda value: value)


def _plain_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=float))


def _load_array(values: list[Any], load: Callable[[Any], Any], collection: Callable[[Any], Any]) -> Any:
    return collection(
        _load_array(value, load, collection) if isinstance(value, list) else None if value is None else load(value)
        for value in values
    )
