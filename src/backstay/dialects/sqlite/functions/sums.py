"""Sums and averages of floats and intervals, added up as PostgreSQL does: one value after the other.

SQLite's own ``sum`` makes up for the errors of rounding, so its last digits are others.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, Final

from backstay.errors import OutOfRange
from backstay.schema.kind import REAL

_SINGLE: Final = struct.Struct("f")


class FloatSum:
    """The aggregate ``float_sum``: NULL of no values."""

    def __init__(self) -> None:
        self.total: float = 0.0
        self.count = 0

    def step(self, value: float | None) -> None:
        """Take a value in."""
        if value is not None:
            self.total = _finite(self.total + value, self.total, value)
            self.count += 1

    def final(self) -> float | None:
        """The result."""
        return self.total if self.count else None


class RealSum(FloatSum):
    """The aggregate ``real_sum``, of single precision at each step."""

    def step(self, value: float | None) -> None:
        """Take a value in."""
        super().step(None if value is None else _single(value))
        self.total = _single(self.total)

    def final(self) -> float | None:
        """The result, as a column of the type stores it."""
        return REAL.dump(self.total) if self.count else None  # type: ignore[return-value]


class FloatAverage(FloatSum):
    """The aggregate ``float_avg``."""

    def final(self) -> float | None:
        """The result."""
        return self.total / self.count if self.count else None


class RealAverage(FloatAverage):
    """The aggregate ``real_avg``: of values of single precision, in double precision."""

    def step(self, value: float | None) -> None:
        """Take a value in."""
        super().step(None if value is None else _single(value))


class IntervalAverage:
    """The aggregate ``interval_avg``, of microseconds."""

    def __init__(self) -> None:
        self.total = 0
        self.count = 0

    def step(self, value: int | None) -> None:
        """Take a value in."""
        if value is not None:
            self.total += value
            self.count += 1

    def final(self) -> int | None:
        """The result, rounded half to even."""
        if not self.count:
            return None
        whole, rest = divmod(self.total, self.count)
        return whole + (2 * rest > self.count or (2 * rest == self.count and whole % 2 == 1))


def _finite(total: float, *parts: float) -> float:
    if math.isinf(total) and not any(math.isinf(part) for part in parts):
        raise OutOfRange("value out of range: overflow")
    return total


def _single(value: float) -> float:
    try:
        found: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    except OverflowError:
        raise OutOfRange("value out of range: overflow") from None
    return found


SUMS: Final[tuple[tuple[str, Callable[[], Any]], ...]] = (
    ("float_sum", FloatSum),
    ("real_sum", RealSum),
    ("float_avg", FloatAverage),
    ("real_avg", RealAverage),
    ("interval_avg", IntervalAverage),
)
"""The aggregates by their names in SQL."""
