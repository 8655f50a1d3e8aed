"""Numbers: integers of three sizes, exact decimals and binary floats."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import sqlalchemy as sa

from backstay.errors import OutOfRange
from backstay.schema.kind.kind import BLANKS, Canonical, Kind

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?", re.ASCII)
_WIDEST_INTEGER = 19
"""Digits of the largest bigint: a longer text is out of range, and Python need not convert it to know."""

_WHOLE_DIGITS, _FRACTION_DIGITS = 131072, 16383
"""What PostgreSQL's numeric holds before and after the point."""

# Python's default context would round to 28 digits.
_EXACT = Context(prec=_WHOLE_DIGITS + _FRACTION_DIGITS + 1, rounding=ROUND_HALF_UP, traps=[])


@dataclass(frozen=True)
class Integer(Kind):
    """A whole number of ``bits`` bits; canonically an int."""

    bits: int = 32

    def take(self, value: Any) -> Canonical:
        """See :meth:`Kind.take`; JSON's own integers take the short way."""
        if type(value) is int and -1 << (self.bits - 1) <= value < 1 << (self.bits - 1):
            return value
        return super().take(value)

    def take_each(self, values: list[Any]) -> list[Canonical]:
        """See :meth:`Kind.take_each`: numbers that are all in range are as they are."""
        if set(map(type, values)) == {int}:
            most = 1 << (self.bits - 1)
            if -most <= min(values) and max(values) < most:
                return values
        return super().take_each(values)

    def _read(self, text: str) -> int:
        digits = text.strip(BLANKS)
        if not _INTEGER.fullmatch(digits):
            raise self.invalid(text)
        if len(digits.lstrip("+-").lstrip("0")) <= _WIDEST_INTEGER:
            number = int(digits)
            if -1 << (self.bits - 1) <= number < 1 << (self.bits - 1):
                return number
        raise OutOfRange(f'value "{text}" is out of range for type {self.name}')

    def _python(self, value: Any) -> int:
        if isinstance(value, bool | int):
            return self._read(str(int(value)))
        if isinstance(value, float | Decimal):
            number = Decimal(value)
            if number.is_finite() and abs(number) < 1 << 64 and number == int(number):
                return self._read(str(int(number)))
        raise self.invalid(str(value))


@dataclass(frozen=True)
class Numeric(Kind):
    """An exact decimal; canonically its text, with all its digits: ``12.50``.

    ``precision`` is the count of digits that a column keeps (None: any), ``scale`` that of digits after the point.
    NaN and the infinities are refused: not every database can store them.
    """

    precision: int | None = None
    scale: int = 0

    def _read(self, text: str) -> str:
        digits = text.strip(BLANKS)
        match = _NUMBER.fullmatch(digits)
        if not match:
            raise self.invalid(text)
        if len((match[1] or "").lstrip("+-0")) > len(str(_WHOLE_DIGITS)) + 1:
            raise _overflows()
        number = Decimal(digits)
        if number and number.adjusted() >= _WHOLE_DIGITS:
            raise _overflows()
        return _written(number)

    def _python(self, value: Any) -> str:
        if isinstance(value, bool | int | float | Decimal):
            number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
            if number.is_finite():
                return _written(number)
        raise self.invalid(str(value))

    def fit(self, value: Canonical) -> Canonical:
        """Round half away from zero to the scale; OutOfRange where more digits stand before the point than fit."""
        if self.precision is None or value is None:
            return value
        number = _rounded(Decimal(str(value)), self.scale)
        whole = self.precision - self.scale
        if number and number.adjusted() >= whole:
            limit = f"10^{whole}" if whole else "1"
            raise OutOfRange(
                "numeric field overflow",
                detail=f"A field with precision {self.precision}, scale {self.scale} must round to an absolute value "
                f"less than {limit}.",
            )
        return _written(number)

    def key(self, value: Canonical) -> Decimal:
        """The number."""
        return Decimal(str(value))


def _overflows() -> OutOfRange:
    return OutOfRange("value overflows numeric format")


def _rounded(number: Decimal, scale: int) -> Decimal:
    return number.quantize(Decimal((0, (1,), -scale)), context=_EXACT)


def _written(number: Decimal) -> str:
    """The digits without an exponent and without a sign on zero, as PostgreSQL prints a numeric."""
    if _places(number) > _FRACTION_DIGITS:
        number = _rounded(number, _FRACTION_DIGITS)
    if number:
        return format(number, "f")
    places = _places(number)
    return "0." + "0" * places if places else "0"


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


@dataclass(frozen=True)
class Float(Kind):
    """A binary float, ``single`` (four bytes) or double; canonically a float. NaN and the infinities are refused."""

    single: bool = False

    def _read(self, text: str) -> float:
        digits = text.strip(BLANKS)
        if not _NUMBER.fullmatch(digits):
            raise self.invalid(text)
        number = float(digits)
        if self.single:
            number = _single(number)
        vanished = number == 0 and digits.lstrip("+-0.")[:1] in set("123456789")
        if vanished or number in (float("inf"), float("-inf")):
            raise OutOfRange(f'"{digits}" is out of range for type {self.name}')
        return number

    def _python(self, value: Any) -> float:
        if isinstance(value, bool | int | float | Decimal):
            return self._read(str(value if not isinstance(value, bool) else int(value)))
        raise self.invalid(str(value))


def _single(number: float) -> float:
    """The number whose shortest text is that of the nearest four-byte float: 0.1, not 0.10000000149."""
    try:
        [bits] = _BITS.unpack(_SINGLE.pack(abs(number)))
    except OverflowError:
        return float("inf")
    below, near = _from_bits(bits - 1 if bits else 0), _from_bits(bits)
    # Above the largest float stands what would be the next one, were it not infinite.
    above = min(_from_bits(bits + 1), 2 * near - below)
    for digits in range(1, 10):
        short = float(f"{near:.{digits}g}")
        # A text halfway to a neighbour is not this number's.
        if (below + near) / 2 < short < (near + above) / 2:
            break
    else:
        short = near
    return -short if number < 0 else short


def _from_bits(bits: int) -> float:
    number: float
    [number] = _SINGLE.unpack(_BITS.pack(bits))
    return number


_SINGLE, _BITS = struct.Struct("f"), struct.Struct("I")

SMALLINT = Integer("smallint", sa.SmallInteger(), 16)
INTEGER = Integer("integer", sa.Integer(), 32)
BIGINT = Integer("bigint", sa.BigInteger(), 64)
NUMERIC = Numeric("numeric", sa.Numeric())
REAL = Float("real", sa.REAL(), single=True)
DOUBLE = Float("double precision", sa.Double())


def numeric(precision: int | None, scale: int | None = None) -> Numeric:
    """``numeric(precision, scale)``; without a precision any number is kept as it is."""
    if precision is None:
        return NUMERIC
    return Numeric("numeric", sa.Numeric(precision, scale or 0), precision, scale or 0)
