"""What browsers' pages of other origins are told."""

from __future__ import annotations

from backstay.server.cors import Cors, is_preflight

PREFLIGHT = {"origin": "https://app.example", "access-control-request-method": "POST"}


def answer(cors: Cors, origin: str | None) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in cors.answer(None if origin is None else origin.encode())}


def test_every_page_may_call_by_default() -> None:
    headers = answer(Cors(("*",)), "https://app.example")
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    assert "vary" not in headers


def test_answers_to_what_is_no_page_say_nothing() -> None:
    assert answer(Cors(("*",)), None) == {}


def test_the_headers_that_clients_read_are_exposed() -> None:
    for origin, cors in (("https://a", Cors(("*",))), ("https://a", Cors(("https://a",)))):
        exposed = {name.strip().lower() for name in answer(cors, origin)["access-control-expose-headers"].split(",")}
        assert exposed >= {
            "content-encoding",
            "content-location",
            "content-range",
            "content-type",
            "date",
            "location",
            "server",
            "transfer-encoding",
            "range-unit",
            "x-total-count",
            "link",
            "x-supabase-api-version",
        }


def test_with_a_list_only_its_pages_may_call() -> None:
    cors = Cors(("https://app.example", "https://admin.example/"))
    for origin in ("https://app.example", "https://admin.example"):
        headers = answer(cors, origin)
        assert headers["access-control-allow-origin"] == origin
        assert headers["access-control-allow-credentials"] == "true"
        assert headers["vary"] == "Origin"


def test_pages_that_are_not_on_the_list_are_told_nothing() -> None:
    cors = Cors(("https://app.example",))
    for origin in (
        "https://evil.example",
        "https://app.example.evil.example",
        "https://app.example:444",
        "http://app.example",
        "null",
        "",
        "*",
        "https://APP.example",
    ):
        assert answer(cors, origin) == {"vary": "Origin"}


def test_with_a_list_caches_keep_origins_apart_even_without_one() -> None:
    assert answer(Cors(("https://app.example",)), None) == {"vary": "Origin"}


def test_a_preflight_is_told_what_it_may_do() -> None:
    response = Cors(("*",)).answer_preflight(
        {**PREFLIGHT, "access-control-request-headers": "apikey,authorization,prefer,x-client-info,traceparent"}
    )
    headers = dict(response.headers)
    assert response.status == 200
    assert response.body == b""
    assert set(headers["access-control-allow-methods"].split(", ")) == {
        "GET",
        "POST",
        "PATCH",
        "PUT",
        "DELETE",
        "OPTIONS",
    }
    assert (
        headers["access-control-allow-headers"]
        == "Authorization, apikey,authorization,prefer,x-client-info,traceparent"
    )
    assert headers["access-control-max-age"] == "86400"


def test_a_preflight_that_asks_nonsense_is_told_the_least() -> None:
    for requested in ("a b", "a\r\nset-cookie: b", "a,,b", "é", "(", ",", " "):
        response = Cors(("*",)).answer_preflight({**PREFLIGHT, "access-control-request-headers": requested})
        assert dict(response.headers)["access-control-allow-headers"] == "Authorization"


def test_a_preflight_of_a_page_not_on_the_list_is_told_nothing() -> None:
    assert Cors(("https://other.example",)).answer_preflight(PREFLIGHT).headers == ()


def test_only_options_with_both_headers_is_a_preflight() -> None:
    assert is_preflight("OPTIONS", PREFLIGHT)
    assert not is_preflight("POST", PREFLIGHT)
    assert not is_preflight("OPTIONS", {"origin": "https://app.example"})
    assert not is_preflight("OPTIONS", {"access-control-request-method": "POST"})
