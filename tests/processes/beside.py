"""The workspace with its sites beside it, as a server loads it."""

from __future__ import annotations

from fixtures import sites
from fixtures.workspace import build

app = sites.mount(build())
