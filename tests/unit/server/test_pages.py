"""The pages for people."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from backstay.server.pages import answer_page, load_pages


def header(path: str, name: str) -> str:
    return dict(load_pages(title="Hiring", version="1.2").get(path).headers)[name]  # type: ignore[union-attr]


def text(path: str, **options: str) -> str:
    return load_pages(**{"title": "Hiring", "version": "1.2", **options})[path].body.decode()  # type: ignore[arg-type]


def test_the_pages_name_the_application() -> None:
    assert "<title>Hiring</title>" in text("/")
    assert "1.2" in text("/")
    assert "Hiring" in text("/docs")
    assert "[[" not in text("/") + text("/docs").replace("|| [])[0]", "")


def test_a_name_cannot_become_markup() -> None:
    page = text("/", title="<script>alert(1)</script>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_without_docs_there_is_no_page_and_no_link() -> None:
    pages = load_pages(docs=False)
    assert set(pages) == {"/"}
    assert b"/docs" not in pages["/"].body


@pytest.mark.asvs("3.4.3")
@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_policy_lets_only_the_pages_own_script_and_style_run(path: str) -> None:
    policy = header(path, "content-security-policy")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    for kind in ("script", "style"):
        for content in re.findall(rf"<{kind}>(.*?)</{kind}>", text(path), re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert f"{kind}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_pages_load_nothing_from_elsewhere(path: str) -> None:
    page = text(path)
    assert re.findall(r"(?:src|href|action)=[\"']?(?!/|#)[^\"'\s>]+", page) == []
    assert re.search(r"https?://", page) is None
    assert re.search(r"<(?:script|link|img|iframe)\s", page) is None


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_pages_hold_nothing_that_the_policy_forbids(path: str) -> None:
    page = text(path)
    assert re.search(r"\sstyle=|\son[a-z]+=\"", page) is None
    assert "innerHTML" not in page
    assert "eval(" not in page


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_pages_are_hardened_and_may_be_kept_until_they_change(path: str) -> None:
    assert header(path, "x-frame-options") == "DENY"
    assert header(path, "referrer-policy") == "no-referrer"
    assert header(path, "cache-control") == "no-cache"
    assert header(path, "etag") != header("/docs" if path == "/" else "/", "etag")


def test_a_browser_that_has_the_page_gets_304() -> None:
    page = load_pages()["/docs"]
    tag = dict(page.headers)["etag"]
    again = answer_page(page, {"if-none-match": tag})
    assert (again.status, again.body) == (304, b"")
    assert dict(again.headers)["etag"] == tag
    assert answer_page(page, {"if-none-match": '"other"'}) is page
    assert answer_page(page, {}) is page


def test_keys_are_kept_in_the_tab_only() -> None:
    page = text("/docs")
    assert "sessionStorage" in page
    assert "localStorage" not in page
    assert "document.cookie" not in page
