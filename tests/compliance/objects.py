"""What schemathesis talks to: the workspace with a function that gives one note, and a twin in which it gives any."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backstay import system
from fixtures.workspace import Note, build

app = build()
twin = build()


@app.function
async def note(session: AsyncSession, note_id: UUID) -> Note | None:
    """Answer a note, if the caller may see it."""
    return await session.get(Note, note_id)


async def any_note(session: AsyncSession, note_id: UUID) -> Note | None:
    """Answer a note, whoever asks: the hole."""
    async with twin.session(system) as everything:
        return await everything.get(Note, note_id)


any_note.__name__ = "note"
twin.function(any_note)
