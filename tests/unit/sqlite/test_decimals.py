"""Exact decimals: the scales and roundings here are those PostgreSQL gives."""

import pytest

from backstay.dialects.sqlite.functions.decimals import (
    Average,
    Sum,
    compare,
    decimal_abs,
    decimal_add,
    decimal_cast,
    decimal_ceil,
    decimal_div,
    decimal_floor,
    decimal_mod,
    decimal_mul,
    decimal_neg,
    decimal_round,
    decimal_sign,
    decimal_sub,
    decimal_trunc,
)
from backstay.errors import DatabaseFault, InvalidLiteral, OutOfRange


@pytest.mark.parametrize(
    ("left", "right", "total", "difference", "product", "quotient", "rest"),
    [
        ("1", "3", "4", "-2", "3", "0.33333333333333333333", "1"),
        ("1.10", "2.2", "3.30", "-1.10", "2.420", "0.50000000000000000000", "1.10"),
        ("10000", "3", "10003", "9997", "30000", "3333.3333333333333333", "1"),
        ("-7.5", "2", "-5.5", "-9.5", "-15.0", "-3.7500000000000000", "-1.5"),
        ("0.1", "0.2", "0.3", "-0.1", "0.02", "0.50000000000000000000", "0.1"),
        (
            "123456789012345678901234567890",
            "10",
            "123456789012345678901234567900",
            "123456789012345678901234567880",
            "1234567890123456789012345678900",
            "12345678901234567890123456789",
            "0",
        ),
        ("-0.5", "0.5", "0.0", "-1.0", "-0.25", "-1.00000000000000000000", "0.0"),
    ],
)
def test_arithmetic_is_exact_and_keeps_the_scales_of_postgresql(
    left: str, right: str, total: str, difference: str, product: str, quotient: str, rest: str
) -> None:
    assert decimal_add(left, right) == total
    assert decimal_sub(left, right) == difference
    assert decimal_mul(left, right) == product
    assert decimal_div(left, right) == quotient
    assert decimal_mod(left, right) == rest


def test_numbers_and_floats_are_taken_beside_texts() -> None:
    assert decimal_add(1, "0.5") == "1.5"
    assert decimal_mul(0.1, 3) == "0.3"


@pytest.mark.parametrize("function", [decimal_add, decimal_sub, decimal_mul, decimal_div, decimal_mod])
def test_null_on_either_side_gives_null(function: object) -> None:
    assert callable(function)
    assert function(None, "1") is None
    assert function("1", None) is None


@pytest.mark.parametrize("function", [decimal_div, decimal_mod])
def test_division_by_zero_is_refused_with_its_sqlstate(function: object) -> None:
    assert callable(function)
    with pytest.raises(DatabaseFault, match="division by zero") as refused:
        function("1", "0.00")
    assert refused.value.state == "22012"


def test_rounding_goes_half_away_from_zero() -> None:
    assert decimal_round("2.5") == "3"
    assert decimal_round("-2.5") == "-3"
    assert decimal_round("2.345", 2) == "2.35"
    assert decimal_round("1251", -2) == "1300"
    assert decimal_trunc("-2.99", 1) == "-2.9"
    assert decimal_floor("-2.1") == "-3"
    assert decimal_ceil("-2.1") == "-2"


def test_signs() -> None:
    assert decimal_neg("1.50") == "-1.50"
    assert decimal_neg("0.0") == "0.0"
    assert decimal_abs("-3") == "3"
    assert [decimal_sign(value) for value in ("-3", "0.00", "7")] == ["-1", "0", "1"]


def test_cast_rounds_to_the_scale_and_refuses_too_many_digits() -> None:
    assert decimal_cast("12.345", 4, 2) == "12.35"
    assert decimal_cast("5", 4, 2) == "5.00"
    assert decimal_cast("1e3") == "1000"
    with pytest.raises(OutOfRange, match="numeric field overflow") as refused:
        decimal_cast("99.995", 4, 2)
    assert refused.value.detail == ("A field with precision 4, scale 2 must round to an absolute value less than 10^2.")


@pytest.mark.parametrize("text", ["abc", "", "NaN", "Infinity", "1,5"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidLiteral, match="invalid input syntax for type numeric"):
        decimal_cast(text)


def test_a_huge_exponent_is_refused_at_once() -> None:
    with pytest.raises(OutOfRange):
        decimal_add("1e999999999", "1")
    with pytest.raises(OutOfRange):
        decimal_add("1e-999999999", "1")


def test_sum_and_average_skip_null_and_are_null_of_nothing() -> None:
    total, average = Sum(), Average()
    assert total.final() is None
    assert average.final() is None
    for value in ("0.10", None, "0.2", 1):
        total.step(value)
        average.step(value)
    assert total.final() == "1.30"
    assert average.final() == "0.43333333333333333333"


def test_a_sliding_window_forgets_the_scale_of_what_left_it() -> None:
    total = Sum()
    total.step("0.125")
    total.step("2")
    total.inverse("0.125")
    assert total.value() == "2"


def test_comparison_is_by_value() -> None:
    assert compare("1.10", "1.1") == 0
    assert compare("9", "10") == -1
    assert compare("-9", "-10") == 1
    assert compare("-0", "0") == 0
