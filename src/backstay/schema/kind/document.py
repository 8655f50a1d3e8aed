"""Documents: JSON kept as it was written (json), or by its meaning (jsonb)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import orjson
import sqlalchemy as sa

from backstay.errors import InvalidLiteral, OutOfRange, TooComplex
from backstay.schema.kind.encode import half_surrogate, is_unicode, json_text, unsupported_escape
from backstay.schema.kind.kind import Canonical, Kind
from backstay.schema.kind.texts import Named

_MOST_DIGITS = 131072
"""Digits that a number in jsonb may have before or after the point."""


@dataclass(frozen=True)
class Document(Kind):
    """A JSON document; canonically its JSON text.

    ``normal`` (jsonb): equal documents have equal texts, since keys are unique and in jsonb's order, and numbers are
    written without exponent.
    """

    normal: bool = False

    def take(self, value: Any) -> Canonical:
        """See :meth:`Kind.take`: every JSON value is a document, a string too; JSON's null is NULL."""
        if value is None:
            return None
        if self.normal:
            return self._dump(value)
        try:
            # It would write floats in another way, and decoded JSON holds none; what else differs it does not take.
            return orjson.dumps(value).decode()
        except TypeError:
            return self._dump(value)

    def _dump(self, value: Any) -> str:
        # A str is a JSON string, not JSON text.
        text = self._written(value)
        if not is_unicode(text):
            raise half_surrogate()
        return text

    def _read(self, text: str) -> str:
        document = _parse(text)
        if not self.normal:
            return text
        written = self._written(document)
        if not is_unicode(written):
            raise half_surrogate()
        return written

    def _written(self, document: Any) -> str:
        try:
            return json_text(_normal(document) if self.normal else document)
        except RecursionError:
            raise TooComplex from None

    def key(self, value: Canonical) -> Any:
        """An order like jsonb's: arrays and objects by their size first."""
        document = _parse(str(value))
        return (-1,) if document == [] else _rank(document)


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_int=Decimal, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError:
        raise TooComplex from None
    except (ValueError, ArithmeticError):
        raise InvalidLiteral("invalid input syntax for type json") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _normal(document: Any) -> Any:
    match document:
        case dict():
            return {_text(key): _normal(document[key]) for key in sorted(document, key=_order)}
        case list() | tuple():
            return [_normal(each) for each in document]
        case Decimal():
            return _Plain(document)
        case float():
            return _Plain(repr(document))
        case str():
            return _text(document)
        case _:
            return document


def _text(text: str) -> str:
    if "\0" in text:
        raise unsupported_escape()
    return text


class _Plain(Decimal):
    """A number that is written without exponent."""

    def __str__(self) -> str:
        if self and abs(self.adjusted()) >= _MOST_DIGITS:
            raise OutOfRange("value overflows numeric format")
        return format(self if self else abs(self), "f")


def _order(key: str) -> tuple[int, bytes]:
    encoded = key.encode("utf-8", "surrogatepass")
    return len(encoded), encoded


def _rank(document: Any) -> tuple[Any, ...]:
    match document:
        case None:
            return (0,)
        case str():
            return (1, document)
        case Decimal():
            return (2, document)
        case bool():
            return (3, document)
        case list():
            return (4, len(document), [_rank(each) for each in document])
        case _:
            return (5, len(document), [(_order(key), _rank(document[key])) for key in sorted(document, key=_order)])


JSON = Document("json", sa.JSON())
JSONB = Document("jsonb", Named("JSONB"), normal=True)
