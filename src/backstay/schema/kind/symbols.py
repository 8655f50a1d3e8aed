"""Symbols: truth values, identifiers, labels of an enumeration, and byte strings."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from string import hexdigits
from typing import Any, Final

import sqlalchemy as sa

from backstay.errors import InvalidLiteral, InvalidParameter
from backstay.schema.kind.kind import BLANKS, Canonical, Kind

_UUID: Final = re.compile(r"(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}", re.IGNORECASE | re.ASCII)
_CANONICAL: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PAIRS: Final = re.compile(r"(?:[ \t\n\r]*[0-9a-fA-F]{2})*[ \t\n\r]*")
_OCTAL: Final = re.compile(rb"\\(?:(\\)|([0-3][0-7]{2}))|(\\)")


@dataclass(frozen=True)
class Boolean(Kind):
    """True or false; canonically a bool."""

    def take(self, value: Any) -> Canonical:
        """See :meth:`Kind.take`."""
        return value if isinstance(value, bool) else super().take(value)

    def take_each(self, values: list[Any]) -> list[Canonical]:
        """See :meth:`Kind.take_each`."""
        return values if set(map(type, values)) <= {bool, type(None)} else super().take_each(values)

    def _read(self, text: str) -> bool:
        word = text.strip(BLANKS).lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise self.invalid(text)

    def _python(self, value: Any) -> bool:
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        raise self.invalid(str(value))


_TRUE = frozenset({"1", "on", "t", "tr", "tru", "true", "y", "ye", "yes"})
_FALSE = frozenset({"0", "of", "off", "f", "fa", "fal", "fals", "false", "n", "no"})


@dataclass(frozen=True)
class Uuid(Kind):
    """A UUID; canonically its text in lower case with dashes."""

    def take(self, value: Any) -> Canonical:
        """See :meth:`Kind.take`; what is canonical already is as it is."""
        return value if type(value) is str and _CANONICAL.fullmatch(value) else super().take(value)

    def _read(self, text: str) -> str:
        if _CANONICAL.fullmatch(text):
            return text
        braced = text[:1] == "{" and text[-1:] == "}"
        digits = text[1:-1] if braced else text
        if not _UUID.fullmatch(digits):
            raise self.invalid(text)
        return str(uuid.UUID(digits))

    def _python(self, value: Any) -> str:
        if isinstance(value, uuid.UUID):
            return str(value)
        raise self.invalid(str(value))


def random_uuids(count: int) -> list[str]:
    """So many random UUIDs, as canonical text: version 4 of RFC 9562, as :func:`uuid.uuid4` makes them one by one."""
    digits = os.urandom(16 * count).hex()
    each = [digits[start : start + 32] for start in range(0, 32 * count, 32)]
    return [f"{d[:8]}-{d[8:12]}-4{d[13:16]}-{_VARIANT[d[16]]}{d[17:20]}-{d[20:]}" for d in each]


_VARIANT: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""The digit in which the variant is said: its two other bits are random."""


@dataclass(frozen=True)
class Enumeration(Kind):
    """One of ``labels``, which also order it; canonically the label. ``members`` maps Python's members to labels."""

    labels: tuple[str, ...] = ()
    members: Mapping[Enum, str] = field(default_factory=dict, compare=False, repr=False)

    def take_each(self, values: list[Any]) -> list[Canonical]:
        """See :meth:`Kind.take_each`."""
        try:
            return values if set(values) <= {*self.labels, None} else super().take_each(values)
        except TypeError:  # one of them is an array or an object
            return super().take_each(values)

    def _read(self, text: str) -> str:
        if text not in self.labels:
            raise InvalidLiteral(f'invalid input value for enum {self.name}: "{text}"')
        return text

    def _dump(self, value: Any) -> Canonical:
        # A member that is a text too (StrEnum) is a member first.
        if isinstance(value, Enum):
            return self.members.get(value) or self._read(str(value.value))
        return self.read(str(value))

    def key(self, value: Canonical) -> int:
        """The label's place."""
        return self.labels.index(str(value))


@dataclass(frozen=True)
class Bytes(Kind):
    """A byte string; canonically bytes. Its text is PostgreSQL's: ``\\x`` and hex digits, or bytes with escapes."""

    def _read(self, text: str) -> bytes:
        return _hex(text[2:]) if text.startswith("\\x") else _escaped(text)

    def _python(self, value: Any) -> bytes:
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        raise self.invalid(str(value))


def _hex(text: str) -> bytes:
    pairs = _PAIRS.match(text)
    rest = text[pairs.end() :] if pairs else text
    if not rest:
        return bytes.fromhex(text)
    if rest[0] in hexdigits and len(rest) == 1:
        raise InvalidParameter("invalid hexadecimal data: odd number of digits")
    wrong = rest[1] if rest[0] in hexdigits else rest[0]
    raise InvalidParameter(f'invalid hexadecimal digit: "{wrong}"')


def _escaped(text: str) -> bytes:
    def unescape(match: re.Match[bytes]) -> bytes:
        if match[3]:
            raise InvalidLiteral("invalid input syntax for type bytea")
        return match[1] or bytes([int(match[2], 8)])

    return _OCTAL.sub(unescape, text.encode())


BOOLEAN = Boolean("boolean", sa.Boolean())
UUID = Uuid("uuid", sa.Uuid())
BYTEA = Bytes("bytea", sa.LargeBinary())


def enum(
    name: str,
    labels: Sequence[str],
    *,
    members: Mapping[Enum, str] | None = None,
    sql: sa.types.TypeEngine[Any] | None = None,
) -> Enumeration:
    """The enumeration ``name`` of these labels; ``members`` are Python's, for values that SQLAlchemy code holds."""
    return Enumeration(name, sql if sql is not None else sa.Enum(*labels, name=name), tuple(labels), members or {})
