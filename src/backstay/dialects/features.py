"""What a database can do, as flags: code asks for a capability, never for a database's name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """The capabilities of one dialect.

    - ``bulk_insert``: takes all rows of an insert as one JSON parameter (else one parameter set per row)
    - ``tells_inserted``: ``RETURNING`` can tell an inserted row from an updated one
    - ``row_locks``: has ``SELECT ... FOR UPDATE``
    - ``native_arrays``, ``native_json``, ``ranges``: has these types itself (else JSON text; ranges not at all)
    - ``planner_count``: can estimate a count without counting
    - ``schemas``: has named schemas
    - ``functions``: has functions of its own that can be served under /rpc
    - ``tells_deleted``: a read may contain a delete, and sees the rows as they were before it
    - ``local_settings``: has settings that hold for one transaction, and roles
    - ``inverted_indexes``: has indexes of what is inside documents, arrays, ranges and texts
    - ``native_order``: compares enumerations and arrays as PostgreSQL does, so that an index of them has that order
    - ``nulls_above``: NULL sorts above all values unless it is told where
    """

    bulk_insert: bool
    tells_inserted: bool
    row_locks: bool
    native_arrays: bool
    native_json: bool
    ranges: bool
    planner_count: bool
    schemas: bool
    functions: bool
    tells_deleted: bool
    local_settings: bool
    inverted_indexes: bool
    native_order: bool
    nulls_above: bool
