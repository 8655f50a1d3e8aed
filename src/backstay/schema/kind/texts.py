"""Texts: of any length, of bounded length, padded, and of types that only the database itself knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import UserDefinedType

from backstay.errors import TooLong
from backstay.schema.kind.encode import is_unicode, json_text
from backstay.schema.kind.kind import Canonical, Kind


@dataclass(frozen=True)
class Text(Kind):
    """Text; of at most ``length`` characters in a column (None: any). Canonically a str."""

    length: int | None = None

    def take(self, value: Any) -> Canonical:
        """See :meth:`Kind.take`; short texts of ASCII take the short way."""
        if type(value) is str and value.isascii() and "\0" not in value:
            return value if self.length is None or len(value) <= self.length else self.fit(value)
        return super().take(value)

    def take_each(self, values: list[Any]) -> list[Canonical]:
        """See :meth:`Kind.take_each`: texts that are all fit to be stored are as they are."""
        try:
            joined = "".join(values)
        except TypeError:  # some are no texts
            return super().take_each(values)
        fits = self.length is None or max(map(len, values), default=0) <= self.length
        return values if fits and "\0" not in joined and is_unicode(joined) else super().take_each(values)

    def _read(self, text: str) -> str:
        return text

    def _python(self, value: Any) -> Canonical:
        return self.read(str(value))

    def fit(self, value: Canonical) -> Canonical:
        """Cut blanks that are too many; TooLong where other characters are."""
        if self.length is None or not isinstance(value, str) or len(value) <= self.length:
            return value
        if value[self.length :].strip(" "):
            raise TooLong(f"value too long for type {self.name}({self.length})")
        return value[: self.length]


@dataclass(frozen=True)
class Character(Text):
    """Text padded with blanks to ``length``; blanks at its end count for nothing when it is compared."""

    length: int = 1

    def take(self, value: Any) -> Canonical:
        """See :meth:`Kind.take`."""
        return Kind.take(self, value)

    def take_each(self, values: list[Any]) -> list[Canonical]:
        """See :meth:`Kind.take_each`."""
        return Kind.take_each(self, values)

    def _read(self, text: str) -> str:
        return text.ljust(self.length)

    def key(self, value: Canonical) -> str:
        """The text without its padding."""
        return str(value).rstrip(" ")


@dataclass(frozen=True)
class Foreign(Kind):
    """A type that only the database knows (``inet``, ``tsvector``, ``tstzrange``): text that passes through."""

    def _read(self, text: str) -> str:
        return text

    def _python(self, value: Any) -> Canonical:
        return self.read(str(value))


@dataclass(frozen=True)
class Structured(Foreign):
    """Rows, and arrays that are not written as others are: only the database knows their parts.

    Canonically the JSON text of what is given: an object, an array, or a string that holds the database's own literal.
    """

    def take(self, value: Any) -> Canonical:
        """See :meth:`Kind.take`."""
        return None if value is None else json_text(self._unescaped(value))

    def _read(self, text: str) -> str:
        return json_text(text)

    def _unescaped(self, value: Any) -> Any:
        self._literal(value)
        return value


class Named(UserDefinedType[str]):
    """An SQL type by its name alone."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        """The name, as SQLAlchemy's compiler asks for it."""
        return self.name


class Row(Named):
    """A composite type by its name."""

    cache_ok = True


class Domain(Named):
    """A domain by its name, with the type that it restricts."""

    cache_ok = True

    def __init__(self, name: str, base: sa.types.TypeEngine[Any]) -> None:
        super().__init__(name)
        self.base = base


TEXT = Text("text", sa.Text())
VARCHAR = Text("character varying", sa.String())


def varchar(length: int | None) -> Text:
    """``character varying(length)``."""
    return Text("character varying", sa.String(length), length) if length else VARCHAR


def char(length: int | None) -> Character:
    """``character(length)``, one character where no length is given."""
    return Character("character", sa.CHAR(length or 1), length or 1)


def other(name: str, sql: sa.types.TypeEngine[Any] | None = None) -> Foreign:
    """The database's own type of that name."""
    return Foreign(name, sql if sql is not None else Named(name))


def structured(name: str, sql: sa.types.TypeEngine[Any]) -> Structured:
    """A row type of the database, or an array that JSON tells better than a literal does."""
    return Structured(name, sql)
