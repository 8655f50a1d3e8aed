"""Functions of a PostgreSQL database, callable from outside."""

from backstay.dialects.postgresql.call.function import SQLFunctions

__all__ = ["SQLFunctions"]
