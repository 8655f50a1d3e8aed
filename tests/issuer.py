"""An issuer of OpenID Connect that does as it is told, faults included: served in a thread, on a free port."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

CLIENT = "backstay-tests"
SECRET = "the secret of the tests' client"


@cache
def rsa_key(kid: str) -> RSAKey:
    """A key that signs; making one takes a moment, so each is made once."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


def sign(
    claims: Mapping[str, Any], *, alg: str = "RS256", key: RSAKey | ECKey | OctKey | None = None, **header: Any
) -> str:
    """A token of these claims; without a key, the issuer's own."""
    used = rsa_key("first") if key is None else key
    kid = {} if isinstance(used, OctKey) else {"kid": used.kid}
    return jwt.encode({"alg": alg, **kid, **header}, dict(claims), used, algorithms=[alg])


@dataclass
class Answer:
    """What a path answers instead of what it should."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    held: threading.Event | None = None
    """What must happen before the last byte."""


@dataclass
class Login:
    """One login on its way: what the authorization request asked for."""

    asked: dict[str, str]
    redeemed: bool = False


class Issuer:
    """An issuer.

    Its answers can be changed: ``metadata`` and ``profile`` are laid over the right ones, ``change`` alters the claims
    of ID tokens, ``signer`` signs them, ``keys`` are what it publishes, and ``instead`` answers for a path.
    """

    def __init__(self) -> None:
        self.subject = "ada"
        self.profile: dict[str, Any] = {"email": "ada@example.com", "email_verified": True, "name": "Ada Lovelace"}
        self.info: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
        self.signer: Callable[[dict[str, Any]], str] = sign
        self.keys: list[Mapping[str, Any]] = [rsa_key("first").as_dict(private=False)]
        self.instead: dict[str, Answer] = {}
        self.heard: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.logins: dict[str, Login] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def log_in(self, url: str, **more: str) -> str:
        """What a browser brings back that was sent to ``url``: the query of the answer."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe(8)
        self.logins[code] = Login(asked)
        return urlencode({"code": code, "state": asked["state"], **more})

    def claims(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """The right claims of an ID token."""
        now = int(time.time())
        nonce = {"nonce": asked["nonce"]} if "nonce" in asked else {}
        return {
            "iss": self.url,
            "sub": self.subject,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            **nonce,
            **self.profile,
        }

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        """What a path answers."""
        match path:
            case "/.well-known/openid-configuration":
                return 200, self._describe()
            case "/jwks":
                return 200, {"keys": self.keys}
            case "/token":
                return self._redeem(form)
            case "/userinfo" if authorization.startswith("Bearer "):
                return 200, {"sub": self.subject, **self.profile, **self.info}
            case _:
                return 404, {"error": "not_found"}

    def _describe(self) -> dict[str, Any]:
        described = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            **self.metadata,
        }
        return {name: value for name, value in described.items() if value is not None}

    def _redeem(self, form: dict[str, str]) -> tuple[int, Any]:
        login = self.logins.get(form.get("code", ""))
        if login is None or login.redeemed or form.get("redirect_uri") != login.asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        challenge = login.asked.get("code_challenge")
        made = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if challenge is not None and base64.urlsafe_b64encode(made).rstrip(b"=").decode() != challenge:
            return 400, {"error": "invalid_grant"}
        login.redeemed = True
        return 200, {
            "access_token": "theirs",
            "refresh_token": "theirs-too",
            "token_type": "Bearer",
            "id_token": self.signer(self.change(self.claims(login.asked))),
        }


def _answering(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            issuer.forms.append(form)
            self._answer(form)

        def _answer(self, form: dict[str, str]) -> None:
            path = urlsplit(self.path).path
            issuer.heard.append(path)
            if path in issuer.instead:
                answer = issuer.instead[path]
            else:
                status, document = issuer.answer(path, form, self.headers.get("authorization", ""))
                answer = Answer(status, json.dumps(document).encode(), {"content-type": "application/json"})
            self.send_response(answer.status)
            self.send_header("content-length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(answer.body[:-1])
                self.wfile.flush()
                if answer.held is not None:
                    answer.held.wait(60)
                self.wfile.write(answer.body[-1:])
            except OSError:
                pass

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Answering
