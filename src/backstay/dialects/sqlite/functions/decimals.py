"""Exact arithmetic on decimals that are stored as text, with PostgreSQL's scales.

A decimal is stored as PostgreSQL prints it (``1.10``, ``-3``): its scale is kept, there is no exponent, and zero has no
sign. The collation ``decimal`` compares such texts by value; these functions compute with them. Sums and differences
keep the larger scale, products add the scales, and quotients have the scale that PostgreSQL's ``select_div_scale``
chooses: at least sixteen significant digits.
"""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from decimal import InvalidOperation as InvalidDecimal
from typing import TypeAlias

from backstay.errors import DatabaseFault, InvalidLiteral, OutOfRange

Value: TypeAlias = str | int | float | bytes | None

MOST_DIGITS = 131072
"""Digits before the point that PostgreSQL's numeric takes."""

MOST_SCALE = 16383
"""Digits after the point that PostgreSQL's numeric takes."""

_EXACT = Context(prec=2 * (MOST_DIGITS + MOST_SCALE), rounding=ROUND_HALF_UP, Emax=MAX_EMAX, Emin=MIN_EMIN)
_DIGITS = 4  # PostgreSQL computes in base 10000, and its division scale follows from that
_SIGNIFICANT = 16
_MOST_DIVISION_SCALE = 1000


def parse(value: str | int | float | bytes) -> Decimal:
    """The number that a stored value, a literal or a parameter stands for.

    Raises:
        InvalidLiteral: it is not a number (NaN and Infinity are not stored).
        OutOfRange: it has more digits than PostgreSQL's numeric takes.
    """
    text = repr(value) if isinstance(value, float) else value
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    try:
        number = Decimal(text)
    except InvalidDecimal:
        raise InvalidLiteral(f'invalid input syntax for type numeric: "{text}"') from None
    if not number.is_finite():
        raise InvalidLiteral(f'invalid input syntax for type numeric: "{text}"')
    if number.adjusted() >= MOST_DIGITS or _scale(number) > MOST_SCALE:
        raise OutOfRange("value overflows numeric format")
    return number


def show(number: Decimal) -> str:
    """The stored form of a number: as PostgreSQL prints it."""
    return format(number if number else number.copy_abs(), "f")


def fit(number: Decimal, precision: int | None, scale: int | None) -> Decimal:
    """Round a number to the scale of ``NUMERIC(precision, scale)``, half away from zero.

    Raises:
        OutOfRange: it has more digits before the point than the type takes.
    """
    if precision is None:
        return number
    places = scale or 0
    rounded = _round(number, places)
    if rounded and rounded.adjusted() >= precision - places:
        raise OutOfRange(
            "numeric field overflow",
            detail=f"A field with precision {precision}, scale {places} must round to an absolute value less than "
            f"{'1' if precision == places else f'10^{precision - places}'}.",
        )
    return rounded


def divide(left: Decimal, right: Decimal) -> Decimal:
    """The quotient, with the scale that PostgreSQL gives it.

    Raises:
        DatabaseFault: division by zero (22012).
    """
    if not right:
        raise DatabaseFault("division by zero", state="22012")
    weight, digit = _leading(left)
    other_weight, other_digit = _leading(right)
    quotient_weight = weight - other_weight - (1 if digit <= other_digit else 0)
    scale = max(_SIGNIFICANT - quotient_weight * _DIGITS, _scale(left), _scale(right), 0)
    scale = min(scale, _MOST_DIVISION_SCALE)
    shifted = _EXACT.scaleb(left, scale)
    whole, rest = _EXACT.divmod(shifted.copy_abs(), right.copy_abs())
    if 2 * rest >= right.copy_abs():
        whole += 1
    if left.is_signed() != right.is_signed():
        whole = -whole
    return _EXACT.scaleb(whole, -scale)


def decimal_add(left: Value, right: Value) -> str | None:
    """``left + right``; NULL if either is."""
    if left is None or right is None:
        return None
    return show(_EXACT.add(parse(left), parse(right)))


def decimal_sub(left: Value, right: Value) -> str | None:
    """``left - right``; NULL if either is."""
    if left is None or right is None:
        return None
    return show(_EXACT.subtract(parse(left), parse(right)))


def decimal_mul(left: Value, right: Value) -> str | None:
    """``left * right``; NULL if either is."""
    if left is None or right is None:
        return None
    return show(_EXACT.multiply(parse(left), parse(right)))


