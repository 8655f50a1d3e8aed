"""Letter case and regular expressions as on PostgreSQL."""

import time

import pytest

from backstay.dialects.sqlite.functions.texts import lower, regexp, regexp_any_case, regexp_replace, upper
from backstay.errors import InvalidPattern


def test_case_knows_more_letters_than_ascii_and_never_changes_the_length() -> None:
    assert lower("ÉCOLE Ωmega") == "école ωmega"
    assert upper("straße") == "STRAßE"
    assert lower("ΟΔΟΣ") == "οδοσ"
    assert len(lower("İ")) == 1
    assert lower(None) is None
    assert upper(12) == "12"


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^b", "abc", 0),
        ("b.d", "ab\nd", 1),
        ("c$", "abc\n", 0),
        (r"\mfoo\M", "a foo b", 1),
        (r"\yfoo", "afoo", 0),
        ("[[:alpha:]]+é", "caffé", 1),
        (r"^\w+$", "naïve", 1),
        (r"^[\w-]+$", "naï-ve", 1),
        ("^[]a]+$", "]a]", 1),
        ("[^]a]", "]a]", 0),
        ("(a|b){2}", "xab", 1),
        (r"\d{3}", "12", 0),
    ],
)
def test_patterns_mean_what_they_mean_on_postgresql(pattern: str, text: str, found: int) -> None:
    assert regexp(pattern, text) == found


def test_case_is_ignored_only_where_asked() -> None:
    assert regexp("É", "école") == 0
    assert regexp_any_case("É", "école") == 1
    assert regexp("(?i)É", "école") == 1


def test_null_gives_null() -> None:
    assert regexp(None, "a") is None
    assert regexp("a", None) is None
    assert regexp_replace("a", "b", None) is None


@pytest.mark.parametrize("pattern", ["(", "[a", "*a", r"(a)\1", "(?=a)", "a{2,1}", "a{9999}"])
def test_bad_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match="invalid regular expression"):
        regexp(pattern, "a")


def test_no_pattern_takes_more_than_linear_time() -> None:
    started = time.thread_time()
    assert regexp(r"^(a+)+$", "a" * 100_000 + "b") == 0
    assert regexp(r"(.*a){20}$", "a" * 10_000 + "b") == 0
    assert time.thread_time() - started < 1


def test_replace_takes_the_first_match_or_all() -> None:
    assert regexp_replace("a-b-c", "-", "+") == "a+b-c"
    assert regexp_replace("a-b-c", "-", "+", "g") == "a+b+c"
    assert regexp_replace("ab", "(a)(b)", r"\2\1\&") == "baab"
