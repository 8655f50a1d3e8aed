"""PostgreSQL's types, from its catalog, as SQLAlchemy's."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from backstay.dialects.reflect.types import Types
from backstay.schema.kind import kind_of


def row(oid: int, name: str, **given: Any) -> dict[str, Any]:
    return {
        "oid": oid,
        "space": "pg_catalog",
        "name": name,
        "type": "b",
        "category": "X",
        "element": 0,
        "base": 0,
        "modifier": -1,
        "relation": 0,
        "spelt": name,
        "labels": None,
        **given,
    }


TYPES = Types(
    [
        row(1, "int4"),
        row(2, "numeric"),
        row(3, "varchar"),
        row(4, "bpchar"),
        row(5, "_int4", category="A", element=1, spelt="integer[]"),
        row(6, "mood", type="e", space="api", labels=["sad", "glad"], spelt="api.mood"),
        row(7, "price", type="d", space="api", base=2, modifier=(10 << 16) + 2 + 4, spelt="api.price"),
        row(8, "inet"),
        row(9, "spot", type="c", space="api", spelt="api.spot"),
        row(10, "_price", category="A", element=7, space="api", spelt="api.price[]"),
        row(11, "text", space="api", spelt="api.text"),
    ]
)


@pytest.mark.parametrize(
    ("oid", "modifier", "kind", "spelt"),
    [
        (1, -1, "integer", "INTEGER"),
        (2, -1, "numeric", "NUMERIC"),
        (2, (10 << 16) + 2 + 4, "numeric", "NUMERIC(10, 2)"),
        (2, (3 << 16) + 0x7FE + 4, "numeric", "NUMERIC(3, -2)"),
        (3, -1, "character varying", "VARCHAR"),
        (3, 24, "character varying", "VARCHAR(20)"),
        (4, 7, "character", "CHAR(3)"),
        (4, -1, "text", "TEXT"),
        (5, -1, "integer[]", "INTEGER[]"),
        (6, -1, "mood", "api.mood"),
        (7, -1, "numeric", "NUMERIC(10, 2)"),
        (8, -1, "inet", "inet"),
        (9, -1, "api.spot", "api.spot"),
        (10, -1, "numeric[]", "api.price[]"),
        (11, -1, "api.text", "api.text"),
    ],
)
def test_a_type_has_its_kind_and_its_name_in_a_cast(oid: int, modifier: int, kind: str, spelt: str) -> None:
    made = TYPES.make(oid, modifier)
    assert kind_of(made).name == kind
    dialect = postgresql.dialect()
    assert str(sa.cast(sa.literal_column("x"), made).compile(dialect=dialect)) == f"CAST(x AS {spelt})"
