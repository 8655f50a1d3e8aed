"""The trail of what happened, as the secret key reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from backstay.auth.admin.pages import read_page
from backstay.auth.protocol.answer import Answer, moment
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.errors import ValidationFailed

_SCOPES: Final[Mapping[str, Callable[[sa.Table, str], sa.ColumnElement[bool]]]] = {
    "action": lambda audit, text: audit.c.action == text,
    "author": lambda audit, text: audit.c.by == text,
    "user": lambda audit, text: audit.c.user_id == text,
    "address": lambda audit, text: audit.c.address == text,
}


async def show_trail(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /admin/audit``: a page of the trail, the newest first; ``query=action:signed_in`` narrows it.

    Raises:
        ValidationFailed: the query names nothing that the trail can be narrowed by.
    """
    page = read_page(incoming)
    audit = sign_in.tables.audit
    which = _read_query(audit, incoming.query.get("query", ""))
    newest = sa.select(audit).where(which).order_by(audit.c.id.desc()).limit(page.size).offset(page.offset)
    async with sign_in.session() as db:
        total = (await db.execute(sa.select(sa.func.count()).select_from(audit).where(which))).scalar_one()
        rows = (await db.execute(newest)).mappings().all()
    return Answer([_describe(row) for row in rows], headers=page.headers("/admin/audit", total))


def _read_query(audit: sa.Table, query: str) -> sa.ColumnElement[bool]:
    if not query:
        return sa.true()
    scope, colon, text = query.partition(":")
    if not colon or scope not in _SCOPES:
        known = ", ".join(_SCOPES)
        raise ValidationFailed(f"Invalid query scope: {query[:60]}", hint=f"Write scope:value, with one of {known}.")
    return _SCOPES[scope](audit, text)


def _describe(row: sa.RowMapping) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "payload": {"action": row["action"], "actor_id": row["by"], "traits": row["detail"]},
        "created_at": moment(row["at"]),
        "ip_address": row["address"] or "",
        "user_id": row["user_id"],
        "user_agent": row["user_agent"],
    }
