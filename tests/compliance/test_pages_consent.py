"""A program of others, a device and a provider, on the hosted pages in a real browser, with scripts and without."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from behaviour.door import SECRET_KEY
from compliance.hosted import ADA, PASSWORD, Visitor, developed, mail
from granting import DEVICE, VERIFIER, challenge_of, query_of
from provider_mock import provider_mock

SCRIPTS: Final = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


class _Home(BaseHTTPRequestHandler):
    """What a client answers to browsers: where they come back it sends them on, to another host of its own."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/back":
            self.send_response(302)
            self.send_header("location", f"http://localhost:{self.server.server_address[1]}/home?{query}")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Books</title><h1>Welcome to Books</h1>")

    def log_message(self, format: str, *args: Any) -> None: ...


class Books:
    """A program of others.

    Arguments:
        url: of the club that it is registered at.
        port: where it serves.
    """

    def __init__(self, url: str, port: int) -> None:
        self.url = f"{url}/auth/v1"
        self.callback = f"http://127.0.0.1:{port}/back"
        said = {
            "client_name": "Books",
            "client_uri": "https://books.example/of-the-longest-word-that-no-narrow-screen-has-room-for",
            "redirect_uris": [self.callback],
            "grant_types": ["authorization_code", "refresh_token", DEVICE],
            "scope": "notes:read email",
        }
        key = {"authorization": f"Bearer {SECRET_KEY}"}
        made = httpx2.post(f"{self.url}/admin/oauth/clients", json=said, headers=key)
        assert made.status_code == 201, made.text
        self.id, self._secret = made.json()["client_id"], made.json()["client_secret"]

    @property
    def start(self) -> str:
        """Where it sends a browser."""
        return self._start(self.id)

    def ask(self, **more: str) -> str:
        """Where it sends a browser of which it asks more."""
        return f"{self.start}&{urlencode(more)}"

    def introduce(self, name: str) -> str:
        """Register itself under a name of its own: where it sends a browser then."""
        said = {"client_name": name, "redirect_uris": [self.callback]}
        made = httpx2.post(f"{self.url}/oauth/clients/register", json=said)
        assert made.status_code == 201, made.text
        return self._start(made.json()["client_id"])

    def _start(self, client_id: str) -> str:
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": self.callback,
            "state": "anything",
            "code_challenge": challenge_of(),
            "code_challenge_method": "S256",
        }
        return f"{self.url}/oauth/authorize?{urlencode(asked)}"

    def post(self, path: str, **form: str) -> Any:
        """Ask the club for something."""
        known = {"client_id": self.id, "client_secret": self._secret}
        answer = httpx2.post(f"{self.url}/oauth{path}", data={**known, **form})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def redeem(self, address: str) -> dict[str, Any]:
        """The tokens for what a browser brought."""
        sent = query_of(address)
        assert (sent["state"], sent["iss"]) == ("anything", self.url)
        found: dict[str, Any] = self.post(
            "/token", grant_type="authorization_code", code=sent["code"], code_verifier=VERIFIER
        )
        return found

    def reads(self, token: str) -> int:
        """The status of what it is answered that reads notes."""
        path = f"{self.url.removesuffix('/auth/v1')}/rest/v1/notes"
        return httpx2.get(path, headers={"authorization": f"Bearer {token}"}).status_code


