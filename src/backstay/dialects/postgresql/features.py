"""What PostgreSQL can do."""

from __future__ import annotations

from typing import Final

from backstay.dialects.features import Features

FEATURES: Final = Features(
    bulk_insert=True,
    tells_inserted=True,
    row_locks=True,
    native_arrays=True,
    native_json=True,
    ranges=True,
    planner_count=True,
    schemas=True,
    functions=True,
    tells_deleted=True,
    local_settings=True,
    inverted_indexes=True,
    native_order=True,
    nulls_above=True,
)
"""The capabilities of PostgreSQL, of every version Backstay speaks to."""
