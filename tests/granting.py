"""Programs of others: an agency with an authorisation server, clients of it, and users who let them act for them."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import sqlalchemy as sa

from asking import Agency
from behaviour.door import Answer, call
from fixtures import agency

PUBLIC_URL = "https://agency.example"
SITE_URL = "https://www.agency.example"
ISSUER = f"{PUBLIC_URL}/auth/v1"
CALLBACK = "https://books.example/callback"
VERIFIER = "a verifier of forty-three characters or more".replace(" ", "-")
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def challenge_of(verifier: str = VERIFIER) -> str:
    """What a client shows of its verifier beforehand."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass
class Client:
    """A client as it was registered."""

    document: dict[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.document["client_id"])

    @property
    def secret(self) -> str | None:
        """Its secret, if it has one."""
        return self.document.get("client_secret")

    @property
    def basic(self) -> dict[str, str]:
        """The header by which it shows its secret."""
        if self.secret is None:
            return {}
        shown = f"{quote(self.id)}:{quote(self.secret)}"
        return {"authorization": f"Basic {base64.b64encode(shown.encode()).decode()}"}


class Granting(Agency):
    """The agency, which lets programs of others act for its users."""

    def __init__(self, url: str, **settings: Any) -> None:
        super().__init__(url, **{"oauth_server": True, "public_url": PUBLIC_URL, "site_url": SITE_URL, **settings})

    # Clients -------------------------------------------------------------------------------------------------

    def client(self, **more: Any) -> Client:
        """A new client, registered with the secret key."""
        words = {
            "client_name": "Books",
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "invoices:read invoices:open email",
        }
        answer = self.ask("POST", "/auth/v1/admin/oauth/clients", {**words, **more}, key=agency.SECRET_KEY)
        assert answer.status == 201, answer.body
        return Client(answer.json)

    def public_client(self, **more: Any) -> Client:
        """A new client that has no secret."""
        return self.client(token_endpoint_auth_method="none", **more)

    async def posting(
        self, path: str, form: Any, headers: dict[str, str] | None = None, *, address: str | None = None
    ) -> Answer:
        """Send a form below ``/auth/v1/oauth``."""
        content = urlencode(form).encode()
        sent = {
            "host": "agency.example",
            "content-type": "application/x-www-form-urlencoded",
            "content-length": str(len(content)),
            **(headers or {}),
        }
        lines = [(name.encode(), value.encode()) for name, value in sent.items()]
        return await call(self.app, "POST", f"/auth/v1/oauth{path}".encode(), b"", lines, content, address)

    def post(
        self, path: str, form: Any, headers: dict[str, str] | None = None, *, address: str | None = None
    ) -> Answer:
        """The same, and wait for it."""
        return self.run(self.posting(path, form, headers, address=address))

    # The steps of a login at a client ------------------------------------------------------------------------

    def authorize(self, client: Client, **more: Any) -> Answer:
        """What a browser is answered that a client sends here; None leaves a parameter out."""
        asked = {
            "response_type": "code",
            "client_id": client.id,
            "redirect_uri": CALLBACK,
            "code_challenge": challenge_of(),
            "code_challenge_method": "S256",
            "state": "a state",
            **more,
        }
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return self.ask("GET", f"/auth/v1/oauth/authorize?{query}")

    def asked(self, client: Client, **more: Any) -> str:
        """The id of what a client asks for."""
        answer = self.authorize(client, **more)
        assert answer.status == 302, answer.body
        return query_of(answer.headers["location"])["authorization_id"]

    def decide(self, token: str, id: str, action: str = "approve") -> Answer:
        """A user's decision."""
        return self.ask("POST", f"/auth/v1/oauth/authorizations/{id}/consent", {"action": action}, key=token)

    def code(self, client: Client, token: str, **more: Any) -> str:
        """The code that a client gets when a user allows what it asks for."""
        answer = self.decide(token, self.asked(client, **more))
        assert answer.status == 200, answer.body
        return query_of(answer.json["redirect_url"])["code"]

    def redeeming(self, client: Client, code: str, **more: Any) -> Any:
        """The request by which a client redeems a code, to be awaited."""
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK}
        form |= {"client_id": client.id, **more}
        return self.posting("/token", {n: v for n, v in form.items() if v is not None}, client.basic)

    def redeem(self, client: Client, code: str, **more: Any) -> Answer:
        """The same, and wait for it."""
        return self.run(self.redeeming(client, code, **more))

    def tokens(self, client: Client, token: str, **more: Any) -> dict[str, Any]:
        """The tokens that a client gets when a user allows what it asks for."""
        answer = self.redeem(client, self.code(client, token, **more))
        assert answer.status == 200, answer.body
        return dict(answer.json)

    def refreshing(self, client: Client, token: str, **more: Any) -> Any:
        """The request by which a client asks for its next tokens."""
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": client.id, **more}
        return self.posting("/token", form, client.basic)

    def refresh(self, client: Client, token: str, **more: Any) -> Answer:
        """The same, and wait for it."""
        return self.run(self.refreshing(client, token, **more))

    def reads(self, token: str, path: str = "/rest/v1/invoices?select=id&order=id") -> Any:
        """What a token reads: ids, or the status of a refusal."""
        answer = self.ask("GET", path, key=token)
        return [row["id"] for row in answer.json] if answer.status < 300 else answer.status

    def backdate(self, table: sa.Table, *columns: str, **ago: Any) -> None:
        """Have something happened earlier; ``ago`` are the words of a ``timedelta``."""
        for row in self.rows(sa.select(table)):
            values = {name: getattr(row, name) - timedelta(**ago) for name in columns if getattr(row, name) is not None}
            if values:
                self.execute(sa.update(table).where(table.c.id == row.id).values(values))


def query_of(url: str) -> dict[str, str]:
    """What an address says in its query string."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def error_of(answer: Answer) -> tuple[int, str]:
    """The status of an answer, and OAuth's word for what is wrong."""
    assert re.fullmatch(r"[\x20-\x7e]+", answer.json["error_description"])
    return answer.status, str(answer.json["error"])
