"""read_head: an ASGI scope -> the head of a request, or the refusal of one that HTTP forbids (RFC 9110, RFC 9112).

Servers differ in what they let pass: granian hands over two Host headers, TRACE and paths that decode to NUL.
So all is checked here, whichever server is in front.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from backstay.errors import HeadersTooLarge, Malformed, MethodNotAllowed, UrlTooLong
from backstay.server.asgi import Scope

MOST_HEADERS: Final = 100
MOST_HEADER_BYTES: Final = 64 * 1024

_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+;=%-]+(?::\d{0,5})?|\[[0-9A-Fa-f:.]+\](?::\d{0,5})?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_CONTROL_BYTES: Final = bytes(byte for byte in (*range(0x20), 0x7F) if byte != 0x09)
_ONCE: Final = frozenset(
    {b"host", b"content-length", b"content-type", b"authorization", b"apikey", b"transfer-encoding"}
)
_MOST_DIGITS: Final = 18


@dataclass(slots=True)
class Head:
    """What comes before a request's body.

    ``path`` and ``query`` are raw (still percent-encoded). ``raw`` are the headers as they came, by name in lower
    case, those that stand repeatedly joined. ``length`` is the body's length where it is declared, 0 where there is no
    body, and None where only reading tells. ``address`` is the one that it came from.
    """

    method: str
    path: str
    query: str
    raw: dict[bytes, bytes]
    length: int | None
    version: str
    address: str = ""
    _headers: dict[str, str] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers as text. They are only decoded when somebody asks: a warm request looks at few of them."""
        if self._headers is None:
            self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.raw.items()}
        return self._headers


def read_head(scope: Scope, max_url: int) -> Head:
    """The head of the request that ``scope`` describes.

    Arguments:
        scope: of type ``http`` or ``websocket``.
        max_url: most bytes in path and query string together.

    Raises:
        Malformed: HTTP forbids it, or two readers could understand it differently.
        MethodNotAllowed: it is TRACE or CONNECT.
        UrlTooLong, HeadersTooLarge: it is larger than a request may be.
    """
    method = scope.get("method", "GET")
    if method in ("TRACE", "CONNECT"):
        raise MethodNotAllowed(f"Unsupported HTTP method: {method}")
    version: str = scope.get("http_version", "1.1")
    raw = _read_headers(scope["headers"])
    raw_path = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
    raw_query: bytes = scope["query_string"]
    if len(raw_path) + len(raw_query) >= max_url:
        raise UrlTooLong
    path = _read_path(raw_path)
    root = scope.get("root_path")
    if root and path.startswith(root):
        path = path[len(root) :]
    _check_host(raw.get(b"host"), version)
    peer = scope.get("client")
    return Head(method, path, _read_query(raw_query), raw, _read_length(raw, version), version, peer[0] if peer else "")


def _read_headers(given: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    if len(given) > MOST_HEADERS:
        raise HeadersTooLarge
    headers = dict(given)
    repeated = len(headers) != len(given)
    values = b"".join([value for _, value in given] if repeated else headers.values())
    if len(values) > MOST_HEADER_BYTES:
        raise HeadersTooLarge
    if len(values.translate(None, _CONTROL_BYTES)) != len(values):
        raise Malformed("A header holds a control character.")
    return _join_headers(given) if repeated else headers


def _join_headers(given: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Repeated headers as one, save those of which two could mean two different requests."""
    headers: dict[bytes, bytes] = {}
    for name, value in given:
        if name not in headers:
            headers[name] = value
        elif name in _ONCE:
            raise Malformed(f"The header {name.decode('latin-1')} is given twice.")
        else:
            headers[name] += (b"; " if name == b"cookie" else b", ") + value
    return headers


@lru_cache(maxsize=1024)
def _check_host(host: bytes | None, version: str) -> None:
    # Some servers hand over an empty Host where there is none; only HTTP/1.0 may lack one.
    if not host:
        if version in ("1", "1.0"):
            return
        raise Malformed("The header host is missing.")
    if _HOST.fullmatch(host.decode("latin-1")) is None:
        raise Malformed("The header host is not a host.")


def _read_length(headers: dict[bytes, bytes], version: str) -> int | None:
    declared = headers.get(b"content-length")
    coding = headers.get(b"transfer-encoding")
    if coding is not None:
        if declared is not None:
            raise Malformed("A request has content-length or transfer-encoding, never both.")
        if coding.lower() != b"chunked" or version != "1.1":
            raise Malformed("The only transfer-encoding is chunked, in HTTP/1.1.")
        return None
    if declared is None:
        return None if version.startswith(("2", "3")) else 0
    if not declared.isdigit() or len(declared) > _MOST_DIGITS:
        raise Malformed("The header content-length is not a length.")
    return int(declared)


@lru_cache(maxsize=1024)
def _read_path(raw: bytes) -> str:
    if not raw.startswith(b"/"):
        raise Malformed("The path does not begin with a slash.")
    try:
        path = raw.decode("utf-8")
        decoded = unquote_to_bytes(raw).decode("utf-8") if b"%" in raw else path
    except UnicodeDecodeError:
        raise Malformed("The path is not UTF-8.") from None
    if _CONTROL.search(decoded):
        raise Malformed("The path holds a control character.")
    return path


def _read_query(raw: bytes) -> str:
    if b"%00" in raw:
        raise Malformed("The query string holds a NUL character.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("The query string is not UTF-8.") from None
