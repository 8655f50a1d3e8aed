"""The front doors that these tests knock at, on either database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from behaviour.door import Door
from fixtures import gallery, rows, workspace


@pytest.fixture(scope="module")
def module_gallery(module_database_url: str) -> Iterator[Door]:
    """The gallery, for all tests of a module."""
    with Door(gallery.build(module_database_url), gallery.fill) as door:
        yield door


@pytest.fixture(scope="module")
def module_workspace(module_database_url: str) -> Iterator[Door]:
    """The workspace, for all tests of a module."""
    with Door(workspace.build(module_database_url), rows.fill) as door:
        yield door


@pytest.fixture
def art(module_gallery: Door) -> Door:
    """The gallery with the rows that it begins with."""
    module_gallery.restore()
    return module_gallery


@pytest.fixture
def work(module_workspace: Door) -> Door:
    """The workspace with the rows that it begins with."""
    module_workspace.restore()
    return module_workspace
