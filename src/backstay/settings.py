"""Every operational setting: its name, default and meaning, said once.

A setting comes, in falling precedence, from the command line, the environment (``BACKSTAY_<NAME>``), a TOML file
(``backstay.toml`` beside the application, or the file that ``BACKSTAY_CONFIG`` names), and its default.
``backstay config`` lists them all; the reference page is generated from this table.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from backstay.errors import DeclarationError


def _setting(default: Any, help: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"help": help, "secret": secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The operational settings of one running application."""

    database: str = _setting("", "Database URL; empty: the one the application file gives.", secret=True)
    jwt_secret: str = _setting("", "Secret that signs and verifies HS256 tokens (32 bytes or more).", secret=True)
    jwks: str = _setting("", "File (or JSON text) with the public keys for RS256, ES256 and EdDSA tokens.")
    signing_keys: str = _setting(
        "",
        "File (or JSON text) with the private keys that sign tokens, which `backstay keys rotate` makes; empty: "
        "jwt_secret signs.",
        secret=True,
    )
    jwt_audience: str = _setting("", "Audience that a token must name; empty: any.")
    jwt_issuer: str = _setting("", "Issuer that a token must name, unless it was issued here; empty: any.")
    jwt_role_claim: str = _setting("role", "Claim that holds the caller's role: a name or a JSON path.")
    publishable_key: str = _setting("", "The key front ends carry (sb_publishable_...): role anon.")
    secret_key: str = _setting("", "The key servers carry (sb_secret_...): role service_role.", secret=True)
    secret_key_in_browser: bool = _setting(False, "Accept the secret key in requests that come from a browser.")
    anonymous: bool = _setting(True, "Serve requests that carry no token, as the role anon.")
    database_roles: bool = _setting(False, "Run requests under the PostgreSQL role that their token names.")
    anonymous_role: str = _setting("anon", "The PostgreSQL role of requests without a token, with database_roles.")
    search_path: tuple[str, ...] = _setting(
        ("public",), "Schemas in which PostgreSQL's functions find names, after their own."
    )
    schemas: tuple[str, ...] = _setting(("public",), "Schemas served over REST, the default one first.")
    cors_origins: tuple[str, ...] = _setting(("*",), "Origins that browsers may call from.")
    search_language: str = _setting("english", "Text-search configuration of searches that name none, and of indexes.")
    max_rows: int = _setting(0, "Most rows in one answer, root and embeds; 0: no cap.")
    max_body: int = _setting(10 * 1024 * 1024, "Most bytes in a request's body.")
    max_url: int = _setting(64 * 1024, "Most bytes in a request's path and query string.")
    max_depth: int = _setting(12, "Deepest nesting of embeds and logic trees in one request.")
    max_items: int = _setting(1000, "Most columns, filters and embeds in one request.")
    max_delay: timedelta = _setting(
        timedelta(seconds=2), "Longest wait of requests before further ones are refused with 503; 0: none is."
    )
    max_connections: int = _setting(10_000, "Most connections of clients per worker, as far as open files allow.")
    aggregates: bool = _setting(False, "Allow sum, avg, count, max and min in select.")
    legacy_target_names: bool = _setting(True, "Let filters name a relation that has an alias, with a warning.")
    require_where: bool = _setting(False, "Refuse an update or delete without a filter.")
    plan_media: bool = _setting(False, "Tell callers the plans of their queries (application/vnd.pgrst.plan).")
    server_timing: str = _setting(
        "off",
        "Tell in Server-Timing how long each step took: off, asked (by the secret key with Prefer: server-timing), "
        "or always.",
    )
    error_verbosity: str = _setting("verbose", "What errors tell: verbose, or minimal (code and message alone).")
    transaction_override: bool = _setting(False, "Honour Prefer: tx=rollback.")
    statement_timeout: timedelta = _setting(timedelta(seconds=10), "Longest time one statement may run.")
    slow_statement: timedelta = _setting(
        timedelta(seconds=0.5), "Statements that take longer are logged, with the index that would help; 0: none."
    )
    pool_size: int = _setting(10, "Most PostgreSQL connections per worker.")
    pool_timeout: timedelta = _setting(timedelta(seconds=10), "Longest wait for a connection.")
    session_pool_size: int = _setting(5, "Most connections per worker for sessions of hooks and functions.")
    wsgi_threads: int = _setting(16, "Threads per worker for each mounted WSGI application (Flask).")
    statement_cache: bool = _setting(True, "Prepared statements on PostgreSQL; off behind pgbouncer.")
    durability: str = _setting("full", "SQLite: full (every acknowledged write is on disk) or normal.")
    plan_cache: int = _setting(2000, "Compiled statements kept per worker.")
    token_cache: int = _setting(10000, "Verified tokens kept per worker.")
    site_url: str = _setting("", "The application's own site, where links of mails lead; empty: public_url.")
    redirect_urls: tuple[str, ...] = _setting(
        (), "Further addresses that sign-in may send browsers to; * and ** stand for anything in a part, or in all."
    )
    sign_up: bool = _setting(True, "Let people sign up.")
    email_sign_in: bool = _setting(True, "Let users sign in by e-mail address.")
    phone_sign_in: bool = _setting(False, "Let users sign in by telephone number.")
    anonymous_users: bool = _setting(False, "Let people be users without saying who they are.")
    confirm_email: bool = _setting(True, "Users prove their e-mail address before they sign in by it.")
    confirm_phone: bool = _setting(True, "Users prove their telephone number before they sign in by it.")
    secure_email_change: bool = _setting(True, "A new e-mail address takes a proof of the old one, too.")
    secure_password_change: bool = _setting(
        True, "A new password takes a sign-in of the last 24 hours, the current password, or a code."
    )
    manual_linking: bool = _setting(False, "Let users link identities of further providers to themselves.")
    access_token_life: timedelta = _setting(timedelta(hours=1), "How long an access token is good; a week at most.")
    refresh_reuse: timedelta = _setting(
        timedelta(seconds=10), "How long a used refresh token still gets what its first use got, should that be lost."
    )
    session_idle: timedelta = _setting(timedelta(0), "Longest time between two refreshes of a session; 0: any.")
    session_life: timedelta = _setting(timedelta(0), "Longest life of a session; 0: any.")
    single_session: bool = _setting(False, "Signing in ends the user's other sessions.")
    code_life: timedelta = _setting(timedelta(minutes=10), "How long a code of six digits is good.")
    link_life: timedelta = _setting(timedelta(hours=1), "How long a link in a mail is good.")
    api_key_life: timedelta = _setting(
        timedelta(days=365), "Longest life of a program's key, and that of one that says no other."
    )
    oauth_server: bool = _setting(False, "Let programs of others act for users who allow it (OAuth 2.1).")
    oauth_registration: bool = _setting(False, "Let such programs register themselves.")
    oauth_consent_url: str = _setting(
        "",
        "Page on which users allow programs what they ask for; empty: that of the hosted pages, or, without them, "
        "/oauth/consent of site_url.",
    )
    oauth_device_url: str = _setting(
        "",
        "Page on which users type the code that a device shows; empty: that of the hosted pages, or, without them, "
        "/oauth/device of site_url.",
    )
    oauth_session_life: timedelta = _setting(
        timedelta(days=90), "How long such a program may act for a user before it must ask again."
    )
    passkey_domain: str = _setting("", "Domain that passkeys are made for; empty: that of site_url.")
    passkey_origins: tuple[str, ...] = _setting(
        (), "Addresses of pages that may use passkeys (https://app.example.com); none: site_url and public_url."
    )
    encryption_key: str = _setting(
        "",
        "Secret from which the keys of sign-in are derived; several, the newest first, separated by commas; empty: "
        "jwt_secret.",
        secret=True,
    )
    password_length: int = _setting(8, "Fewest characters of a new password.")
    hash_threads: int = _setting(0, "Passwords hashed at once per worker; 0: two, or one on one processor.")
    hash_queue: int = _setting(128, "Most passwords waiting to be hashed before further ones are refused with 503.")
    sign_in_limit: int = _setting(
        30, "Most sign-ins, sign-ups and requests for a mail from one address in five minutes; 0: any number."
    )
    verify_limit: int = _setting(30, "Most codes and links tried from one address in five minutes; 0: any number.")
    refresh_limit: int = _setting(150, "Most sessions refreshed from one address in five minutes; 0: any number.")
    anonymous_limit: int = _setting(30, "Most anonymous users made from one address in an hour; 0: any number.")
    registration_limit: int = _setting(
        10, "Most programs that register themselves from one address in an hour; 0: any number."
    )
    api_key_limit: int = _setting(30, "Most wrong API keys from one address in five minutes; 0: any number.")
    mail_pause: timedelta = _setting(
        timedelta(minutes=1), "Least time between two mails, or messages, to one address; 0: none."
    )
    mail_limit: int = _setting(10, "Most mails, or messages, to one address in an hour; 0: any number.")
    lock_after: int = _setting(10, "Wrong passwords in a row that lock an account for a while; 0: none do.")
    lock_pause: timedelta = _setting(
        timedelta(minutes=1), "How long an account is locked first; each further wrong password doubles it."
    )
    lock_longest: timedelta = _setting(timedelta(minutes=15), "How long an account is locked at most.")
    trusted_proxies: tuple[str, ...] = _setting(
        (), "Addresses and networks of your own proxies, whose X-Forwarded-For is believed."
    )
    pages: bool = _setting(
        False, "Serve pages for signing in under /auth, for applications without a front end; `backstay dev` does."
    )
    page_templates: str = _setting("", "Folder with templates and styles that go before those of the pages.")
    cookies: bool = _setting(
        False, "Know callers by the cookies of the pages: in mounted applications, and over REST from the same origin."
    )
    docs: bool = _setting(True, "Serve the API page at /docs and /openapi.json.")
    swagger: bool = _setting(True, "Describe at /rest/v1/ what the caller may call, in Swagger 2.0.")
    public_url: str = _setting(
        "", "Where callers reach the server (https://api.example.com), and links in mails lead; empty: as each asks."
    )
    smtp_url: str = _setting(
        "", "The server that mails go to: smtp://user:password@host:587, or smtps://... with port 465.", secret=True
    )
    mail_from: str = _setting("", "The address that mails come from.")
    mail_name: str = _setting("", "What mails call the application; empty: the host of site_url.")
    mail_templates: str = _setting("", "Folder with templates of mails that go before Backstay's own.")
    mail_timeout: timedelta = _setting(timedelta(seconds=10), "Longest wait for an answer of the mail server.")
    log_level: str = _setting("info", "Least severity that is logged: debug, info, warning or error.")


