"""The authorisation server, as clients find it that others wrote: openid-client, auth-js and supabase_auth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from supabase_auth.types import CreateOAuthClientParams, PageParams, UpdateOAuthClientParams

from compliance.auth.agency import Opened, open_agency
from compliance.auth.test_auth_js import run
from compliance.auth.test_supabase_auth import Connect, connect, refused, take
from compliance.install import JAVASCRIPT
from fixtures.agency import SECRET_KEY
from granting import CALLBACK

__all__ = ["connect"]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SESSIONS = sorted(JAVASCRIPT.glob("granting/*.test.mjs"))


@pytest.fixture(scope="module")
def module_opened(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The agency, served to all tests of a module."""
    with open_agency(module_database_url, tmp_path_factory.mktemp("agency")) as opened:
        yield opened


@pytest.fixture
def opened(module_opened: Opened) -> Opened:
    """The agency, served, with the rows that it begins with, and no clients."""
    module_opened.restore()
    return module_opened


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.name.removesuffix(".test.mjs"))
def test_session(session: Path, node: str, opened: Opened) -> None:
    run(node, session, opened)


async def test_supabase_auth_keeps_clients(connect: Connect, opened: Opened) -> None:
    clients = (await connect(SECRET_KEY)).auth.admin.oauth
    asked = {"client_name": "Books", "redirect_uris": [CALLBACK], "scope": "invoices:read"}
    made = (await take(clients.create_client(CreateOAuthClientParams(**asked)))).client
    assert (made.client_type, made.registration_type, made.scope) == ("confidential", "manual", "invoices:read")
    assert (made.redirect_uris, made.grant_types) == ([CALLBACK], ["authorization_code", "refresh_token"])
    assert made.client_secret is not None
    shown = (await take(clients.get_client(made.client_id))).client
    assert shown == made.model_copy(update={"client_secret": None})
    other = (await take(clients.create_client(CreateOAuthClientParams(**{**asked, "client_name": "Ledgers"})))).client
    page = await take(clients.list_clients(PageParams(page=1, per_page=1)))
    assert [each.client_id for each in page.clients] == [other.client_id]
    assert (page.total, page.next_page, page.last_page) == (2, 2, 2)
    assert len((await take(clients.list_clients())).clients) == 2
    changes = UpdateOAuthClientParams(client_name="Tomes", client_uri="https://books.example")
    changed = (await take(clients.update_client(made.client_id, changes))).client
    assert (changed.client_name, changed.client_uri, changed.redirect_uris) == (
        *("Tomes", "https://books.example"),
        [CALLBACK],
    )
    renewed = (await take(clients.regenerate_client_secret(made.client_id))).client
    assert renewed.client_secret not in (None, made.client_secret)
    await take(clients.delete_client(made.client_id))
    await refused(lambda: clients.get_client(made.client_id), 404, "oauth_client_not_found")
    visitor = (await connect()).auth.admin.oauth
    await refused(lambda: visitor.list_clients(), 401, "no_authorization")
