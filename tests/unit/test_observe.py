"""What the code says of itself, and what it never says."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backstay.errors import DeclarationError
from backstay.observe import (
    OBSERVATIONS,
    AccessDenied,
    DatabaseLost,
    Observation,
    RequestFailed,
    RequestFinished,
    RequestRefused,
    Severity,
    Started,
    describe,
    escape,
    is_observed,
    observe,
    redact,
    start_logging,
    subscribe,
)

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.fixture
def log() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    ends = []

    def logged(level: str, *observations: Observation) -> list[dict[str, Any]]:
        stream = io.StringIO()
        ends.append(start_logging(level, stream=stream))
        for observation in observations:
            observe(observation)
        ends.pop()()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    yield logged
    for end in ends:
        end()


def test_the_list_is_closed_and_each_says_what_it_is() -> None:
    assert len(OBSERVATIONS) == len({kind.__name__ for kind in OBSERVATIONS}) >= 15
    for kind in OBSERVATIONS:
        assert (kind.__doc__ or "").partition("\n")[0].strip()
        assert kind.severity in Severity


def test_a_subscriber_gets_what_it_asked_for_until_it_leaves() -> None:
    seen: list[Observation] = []
    unsubscribe = subscribe(seen.append, Started)
    assert is_observed(Started)
    observe(Started(1.0))
    observe(AccessDenied("/rest/v1/notes", "BS40301", "anon"))
    unsubscribe()
    observe(Started(2.0))
    assert seen == [Started(1.0)]
    assert not is_observed(Started)


def test_a_subscriber_may_ask_for_everything() -> None:
    seen: list[Observation] = []
    unsubscribe = subscribe(seen.append)
    observe(Started(1.0))
    observe(AccessDenied("/", "BS403", "anon"))
    unsubscribe()
    assert len(seen) == 2


def test_two_subscribers_do_not_end_each_other() -> None:
    first: list[Observation] = []
    second: list[Observation] = []
    end_first = subscribe(first.append, Started)
    end_second = subscribe(second.append, Started)
    end_first()
    end_first()
    observe(Started(1.0))
    end_second()
    assert (first, second) == ([], [Started(1.0)])


def test_a_failing_subscriber_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Observation) -> None:
        raise RuntimeError("no")

    seen: list[Observation] = []
    ends = [subscribe(fail, Started), subscribe(seen.append, Started)]
    observe(Started(1.0))
    for end in ends:
        end()
    assert seen == [Started(1.0)]
    assert "a subscriber to observations failed" in caplog.text


def test_errors_are_not_lost_where_nobody_subscribed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="backstay"):
        observe(RequestFailed("GET", "/rest/v1/notes", raised(KeyError("missing"))))
        observe(Started(1.0))
    assert "KeyError" in caplog.text
    assert "application started" not in caplog.text


def test_a_log_line_is_json_with_time_level_and_fields(log: Callable[..., list[dict[str, Any]]]) -> None:
    (entry,) = log("debug", RequestFinished("GET", "/rest/v1/notes", 200, 1.23456, "anon"))
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "request finished",
        "level": "debug",
        "method": "GET",
        "route": "/rest/v1/notes",
        "status": 200,
        "milliseconds": 1.235,
        "role": "anon",
    }


def test_only_what_is_as_severe_as_the_level_is_logged(log: Callable[..., list[dict[str, Any]]]) -> None:
    observations = (RequestFinished("GET", "/", 200, 1.0, "anon"), Started(1.0), RequestFailed("GET", "/", KeyError()))
    assert [len(log(level, *observations)) for level in ("debug", "info", "warning", "error")] == [3, 2, 1, 1]


def test_nothing_is_measured_for_a_level_that_is_not_logged() -> None:
    end = start_logging("info", stream=io.StringIO())
    assert not is_observed(RequestFinished)
    end()


def test_an_unknown_level_is_a_declaration_error() -> None:
    with pytest.raises(DeclarationError):
        start_logging("loud")


def test_a_traceback_is_logged_with_its_lines(log: Callable[..., list[dict[str, Any]]]) -> None:
    (entry,) = log("info", RequestFailed("POST", "/rest/v1/notes", raised(ZeroDivisionError("by zero"))))
    assert entry["error"] == "ZeroDivisionError: by zero"
    assert "test_observe.py" in entry["traceback"]
    assert entry["traceback"].count("\n") > 2


def test_the_console_shows_the_same_for_people() -> None:
    stream = io.StringIO()
    end = start_logging("info", stream=stream, console=True)
    observe(RequestRefused("GET", "/a\n[error] forged\x1b[31m", 400, "no host"))
    end()
    assert "request refused at the front door" in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b[31mforged" not in stream.getvalue()


@pytest.mark.invariant("I24")
@pytest.mark.asvs("16.2.5")
@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"cannot decode {TOKEN}", TOKEN),
        (f"Authorization: Bearer {TOKEN}", "c2lnbmF0dXJl"),
        ("Bearer opaque-token-value", "opaque-token-value"),
        ("got sb_secret_N7UND0UgjKTVKUodkm0Hg", "N7UND0UgjKTVKUodkm0Hg"),
        ("got bsk_3kXb0aZ91qLm_N7UND0UgjKTVKUodkm0HgN7UND0UgjKTVKUo", "N7UND0UgjKTVKUodkm0HgN7UND0UgjKTVKUo"),
        ("cannot connect to postgresql://app:hunter2@db/x", "hunter2"),
        ("cannot connect to postgresql://app:hun%40ter/2@3@db/x", "hun%40ter"),
        ("connect(user='app', password='hunter2')", "hunter2"),
        ("BACKSTAY_JWT_SECRET=hunter2hunter2", "hunter2"),
        ('{"password": "hunter2", "a": 1}', "hunter2"),
        ("duplicate key\nDETAIL:  Key (email)=(ada@example.com) already exists.", "ada@example.com"),
        ("[SQL: INSERT INTO t VALUES (?)]\n[parameters: ('ada@example.com', 3)]", "ada@example.com"),
        ("invalid input for query argument $1: 'ada@example.com' (expected int)", "ada@example.com"),
        ('invalid input syntax for type integer: "ada@example.com"', "ada@example.com"),
    ],
)
def test_secrets_and_values_are_blotted_out_of_what_is_logged(text: str, secret: str) -> None:
    assert secret not in redact(text)
    entry = describe(DatabaseLost("postgresql", raised(RuntimeError(text))))
    assert secret not in str(entry["error"])
    assert secret not in str(entry["traceback"]).replace("raised(RuntimeError(text))", "")


def test_harmless_text_is_left_as_it_is() -> None:
    text = 'relation "notes" does not exist; see https://example.com/docs?page=2 at 10:00, 3 tokens'
    assert redact(text) == text


@pytest.mark.asvs("16.4.1")
def test_control_characters_are_written_out() -> None:
    assert escape("a\r\nb\x1b[2Jc\x00\u2028\u202ed é 漢") == "a\\r\\nb\\x1b[2Jc\\x00\\u2028\\u202ed é 漢"
    assert escape("a\nb\x1b", keep="\n") == "a\nb\\x1b"
