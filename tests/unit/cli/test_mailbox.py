"""The mailbox's pages, and whom they are open to."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from backstay.auth.mail.mailbox import Mailbox
from backstay.auth.sms.console import Console
from backstay.cli.dev.mailbox import MailboxPages
from backstay.schema.post.mail import Mail

LINK = "http://127.0.0.1:8000/auth/v1/verify?token=abc&type=recovery"


async def ask(
    pages: MailboxPages,
    path: str = "/mailbox",
    *,
    query: str = "",
    method: str = "GET",
    client: tuple[str, int] | None = ("127.0.0.1", 5),
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], str]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    lines = [(name.encode(), value.encode()) for name, value in {"host": "127.0.0.1:8000", **(headers or {})}.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode()}
    await pages({**scope, "client": client, "headers": lines}, receive, send)
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, sent[1]["body"].decode()


async def filled() -> tuple[Mailbox, MailboxPages]:
    mailbox = Mailbox()
    for number, to in enumerate(["ada@example.com", "bob@example.com", "ada@example.com"]):
        html = f"<style>p {{ color: red }}</style><p onclick='x()'>\"{number}\"</p><script>alert(1)</script>"
        mail = Mail(kind="recovery", to=to, subject=f"<b>{number}</b>", text="t", html=html, link=LINK, code="493817")
        await mailbox.send(mail)
    return mailbox, MailboxPages(mailbox)


async def test_the_list_shows_the_newest_first_with_link_and_code() -> None:
    mailbox, pages = await filled()
    status, headers, page = await ask(pages)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert re.findall(r"&lt;b&gt;(\d)", page) == ["2", "1", "0"]
    assert page.count(f'href="{LINK.replace("&", "&amp;")}"') == 3 and page.count("<code>493817</code>") == 3
    assert all(f'href="/mailbox/{kept.id}"' in page for kept in mailbox.look())
    only = (await ask(pages, query="to=Bob%40example.com"))[2]
    assert re.findall(r"&lt;b&gt;(\d)", only) == ["1"]


async def test_programs_are_told_the_same() -> None:
    _, pages = await filled()
    status, headers, body = await ask(pages, "/mailbox.json", query="to=ada%40example.com")
    mails = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert [mail["subject"] for mail in mails] == ["<b>2</b>", "<b>0</b>"]
    assert (mails[0]["link"], mails[0]["code"], mails[0]["kind"]) == (LINK, "493817", "recovery")


async def test_a_mail_is_shown_in_a_frame_that_runs_nothing() -> None:
    mailbox, pages = await filled()
    status, headers, page = await ask(pages, f"/mailbox/{mailbox.look()[0].id}")
    assert status == 200
    (frame,) = re.findall(r"<iframe ([^>]*)>", page)
    assert "allow-scripts" not in frame and "allow-same-origin" not in frame
    assert 'sandbox="' in frame and "&lt;script&gt;" in frame and "<script" not in page
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ") and "script" not in policy
    assert len(re.findall("'sha256-", policy)) == 2  # the page's own style, and the mail's
    assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy


async def test_a_text_is_shown_with_its_code() -> None:
    mailbox = Mailbox()
    await Console(mailbox).send("+4915112345678", "493817 is your code.")
    page = (await ask(MailboxPages(mailbox), f"/mailbox/{mailbox.look()[0].id}"))[2]
    assert "<code>493817</code>" in page and "<iframe" not in page


async def test_only_the_newest_are_kept() -> None:
    mailbox = Mailbox(most=3)
    for number in range(5):
        mailbox.keep_text("+4915112345678", str(number))
    assert [kept.text for kept in mailbox.look()] == ["4", "3", "2"]


async def test_an_empty_mailbox_and_an_unknown_mail() -> None:
    pages = MailboxPages(Mailbox())
    assert "There is nothing yet" in (await ask(pages))[2]
    assert (await ask(pages, "/mailbox/unknown"))[0] == 404
    assert (await ask(pages, method="POST"))[0] == 405
    assert (await ask(pages, method="HEAD"))[::2] == (200, "")


@pytest.mark.parametrize("path", ["/mailbox", "/mailbox.json"])
@pytest.mark.parametrize(
    "given",
    [
        {"client": ("192.0.2.7", 5)},
        {"client": ("::ffff:192.0.2.7", 5)},
        {"client": ("10.0.0.7", 5)},
        {"client": None},
        {"client": ("testclient", 5)},
        {"headers": {"host": "evil.example"}},
        {"headers": {"host": "evil.example:8000"}},
        {"headers": {"host": "127.0.0.1.evil.example"}},
        {"headers": {"host": ""}},
        {"headers": {"x-forwarded-for": "127.0.0.1"}},
        {"headers": {"forwarded": "for=127.0.0.1"}},
    ],
)
async def test_the_mailbox_is_open_to_its_own_machine_alone(path: str, given: dict[str, Any]) -> None:
    _, pages = await filled()
    status, _, body = await ask(pages, path, **given)
    assert status == 403 and "493817" not in body


@pytest.mark.parametrize(
    ("peer", "host"),
    [("127.0.0.1", "localhost:8000"), ("::1", "[::1]:8000"), ("::1", "[::1]"), ("::ffff:127.0.0.1", "app.localhost")],
)
async def test_this_machine_has_several_names(peer: str, host: str) -> None:
    _, pages = await filled()
    assert (await ask(pages, client=(peer, 5), headers={"host": host}))[0] == 200
