"""Kind: one SQL type, and the way its values come into the one form that all databases are given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy.types import TypeEngine

from backstay.errors import DatabaseFault, InvalidLiteral
from backstay.schema.kind.encode import half_surrogate, is_unicode, json_text, unsupported_escape

Canonical: TypeAlias = bool | int | float | str | bytes | list["Canonical"] | None
"""A value in the wire's form.

Numbers that must stay exact, UUIDs, dates, times, JSON documents and labels are text, written as PostgreSQL writes
them in JSON; byte strings are bytes; arrays are lists.
"""

BLANKS = " \t\n\v\f\r"
"""What PostgreSQL takes for white space around a value."""

LONGEST_TIME = 255
"""Characters of a date, a time or an interval that are looked at; PostgreSQL refuses longer ones too."""


@dataclass(frozen=True)
class Kind(ABC):
    """One SQL type.

    Attributes:
        name: the type as PostgreSQL prints it in errors and OpenAPI formats: ``timestamp with time zone``.
        sql: the SQLAlchemy type to cast to.
        prepare: what a Python value passes before :meth:`dump`, where a TypeDecorator stands before the type.
    """

    name: str
    sql: TypeEngine[Any] = field(compare=False, repr=False)
    prepare: Callable[[Any], Any] | None = field(default=None, compare=False, repr=False, kw_only=True)

    def read(self, text: str) -> Canonical:
        """The value that a literal in a URL stands for.

        A literal that is compared with a column is not cut to the column's length or scale: see :meth:`fit`.

        Raises:
            DataFault: a subclass with PostgreSQL's message and SQLSTATE.
            DatabaseFault: the text holds what no text in a database may hold (22021).
        """
        if "\0" in text:
            raise DatabaseFault('invalid byte sequence for encoding "UTF8": 0x00', state="22021")
        if not is_unicode(text):
            raise DatabaseFault('invalid byte sequence for encoding "UTF8"', state="22021")
        return self._read(text)

    def take(self, value: Any) -> Canonical:
        """The value to store for a decoded JSON value, as PostgreSQL's ``json_to_recordset`` would take it.

        Numbers with a fraction or an exponent are Decimals, no floats: they are as exact as they were written.

        Raises:
            DataFault: the value is not of this kind, or does not fit into the column.
            DatabaseFault: a text holds what no text in a database may hold.
        """
        if value is None:
            return None
        return self.fit(self._read(self._literal(value)))

    def take_each(self, values: list[Any]) -> list[Canonical]:
        """What :meth:`take` makes of each of many values, which are looked at together where that is quicker.

        Raises:
            As :meth:`take`; of several mistakes any.
        """
        return [self.take(value) for value in values]

    def dump(self, value: Any) -> Canonical:
        """The canonical form of a Python value as SQLAlchemy code holds it; a canonical value is taken as it is.

        Raises:
            DataFault: the value is not of this kind.
        """
        if self.prepare is not None:
            value = self.prepare(value)
        return None if value is None else self._dump(value)

    def fit(self, value: Canonical) -> Canonical:
        """A canonical value as a column of this kind stores it: rounded to its scale, padded to its length.

        Raises:
            TooLong: the text is too long for the column.
            OutOfRange: the number is too big for the column.
        """
        return value

    def key(self, value: Canonical) -> Any:
        """What to order canonical values by, so that they compare as they do in the database; not for None."""
        return value

    def compare(self, left: Canonical, right: Canonical) -> int | None:
        """Negative, zero or positive as ``left`` is less than, equal to or greater than ``right``; None for NULL."""
        if left is None or right is None:
            return None
        one, other = self.key(left), self.key(right)
        return int(one > other) - int(one < other)

    def invalid(self, text: str) -> InvalidLiteral:
        """The error for text that this kind cannot read."""
        return InvalidLiteral(f'invalid input syntax for type {self.name}: "{text}"')

    @abstractmethod
    def _read(self, text: str) -> Canonical:
        """Read text that a database can hold."""

    def _dump(self, value: Any) -> Canonical:
        return self.read(value) if isinstance(value, str) else self._python(value)

    def _python(self, value: Any) -> Canonical:
        """The canonical form of what is neither None nor text."""
        raise self.invalid(str(value))

    def _literal(self, value: Any) -> str:
        """The text of a JSON value, which may hold no NUL: PostgreSQL's text cannot."""
        text = value if isinstance(value, str) else json_text(value)
        if "\0" in text or (text is not value and "\\u0000" in text):
            raise unsupported_escape()
        if not is_unicode(text):
            raise half_surrogate()
        return text
