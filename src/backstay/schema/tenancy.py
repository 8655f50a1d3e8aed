"""Tenancy: rows that belong to one organisation, kept apart on every road."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnExpressionArgument
from sqlalchemy.orm import InstrumentedAttribute

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tenancy(Generic[T]):
    """Which column says whose a row is, and whose the caller is.

    Every table that has the column (a mixin's column: every model that inherits it) is narrowed to the caller's tenant
    in every select, embed, sub-select, count and write, beside its own rules; a new row must be the caller's
    tenant's, and gets it where it names none. ``system`` and the secret key see all tenants.

    Arguments:
        column: the column on a mixin or a model, such as ``Owned.org_id``.
        current: the caller's tenant, such as ``me.org_id``.
    """

    column: InstrumentedAttribute[T]
    current: ColumnExpressionArgument[T]

    def covers(self, model: type[Any]) -> str | None:
        """The attribute by which a mapped class belongs to a tenant; None when it does not."""
        for owner in model.__mro__:
            for name, value in vars(owner).items():
                if value is self.column:
                    return name
        return None
