"""Functions of a PostgreSQL database that take a row: computed columns, and computed relations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from backstay.dialects.reflect.types import Types
from backstay.schema.kind import kind_of
from backstay.schema.relation import RowFunction
from backstay.schema.served import Computed

QUERY: Final = """
SELECT n.nspname AS space, p.proname AS name, p.proretset AS set, p.prorows = 1 AS single, p.prorettype AS returns,
  rn.nspname AS row_space, r.relname AS row_name, format_type(a.oid, NULL) AS row_type,
  tn.nspname AS target_space, t.relname AS target_name, obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_type a ON a.oid = p.proargtypes[0]
JOIN pg_class r ON r.oid = a.typrelid AND r.relkind IN ('r', 'p', 'v', 'm', 'f')
JOIN pg_namespace rn ON rn.oid = r.relnamespace
JOIN pg_type o ON o.oid = p.prorettype
LEFT JOIN pg_class t ON t.oid = o.typrelid AND t.relkind IN ('r', 'p', 'v', 'm', 'f')
LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE n.nspname = ANY($1) AND p.prokind = 'f' AND p.pronargs = 1 AND p.proallargtypes IS NULL AND o.typtype <> 'p'
  AND (t.oid IS NOT NULL OR NOT p.proretset)
  AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  )
ORDER BY n.nspname, p.proname, p.oid
"""
"""Functions of one row of a table or view: those that answer with a value, and those that answer with rows of one."""


def read_computed(rows: Sequence[Any], types: Types) -> list[Computed]:
    """What the rows of :data:`QUERY` compute."""
    return [
        Computed(
            row=(row["row_space"], row["row_name"]),
            function=RowFunction((row["space"], row["name"]), row["row_type"]),
            kind=None if row["target_name"] is not None else kind_of(types.make(row["returns"])),
            target=None if row["target_name"] is None else (row["target_space"], row["target_name"]),
            many=row["set"] and not row["single"],
            description=row["comment"] or "",
        )
        for row in rows
    ]
