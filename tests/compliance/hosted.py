"""A club under development whose hosted pages people visit, and what they do there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from behaviour.door import SECRET_KEY
from processes.test_cli import Serving

ADA = "ada@example.com"
PASSWORD = "seven brown horses"
CLUB = """
import os
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import OIDC, Auth, AuthUser, Backstay, anyone, current
from backstay.fastapi import CurrentCaller


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


me = current(User)


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), default=me.id, index=True)


site = FastAPI()


@site.get("/")
async def show(caller: CurrentCaller) -> str:
    return f"Hello {caller.claims.get('email')}"


providers = [OIDC("mock", os.environ["PROVIDER"], "club", "secret")] if "PROVIDER" in os.environ else []
app = Backstay("sqlite:///club.db", auth=Auth(User, mfa=True, providers=providers))
notes = app.resource(Note, select=Note.owner_id == me.id, write=Note.owner_id == me.id)
app.scope("notes:read", "Read your notes.").allow(notes, select=anyone)
app.mount("/site", site)
app.configure(cookies=True, oauth_server=True, oauth_registration=True)
"""


@contextmanager
def developed(folder: Path, *words: str, **variables: str) -> Iterator[str]:
    """The club under development: where it is.

    Arguments:
        folder: where its file is to be.
        words: further ones of the command line.
        variables: of the environment.
    """
    (folder / "club.py").write_text(CLUB)
    variables = {"BACKSTAY_SECRET_KEY": SECRET_KEY, **variables}
    with closing(Serving(folder, "dev", "club.py", "--no-reload", *words, **variables)) as serving:
        serving.await_line("/mailbox")
        yield f"http://127.0.0.1:{serving.port}"


class Visitor:
    """Somebody with a real browser.

    Arguments:
        browser: of which kind.
        folder: where pictures of the pages go.
        scripts: whether it runs them.
    """

    def __init__(self, browser: Browser, folder: Path, *, scripts: bool = True) -> None:
        self.context: BrowserContext = browser.new_context(java_script_enabled=scripts, locale="en-GB")
        self.page: Page = self.context.new_page()
        self.refused: list[str] = []
        """What a policy kept the browser from."""
        self._folder = folder
        self.page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.refused.append(message.text)

    def shoot(self, name: str) -> None:
        """Take a picture of the page, as wide as it is, and on a narrow screen, which it has to fit."""
        self.page.screenshot(path=self._folder / f"{name}.png", full_page=True)
        size = self.page.viewport_size
        self.page.set_viewport_size({"width": 320, "height": 640})
        self.page.screenshot(path=self._folder / f"{name}-narrow.png", full_page=True)
        assert self.page.evaluate("document.documentElement.scrollWidth") <= 320
        if size is not None:
            self.page.set_viewport_size(size)

    def sees(self, text: str) -> None:
        """See that a page is shown, by its heading."""
        expect(self.page.get_by_role("heading", level=1), self.page.locator("body").inner_text()).to_have_text(text)

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def sign_in(self, password: str = PASSWORD) -> None:
        """Fill in the page for signing in."""
        self.page.get_by_label("E-mail address").fill(ADA)
        self.page.get_by_label("Password").fill(password)
        self.press("Sign in")


def mail(url: str, kind: str) -> dict[str, str]:
    """The last mail of a kind to Ada."""
    for _ in range(1200):
        mails: list[dict[str, str]] = httpx2.get(f"{url}/mailbox.json?to={ADA}").json()
        found = [each for each in mails if each["kind"] == kind]
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no mail: {kind}")