def decimal_div(left: Value, right: Value) -> str | None:
    """``left / right``; NULL if either is. Raises DatabaseFault (22012) for a zero divisor."""
    if left is None or right is None:
        return None
    return show(divide(parse(left), parse(right)))


def decimal_mod(left: Value, right: Value) -> str | None:
    """The remainder of ``left / right``, with the sign of ``left``. Raises DatabaseFault (22012) for a zero divisor."""
    if left is None or right is None:
        return None
    dividend, divisor = parse(left), parse(right)
    if not divisor:
        raise DatabaseFault("division by zero", state="22012")
    rest = _EXACT.remainder(dividend, divisor)
    return show(_round(rest, max(_scale(dividend), _scale(divisor))))


def decimal_neg(value: Value) -> str | None:
    """``-value``."""
    return None if value is None else show(parse(value).copy_negate())


def decimal_abs(value: Value) -> str | None:
    """The absolute value."""
    return None if value is None else show(parse(value).copy_abs())


def decimal_sign(value: Value) -> str | None:
    """``-1``, ``0`` or ``1``."""
    if value is None:
        return None
    number = parse(value)
    return "0" if not number else "-1" if number.is_signed() else "1"


def decimal_round(value: Value, places: int | None = 0) -> str | None:
    """Rounded to ``places`` digits after the point (before it, if negative), half away from zero."""
    if value is None or places is None:
        return None
    return show(_round(parse(value), places))


def decimal_trunc(value: Value, places: int | None = 0) -> str | None:
    """Cut to ``places`` digits after the point, toward zero."""
    if value is None or places is None:
        return None
    return show(_round(parse(value), places, ROUND_DOWN))


def decimal_floor(value: Value) -> str | None:
    """The largest whole number that is not greater."""
    return None if value is None else show(_round(parse(value), 0, ROUND_FLOOR))


def decimal_ceil(value: Value) -> str | None:
    """The smallest whole number that is not less."""
    return None if value is None else show(_round(parse(value), 0, ROUND_CEILING))


def decimal_cast(value: Value, precision: int | None = None, scale: int | None = None) -> str | None:
    """The value as ``NUMERIC(precision, scale)``. Raises InvalidLiteral or OutOfRange."""
    return None if value is None else show(fit(parse(value), precision, scale))


def compare(left: str, right: str) -> int:
    """Compare two texts by the number they show: the collation ``decimal`` where SQLite's own cannot be loaded.

    What is no number counts as zero, as in SQLite's.
    """
    one, other = _lenient(left), _lenient(right)
    return (one > other) - (one < other)


class Sum:
    """The aggregate and window function ``decimal_sum``: NULL of no values."""

    def __init__(self) -> None:
        self.total = Decimal(0)
        self.scales: dict[int, int] = {}  # a window that slides must forget the scale of what leaves it
        self.count = 0

    def step(self, value: Value) -> None:
        """Take a value in."""
        if value is not None:
            number = parse(value)
            self.total = _EXACT.add(self.total, number)
            self.scales[_scale(number)] = self.scales.get(_scale(number), 0) + 1
            self.count += 1

    def inverse(self, value: Value) -> None:
        """Take a value out again."""
        if value is not None:
            number = parse(value)
            self.total = _EXACT.subtract(self.total, number)
            self.scales[_scale(number)] -= 1
            self.count -= 1

    def sum(self) -> Decimal:
        """The sum, with the largest scale of what is in it."""
        return _round(self.total, max((scale for scale, times in self.scales.items() if times), default=0))

    def value(self) -> str | None:
        """The result for the present window."""
        return show(self.sum()) if self.count else None

    def final(self) -> str | None:
        """The result."""
        return self.value()


class Average(Sum):
    """The aggregate and window function ``decimal_avg``: NULL of no values."""

    def value(self) -> str | None:
        """The result for the present window."""
        return show(divide(self.sum(), Decimal(self.count))) if self.count else None


def _scale(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _round(number: Decimal, places: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    rounded = number.quantize(Decimal(1).scaleb(-places), rounding=rounding, context=_EXACT)
    return rounded if places >= 0 else rounded.quantize(Decimal(1), context=_EXACT)


def _leading(number: Decimal) -> tuple[int, int]:
    if not number:
        return 0, 0
    weight = number.adjusted() // _DIGITS
    return weight, int(number.copy_abs().scaleb(-weight * _DIGITS, context=_EXACT))


def _lenient(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidDecimal:
        return Decimal(0)
    return number if number.is_finite() else Decimal(0)
