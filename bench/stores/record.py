"""The statements that Backstay runs for each work, with marks where a request's own values go: for the bare loop."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from backstay.dialects.connect import connect
from backstay.dialects.dialect import Database, Row, Transaction
from backstay.dialects.reply import Reply
from backstay.dialects.road import Road
from backstay.frontends.http import Request
from backstay.frontends.rest.parse import parse
from backstay.query.nodes import Delete, Insert, Select, Update
from backstay.schema.caller import Caller, Local, Role
from bench.data import subjects
from bench.places import Size
from bench.servers.program import app
from bench.speech import Rest, written
from bench.works import WORKS, Ask, Subjects, asks

T = TypeVar("T")
PREFIX = "/rest/v1"


class Recorded(Exception):
    """Raised before the commit: nothing of what is recorded is kept."""


class Recording:
    """A database that notes what it is asked, and the keys that it answers a write with."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.statements: list[tuple[str, list[Any]]] = []
        self.keys: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    def fetch_at_once(self, text: str, parameters: Sequence[Any]) -> None:
        """Never: what is fetched is noted below."""

    async def fetch(self, text: str, parameters: Sequence[Any], local: Local = ()) -> list[Row]:
        """Note, and run."""
        self.statements.append((text, list(parameters)))
        return await self.database.fetch(text, parameters, local)

    async def write(self, work: Callable[[Transaction], Awaitable[T]], local: Local = ()) -> T:
        """Run ``work`` with a transaction that notes."""

        async def noting(transaction: Transaction) -> T:
            return await work(cast("Transaction", _Noting(transaction, self)))

        return await self.database.write(noting, local)


class _Noting:
    def __init__(self, transaction: Transaction, recording: Recording) -> None:
        self.transaction = transaction
        self.recording = recording

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transaction, name)

    async def fetch(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        self.recording.statements.append((text, list(parameters)))
        found = await self.transaction.fetch(text, parameters)
        if len(self.recording.statements) == 1:
            self.recording.keys = [str(row[0]) for row in found]
        return found


async def record(database: str, size: Size) -> dict[str, list[tuple[str, list[Any]]]]:
    """For each kind of request the statements that Backstay runs, in their order.

    Arguments:
        database: the URL of Backstay's store.
        size: how much data is in it.
    """
    # Much data takes its time, and what is looked up about slow statements is none of theirs.
    app.configure(database=database, statement_timeout=timedelta(minutes=5), slow_statement=timedelta(0))
    engine = connect(database, settings=app.settings, metadata=app.schema.metadata)
    recording = Recording(engine.database)
    road = Road(app.schema, replace(engine, database=cast("Database", recording)), app.settings)
    await engine.database.start()
    known = subjects(size)
    try:
        kinds = {work.name: next(asks(work, known)) for work in WORKS.values() if not work.parts}
        # What is searched for is taken apart before it is a parameter, so each word has parameters of its own.
        words = {f"search/{word}": Ask("search", 0, word) for word in known.words}
        return {name: await _statements(road, recording, ask, known) for name, ask in {**kinds, **words}.items()}
    finally:
        await engine.database.close()


async def _statements(road: Road, recording: Recording, ask: Ask, known: Subjects) -> list[tuple[str, list[Any]]]:
    asked = Rest([""] * len(known.callers)).request(ask, known)
    path, _, query = asked.target.removeprefix(PREFIX).partition("?")
    body = json.dumps(json.loads(asked.body)[:1]).encode() if ask.work == "bulk" else asked.body
    headers = {**asked.headers, "content-type": "application/json"}
    parsed = parse(Request(asked.method, path, query, headers, body), app.settings).query
    caller = known.callers[ask.caller][0]
    claims = {"sub": caller, "role": Role.AUTHENTICATED.value}
    recording.statements.clear()
    recording.keys.clear()

    def judge(reply: Reply) -> None:
        raise Recorded

    try:
        assert isinstance(parsed, Select | Insert | Update | Delete)
        await road.answer(parsed, Caller(id=caller, claims=claims, role=Role.AUTHENTICATED), judge)
    except Recorded:
        pass
    return [
        (text, [_mark(value, ask, known, recording.keys) for value in given]) for text, given in recording.statements
    ]


def _mark(value: Any, ask: Ask, known: Subjects, keys: list[str]) -> Any:
    """A parameter as a template: what ``{"mark": ...}`` stands for is in the request, ``each`` is a list of rows."""
    caller, company = known.callers[ask.caller]
    if ask.work == "search":
        return {"mark": "caller"} if value == caller else value
    if keys and value == keys[0] and ask.work in ("insert", "bulk"):
        return {"mark": "cell", "cell": "key"}
    if not isinstance(value, str):
        return {"mark": "number"} if str(value) == ask.value else value
    if value == caller:
        return {"mark": "caller"}
    if value in (ask.value, company) and ask.work not in ("insert", "bulk"):
        return {"mark": "value"}
    if ask.work == "update" and ask.value in value:
        return {"mark": "website"}
    if ask.work == "insert" and (value == ask.value or value.startswith("{")):
        return {"mark": "cell", "cell": "name" if value == ask.value else "filters_text"}
    if ask.work == "message" and value == written(ask)["text"]:
        return {"mark": "cell", "cell": "text"}
    if value.startswith("["):
        (item,) = json.loads(value)
        return {"mark": "each", "item": _item(item, ask, keys)}
    return value


def _item(item: Any, ask: Ask, keys: list[str]) -> Any:
    """One row of a list: a place for the row's number, its key, and the columns of the request's body."""

    def place(cell: Any) -> str:
        if keys and str(cell) == keys[0]:
            return "key"
        if str(cell) == ask.value:
            return "room_id" if ask.work == "message" else "name"
        if cell == f"{ask.value}-0":
            return "name"
        if isinstance(cell, dict) or str(cell).startswith("{"):
            return "filters" if isinstance(cell, dict) else "filters_text"
        return "number" if isinstance(cell, int) else "text"

    if isinstance(item, dict):
        return {name: place(cell) for name, cell in item.items()}
    return [place(cell) for cell in item]


if __name__ == "__main__":
    address, path, postings, companies = sys.argv[1:]
    found = asyncio.run(record(address, Size(int(postings), int(companies))))
    Path(path).write_text(json.dumps(found, indent=1), encoding="utf-8")