SETTINGS: tuple[Field[Any], ...] = fields(Settings)
"""The table of settings; ``metadata`` holds ``help`` and ``secret``."""


def load(*, environment: Mapping[str, str] | None = None, file: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings.

    Arguments:
        environment: the environment variables (default: the process's own).
        file: a TOML file; ``BACKSTAY_CONFIG`` names another. A file that is named but absent is an error.
        overrides: values from the command line; None means not given.

    Raises:
        DeclarationError: naming every setting that is unknown or has a bad value.
    """
    environ = os.environ if environment is None else environment
    problems: list[str] = []
    given: dict[str, Any] = {}
    named = environ.get("BACKSTAY_CONFIG")
    path = Path(named) if named else file
    if path is not None and (named or path.exists()):
        given.update(_from_file(path, problems))
    for entry in SETTINGS:
        name = f"BACKSTAY_{entry.name.upper()}"
        if name in environ:
            given[entry.name] = _read(entry, environ[name], name, problems)
    given.update({name: value for name, value in overrides.items() if value is not None})
    if problems:
        raise DeclarationError("\n".join(problems), hint="`backstay config` lists every setting with its default.")
    return Settings(**given)


def _from_file(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{path}: {error}")
        return {}
    known = {entry.name: entry for entry in SETTINGS}
    values: dict[str, Any] = {}
    for name, text in document.items():
        if name in known:
            values[name] = _read(known[name], text, f"{path}: {name}", problems)
        else:
            problems.append(f"{path}: there is no setting {name!r}")
    return values


def _read(entry: Field[Any], text: Any, where: str, problems: list[str]) -> Any:
    default = entry.default
    assert default is not MISSING
    try:
        return _convert(default, text)
    except (ValueError, TypeError):
        kind = "seconds" if isinstance(default, timedelta) else type(default).__name__
        shown = "a secret" if entry.metadata["secret"] else repr(text)
        problems.append(f"{where}: {shown} is not a valid {kind}")
        return default


def _convert(default: Any, text: Any) -> Any:
    if isinstance(default, bool):
        return _boolean(text)
    if isinstance(default, int):
        return int(text)
    if isinstance(default, timedelta):
        return timedelta(seconds=float(text))
    if isinstance(default, tuple):
        parts = text.split(",") if isinstance(text, str) else list(text)
        return tuple(str(part).strip() for part in parts if str(part).strip())
    return str(text)


def _boolean(text: Any) -> bool:
    if isinstance(text, bool):
        return text
    word = str(text).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError(text)
