"""The club, served to real clients, on either database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compliance.auth.opened import Opened
from compliance.auth.program import POST, SETTINGS
from serving import Serving
from signing_in import Club


@pytest.fixture(scope="module")
def module_opened(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The club, served to all tests of a module."""
    folder = tmp_path_factory.mktemp("club")
    file = folder / "post.jsonl"
    file.touch()
    with pytest.MonkeyPatch.context() as patch, Club(module_database_url, **SETTINGS) as club:
        patch.setenv(POST, str(file))
        with Serving("compliance.auth.program:app", module_database_url, folder, {}) as serving:
            yield Opened(serving.url, module_database_url.partition(":")[0], club, file)


@pytest.fixture
def opened(module_opened: Opened) -> Opened:
    """The club, served, with nobody in it."""
    module_opened.restore()
    return module_opened
