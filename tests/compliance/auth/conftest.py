"""The club, served to real clients, on either database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from compliance.auth.opened import Opened
from compliance.auth.program import AUTH, POST, SETTINGS
from serving import Serving
from signing_in import Club


@pytest.fixture(scope="module")
def module_opened(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The club, served to all tests of a module."""
    with open_club(module_database_url, tmp_path_factory.mktemp("club")) as opened:
        yield opened


@pytest.fixture
def opened(module_opened: Opened) -> Opened:
    """The club, served, with nobody in it."""
    module_opened.restore()
    return module_opened


@contextlib.contextmanager
def open_club(database: str, folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Opened]:
    """The club on a database, served, its mails and its log in a folder."""
    file = folder / "post.jsonl"
    file.touch()
    with pytest.MonkeyPatch.context() as patch, Club(database, auth=dict(AUTH), **SETTINGS) as club:
        patch.setenv(POST, str(file))
        with Serving("compliance.auth.program:app", database, folder, settings or {}) as serving:
            yield Opened(serving.url, database.partition(":")[0], club, file)
