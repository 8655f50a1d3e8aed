"""Kinds: literals, JSON values and Python values come into one form, or are refused in PostgreSQL's words.

What needs a server to compare with stands in tests/behaviour/test_literals.py.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

import literals
from backstay.errors import (
    BackstayError,
    DatabaseFault,
    DataFault,
    DateOutOfRange,
    DeclarationError,
    InvalidDate,
    InvalidLiteral,
    OutOfRange,
    TooComplex,
    TooLong,
)
from backstay.schema.kind import (
    BIGINT,
    BOOLEAN,
    BYTEA,
    CASTS,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    JSONB,
    NUMERIC,
    REAL,
    SMALLINT,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    UUID,
    VARCHAR,
    Canonical,
    Kind,
    array,
    char,
    enum,
    kind_of,
    numeric,
    other,
    varchar,
)
from backstay.schema.kind.document import Document
from backstay.schema.kind.numbers import Integer
from backstay.schema.kind.symbols import Boolean, Uuid, random_uuids
from backstay.schema.kind.texts import Text


class Colour(Enum):
    RED = "r"
    BLUE = "b"


class Mood(StrEnum):
    SAD = "sad"
    HAPPY = "happy"


MOOD = kind_of(sa.Enum(Mood, values_callable=lambda members: [member.value for member in members], name="mood"))

unicode = some.text(some.characters(exclude_characters="\0", exclude_categories=["Cs"]))
offsets = some.integers(-15 * 60, 15 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = some.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1))
documents = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | unicode
    | some.decimals(allow_nan=False, allow_infinity=False, places=3),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(unicode, inner, max_size=3),
    max_leaves=10,
)

PYTHON: dict[str, tuple[Kind, some.SearchStrategy[Any]]] = {
    "smallint": (SMALLINT, some.integers(-(2**15), 2**15 - 1)),
    "integer": (INTEGER, some.integers(-(2**31), 2**31 - 1)),
    "bigint": (BIGINT, some.integers(-(2**63), 2**63 - 1)),
    "numeric": (NUMERIC, some.decimals(allow_nan=False, allow_infinity=False)),
    "double precision": (DOUBLE, some.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)),
    "real": (REAL, some.floats(width=32, allow_nan=False, allow_infinity=False)),
    "boolean": (BOOLEAN, some.booleans()),
    "text": (TEXT, unicode),
    "character": (char(4), unicode),
    "uuid": (UUID, some.uuids()),
    "date": (DATE, some.dates()),
    "time": (TIME, some.times()),
    "timetz": (TIMETZ, some.times(timezones=offsets)),
    "timestamp": (TIMESTAMP, moments),
    "timestamptz": (TIMESTAMPTZ, some.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=offsets)),
    "interval": (INTERVAL, some.timedeltas()),
    "jsonb": (JSONB, documents.filter(lambda document: document is not None)),
    "bytea": (BYTEA, some.binary()),
    "enum": (MOOD, some.sampled_from(Mood)),
    "integer[]": (array(INTEGER), some.lists(some.none() | some.integers(-9, 9))),
    "text[]": (array(TEXT), some.lists(unicode | some.none())),
}
"""A kind and the Python values that code holds of it."""


def literal(value: Canonical) -> str:
    """A canonical value as a URL writes it."""
    match value:
        case bool():
            return str(value).lower()
        case bytes():
            return "\\x" + value.hex()
        case list():
            return (
                "{"
                + ",".join("NULL" if each is None else json.dumps(literal(each), ensure_ascii=False) for each in value)
                + "}"
            )
        case _:
            return str(value)


def refusal(read: Callable[[Any], object], value: object) -> BackstayError:
    with pytest.raises(BackstayError) as caught:
        read(value)
    return caught.value


# Reading, taking and dumping agree ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", PYTHON)
@given(data=some.data())
def test_what_is_dumped_reads_back_as_itself(name: str, data: some.DataObject) -> None:
    kind, values = PYTHON[name]
    canonical = kind.dump(data.draw(values))
    text = literal(canonical)
    if "text" in name:  # JSON's escapes are not those of an array's literal
        text = "{" + ",".join(quoted(each) for each in canonical) + "}" if isinstance(canonical, list) else text
    assert kind.read(text) == canonical


def quoted(value: Canonical) -> str:
    return "NULL" if value is None else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize("name", PYTHON)
@given(data=some.data())
def test_what_is_dumped_is_dumped_as_itself(name: str, data: some.DataObject) -> None:
    kind, values = PYTHON[name]
    canonical = kind.dump(data.draw(values))
    if kind is not JSONB:  # where a text is a JSON string, not JSON
        assert kind.dump(canonical) == canonical


@given(moments, moments, offsets)
def test_instants_are_ordered_by_their_text(one: datetime, two: datetime, zone: timezone) -> None:
    left, right = TIMESTAMPTZ.dump(one.replace(tzinfo=UTC)), TIMESTAMPTZ.dump(two.replace(tzinfo=zone))
    assert TIMESTAMPTZ.compare(left, right) == (one.replace(tzinfo=UTC) > two.replace(tzinfo=zone)) - (
        one.replace(tzinfo=UTC) < two.replace(tzinfo=zone)
    )


@given(some.decimals(allow_nan=False, allow_infinity=False), some.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_are_ordered_by_their_value(one: Decimal, two: Decimal) -> None:
    assert NUMERIC.compare(NUMERIC.dump(one), NUMERIC.dump(two)) == (one > two) - (one < two)


@given(documents)
def test_equal_documents_have_equal_texts(document: Any) -> None:
    if isinstance(document, dict):
        turned = dict(reversed(document.items()))
        assert JSONB.take(turned) == JSONB.take(document)
    if document is not None:
        text = JSONB.take(document)
        assert isinstance(text, str)
        assert json.loads(text, parse_float=Decimal) == document


@pytest.mark.parametrize("kind", list(CASTS.values()), ids=lambda kind: kind.name)
@given(text=some.text())
def test_any_text_is_read_or_refused_with_a_sqlstate(kind: Kind, text: str) -> None:
    try:
        kind.read(text)
    except (DataFault, DatabaseFault) as fault:
        assert len(fault.state) == 5
    except TooComplex:
        pass


@pytest.mark.parametrize("kind", [*CASTS.values(), INTERVAL, array(INTEGER)], ids=lambda kind: kind.name)
@given(value=documents)
def test_any_json_value_is_taken_or_refused_with_a_sqlstate(kind: Kind, value: Any) -> None:
    try:
        kind.take(value)
    except (DataFault, DatabaseFault) as fault:
        assert len(fault.state) == 5


sent = some.one_of(
    *[some.lists(each, max_size=4) for each in (some.text(), some.booleans(), some.integers(), some.uuids().map(str))],
    some.lists(some.sampled_from(["sad", "happy"]) | some.none(), max_size=4),
    some.lists(documents | some.text(), max_size=4),
)


def take_slowly(kind: Kind, value: Any) -> Canonical:
    """What a kind makes of a value by no short way for those that are right already."""
    if isinstance(kind, Document):
        return None if value is None else kind._dump(value)
    return Kind.take(kind, value) if isinstance(kind, Text | Integer | Boolean | Uuid) else kind.take(value)


@pytest.mark.parametrize("kind", [*CASTS.values(), varchar(3), MOOD, array(INTEGER)], ids=lambda kind: kind.name)
@given(values=sent)
def test_many_values_are_taken_as_each_is_by_the_long_way(kind: Kind, values: list[Any]) -> None:
    try:
        expected = [take_slowly(kind, value) for value in values]
    except BackstayError:
        with pytest.raises(BackstayError):
            kind.take_each(values)
        return
    found = kind.take_each(values)
    assert found == expected == [kind.take(value) for value in values]
    assert list(map(type, found)) == list(map(type, expected))


def test_random_uuids_are_what_uuid4_makes() -> None:
    made = [uuid.UUID(text) for text in random_uuids(200)]
    assert {(each.version, each.variant) for each in made} == {(4, uuid.RFC_4122)}
    assert [str(each) for each in made] != sorted(str(each) for each in made)
    assert len(set(made)) == 200
    assert random_uuids(0) == []


# Numbers -----------------------------------------------------------------------------------------------------


def test_an_integer_out_of_range_is_named_with_its_type() -> None:
    assert refusal(SMALLINT.read, "40000").message == 'value "40000" is out of range for type smallint'
    assert isinstance(refusal(BIGINT.take, 1 << 63), OutOfRange)
    assert BIGINT.take((1 << 63) - 1) == (1 << 63) - 1


def test_a_number_with_very_many_digits_is_refused_quickly() -> None:
    assert isinstance(refusal(BIGINT.read, "9" * 1_000_000), OutOfRange)
    assert isinstance(refusal(NUMERIC.read, "1e" + "9" * 1_000_000), OutOfRange)
    assert isinstance(refusal(DOUBLE.read, "9" * 1_000_000), OutOfRange)
    assert isinstance(refusal(INTERVAL.read, "9" * 100 + " days"), DatabaseFault)


def test_a_json_number_with_a_fraction_is_no_integer() -> None:
    assert refusal(INTEGER.take, Decimal("1.0")).message == 'invalid input syntax for type integer: "1.0"'


def test_a_literal_is_not_rounded_to_the_scale_but_a_stored_value_is() -> None:
    price = numeric(5, 2)
    assert price.read("1.005") == "1.005"
    assert price.take(Decimal("1.005")) == "1.01"
    assert price.take("-1.005") == "-1.01"
    error = refusal(price.take, 1000)
    assert error.message == "numeric field overflow"
    assert error.detail == "A field with precision 5, scale 2 must round to an absolute value less than 10^3."


def test_not_a_number_is_refused_by_every_number() -> None:
    for kind in (INTEGER, NUMERIC, REAL, DOUBLE):
        for text in ("NaN", "Infinity", "-inf"):
            assert isinstance(refusal(kind.read, text), InvalidLiteral)
            assert isinstance(refusal(kind.dump, Decimal(text)), DataFault)
            assert isinstance(refusal(kind.dump, float(text)), DataFault)


def test_a_single_float_has_the_shortest_text_of_its_neighbourhood() -> None:
    assert REAL.read("0.1") == 0.1
    assert REAL.read("16777217") == 16777216.0
    assert refusal(REAL.read, "1e39").message == '"1e39" is out of range for type real'


# Texts -------------------------------------------------------------------------------------------------------


def test_text_that_is_too_long_is_refused_where_it_is_stored() -> None:
    name = varchar(3)
    assert name.read("abcd") == "abcd"
    assert refusal(name.take, "abcd").message == "value too long for type character varying(3)"
    assert isinstance(refusal(name.take, "abcd"), TooLong)
    assert name.take("abc  ") == "abc"


def test_padded_text_is_compared_without_its_padding() -> None:
    code = char(4)
    assert code.take("ab") == "ab  "
    assert code.compare("ab  ", "ab") == 0


@pytest.mark.parametrize("kind", [TEXT, INTEGER, JSONB, other("inet"), UUID], ids=lambda kind: kind.name)
def test_no_text_holds_nul_or_half_a_surrogate_pair(kind: Kind) -> None:
    for text in ("\0", "a\0b", "\ud800"):
        fault = refusal(kind.read, text)
        assert isinstance(fault, DatabaseFault)
        assert fault.state == "22021"


def test_nul_in_a_body_is_refused_where_it_would_become_text() -> None:
    for value in ("a\0b", {"a": "\0"}):
        fault = refusal(TEXT.take, value)
        assert isinstance(fault, DatabaseFault)
        assert (fault.state, fault.message) == ("22P05", "unsupported Unicode escape sequence")
    assert JSON.take("a\0b") == '"a\\u0000b"'
    assert isinstance(refusal(JSONB.take, {"a\0": 1}), DatabaseFault)
    assert refusal(JSON.take, ["\udc00"]).message == "invalid input syntax for type json"


# Dates and times ---------------------------------------------------------------------------------------------


def test_times_are_written_as_json_writes_them() -> None:
    assert TIMESTAMPTZ.read("2024-01-01 01:00:00.50+02") == "2023-12-31T23:00:00.5+00:00"
    assert TIMESTAMPTZ.read("2024-01-01") == "2024-01-01T00:00:00+00:00"
    assert TIMESTAMP.read("2024-01-01T01:00:00.123456789Z") == "2024-01-01T01:00:00.123457"
    assert TIMETZ.read("10:00+05:30") == "10:00:00+05:30"
    assert INTERVAL.read("P1Y2M3DT4H5M6.5S") == "1 year 2 mons 3 days 04:05:06.5"


@pytest.mark.parametrize(
    "text", ["now", "today", "tomorrow", "infinity", "-infinity", "epoch", "Jan 8, 1999", "1/8/1999"]
)
def test_dates_that_hang_on_a_clock_or_a_setting_are_refused(text: str) -> None:
    for kind in (DATE, TIMESTAMP, TIMESTAMPTZ):
        fault = refusal(kind.read, text)
        assert isinstance(fault, InvalidDate)
        assert fault.message.endswith(f': "{text}"')


def test_a_very_long_time_is_refused_at_once() -> None:
    for kind in (DATE, TIME, TIMESTAMPTZ, INTERVAL):
        for text in ("1" + " " * 100_000 + "x", "2024-01-01 " * 10_000, "1:" * 100_000, "9" * 1_000_000 + " days"):
            assert isinstance(refusal(kind.read, text), InvalidDate)


def test_a_day_that_is_not_in_the_calendar_is_out_of_range() -> None:
    assert refusal(DATE.read, "2023-02-29").message == 'date/time field value out of range: "2023-02-29"'
    assert refusal(DATE.read, "2023-02-29").hint is None
    assert refusal(DATE.read, "2023-13-01").hint == 'Perhaps you need a different "datestyle" setting.'
    assert isinstance(refusal(TIMESTAMPTZ.read, "0001-01-01T00:00+02"), DateOutOfRange)


def test_a_python_datetime_is_brought_to_utc() -> None:
    noon = datetime(2024, 5, 1, 12, 0, 0, 250000)
    east = timezone(timedelta(hours=2))
    assert TIMESTAMPTZ.dump(noon.replace(tzinfo=east)) == "2024-05-01T10:00:00.25+00:00"
    assert TIMESTAMPTZ.dump(noon) == "2024-05-01T12:00:00.25+00:00"
    assert TIMESTAMP.dump(noon.replace(tzinfo=east)) == "2024-05-01T10:00:00.25"
    assert TIMESTAMP.dump(date(2024, 5, 1)) == "2024-05-01T00:00:00"
    assert DATE.dump(noon) == "2024-05-01"
    assert TIME.dump(time(1, 2, 3)) == "01:02:03"
    assert INTERVAL.dump(timedelta(days=-1, seconds=1)) == "-23:59:59"


# Symbols, documents, arrays ----------------------------------------------------------------------------------


def test_a_label_that_is_not_of_the_enumeration_is_refused() -> None:
    status = enum("status", ["draft", "sent"])
    assert status.read("sent") == "sent"
    assert refusal(status.take, "lost").message == 'invalid input value for enum status: "lost"'
    assert status.compare("draft", "sent") == -1


def test_members_of_a_python_enum_become_their_labels() -> None:
    colour = kind_of(sa.Enum(Colour))
    assert colour.dump(Colour.BLUE) == "BLUE"
    assert isinstance(refusal(colour.read, "b"), InvalidLiteral)
    assert MOOD.dump(Mood.HAPPY) == "happy"
    assert MOOD.name == "mood"


def test_a_string_in_a_body_is_a_document_itself() -> None:
    assert JSON.take("[1]") == '"[1]"'
    assert JSON.read(" [1]") == " [1]"
    assert JSONB.read(' {"b": 1.0, "a": 1e2, "b": 2}') == '{"a":100,"b":2}'
    assert JSONB.take(None) is None


def test_a_document_nested_too_deeply_is_too_complex() -> None:
    assert isinstance(refusal(JSON.read, "[" * 100_000), TooComplex)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for kind in (JSON, JSONB, TEXT):
        assert isinstance(refusal(kind.take, deep), TooComplex)
    assert isinstance(refusal(array(INTEGER).take, deep), DatabaseFault)


def test_an_array_is_given_as_a_list_or_as_a_literal() -> None:
    tags = array(varchar(4))
    assert tags.take(["a", None]) == ["a", None]
    assert tags.take('{a,"b c",NULL,"NULL"}') == ["a", "b c", None, "NULL"]
    assert isinstance(refusal(tags.take, ["abcde"]), TooLong)
    assert refusal(tags.take, 5).message == "expected JSON array"
    assert refusal(tags.read, "a").detail == 'Array value must start with "{" or dimension information.'
    assert array(INTEGER).read("{{1,2},{3,4}}") == [[1, 2], [3, 4]]
    assert refusal(array(INTEGER).read, "{{1,2},{3}}").message == 'malformed array literal: "{{1,2},{3}}"'
    assert array(INTEGER).name == "integer[]"


# Which kind --------------------------------------------------------------------------------------------------

TYPES: tuple[tuple[TypeEngine[Any], Kind], ...] = (
    (sa.Integer(), INTEGER),
    (sa.SmallInteger(), SMALLINT),
    (sa.BigInteger(), BIGINT),
    (sa.Numeric(10, 2), numeric(10, 2)),
    (sa.Numeric(10), numeric(10, 0)),
    (sa.DECIMAL(), NUMERIC),
    (sa.Float(), DOUBLE),
    (sa.Float(24), REAL),
    (sa.Float(25), DOUBLE),
    (sa.Double(), DOUBLE),
    (sa.REAL(), REAL),
    (sa.Boolean(), BOOLEAN),
    (sa.String(), VARCHAR),
    (sa.String(5), varchar(5)),
    (sa.Unicode(5), varchar(5)),
    (sa.CHAR(2), char(2)),
    (sa.CHAR(), char(1)),
    (sa.Text(), TEXT),
    (sa.UnicodeText(), TEXT),
    (sa.Uuid(), UUID),
    (sa.Uuid(as_uuid=False), UUID),
    (sa.Date(), DATE),
    (sa.Time(), TIME),
    (sa.Time(timezone=True), TIMETZ),
    (sa.DateTime(), TIMESTAMP),
    (sa.DateTime(timezone=True), TIMESTAMPTZ),
    (postgresql.TIMESTAMP(timezone=True), TIMESTAMPTZ),
    (sa.Interval(), INTERVAL),
    (postgresql.INTERVAL(), INTERVAL),
    (sa.JSON(), JSON),
    (postgresql.JSON(), JSON),
    (postgresql.JSONB(), JSONB),
    (sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), JSONB),
    (sa.BigInteger().with_variant(sa.Integer(), "sqlite"), BIGINT),
    (sa.LargeBinary(), BYTEA),
    (postgresql.BYTEA(), BYTEA),
    (sa.ARRAY(sa.Integer), array(INTEGER)),
    (postgresql.ARRAY(sa.Text), array(TEXT)),
    (postgresql.ENUM("a", "b", name="letter"), enum("letter", ["a", "b"])),
    (postgresql.INET(), other("inet")),
    (postgresql.TSTZRANGE(), other("tstzrange")),
    (postgresql.TSVECTOR(), other("tsvector")),
    (postgresql.CITEXT(), other("citext")),
)


@pytest.mark.parametrize(("type_", "kind"), TYPES, ids=repr)
def test_every_sqlalchemy_type_has_its_kind(type_: TypeEngine[Any], kind: Kind) -> None:
    assert kind_of(type_) == kind


def test_a_type_without_kind_is_named() -> None:
    with pytest.raises(DeclarationError, match="NullType"):
        kind_of(sa.types.NullType())


class Cents(TypeDecorator[Decimal]):
    """An amount of money, kept as whole cents."""

    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else int(value * 100)


class Guid(TypeDecorator[uuid.UUID]):
    """A type that is another one on every database."""

    impl = sa.CHAR
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(postgresql.UUID() if dialect.name == "postgresql" else sa.CHAR(32))


def test_a_decorated_type_is_of_the_kind_below_it() -> None:
    cents = kind_of(Cents())
    assert cents == INTEGER
    assert cents.dump(Decimal("1.25")) == 125
    assert cents.dump(None) is None
    assert cents.take(125) == 125
    assert kind_of(Guid()) == UUID
    assert kind_of(sa.PickleType()) == BYTEA


def test_casts_go_by_every_name_of_a_type() -> None:
    assert CASTS["int4"] is CASTS["integer"] is INTEGER
    assert CASTS["timestamptz"] is TIMESTAMPTZ
    assert "money" not in CASTS


def test_kinds_are_named_as_postgresql_prints_them() -> None:
    alone, listed = {"bytea", "json", "jsonb"}, {
        "bigint", "boolean", "character varying", "date", "double precision", "integer", "interval", "numeric", "real",
        "smallint", "text", "time with time zone", "time without time zone", "timestamp with time zone",
        "timestamp without time zone", "uuid",
    }  # fmt: skip
    assert {kind.name for kind in CASTS.values()} == alone | listed | {f"{name}[]" for name in listed}


@pytest.mark.parametrize(
    ("kind", "make"), [(INTEGER, literals.integers), (UUID, literals.uuids), (DATE, literals.dates)]
)
def test_what_is_read_reads_again_as_itself(kind: Kind, make: Callable[[], list[str]]) -> None:
    for text in make():
        try:
            value = kind.read(text)
        except DataFault:
            continue
        assert kind.read(literal(value)) == value
