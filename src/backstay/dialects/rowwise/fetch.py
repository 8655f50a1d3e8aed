"""Running a read whose answer may be long: whole where that is short enough, row by row where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from backstay.dialects.dialect import WHOLE, Database, Row
from backstay.dialects.reply import Reply
from backstay.dialects.rowwise.batch import WEIGHT
from backstay.dialects.rowwise.layout import Layout, Listed, Sheet
from backstay.dialects.rowwise.reading import Reading
from backstay.dialects.rowwise.spool import MOST_HELD, Spool
from backstay.schema.caller import Caller, Local

_FEW: Final = WHOLE // 2


async def fetch_long(
    database: Database, reading: Reading, values: Sequence[Any], caller: Caller, local: Local, layout: Layout | None
) -> Reply:
    """Run a bounded read: as a whole, or row by row where its body turns out to be longer than ``WHOLE``.

    The arguments and the reply are those of :func:`fetch_rows`.
    """
    row = await database.fetch_whole(reading.text, reading.bind(values, caller), local)
    if row is None:
        reading.habit.note(long=True)
        return await fetch_rows(database, reading, values, caller, local, layout)
    body, rows, *total = row
    return Reply(body.encode(), rows, total[0] if total else None)


async def fetch_rows(
    database: Database, reading: Reading, values: Sequence[Any], caller: Caller, local: Local, layout: Layout | None
) -> Reply:
    """Run a read row by row, and remember whether its answer was long.

    Arguments:
        database, reading, values, caller: what is run, where, with which values, for whom.
        local: the settings that hold for it.
        layout: how rows become the body; None: as the array that the database makes of them.

    Returns:
        The reply, with a spool in the place of a body too long to be held. Whoever gets it closes the spool.
    """
    statement = reading.by_rows()
    sheet = Listed(reading.between) if layout is None else layout.begin()
    gathering = Gathering(sheet, counted=reading.counted)
    spool = gathering.spool
    try:
        await database.fetch_rows(statement.text, statement.bind(values, caller), local, gathering.take)
        spool.write(sheet.end())
    except BaseException:
        spool.close()
        raise
    reading.habit.note(long=spool.length > _FEW)
    body = spool.whole()
    laid, rows, total = layout is not None, gathering.rows, gathering.total
    if body is None:
        return Reply(rows=rows, total=total, laid=laid, spool=spool)
    return Reply(body=body, rows=rows, total=total, laid=laid)


class Gathering:
    """The rows of one answer, on their way into a spool.

    Arguments:
        sheet: makes its bytes of them.
        counted: whether the first row is the total, and none of them.
    """

    def __init__(self, sheet: Sheet, *, counted: bool) -> None:
        self._sheet = sheet
        self.spool = Spool(MOST_HELD)
        self.rows = 0
        self.total: int | None = None
        self._counted = counted

    def take(self, rows: Sequence[Row]) -> int:
        """Write the next rows. To be called in a thread.

        Returns:
            how many characters the rows have.
        """
        if self._counted and self.total is None and rows:
            self.total = rows[0][1]
            rows = rows[1:]
        self.rows += len(rows)
        weight = held = 0
        texts: list[str] = []
        for text, _ in rows:
            # Rows that are wide are written one by one: all of them together would be held three times over.
            if texts and held + len(text) > WEIGHT:
                self.spool.write(self._sheet.write(texts))
                texts, held = [], 0
            texts.append(text)
            held += len(text)
            weight += len(text)
        if texts:
            self.spool.write(self._sheet.write(texts))
        return weight
