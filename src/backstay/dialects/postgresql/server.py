"""Where a PostgreSQL server is, and how every connection to it is set."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import asyncpg

from backstay.errors import DatabaseUnavailable, DeclarationError
from backstay.settings import Settings

SCHEMES: Final = ("postgresql", "postgres", "postgresql+asyncpg")
OLDEST: Final = 13

# Statements kept prepared per connection. Backstay's texts are many and long, so the driver's own limits (100
# statements of 15 KB, each for five minutes) would prepare the same ones again and again.
PREPARED: Final = 500

# How much longer than the server's own statement_timeout the driver waits before it takes the server for dead.
GRACE: Final = timedelta(seconds=5)

_TRUE: Final = ("1", "true", "yes", "on", "require")
# What the driver itself reads in a URL's query; anything else there is a setting of the server.
_DRIVER: Final = {
    *("host", "port", "dbname", "database", "user", "password", "passfile", "service"),
    *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs", "krbsrvname", "gsslib"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """A database's URL, understood.

    ``dsn`` is the URL as asyncpg reads it; ``given`` the server settings the URL names itself; ``pooler`` whether it
    says that a pooler in transaction mode stands between (``pgbouncer=true``, ``prepared_statement_cache_size=0``).
    """

    dsn: str
    given: dict[str, str]
    pooler: bool = False


def parse_address(url: str) -> Address:
    """Read a database URL: ``postgresql://``, ``postgres://`` or ``postgresql+asyncpg://``.

    What follows ``?`` is libpq's (``host`` for a Unix socket, ``sslmode`` …), SQLAlchemy's ``ssl``, or a server
    setting (``search_path`` …).

    Raises:
        DeclarationError: for a URL that cannot be read. Its text never enters the message: it may hold a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        raise _unreadable()
    try:
        parts = urlsplit(f"postgresql://{rest}")
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise _unreadable() from None
    if "ssl" in query:
        mode = query.pop("ssl").lower()
        query.setdefault("sslmode", "require" if mode in _TRUE else mode)
    query.pop("async_fallback", None)
    pooler = query.pop("prepared_statement_cache_size", "") == "0"
    pooler |= query.pop("pgbouncer", "").lower() in _TRUE
    given = {name: query.pop(name) for name in list(query) if name not in _DRIVER}
    dsn = parts._replace(query=urlencode(query, quote_via=quote)).geturl()
    return Address(dsn, given, pooler)


def check_version(version: tuple[int, ...], text: str) -> None:
    """Refuse a server that is too old.

    Raises:
        DatabaseUnavailable: naming the server's version and the oldest one Backstay speaks to.
    """
    if version[0] < OLDEST:
        raise DatabaseUnavailable(
            f"This server is PostgreSQL {text}; Backstay needs {OLDEST} or newer.", hint="Upgrade the server."
        )


class Server:
    """One database on one server, and how the settings say to speak to it.

    Every connection has the time zone UTC, ISO dates, and the server's own statement timeout. JIT is off: it takes
    longer than the short statements of a backend.

    ``begin_read`` is what a single reading statement needs before it. On a server of one's own it needs nothing:
    connections are read-only unless a transaction says otherwise, so reading costs one round trip and still cannot
    write. Behind a pooler in transaction mode a connection's settings are not one's own, and two messages may reach
    two servers, so there every read is a transaction. ``begin_apart`` begins a read that has settings of its own, and
    ``begin_cursor`` one whose rows are fetched batch by batch.
    """

    def __init__(self, url: str, settings: Settings) -> None:
        address = parse_address(url)
        self._dsn = address.dsn
        self.pooler = address.pooler or not settings.statement_cache
        milliseconds = round(settings.statement_timeout / timedelta(milliseconds=1))
        limits = {"statement_timeout": str(milliseconds), "jit": "off"}
        self._settings = {"application_name": "backstay", "TimeZone": "UTC", "DateStyle": "ISO, MDY"}
        if not self.pooler:
            self._settings |= {**limits, "IntervalStyle": "postgres", "tcp_keepalives_idle": "60"}
        self._settings |= address.given
        self._connect_timeout = settings.pool_timeout.total_seconds()
        self._command_timeout = (settings.statement_timeout + GRACE).total_seconds() if milliseconds else None
        self.set_limits = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in limits.items())
        suffix = f"; {self.set_limits}" if self.pooler else ""
        self.begin_write: str = f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE{suffix}"
        self.begin_apart: str = f"BEGIN READ ONLY{suffix}"
        # All rows are wanted, and not the first few as soon as can be.
        self.begin_cursor: str = f"{self.begin_apart}; SET LOCAL cursor_tuple_fraction = 1"
        self.begin_read: str | None = self.begin_apart if self.pooler else None

    async def connect(self, *, readonly: bool = False) -> asyncpg.Connection:
        """Open a connection.

        Arguments:
            readonly: its statements cannot write, except in a transaction that begins with ``begin_write``.

        Raises:
            DatabaseUnavailable: when there is no server, or it takes no connection now or from us.
            DeclarationError: when the URL cannot be read.
        """
        settings = dict(self._settings)
        if readonly and not self.pooler:
            settings["default_transaction_read_only"] = "on"
        try:
            return await asyncpg.connect(
                self._dsn,
                timeout=self._connect_timeout,
                command_timeout=self._command_timeout,
                statement_cache_size=0 if self.pooler else PREPARED,
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=0,
                server_settings=settings,
            )
        except ValueError:
            raise _unreadable() from None
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise DatabaseUnavailable() from error

    async def open(self) -> asyncpg.Connection:
        """Open the first connection, for reading, of a server that must be one Backstay can speak to.

        Raises:
            DatabaseUnavailable: with the reason, for the operator (:meth:`connect` keeps it from callers).
        """
        try:
            connection = await self.connect(readonly=True)
        except DatabaseUnavailable as error:
            reason = str(error.__cause__) or type(error.__cause__).__name__
            raise DatabaseUnavailable(detail=reason, hint=_hint(error.__cause__)) from error.__cause__
        version = connection.get_server_version()
        try:
            check_version((version.major, version.minor), f"{version.major}.{version.minor}")
        except DatabaseUnavailable:
            with suppress(OSError, asyncpg.PostgresError):
                await connection.close()
            raise
        return connection


def _hint(reason: BaseException | None) -> str:
    if isinstance(reason, asyncpg.InvalidCatalogNameError):
        return "Create the database first (`createdb NAME`)."
    if isinstance(reason, asyncpg.InvalidAuthorizationSpecificationError):
        return "Check the user and the password in the database URL."
    return "Check that PostgreSQL runs and that the host and port in the database URL are right."


def _unreadable() -> DeclarationError:
    return DeclarationError(
        "The database URL cannot be read.",
        hint="Write postgresql://user:password@host:5432/name, with special characters of the password "
        "percent-encoded (@ is %40, / is %2F).",
    )
