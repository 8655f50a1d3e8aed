"""The pages for people: what this is (``/``), and the API's documentation (``/docs``).

They are files of the package, so they work without a network, and a policy forbids them to load or run anything else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from backstay.frontends.http import Response

_STATIC: Final = Path(__file__).with_name("static")
# As html.escape() does, which comes with a table of two thousand characters.
_ESCAPED: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)
_HARDENED: Final = (
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)


def load_pages(*, title: str = "Backstay", version: str = "", docs: bool = True) -> dict[str, Response]:
    """The pages by their exact path.

    Arguments:
        title: the application's name.
        version: Backstay's version.
        docs: whether there is a page for the API (the setting ``docs``).
    """
    words = {"title": title.translate(_ESCAPED), "version": version.translate(_ESCAPED)}
    link = '<li><a href="/docs"><span>API documentation</span> <code>/docs</code></a></li>' if docs else ""
    pages = {"/": _build("root.html", {**words, "docs": link})}
    if docs:
        pages["/docs"] = _build("docs.html", words)
    return pages


def answer_page(page: Response, headers: Mapping[str, str]) -> Response:
    """The page, or 304 for a browser that has it."""
    tag = next(value for name, value in page.headers if name == "etag")
    known = [one.strip().removeprefix("W/") for one in headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        kept = tuple(header for header in page.headers if header[0] not in ("content-type", "content-length"))
        return Response(304, kept)
    return page


def _build(name: str, words: Mapping[str, str]) -> Response:
    text = (_STATIC / name).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"[[{word}]]", value)
    body = text.encode("utf-8")
    return Response(
        200,
        (
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", _policy(text)),
            ("cache-control", "no-cache"),
            ("etag", f'"{hashlib.sha256(body).hexdigest()[:32]}"'),
            *_HARDENED,
        ),
        body,
    )


def _policy(text: str) -> str:
    """The policy that lets this page's own script and style run, by their hashes, and nothing else."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in _INLINE.findall(text):
        digest = base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
        hashes[kind].append(f"'sha256-{digest}'")
    return "; ".join(
        (
            "default-src 'none'",
            "script-src " + (" ".join(hashes["script"]) or "'none'"),
            "style-src " + (" ".join(hashes["style"]) or "'none'"),
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )
