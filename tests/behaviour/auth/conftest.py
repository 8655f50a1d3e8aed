"""The club and the agency, open on either database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asking import Agency
from backstay.auth.password import hashes
from granting import Granting
from signing_in import Clock, Club


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """Hashes of passwords that cost next to nothing: every test signs somebody up. Modules about the cost keep it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashes, "MEMORY", 64)
        patch.setattr(hashes, "PASSES", 1)
        _forget_costs()
        yield
    _forget_costs()


def _forget_costs() -> None:
    hashes._argon2.cache_clear()
    hashes._decoy.cache_clear()


@pytest.fixture(scope="module")
def module_club(module_database_url: str) -> Iterator[Club]:
    """The club, for all tests of a module."""
    with Club(module_database_url) as club:
        yield club


@pytest.fixture
def club(module_club: Club) -> Club:
    """The club with nobody in it."""
    module_club.restore()
    return module_club


@pytest.fixture(scope="module")
def module_agency(module_database_url: str) -> Iterator[Agency]:
    """The agency, for all tests of a module."""
    with Agency(module_database_url) as agency:
        yield agency


@pytest.fixture
def agency(module_agency: Agency) -> Agency:
    """The agency with the rows that it begins with, and no keys."""
    module_agency.restore()
    return module_agency


@pytest.fixture(scope="module")
def module_granting(module_database_url: str) -> Iterator[Granting]:
    """The agency with an authorisation server, for all tests of a module."""
    with Granting(module_database_url) as granting:
        yield granting


@pytest.fixture
def granting(module_granting: Granting) -> Granting:
    """It with the rows that it begins with, and no clients."""
    module_granting.restore()
    return module_granting


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The application's clock."""
    return Clock(monkeypatch)


@pytest.fixture
def opened(database_url: str) -> Iterator[Callable[..., Club]]:
    """Opens clubs at one database, each a worker of its own."""
    clubs: list[Club] = []

    def build(**settings: Any) -> Club:
        clubs.append(Club(database_url, **settings).__enter__())
        return clubs[-1]

    yield build
    for each in clubs:
        each.__exit__()
