"""A.13: the Accept header."""

from __future__ import annotations

import pytest

from backstay.frontends.rest.media import Media
from backstay.settings import Settings
from unit.rest.ask import ask, code, refusal

OBJECT, ARRAY = "application/vnd.pgrst.object+json", "application/vnd.pgrst.array+json"
JSON, CHARSET = "application/json", "; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "media", "content_type"),
    [
        ("", Media.JSON, JSON),
        ("*/*", Media.JSON, JSON),
        ("application/json", Media.JSON, JSON),
        ("Application/JSON; charset=utf-8", Media.JSON, JSON),
        ("application/*", Media.JSON, JSON),
        (OBJECT, Media.OBJECT, OBJECT),
        ("application/vnd.pgrst.object", Media.OBJECT, OBJECT),
        (f"{OBJECT};nulls=stripped", Media.OBJECT, f"{OBJECT};nulls=stripped"),
        (f"{OBJECT}; nulls=stripped", Media.OBJECT, f"{OBJECT};nulls=stripped"),
        (ARRAY, Media.JSON, JSON),
        ("application/vnd.pgrst.array", Media.JSON, JSON),
        (f"{ARRAY};nulls=stripped", Media.ARRAY, f"{ARRAY};nulls=stripped"),
        ("application/json;nulls=stripped", Media.JSON, JSON),
        ("text/csv", Media.CSV, "text/csv"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Media.JSON, JSON),
        ("application/json, text/plain, */*", Media.JSON, JSON),
        ("image/png, text/csv", Media.CSV, "text/csv"),
        ("application/json;q=0.1, text/csv;q=0.9", Media.CSV, "text/csv"),
        ("text/csv;q=0, application/json", Media.JSON, JSON),
        ("*/*, text/csv", Media.CSV, "text/csv"),
        ("text/csv;q=x", Media.CSV, "text/csv"),
        (",,", Media.JSON, JSON),
    ],
)
def test_the_first_type_that_there_is_wins(accept: str, media: Media, content_type: str) -> None:
    form = ask("GET", "/notes", accept=accept).format
    assert (form.media, form.content_type) == (media, content_type + CHARSET)
    assert form.stripped is ("stripped" in content_type)


@pytest.mark.parametrize(
    "accept",
    ["image/png", "text/plain", "text/xml", "application/octet-stream", "application/geo+json",
     "application/openapi+json", 'application/vnd.pgrst.plan+json; for="application/json"',
     "text/unknowntype", "*/*;q=0, image/png"],
)  # fmt: skip
def test_where_there_is_none_it_is_pgrst107(accept: str) -> None:
    for method in ("GET", "HEAD", "POST", "PATCH", "DELETE"):
        error = refusal(method, "/notes", b"{}", accept=accept)
        assert code(error) == (406, "PGRST107")
        assert error.message == f"None of these media types are available: {accept.rpartition(', ')[2]}"


def test_all_that_was_accepted_is_told() -> None:
    plan = 'application/vnd.pgrst.plan+json; for="application/json"; options=analyze|verbose;'
    error = refusal("GET", "/notes", accept=f"image/png, {plan}")
    told = 'application/vnd.pgrst.plan+json; for="application/json"; options=analyze|verbose, image/png'
    assert error.message == f"None of these media types are available: {told}"


PLAN = "application/vnd.pgrst.plan"


@pytest.mark.parametrize(
    ("accept", "content_type", "options"),
    [
        (PLAN, f'{PLAN}+text; for="application/json"', ()),
        (f"{PLAN};", f'{PLAN}+text; for="application/json"', ()),
        (f"{PLAN}+text", f'{PLAN}+text; for="application/json"', ()),
        (f"{PLAN}+json", f'{PLAN}+json; for="application/json"', ()),
        (f'{PLAN}+json; for="text/csv"', f'{PLAN}+json; for="text/csv"', ()),
        (f'{PLAN}+json;for="{OBJECT}"', f'{PLAN}+json; for="{OBJECT}"', ()),
        (f'{PLAN}+json; for="{ARRAY}"', f'{PLAN}+json; for="application/json"', ()),
        (
            f'{PLAN}+json; for="application/json"; options=wal|analyze|nonsense|verbose;',
            f'{PLAN}+json; for="application/json"; options=analyze|verbose|wal',
            ("analyze", "verbose", "wal"),
        ),
        (f"{PLAN}; options=settings|buffers", f'{PLAN}+text; for="application/json"; options=settings|buffers',
         ("settings", "buffers")),
    ],
)  # fmt: skip
def test_a_plan_is_asked_for(accept: str, content_type: str, options: tuple[str, ...]) -> None:
    form = ask("GET", "/notes", settings=Settings(plan_media=True), accept=accept).format
    assert form.explaining is not None
    assert (form.content_type, form.explaining.options) == (content_type + CHARSET, options)


def test_a_plan_of_what_there_is_not_is_refused() -> None:
    plans = Settings(plan_media=True)
    assert code(refusal("GET", "/notes", settings=plans, accept=f'{PLAN}; for="image/png"')) == (406, "PGRST107")
    assert code(refusal("POST", "/rpc/f", b"{}", plans, accept=PLAN)) == (406, "PGRST107")
    assert ask("GET", "/notes", settings=plans, accept=f'{PLAN}; for="image/png", */*').format.explaining is None


def test_what_a_function_answers_with_is_not_known_yet() -> None:
    form = ask("GET", "/rpc/f", accept="image/png").format
    assert form.media is None
    assert form.accepts("image/png")
    assert not form.accepts("text/html")


@pytest.mark.parametrize("accept", ["image/*", "*/*", "text/plain, IMAGE/PNG"])
def test_a_wildcard_accepts_what_a_function_answers_with(accept: str) -> None:
    assert ask("GET", "/rpc/f", accept=accept).format.accepts("image/png; q=1")
