"""What the front door makes of a request's head, and what it does not let in."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.errors import HeadersTooLarge, Malformed, MethodNotAllowed, UrlTooLong
from backstay.server.head import Head, read_head


def scope(
    path: str = "/rest/v1/notes",
    query: str | bytes = "",
    *headers: tuple[str, str],
    method: str = "GET",
    version: str = "1.1",
    host: bool = True,
    **more: Any,
) -> dict[str, Any]:
    named = [("host", "localhost:8000"), *headers] if host else list(headers)
    return {
        "type": "http",
        "method": method,
        "http_version": version,
        "path": path,
        "raw_path": path.encode("utf-8"),
        "query_string": query if isinstance(query, bytes) else query.encode(),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named],
        **more,
    }


def read(*arguments: Any, **more: Any) -> Head:
    return read_head(scope(*arguments, **more), 2000)


def test_a_plain_request_is_read() -> None:
    head = read("/rest/v1/notes", "select=id", ("accept", "*/*"))
    assert head == Head("GET", "/rest/v1/notes", "select=id", {b"host": b"localhost:8000", b"accept": b"*/*"}, 0, "1.1")
    assert head.headers == {"host": "localhost:8000", "accept": "*/*"}


def test_paths_and_queries_stay_percent_encoded() -> None:
    head = read("/rest/v1/a%20b%2Fc", "x=%C3%A9&y=a+b%2C")
    assert (head.path, head.query) == ("/rest/v1/a%20b%2Fc", "x=%C3%A9&y=a+b%2C")


def test_raw_letters_of_other_scripts_are_read_as_utf_8() -> None:
    head = read("/rest/v1/né", "x=漢".encode())
    assert (head.path, head.query) == ("/rest/v1/né", "x=漢")


def test_a_scope_without_raw_path_is_read() -> None:
    given = scope("/rest/v1/a b")
    del given["raw_path"]
    assert read_head(given, 2000).path == "/rest/v1/a%20b"


def test_the_root_path_of_an_application_around_us_is_taken_off() -> None:
    assert read("/outer/rest/v1/notes", root_path="/outer").path == "/rest/v1/notes"


def test_repeated_headers_are_joined() -> None:
    head = read("/", "", ("prefer", "count=exact"), ("prefer", "return=minimal"), ("cookie", "a=1"), ("cookie", "b=2"))
    assert (head.headers["prefer"], head.headers["cookie"]) == ("count=exact, return=minimal", "a=1; b=2")


@pytest.mark.asvs("4.2.1")
@pytest.mark.parametrize("name", ["host", "content-length", "transfer-encoding", "authorization", "apikey"])
def test_headers_that_may_come_once_are_refused_twice(name: str) -> None:
    value = {"host": "localhost", "content-length": "3", "transfer-encoding": "chunked"}.get(name, "x")
    with pytest.raises(Malformed, match="twice"):
        read("/", "", (name, value), (name, value), host=False)


def test_a_request_without_host_is_refused() -> None:
    with pytest.raises(Malformed, match="host"):
        read(host=False)
    with pytest.raises(Malformed, match="host"):
        read("/", "", ("host", ""), host=False)


@pytest.mark.parametrize("version", ["1.0", "1"])
def test_http_1_0_may_lack_a_host(version: str) -> None:
    assert read(host=False, version=version).path == "/rest/v1/notes"
    assert read("/", "", ("host", ""), host=False, version=version).path == "/"


@pytest.mark.parametrize(
    "host", ["a b", "a,b", "a/b", "user@a", "a:b", "a:1:2", "[::1", "a\\b", "a?b", "<a>", "a:999999"]
)
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(Malformed, match="not a host"):
        read("/", "", ("host", host), host=False)


@pytest.mark.parametrize("host", ["a", "a.example:8000", "127.0.0.1", "[::1]:80", "xn--nxasmq6b", "a_b.local", "a:"])
def test_hosts_of_every_form_are_let_in(host: str) -> None:
    assert read("/", "", ("host", host), host=False).headers["host"] == host


@pytest.mark.asvs("13.4.4")
@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_trace_and_connect_are_refused(method: str) -> None:
    with pytest.raises(MethodNotAllowed):
        read(method=method)


def test_content_length_beside_transfer_encoding_is_refused() -> None:
    for headers in (
        [("content-length", "3"), ("transfer-encoding", "chunked")],
        [("transfer-encoding", "chunked"), ("content-length", "0")],
    ):
        with pytest.raises(Malformed, match="never both"):
            read("/", "", *headers, method="POST")


@pytest.mark.parametrize(
    "coding", ["gzip", "gzip, chunked", "chunked, gzip", "identity", "xchunked", "chunked, chunked", ""]
)
def test_other_transfer_encodings_are_refused(coding: str) -> None:
    with pytest.raises(Malformed):
        read("/", "", ("transfer-encoding", coding), method="POST")


@pytest.mark.parametrize("version", ["1.0", "1", "2"])
def test_transfer_encoding_belongs_to_http_1_1(version: str) -> None:
    with pytest.raises(Malformed):
        read("/", "", ("transfer-encoding", "chunked"), method="POST", version=version)


@pytest.mark.parametrize("length", ["", "-1", "+3", "3.0", "0x3", "3 ", "3, 3", "²", "9" * 19, "9" * 5000, "1e3"])
def test_lengths_that_are_none_are_refused(length: str) -> None:
    with pytest.raises(Malformed):
        read("/", "", ("content-length", length), method="POST")


def test_the_length_of_the_body_is_told() -> None:
    assert read("/", "", ("content-length", "3"), method="POST").length == 3
    assert read("/", "", ("content-length", "007"), method="POST").length == 7
    assert read("/", "", ("transfer-encoding", "Chunked"), method="POST").length is None
    assert read(method="POST").length == 0
    assert read(version="2").length is None


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x08", "\n", "\r", "\x0b", "\x1b", "\x1f", "\x7f"])
def test_control_characters_in_headers_are_refused(character: str) -> None:
    with pytest.raises(Malformed, match="control"):
        read("/", "", ("x-note", f"a{character}b"))


def test_tabs_and_letters_beyond_ascii_may_be_in_headers() -> None:
    assert read("/", "", ("x-note", "a\tb\xe9")).headers["x-note"] == "a\tb\xe9"


@pytest.mark.parametrize("path", ["/a%00b", "/a%0Ab", "/a%0d%0ab", "/a%1b", "/a%7F", "/a\x00b", "/a\x1bb", "/%C2%80"])
def test_control_characters_in_paths_are_refused(path: str) -> None:
    with pytest.raises(Malformed, match="control"):
        read(path)


@pytest.mark.parametrize("path", ["/a%ff", "/%C3", "/%C3%28", "/%E2%82", "/%ED%A0%80", "/%C0%AF", "/%F5%80%80%80"])
def test_paths_that_are_not_utf_8_are_refused(path: str) -> None:
    with pytest.raises(Malformed, match="UTF-8"):
        read(path)


@pytest.mark.parametrize("path", ["*", "a", "http://other/a", "%2Fa"])
def test_targets_that_are_no_path_are_refused(path: str) -> None:
    with pytest.raises(Malformed, match="slash"):
        read(path)


def test_a_path_that_was_refused_once_is_refused_again() -> None:
    for _ in range(3):
        with pytest.raises(Malformed):
            read("/again%00")


@pytest.mark.parametrize(
    "path", ["/a%zz", "/a%", "/a%2", "/..", "/a/../b", "//a", "/a//b", "/%2e%2e/b", "/a;b=c", "/a@b"]
)
def test_odd_paths_are_the_front_ends_own_matter(path: str) -> None:
    assert read(path).path == path


def test_queries_with_nul_or_other_than_utf_8_are_refused() -> None:
    with pytest.raises(Malformed, match="NUL"):
        read("/", "id=eq.%00")
    with pytest.raises(Malformed, match="UTF-8"):
        read("/", b"id=\xff")


def test_a_url_may_be_as_long_as_the_setting_says() -> None:
    assert read("/" + "a" * 1990, "b=1").query == "b=1"
    with pytest.raises(UrlTooLong):
        read("/" + "a" * 1990, "b=1234567890")
    with pytest.raises(UrlTooLong):
        read("/" + "a" * 3000)


def test_headers_may_be_many_and_long_but_not_without_end() -> None:
    few = [(f"x-{place}", "a" * 600) for place in range(99)]
    assert len(read("/", "", *few).headers) == 100
    with pytest.raises(HeadersTooLarge):
        read("/", "", *few, ("x-more", "a"))
    with pytest.raises(HeadersTooLarge):
        read("/", "", ("x-long", "a" * 70_000))
