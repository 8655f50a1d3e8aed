"""A really served application for real clients, on either database."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from behaviour.door import PUBLISHABLE, SECRET, SECRET_KEY, Door
from compliance import archive as program_of_archive
from compliance import keyring as program_of_keyring
from compliance import market
from compliance.install import install
from compliance.served import Served
from conftest import missing
from fixtures import rows, workspace
from serving import Serving
from signing_in import Club

# Pages that tests make up come from no address, so the browser would ask whether they may speak to this machine.
_CHROMIUM = ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests in this folder are of one kind, but those of ``rest/``, which need no client."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and here / "rest" not in item.path.parents:
            item.add_marker(pytest.mark.compliance)


@pytest.fixture(scope="module")
def module_served(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The workspace, served to all tests of a module."""
    door = Door(workspace.build(module_database_url), rows.fill)
    with serve("compliance.program:app", module_database_url, door, tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="module")
def module_market(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The market, served to all tests of a module."""
    door = Door(market.build(module_database_url), market.fill)
    folder = tmp_path_factory.mktemp("market")
    with serve("compliance.market:app", module_database_url, door, folder, market.SETTINGS) as served:
        yield served


@pytest.fixture(scope="module")
def archive(module_postgresql_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The archive, served to all tests of a module: on PostgreSQL, which has schemas."""
    door = Door(program_of_archive.build(module_postgresql_url), program_of_archive.fill)
    folder = tmp_path_factory.mktemp("archive")
    with serve("compliance.archive:app", module_postgresql_url, door, folder, program_of_archive.SETTINGS) as served:
        yield served


@contextlib.contextmanager
def serve(
    program: str, database: str, door: Door, folder: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """A program, served for real, with the rows that its door fills in."""
    keys = {"jwt_secret": SECRET, "publishable_key": PUBLISHABLE, "secret_key": SECRET_KEY}
    with door, Serving(program, database, folder, {**keys, **(settings or {})}) as serving:
        yield Served(serving.url, database.partition(":")[0], door)


@pytest.fixture
def served(module_served: Served) -> Served:
    """The workspace, served, with the rows that it begins with."""
    module_served.restore()
    return module_served


@pytest.fixture(name="market")
def served_market(module_market: Served) -> Served:
    """The market, served, with the rows that it begins with."""
    module_market.restore()
    return module_market


@pytest.fixture(scope="session")
def node() -> str:
    """The program node, with the clients at hand."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        missing("node")
        raise AssertionError
    problem = install()
    if problem:
        missing(f"the clients ({problem})")
    return found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        missing("Chromium (on Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def keyring(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the club is served whose members have keys; everybody who signs up there is somebody new."""

    def make_tables() -> None:
        with Club(module_database_url, **program_of_keyring.words()):
            pass

    # In a thread of its own: in this one the event loop of the browser runs.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(make_tables).result()
    folder = tmp_path_factory.mktemp("keyring")
    with Serving("compliance.keyring:app", module_database_url, folder, {"public_url": "{url}"}) as serving:
        yield f"http://localhost:{serving.port}"


@pytest.fixture
def environment(served: Served) -> dict[str, str]:
    """What the sessions in JavaScript are told."""
    return {**os.environ, **served.environment()}
