"""What this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("backstay")
except PackageNotFoundError:  # a source tree on the path, not installed
    __version__ = "0"
