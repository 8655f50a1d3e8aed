"""What SQLite can do."""

from __future__ import annotations

from typing import Final

from backstay.dialects.features import Features

FEATURES: Final = Features(
    bulk_insert=True,
    tells_inserted=False,
    row_locks=False,
    native_arrays=False,
    native_json=False,
    ranges=False,
    planner_count=False,
    schemas=False,
    functions=False,
    tells_deleted=False,
    local_settings=False,
    inverted_indexes=False,
    native_order=False,
    nulls_above=False,
)
"""SQLite's capabilities. A bulk insert is ``INSERT … SELECT … FROM json_each(?)``."""
