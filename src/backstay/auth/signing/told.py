"""What the trail tells of signing keys: the command line changes them in a file, and the workers notice it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from backstay.auth.audit import note
from backstay.auth.limits.limit import Limit
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.errors import TooManyRequests
from backstay.schema.caller import Caller, Role
from backstay.schema.exchange import Request

_ACTION: Final = "signing_keys_changed"
_ONCE: Final = Limit("signing keys", 1, timedelta(minutes=5))


async def note_keys(sign_in: SignIn, kids: Sequence[str]) -> None:
    """Put on the trail which keys there are, if they are others than it told last; of all workers one does.

    Arguments:
        sign_in: whose trail.
        kids: the names of the keys, the newest first.
    """
    system = Incoming(request=Request("", "", "", {}, b"", ""), caller=Caller(id="system", role=Role.SERVICE))
    audit = sign_in.tables.audit
    last = sa.select(audit.c.detail).where(audit.c.action == _ACTION).order_by(audit.c.id.desc()).limit(1)
    async with sign_in.session(readonly=True) as db:
        told = (await db.execute(last)).scalar_one_or_none()
    if told is not None and told["kids"] == list(kids):
        return
    try:
        await sign_in.gate.admit(system.now, (_ONCE, " ".join(kids)))
    except TooManyRequests:
        return
    async with sign_in.session() as db:
        await note(db, sign_in, system, _ACTION, None, {"kids": list(kids)})
