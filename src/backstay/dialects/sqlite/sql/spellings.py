"""SQL that is spelled from SQLite's own functions, so that other tools can still write to the file."""

from __future__ import annotations

from typing import Final

NOW: Final = "rtrim(rtrim(strftime('%Y-%m-%dT%H:%M:%f','now'),'0'),'.')"
"""This moment in UTC, as a timestamp without zone: to the millisecond, trailing zeros left out."""

NOW_ZONED: Final = f"{NOW} || '+00:00'"
"""This moment as a timestamp with zone."""

TODAY: Final = "strftime('%Y-%m-%d','now')"
"""Today's date in UTC."""

TIME_NOW: Final = "rtrim(rtrim(strftime('%H:%M:%f','now'),'0'),'.')"
"""This time of day in UTC."""

RANDOM_UUID: Final = (
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)),2) || '-' || "
    "substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)),2) || '-' || hex(randomblob(6)))"
)
"""A random UUID, version 4."""

RANDOM: Final = "(random() / 18446744073709551616.0 + 0.5)"
"""A number from 0 to 1, as PostgreSQL's ``random()``."""

COLLATE: Final = " COLLATE decimal"
"""What follows an expression over decimals, so that it compares by value."""
