"""What ``me`` is worth in one session: from the token, else from the users' table, read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from backstay.plan.fold import Known, attribute_question, value_of
from backstay.schema.caller import Caller, CallerAttribute
from backstay.schema.python_value import python_value


class Attributes:
    """The caller's attributes as Python values.

    Arguments:
        caller: who asks.
        look_up: reads the caller's row in the users' table, of this class, by column name; empty where there is none.
    """

    def __init__(self, caller: Caller, look_up: Callable[[type[Any]], Mapping[str, Any]]) -> None:
        self.caller = caller
        self._look_up = look_up
        self._row: Mapping[str, Any] | None = None

    def value(self, attribute: CallerAttribute) -> Any:
        """One attribute; None for a caller who is not signed in.

        Raises:
            InvalidClaims: the token's claim has not the column's type.
        """
        if attribute.column is None or attribute_question(attribute).ask(self.caller) is not Known.TABLE:
            return python_value(attribute.type, value_of(attribute, self.caller))
        if self._row is None:
            self._row = self._look_up(attribute.user)
        return self._row.get(attribute.column.name)


SPEAKING: ContextVar[Attributes] = ContextVar("backstay_speaking")
"""The attributes of the caller whose statement is being bound: compiled statements are shared by many callers."""
