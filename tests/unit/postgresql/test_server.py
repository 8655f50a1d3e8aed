"""Where a server is, and how connections to it are set."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from backstay.dialects.postgresql.server import Server, check_version, parse_address
from backstay.errors import DatabaseUnavailable, DeclarationError
from backstay.settings import Settings


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_every_usual_scheme_is_understood(scheme: str) -> None:
    assert parse_address(f"{scheme}://u:p@h:6543/d").dsn == "postgresql://u:p@h:6543/d"


def test_sqlalchemys_ssl_is_libpqs_sslmode() -> None:
    assert parse_address("postgresql://h/d?ssl=verify-full").dsn == "postgresql://h/d?sslmode=verify-full"
    assert parse_address("postgresql://h/d?ssl=true").dsn == "postgresql://h/d?sslmode=require"


def test_a_name_the_driver_does_not_know_is_a_setting_of_the_server() -> None:
    address = parse_address("postgresql://h/d?search_path=app&sslmode=disable&application_name=mine")
    assert address.dsn == "postgresql://h/d?sslmode=disable"
    assert address.given == {"search_path": "app", "application_name": "mine"}


@pytest.mark.parametrize("mark", ["pgbouncer=true", "prepared_statement_cache_size=0"])
def test_a_url_may_say_that_a_pooler_stands_between(mark: str) -> None:
    assert parse_address(f"postgresql://h/d?{mark}").pooler
    assert not parse_address("postgresql://h/d").pooler
    assert mark not in parse_address(f"postgresql://h/d?{mark}").dsn


@pytest.mark.parametrize(
    "url", ["", "hiring", "mysql://h/d", "postgresql:/h", "postgresql://[::1/d", "postgresql://h/d?nothing"]
)
def test_a_url_that_cannot_be_read_is_refused(url: str) -> None:
    with pytest.raises(DeclarationError, match="cannot be read"):
        parse_address(url)


async def test_a_password_with_a_bare_slash_does_not_appear_in_the_error() -> None:
    with pytest.raises(DeclarationError) as caught:
        await Server("postgresql://u:sec/ret@h/d", Settings()).connect()
    assert "sec" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "percent-encoded" in (caught.value.hint or "")


async def test_a_unix_socket_is_named_by_host(postgresql_url: str) -> None:
    name = urlsplit(postgresql_url)
    folders = [folder for folder in (Path("/var/run/postgresql"), Path("/tmp")) if (folder / ".s.PGSQL.5432").exists()]
    if name.port not in (5432, None) or not folders:
        pytest.skip("no Unix socket is known for this server")
    user = f"{name.username}@" if name.username else ""
    connection = await Server(f"postgresql://{user}{name.path}?host={folders[0]}", Settings()).connect()
    assert await connection.fetchval("SELECT inet_server_addr()") is None
    await connection.close()


async def test_every_connection_is_set_the_same_way(postgresql_url: str) -> None:
    settings = Settings(statement_timeout=timedelta(milliseconds=1500))
    connection = await Server(postgresql_url, settings).connect(readonly=True)
    names = ("application_name", "TimeZone", "DateStyle", "IntervalStyle", "statement_timeout", "jit")
    shown = [await connection.fetchval(f"SHOW {name}") for name in names]
    assert shown == ["backstay", "UTC", "ISO, MDY", "postgres", "1500ms", "off"]
    assert await connection.fetchval("SHOW default_transaction_read_only") == "on"
    await connection.close()


async def test_the_url_may_name_the_application(postgresql_url: str) -> None:
    connection = await Server(f"{postgresql_url}?application_name=payroll", Settings()).connect()
    assert await connection.fetchval("SHOW application_name") == "payroll"
    await connection.close()


async def test_behind_a_pooler_only_what_poolers_pass_on_is_sent_and_nothing_stays_prepared(
    postgresql_url: str,
) -> None:
    server = Server(postgresql_url, Settings(statement_cache=False))
    assert server.begin_read == "BEGIN READ ONLY; SET LOCAL statement_timeout = '10000'; SET LOCAL jit = 'off'"
    connection = await server.connect(readonly=True)
    assert await connection.fetchval("SHOW default_transaction_read_only") == "off"
    assert await connection.fetchval("SHOW statement_timeout") == "0"
    assert await connection.fetch("SELECT name FROM pg_prepared_statements") == []
    await connection.close()


@pytest.mark.parametrize("version", [(13, 0), (18, 6)])
def test_supported_versions_are_let_pass(version: tuple[int, int]) -> None:
    check_version(version, "it")


def test_an_old_server_is_refused_by_its_version() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"PostgreSQL 12\.22; Backstay needs 13 or newer"):
        check_version((12, 22), "12.22")


async def test_opening_tells_the_operator_why_it_failed(postgresql_url: str) -> None:
    absent = urlsplit(postgresql_url)._replace(path="/backstay_test_absent").geturl()
    with pytest.raises(DatabaseUnavailable) as caught:
        await Server(absent, Settings()).open()
    assert "backstay_test_absent" in str(caught.value.detail)
    assert "createdb" in (caught.value.hint or "")
    assert isinstance(caught.value.__cause__, asyncpg.InvalidCatalogNameError)


async def test_connecting_later_tells_the_caller_nothing() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        await Server("postgresql://nobody@127.0.0.1:9/none", Settings()).connect()
    assert (caught.value.message, caught.value.detail, caught.value.hint) == ("Database connection error.", None, None)


async def test_opening_says_that_nothing_listens() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        await Server("postgresql://nobody@127.0.0.1:9/none", Settings()).open()
    assert "onnect" in str(caught.value.detail)
    assert "Check that PostgreSQL runs" in (caught.value.hint or "")
