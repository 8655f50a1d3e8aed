"""What every test shares: hypothesis profiles, and a PostgreSQL database where one is at hand."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from services import POSTGRESQL, postgresql

settings.register_profile("default", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True, print_blob=True)
settings.register_profile(
    "every", max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))

_services = contextlib.ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Find or start the services once, in the process that the workers of pytest-xdist inherit from."""
    if "PYTEST_XDIST_WORKER" not in os.environ and not _only_pure_tests(config):
        os.environ[POSTGRESQL] = _services.enter_context(postgresql())


def pytest_unconfigure() -> None:
    """Stop the services that this run started."""
    _services.close()


def _only_pure_tests(config: pytest.Config) -> bool:
    pure = ("tests/unit", "tests/test_house", "tests/docs", "tests/typing")
    return config.args_source is config.ArgsSource.ARGS and all(
        any(place in argument for place in pure) for argument in config.args
    )


def missing(service: str) -> None:
    """Skip the test for want of a service; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{service} is missing, and CI runs every test")
    pytest.skip(f"{service} is missing")


@pytest.fixture(scope="session")
def postgresql_server() -> str:
    """The URL of a PostgreSQL server on which databases may be created."""
    url = os.environ.get(POSTGRESQL, "")
    if not url:
        missing("PostgreSQL")
    return url


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this worker's own."""
    name = f"backstay_test_{secrets.token_hex(6)}"
    asyncio.run(_execute(postgresql_server, f'CREATE DATABASE "{name}"'))
    yield postgresql_server.rpartition("/")[0] + "/" + name
    asyncio.run(_execute(postgresql_server, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _execute(url: str, statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
