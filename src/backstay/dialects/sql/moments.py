"""Which moments have a time zone: ``now()`` takes that of what it meets."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import elements, sqltypes

_NOW = ("now", "current_timestamp", "transaction_timestamp", "statement_timestamp", "clock_timestamp")


def with_zone_of(binary: Any, keywords: dict[str, Any]) -> dict[str, Any]:
    """The keywords for compiling the operands of an operator: ``naive_moment`` if one of them has no zone."""
    if binary.left.type._type_affinity is not sqltypes.DateTime:
        return keywords
    zones = [zone for zone in (zone_of(binary.left), zone_of(binary.right)) if zone is not None]
    return {**keywords, "naive_moment": True} if zones and not any(zones) else keywords


def zone_of(element: Any) -> bool | None:
    """Whether an expression has a zone; None if it takes the other side's."""
    if isinstance(element, elements.BinaryExpression):
        zone = zone_of(element.left)
        return zone_of(element.right) if zone is None else zone
    if isinstance(element, elements.Grouping | elements.Label):
        return zone_of(element.element)
    if getattr(element, "name", "") in _NOW and isinstance(element, sa.sql.functions.FunctionElement):
        return None
    if isinstance(element, elements.ColumnClause | elements.Cast) and element.type._type_affinity is sqltypes.DateTime:
        return not is_naive(element.type)
    return None


def is_naive(type_: Any) -> bool:
    """Whether a type is a timestamp without time zone."""
    implementation = type_.impl_instance if isinstance(type_, sa.types.TypeDecorator) else type_
    return isinstance(implementation, sqltypes.DateTime) and not implementation.timezone
