"""Tokens that are dead before they expire: those of sessions that were ended, and of users who were turned out.

A token is believed without a look at the database, so each worker keeps the few that must not be: it reads twice a
second which rows were added to a table, and forgets whoever it remembered as their caller. Whether that can be read is
part of being ready; after five seconds in which it cannot, tokens of users are refused (ASVS 16.5.3).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.pulse import Pulse
from backstay.auth.token import SKEW
from backstay.auth.verified import VerifiedTokens
from backstay.dialects.dialect import Database, Row
from backstay.errors import DatabaseFault, RevocationsUnknown, SessionEnded
from backstay.observe import RevocationsFound, RevocationsLost, observe

EVERY: Final = timedelta(seconds=0.5)
"""How long a worker may not know of a revocation."""
_DEADLINE: Final = 2.0
_NO_TABLE: Final = "42P01"
_PATIENCE: Final = 5.0
"""Seconds for which users are served although new revocations cannot be read."""
_OVERLAP: Final = 30.0
"""Seconds for which rows are read again: on PostgreSQL a row may be committed after one with a greater id."""
_ANEW: Final = 60.0
"""Seconds after which all rows are read again, and those that have had their time are deleted."""


class Revoked(Enum):
    """What a row revokes: the tokens of a session, or all tokens of a user that were issued until then."""

    SESSION = "session"
    USER = "user"


@dataclass(frozen=True, slots=True)
class _End:
    """When it was revoked, and when the last token that this concerns has expired; seconds since 1970."""

    at: float
    until: float


class Revocations:
    """What is revoked, as far as it matters still.

    Arguments:
        table: where it is written (``auth_revocations``); a row is of no use after its ``until``.
        database: which holds the table.
        verified: what a worker remembers of tokens; revoked ones are forgotten in it.
    """

    def __init__(self, table: sa.Table, database: Database, verified: VerifiedTokens) -> None:
        self._table = table
        self._database = database
        self._verified = verified
        self._newer, self._older = _statements(table, database.sql)
        self._ends: dict[tuple[str, str], _End] = {}
        self._after = 0
        self._anew = -math.inf
        self._known = False
        self._begun = 0
        self._lost: float | None = None
        self._lock = asyncio.Lock()
        self._pulse = Pulse("reading which sessions have ended", self._beat, every=EVERY)

    @property
    def is_current(self) -> bool:
        """Whether it is known what is revoked."""
        return self._known and (self._lost is None or time.monotonic() - self._lost < _PATIENCE)

    async def start(self) -> None:
        """Read what is revoked, and go on reading. Until it could be read once, users are refused."""
        await self._beat()
        await self._pulse.start()

    async def stop(self) -> None:
        """Stop reading."""
        await self._pulse.stop()

    # Revoking ------------------------------------------------------------------------------------------------

    async def note(self, session: AsyncSession, kind: Revoked, subject: str, *, now: datetime, until: datetime) -> None:
        """Revoke in a session's transaction; it takes effect when that is committed, on every worker.

        Arguments:
            session: a session of ``system``.
            kind: whether ``subject`` is the id of a session or of a user.
            subject: the id, as tokens write it in ``session_id`` or ``sub``.
            now: the moment: tokens of a user that are issued later are good.
            until: when the last token that this concerns has expired.
        """
        row = {"kind": kind.value, "subject": subject, "at": now, "until": until}
        await session.execute(sa.insert(self._table).values(row))
        event.listen(session.sync_session, "after_commit", lambda _session: self._pulse.hasten())

    async def refresh(self) -> None:
        """Read at once what was revoked, so that an answer comes after its effect on this worker.

        Those who ask at the same time share one reading that began after they asked.
        """
        await self._beat(after=self._begun)

    def issue_at(self, user: str, now: float) -> float:
        """The moment (``iat``) of a new token: ``now``, or the second after the user's tokens were revoked.

        A token tells its moment in whole seconds; one of the very second would be taken for an older one.
        """
        end = self._ends.get((Revoked.USER.value, user))
        return now if end is None else max(now, float(math.floor(end.at) + 1))

    # Asking --------------------------------------------------------------------------------------------------

    def check(self, claims: Mapping[str, Any]) -> None:
        """Refuse the claims of a token that was revoked.

        Raises:
            SessionEnded: it was.
            RevocationsUnknown: this cannot be told of a user's token now.
        """
        if self.is_dead(claims):
            raise SessionEnded
        if not self.is_current and ("sub" in claims or "session_id" in claims):
            raise RevocationsUnknown

    def is_dead(self, claims: Mapping[str, Any]) -> bool:
        """Whether a token with these claims was revoked."""
        if not self._ends:
            return False
        if (Revoked.SESSION.value, claims.get("session_id")) in self._ends:
            return True
        end = self._ends.get((Revoked.USER.value, str(claims.get("sub"))))
        return end is not None and claims.get("iat", -math.inf) <= end.at

    # Reading -------------------------------------------------------------------------------------------------

    async def _beat(self, *, after: int | None = None) -> None:
        try:
            async with self._lock, asyncio.timeout(_DEADLINE):
                if after is not None and self._begun > after:
                    return
                self._begun += 1
                await self._read()
        except Exception as error:
            if self._lost is None:
                self._lost = time.monotonic()
                observe(RevocationsLost(error))
            if not self.is_current:
                self._verified.forget()
        else:
            if self._lost is not None:
                observe(RevocationsFound((time.monotonic() - self._lost) * 1000))
            self._known, self._lost = True, None

    async def _read(self) -> None:
        anew = time.monotonic() - self._anew > _ANEW
        try:
            rows = await self._database.fetch(self._newer, [0 if anew else self._after], ())
        except DatabaseFault as error:
            if error.state != _NO_TABLE:
                raise
            rows = []  # nobody ever signed in here, so there is nothing to revoke
        if anew:
            self._anew = time.monotonic()
            self._ends = {subject: end for subject, end in self._ends.items() if end.until > time.time()}
        self._take(rows)
        if anew:
            await self._prune(rows)

    def _take(self, rows: Sequence[Row]) -> None:
        now = time.time()
        added = False
        for number, kind, subject, at, until in rows:
            # Tokens are taken for a little longer than they say.
            end = _End(_seconds(at), _seconds(until) + SKEW)
            if end.at <= now - _OVERLAP:
                self._after = max(self._after, int(number))
            known = self._ends.get((kind, subject), end)
            latest = _End(max(end.at, known.at), max(end.until, known.until))
            if latest.until > now and self._ends.get((kind, subject)) != latest:
                self._ends[kind, subject] = latest
                added = True
        if added:
            self._verified.forget_those(lambda caller: self.is_dead(caller.claims))

    async def _prune(self, rows: Sequence[Row]) -> None:
        """Delete the oldest rows, as far as all of them have had their time."""
        past = 0
        for number, *_, until in rows:
            if _seconds(until) > time.time() - _ANEW:
                break
            past = int(number)
        if past:
            await self._database.write(lambda transaction: transaction.fetch(self._older, [past]), ())


def _statements(table: sa.Table, dialect: sa.Dialect) -> tuple[str, str]:
    """What reads the rows after a number, and what deletes those up to one."""
    number = sa.bindparam("number", type_=table.c.id.type)
    newer = sa.select(table.c.id, table.c.kind, table.c.subject, table.c.at, table.c.until)
    newer = newer.where(table.c.id > number).order_by(table.c.id)
    older = sa.delete(table).where(table.c.id <= number)
    return str(newer.compile(dialect=dialect)), str(older.compile(dialect=dialect))


def _seconds(moment: Any) -> float:
    """A moment as the driver gives it, in seconds since 1970."""
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
