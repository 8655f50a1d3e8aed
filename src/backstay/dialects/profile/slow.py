"""Statements that take long: told with their shape, what the database does, and the index that would help.

Nothing is done for a statement that is not slow but to read the clock twice. Of one that is, the database is asked in
the background, once in a while, one statement at a time; what is kept does not grow.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from backstay.dialects.dialect import Database
from backstay.observe import StatementSlow, observe
from backstay.plan.guard import Plan
from backstay.plan.resolved import Alteration, Deletion, Insertion, Read
from backstay.schema.caller import Local

# What looks and tells is imported with the first slow statement.
if TYPE_CHECKING:
    from backstay.dialects.profile.look import Look

Running: TypeAlias = tuple[str, Sequence[Any]]
"""A statement's text and parameters."""

PAUSE: Final = 60.0
"""Seconds in which a statement is told of once."""
FRESH: Final = 3600.0
"""Seconds after which the database is asked anew."""
_MOST: Final = 200
"""Statements that are remembered."""
_LONGEST: Final = 2000
"""Characters of a shape that are told."""
_OPERATIONS: Final = {Read: "select", Insertion: "insert", Alteration: "update", Deletion: "delete"}


@dataclass(slots=True)
class _Known:
    """What is remembered of a slow statement."""

    told: float = -inf
    times: int = 0
    looked: float = -inf
    plan: str = ""
    index: str = ""


class Slow:
    """Tells of slow statements.

    Arguments:
        limit: how long a statement may take; zero: as long as it likes.
        database: where statements run.
        origin: the plan that something was compiled from, while that is known.
    """

    def __init__(
        self, limit: timedelta, database: Callable[[], Database], origin: Callable[[Any], Plan | None]
    ) -> None:
        self.limit = limit.total_seconds() or inf
        self._database = database
        self._origin = origin
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._looking: asyncio.Task[None] | None = None

    def note(self, compiled: Any, running: Running | None, local: Local, seconds: float, rows: int) -> None:
        """A statement was slow, or was stopped because it was.

        It is told of at once where the database's plan is known, and else a little later; it never raises or waits.

        Arguments:
            compiled: what the plan cache has.
            running: the statement, which may have been the first of several.
            local: the settings of its transaction.
            seconds: how long it took.
            rows: how many rows it found or changed.
        """
        if running is not None and seconds > self.limit:
            with suppress(Exception):  # an answer must not fail because it was slow
                self._note(compiled, running, local, seconds, rows)

    def _note(self, compiled: Any, running: Running, local: Local, seconds: float, rows: int) -> None:
        now, known = monotonic(), self._remember(running[0])
        known.times += 1
        if now - known.told < PAUSE:
            return
        plan = self._origin(compiled)
        if plan is None:
            return
        known.told = now
        if now - known.looked < FRESH or (self._looking is not None and not self._looking.done()):
            _tell(plan, known, seconds, rows)
        else:
            known.looked = now
            self._looking = asyncio.get_running_loop().create_task(
                self._look(plan, running, local, known, seconds, rows)
            )

    async def stop(self) -> None:
        """Ask the database nothing more."""
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    def _remember(self, text: str) -> _Known:
        known = self._known.setdefault(text, _Known())
        self._known.move_to_end(text)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return known

    async def _look(self, plan: Plan, running: Running, local: Local, known: _Known, seconds: float, rows: int) -> None:
        from backstay.dialects.profile.look import look

        try:
            found: Look | None = await look(self._database(), plan, *running, local)
        except Exception:  # the statement is told of all the same
            found = None
        if found is not None:
            known.plan = "; ".join(map(str, found.uses))
            known.index = "; ".join(map(str, found.advice))
        _tell(plan, known, seconds, rows)


def _tell(plan: Plan, known: _Known, seconds: float, rows: int) -> None:
    from backstay.plan.explain import outline

    times, known.times = known.times, 0
    resolved = plan.resolved
    observe(
        StatementSlow(
            resource=resolved.source.served.name[1],
            operation=_OPERATIONS[type(resolved)],
            shape=outline(resolved)[:_LONGEST],
            milliseconds=seconds * 1000,
            rows=rows,
            times=times,
            plan=known.plan,
            index=known.index,
        )
    )
