"""The club, open on either database, with nobody in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from signing_in import Club


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
