"""Rows as ``text/csv``: each as PostgreSQL writes a record as text, whatever the database.

The database answers JSON; from a column's kind follows what its values look like outside of JSON: ``t`` for true,
a blank between date and time, ``{a,b}`` for an array.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from backstay.frontends.rest.forms.document import Number, read_document, write_document
from backstay.plan.resolved import Branch, Output, Rows
from backstay.query.nodes import Aggregate
from backstay.schema.kind import CASTS, Kind
from backstay.schema.kind.array import Array

_DOCUMENTS: Final = ("json", "jsonb")
_FLOATS: Final = {"real": 6, "double precision": 15}
_INSTANT: Final = "timestamp with time zone"
_WHOLE_HOURS: Final = re.compile(r"([+-]\d\d):00$")
_IN_RECORD: Final = re.compile(r'[",()\\ \t\n\v\f\r]')
_IN_ARRAY: Final = re.compile(r'[",{}\\ \t\n\v\f\r]')
_IN_HEADER: Final = re.compile(r'[",\r\n]')


def kinds_of(rows: Rows) -> dict[str, Kind]:
    """The kind of each key of a row; those that hold JSON made of other rows are left out."""
    return dict(_kinds(rows))


def _kinds(rows: Rows) -> Iterator[tuple[str, Kind]]:
    for output in rows.outputs:
        if isinstance(output, Branch):
            if output.spread and output.to_one:
                yield from _kinds(output.rows)
        elif output.aggregate is not Aggregate.COUNT or output.aggregate_cast is not None:
            yield output.key, output.aggregate_cast or output.cast or _stored(output)


def _stored(output: Output) -> Kind:
    target = output.target
    if target is None:
        return CASTS["bigint"]
    return CASTS["text" if target.path[-1].text else "jsonb"] if target.path else target.column.kind


def write_csv(body: bytes, kinds: Mapping[str, Kind]) -> bytes:
    """Rows as CSV, under the keys of the first one; no rows make an empty header.

    Arguments:
        body: the rows as JSON: an array of objects, or one value of a function.
        kinds: what the values under each key are, where that is known.
    """
    value = read_document(body)
    rows = [row if isinstance(row, dict) else {"pgrst_scalar": row} for row in _listed(value)]
    if not rows:
        return b"\n"
    keys = tuple(rows[0])
    lines = [write_header(keys), *[write_record(row, keys, kinds) for row in rows]]
    return "\n".join(lines).encode("utf-8", "replace")


def write_header(keys: Sequence[str]) -> str:
    """The line above the records."""
    return ",".join(map(_header, keys))


def write_record(row: Mapping[str, Any], keys: Sequence[str], kinds: Mapping[str, Kind]) -> str:
    """One row's line: its values under these keys."""
    return ",".join([_field(row.get(key), kinds.get(key)) for key in keys])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _header(key: str) -> str:
    return f'"{key.replace(chr(34), chr(34) * 2)}"' if _IN_HEADER.search(key) else key


def _field(value: Any, kind: Kind | None) -> str:
    """One field of a record; NULL is empty, an empty text is a pair of quotes."""
    if value is None:
        return ""
    text = text_of(value, kind)
    if text and not _IN_RECORD.search(text):
        return text
    doubled = text.replace("\\", "\\\\").replace('"', '""')
    return f'"{doubled}"'


def text_of(value: Any, kind: Kind | None) -> str:
    """What PostgreSQL writes for a value that is not NULL.

    Arguments:
        value: as JSON has it.
        kind: of what type it is; None where that is not known.
    """
    if kind is not None and kind.name in _DOCUMENTS:
        return write_document(value, binary=kind.name == "jsonb")
    if isinstance(value, list) and isinstance(kind, Array):
        return f"{{{','.join([_element(each, kind if isinstance(each, list) else kind.of) for each in value])}}}"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, Number) and kind is not None and kind.name in _FLOATS:
        return _float_text(value, _FLOATS[kind.name])
    if not isinstance(value, str):
        return write_document(value)
    if kind is not None and kind.name.startswith("timestamp"):
        value = value.replace("T", " ", 1)
        return _WHOLE_HOURS.sub(r"\1", value) if kind.name == _INSTANT else value
    return value


def _float_text(text: str, longest: int) -> str:
    """A binary float's digits: with an exponent where the point would stand further off than they are sure."""
    number = Decimal(text).normalize()
    if -4 <= number.adjusted() < longest:
        return f"{number:f}"
    first, *rest = map(str, number.as_tuple().digits)
    digits = f"{first}.{''.join(rest)}" if rest else first
    return f"{'-' if number.is_signed() else ''}{digits}e{number.adjusted():+03d}"


def _element(value: Any, kind: Kind) -> str:
    if value is None:
        return "NULL"
    text = text_of(value, kind)
    if isinstance(value, list) or (text and text.upper() != "NULL" and not _IN_ARRAY.search(text)):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