@contextmanager
def client_of(url: str) -> Iterator[Books]:
    """The program, with its own server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Home)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Books(url, server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sign_up(visitor: Visitor, url: str) -> None:
    """Make an account on the way."""
    page = visitor.page
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_label("Password").fill(PASSWORD)
    visitor.press("Create an account")
    page.get_by_label("Code").fill(mail(url, "confirmation")["code"])
    visitor.press("Go on")


@SCRIPTS
def test_somebody_lets_a_program_and_a_device_act_for_them(
    chromium: Browser, database_url: str, tmp_path: Path, scripts: bool
) -> None:
    visitor = Visitor(chromium, tmp_path, scripts=scripts)
    page = visitor.page
    with developed(tmp_path, "--database", database_url) as url, client_of(url) as books:
        # Whoever has no account yet makes one on the way.
        page.goto(books.start)
        visitor.sees("Sign in")
        sign_up(visitor, url)
        visitor.sees("Books asks to act for you")
        expect(page.locator("main")).to_contain_text("Read your notes.")
        expect(page.locator("main")).to_contain_text(ADA)
        visitor.shoot("consent")
        # The program sends the browser on to another host, which no policy of the form's keeps it from.
        visitor.press("Allow")
        page.wait_for_url("http://localhost:*/home?*")
        visitor.sees("Welcome to Books")
        tokens = books.redeem(page.url)
        assert books.reads(tokens["access_token"]) == 200

        # Once allowed it is not asked again, also by whoever has to sign in first.
        page.goto(f"{url}/auth/account")
        expect(page.locator("main")).to_contain_text("Programs that act for you")
        visitor.shoot("account-programs")
        visitor.press("Sign out")
        page.goto(books.start)
        visitor.sign_in()
        page.wait_for_url("http://localhost:*/home?*")
        books.redeem(page.url)

        # A device, whose code is filled in and asked for all the same.
        told = books.post("/device_authorization", scope="notes:read")
        page.goto(told["verification_uri_complete"])
        visitor.sees("Connect a device")
        expect(page.get_by_label("Code")).to_have_value(told["user_code"])
        visitor.shoot("device")
        page.get_by_label("Code").fill("BCDF-BCDF")
        visitor.press("Go on")
        expect(page.get_by_label("Code")).to_be_focused()
        expect(page.get_by_role("alert")).to_have_text("No device shows this code, or not any more. Look again.")
        visitor.shoot("device-refused")
        page.get_by_label("Code").fill(told["user_code"].lower())
        visitor.press("Go on")
        visitor.sees("Books asks to act for you")
        visitor.shoot("consent-device")
        visitor.press("Allow")
        expect(page.get_by_role("status")).to_have_text("It is connected. Go back to your device.")
        visitor.shoot("device-done")
        given = books.post("/token", grant_type=DEVICE, device_code=told["device_code"])
        assert books.reads(given["access_token"]) == 200

        # And no more of it.
        page.goto(f"{url}/auth/account")
        page.get_by_role("button", name="Take it back").click()
        expect(page.get_by_role("status")).to_have_text("The program can do nothing for you any more.")
        assert books.reads(tokens["access_token"]) == books.reads(given["access_token"]) == 401
        page.goto(books.start)
        visitor.sees("Books asks to act for you")
        visitor.press("Deny")
        page.wait_for_url("http://localhost:*/home?*")
        assert query_of(page.url)["error"] == "access_denied"
        page.go_back()
        visitor.shoot("consent-over")
        page.goto(books.introduce("A" + "h" * 40))
        expect(page.locator("main")).to_contain_text("This program has registered itself.")
        visitor.shoot("consent-unchecked")
        assert visitor.refused == []
    visitor.context.close()


@SCRIPTS
def test_a_program_asks_for_a_fresh_sign_in(
    chromium: Browser, database_url: str, tmp_path: Path, scripts: bool
) -> None:
    visitor = Visitor(chromium, tmp_path, scripts=scripts)
    page = visitor.page
    with developed(tmp_path, "--database", database_url) as url, client_of(url) as books:
        page.goto(books.ask(prompt="none"))
        page.wait_for_url("http://localhost:*/home?*")
        assert query_of(page.url)["error"] == "login_required"
        page.goto(books.ask(login_hint=ADA))
        visitor.sees("Sign in")
        expect(page.get_by_label("E-mail address")).to_have_value(ADA)
        expect(page.get_by_label("Password")).to_be_focused()
        sign_up(visitor, url)
        visitor.sees("Books asks to act for you")
        visitor.press("Allow")
        page.wait_for_url("http://localhost:*/home?*")

        # Nothing is to be seen on the way, though the browser goes by our pages.
        page.goto(books.ask(prompt="none"))
        page.wait_for_url("http://localhost:*/home?*")
        books.redeem(page.url)

        # The session does not do; the form that takes its place leads back to the program.
        page.goto(books.ask(prompt="login"))
        visitor.sees("Sign in")
        expect(page.locator("main")).to_contain_text("asks you to sign in again")
        expect(page.get_by_label("E-mail address")).to_have_value(ADA)
        visitor.shoot("sign-in-again")
        page.get_by_label("Password").fill("eight brown horses")
        visitor.press("Sign in")
        expect(page.get_by_role("alert")).to_have_text("The e-mail address or the password is not right.")
        visitor.sign_in()
        page.wait_for_url("http://localhost:*/home?*")
        books.redeem(page.url)

        page.goto(books.ask(prompt="select_account"))
        visitor.sees("Books asks to act for you")
        visitor.shoot("consent-choice")
        visitor.press("Use another account")
        visitor.sees("Sign in")
        visitor.sign_in()
        visitor.sees("Books asks to act for you")
        visitor.press("Allow")
        page.wait_for_url("http://localhost:*/home?*")
        books.redeem(page.url)
        assert visitor.refused == []
    visitor.context.close()


@SCRIPTS
def test_somebody_logs_in_at_a_provider(chromium: Browser, database_url: str, tmp_path: Path, scripts: bool) -> None:
    visitor = Visitor(chromium, tmp_path, scripts=scripts)
    page = visitor.page
    with provider_mock("--require-nonce", "true") as provider:
        httpx2.put(f"{provider.url}/users/ada", json={"email": ADA, "email_verified": True})
        with developed(tmp_path, "--database", database_url, PROVIDER=provider.url) as url:
            page.goto(f"{url}/auth/sign-in?next=/site/")
            visitor.shoot("sign-in-provider")
            page.get_by_role("link", name="Continue with Mock").click()
            page.wait_for_url(re.compile(re.escape(provider.url)))
            page.get_by_placeholder("sub").fill("ada")
            visitor.press("Authorize")
            expect(page.locator("body")).to_contain_text(f"Hello {ADA}")
            page.goto(f"{url}/auth/account")
            visitor.sees("Your account")
            visitor.press("Sign out")
            page.goto(f"{url}/site/")
            expect(page.locator("body")).to_contain_text("Hello None")
            assert visitor.refused == []
    visitor.context.close()
