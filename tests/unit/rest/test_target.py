"""A.1: paths, methods, schemas, and which check comes first."""

from __future__ import annotations

import pytest

from backstay.query.nodes import Call, Select
from backstay.settings import Settings
from unit.rest.ask import ask, asked_as, code, refusal

TWO = Settings(schemas=("api", "private"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_a_resource_takes_every_method_but_options(method: str) -> None:
    assert ask(method, "/notes", b"{}").query.schema == "public"


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "get", "PROPFIND", ""])
def test_another_method_on_a_resource_is_405(method: str) -> None:
    error = refusal(method, "/notes")
    assert code(error) == (405, "PGRST117")
    assert error.message == f"Unsupported HTTP method: {method}"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
def test_another_method_on_a_function_is_405(method: str) -> None:
    error = refusal(method, "/rpc/f")
    assert code(error) == (405, "PGRST101")
    assert error.message == f"Cannot use the {method} method on RPC"


@pytest.mark.parametrize(
    "path", ["/", "", "/notes/", "/notes/1", "/rpc/", "/rpc/a/b", "//notes", "/%ff", "/a%00b", "/rpc/f/", "/\udcff"]
)
def test_any_other_path_is_404(path: str) -> None:
    error = refusal("GET", path)
    assert code(error) == (404, "PGRST125")
    assert error.message == "Invalid path specified in request URL"


@pytest.mark.parametrize(
    ("path", "name"),
    [("/notes", "notes"), ("/my%20notes", "my notes"), ("/%C3%A9t%C3%A9", "été"), ("/a+b", "a+b"), ("/rpc", "rpc"),
     ("/a%2Fb", "a/b"), ("/%22q%22", '"q"')],
)  # fmt: skip
def test_a_path_is_percent_decoded(path: str, name: str) -> None:
    assert asked_as(Select, "GET", path).resource == name


def test_a_path_under_rpc_names_a_function() -> None:
    assert asked_as(Call, "GET", "/rpc/do%20it").function == "do it"


# Schemas -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reads_take_the_schema_from_accept_profile(method: str) -> None:
    asked = ask(method, "/notes", settings=TWO, accept_profile="private", content_profile="nowhere")
    assert (asked.query.schema, asked.profile) == ("private", "private")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_writes_take_the_schema_from_content_profile(method: str) -> None:
    asked = ask(method, "/notes", b"{}", settings=TWO, accept_profile="nowhere", content_profile="private")
    assert (asked.query.schema, asked.profile) == ("private", "private")


def test_the_first_schema_is_the_default_and_is_named_where_there_are_more() -> None:
    asked = ask("GET", "/notes", settings=TWO)
    assert (asked.query.schema, asked.profile) == ("api", "api")


def test_the_only_schema_is_named_only_to_those_who_asked_for_it() -> None:
    assert ask("GET", "/notes").profile is None
    assert ask("GET", "/notes", accept_profile="public").profile == "public"


def test_an_unknown_schema_is_406() -> None:
    error = refusal("GET", "/notes", settings=TWO, accept_profile="nowhere")
    assert code(error) == (406, "PGRST106")
    assert error.message == "Invalid schema: nowhere"
    assert error.hint == "Only the following schemas are exposed: api, private"


def test_public_is_never_refused_since_the_clients_always_name_it() -> None:
    assert ask("GET", "/notes", settings=TWO, accept_profile="public").query.schema == "api"


# The order of checks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "url", "body", "headers", "first"),
    [
        ("TRACE", "/a/b", b"", {"accept_profile": "x"}, "PGRST125"),
        ("TRACE", "/notes", b"", {"content_profile": "x"}, "PGRST106"),
        ("PUT", "/rpc/f", b"", {"content_profile": "x"}, "PGRST106"),
        ("TRACE", "/notes?select=(", b"", {}, "PGRST117"),
        ("GET", "/notes?select=(&limit=-1", b"", {}, "PGRST100"),
        ("POST", "/notes?limit=-1", b"{", {}, "PGRST103"),
        ("POST", "/notes?x.limit=1", b"{", {}, "PGRST102"),
        ("POST", "/notes?x.limit=1", b"{}", {"accept": "image/png"}, "PGRST108"),
        ("POST", "/notes", b"{}", {"accept": "image/png", "prefer": "handling=strict,x"}, "PGRST122"),
        ("GET", "/notes", b"", {"accept": "image/png", "prefer": "handling=strict,x"}, "PGRST107"),
        ("PUT", "/notes?limit=1", b"{", {}, "PGRST114"),
    ],
)
def test_the_earlier_check_wins(method: str, url: str, body: bytes, headers: dict[str, str], first: str) -> None:
    assert code(refusal(method, url, body, **headers))[1] == first
