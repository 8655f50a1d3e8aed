"""Kinds: the types on the wire.

A :class:`Kind` is one SQL type by PostgreSQL's name. It turns text in a URL (:meth:`Kind.read`), values of a JSON body
(:meth:`Kind.take`) and Python values (:meth:`Kind.dump`) into the one canonical form that every database is given, and
refuses what PostgreSQL would refuse, with its words. :func:`kind_of` finds the kind of an SQLAlchemy type.
"""

from backstay.schema.kind.array import array
from backstay.schema.kind.document import JSON, JSONB
from backstay.schema.kind.interval import INTERVAL
from backstay.schema.kind.kind import Canonical, Kind
from backstay.schema.kind.mapping import CASTS, kind_of
from backstay.schema.kind.numbers import BIGINT, DOUBLE, INTEGER, NUMERIC, REAL, SMALLINT, numeric
from backstay.schema.kind.symbols import BOOLEAN, BYTEA, UUID, enum
from backstay.schema.kind.texts import TEXT, VARCHAR, char, other, varchar
from backstay.schema.kind.times import DATE, TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ

__all__ = [
    "BIGINT",
    "BOOLEAN",
    "BYTEA",
    "CASTS",
    "DATE",
    "DOUBLE",
    "INTEGER",
    "INTERVAL",
    "JSON",
    "JSONB",
    "NUMERIC",
    "REAL",
    "SMALLINT",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TIMETZ",
    "UUID",
    "VARCHAR",
    "Canonical",
    "Kind",
    "array",
    "char",
    "enum",
    "kind_of",
    "numeric",
    "other",
    "varchar",
]
