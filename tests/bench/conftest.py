"""The bench and the examples can be imported, as they can where the bench runs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / name) for name in ("", "examples")]
