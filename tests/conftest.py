"""What every test shares: hypothesis profiles, and fresh databases of every kind that is at hand."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from databases import Databases, sqlite_url
from services import POSTGRESQL, postgresql

# How long it takes to draw examples says more of the machine than of them.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _patient, max_examples=10)
settings.register_profile("default", _patient, max_examples=50)
settings.register_profile("ci", _patient, max_examples=60, derandomize=True, print_blob=True)
settings.register_profile(
    "every",
    _patient,
    max_examples=5000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))

_services = contextlib.ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Find or start the services once, in the process that the workers of pytest-xdist inherit from."""
    # The hundreds of processes that tests start run bytecode, as an installed package does; none compiles all of it.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if "PYTEST_XDIST_WORKER" not in os.environ and not _only_pure_tests(config):
        os.environ[POSTGRESQL] = _services.enter_context(postgresql())


def pytest_collection_finish() -> None:
    """Let garbage be looked for among what the tests make, not among the tests, which stay; and seldom.

    A look at all that tens of thousands of tests are made of takes so long that some of them would be late.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_unconfigure() -> None:
    """Stop the services that this run started."""
    _services.close()


def _only_pure_tests(config: pytest.Config) -> bool:
    pure = ("tests/unit", "tests/test_house", "tests/docs", "tests/typing")
    return config.args_source is config.ArgsSource.ARGS and all(
        any(place in argument for place in pure) for argument in config.args
    )


@pytest.fixture(scope="session", autouse=True)
def patient_workers() -> Iterator[None]:
    """Workers that do not know who was signed out refuse users; none forgets it because a machine stood still."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backstay.auth.revoked._DEADLINE", 60.0)
        yield


def missing(service: str) -> None:
    """Skip the test for want of a service; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{service} is missing, and CI runs every test")
    pytest.skip(f"{service} is missing")


@pytest.fixture(scope="session")
def postgresql_server() -> str:
    """The URL of a PostgreSQL server on which databases may be created."""
    if POSTGRESQL not in os.environ:
        os.environ[POSTGRESQL] = _services.enter_context(postgresql())
    url = os.environ[POSTGRESQL]
    if not url:
        missing("PostgreSQL")
    return url


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: str) -> Iterator[Databases]:
    """Makes databases on that server."""
    databases = Databases(postgresql_server)
    yield databases
    databases.close()


@pytest.fixture
def postgresql_url(postgresql_databases: Databases) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of the test's own."""
    url = postgresql_databases.create()
    yield url
    postgresql_databases.drop(url)


@pytest.fixture(scope="module")
def module_postgresql_url(postgresql_databases: Databases) -> Iterator[str]:
    """The URL of an empty PostgreSQL database that the tests of a module share."""
    url = postgresql_databases.create()
    yield url
    postgresql_databases.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of the test's own; the test runs once for each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an empty database that the tests of a module share; they run once for each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path_factory.mktemp("database"))
    url: str = request.getfixturevalue("module_postgresql_url")
    return url
