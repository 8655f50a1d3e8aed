"""Running a golden case: the same request on every database, with all that the compiler made of it."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import msgspec

from backstay import Backstay
from backstay.dialects.dialect import Statement
from backstay.dialects.write import Altering, Deleting, Inserting, Writing, made_columns
from backstay.errors import BackstayError
from backstay.frontends.http import Request, Response
from backstay.frontends.rest.parse import parse
from backstay.plan.explain import explain
from backstay.plan.resolve import resolve
from backstay.query.nodes import Call, Delete, Insert, Select, Update
from backstay.query.shape import slotted, split
from backstay.schema.caller import Caller
from backstay.schema.kind.zone import find_zone
from fixtures.rows import CALLERS, fill
from fixtures.workspace import build

Query: TypeAlias = Select | Insert | Update | Delete


@dataclass(frozen=True)
class Case:
    """A request, who asks, and whether they may aggregate."""

    request: Request
    caller: Caller
    aggregates: bool = False


@dataclass(frozen=True)
class Answered:
    """What one database made of a case."""

    plan: str
    sql: str
    response: str


def read_request(file: Path) -> Case:
    """Read ``request.http``: a request line, headers, a blank line, the body.

    ``as:`` says who asks, ``aggregates: on`` allows aggregates.
    """
    head, _, body = file.read_text(encoding="utf-8").partition("\n\n")
    first, *lines = head.splitlines()
    method, target = first.split(" ", 1)
    path, _, query = target.strip().partition("?")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    caller = CALLERS[headers.pop("as", "anon")]
    aggregates = headers.pop("aggregates", "off") == "on"
    return Case(Request(method, path, query, headers, body.strip().encode()), caller, aggregates)


class Golden:
    """The application, on a filled database of each kind."""

    def __init__(self, folder: Path, postgresql: str) -> None:
        self._urls = {"sqlite": f"sqlite:///{folder}/golden.db", "postgresql": postgresql}
        self._filled: set[str] = set()

    async def answer(self, case: Case) -> dict[str, Answered]:
        """What each database answers."""
        return {name: await self._answer(name, url, case) for name, url in self._urls.items()}

    async def _answer(self, name: str, url: str, case: Case) -> Answered:
        app = build(url)
        app.configure(transaction_override=True, aggregates=case.aggregates)
        await app.start()
        try:
            if name not in self._filled:
                await fill(app)
                self._filled.add(name)
            return Answered(*_compiled(app, case), _text(await ask(app, undone(case))))
        finally:
            await app.stop()


def undone(case: Case) -> Case:
    """The same request, its writes rolled back after they were answered: every case starts from the same rows."""
    preferences = [each for each in (case.request.headers.get("prefer"), "tx=rollback") if each]
    headers = {**case.request.headers, "prefer": ", ".join(preferences)}
    return replace(case, request=replace(case.request, headers=headers))


async def ask(app: Backstay, case: Case) -> Response:
    """Answer a case as the front door would, without HTTP."""
    try:
        return await app.assembly.rest(case.request, case.caller)
    except BackstayError as error:
        return app.assembly.render(error, case.caller)


def _compiled(app: Backstay, case: Case) -> tuple[str, str]:
    """The plan and the SQL; empty where the request does not come so far."""
    plan = sql = ""
    with contextlib.suppress(BackstayError):
        asked = parse(case.request, app.settings)
        query, zone = asked.query, asked.preferences.timezone
        assert not isinstance(query, Call)
        plan = _plan(app, query, case)
        sql = _sql(app, query, replace(case.caller, timezone=find_zone(zone) if zone else None))
    return plan, sql


def _plan(app: Backstay, query: Query, case: Case) -> str:
    _, values = split(query)
    resolved = resolve(slotted(query), app.schema, may_know=lambda served: True, aggregates=case.aggregates)
    text = re.sub(r"/\S+/(\w+\.py):\d+", r"\1", explain(resolved, case.caller, values))
    return f"{text}\n"


def _sql(app: Backstay, query: Query, caller: Caller) -> str:
    plan = app.assembly.road.cache.plan(query, caller)
    compiled = app.assembly.road.compile(plan)
    texts = (
        {"read": compiled}
        if isinstance(compiled, Statement)
        else _statements(compiled, len(query.rows) if isinstance(query, Insert) else 1)
    )
    found = [f"-- {name}\n{each.text.rstrip()}\n" for name, each in texts.items() if each is not None]
    return "\n".join(" \n".join(found).replace(" \n", "\n").splitlines()) + "\n"


def _statements(writing: Writing, rows: int) -> dict[str, Statement | None]:
    match writing:
        case Inserting():
            again = ", where there are triggers" if writing.telling else ""
            names = tuple(column.name for column in writing.resolved.columns)
            made = tuple(column.name for column in made_columns(writing.resolved.source.served, names))
            insert = writing.lines if rows > 1 else writing.line
            return {
                "which rows are there": writing.existing((*names, *made)) if writing.existing is not None else None,
                "insert": insert((*names, *made)),
                f"check of the new rows{again}": writing.check_new,
                "check of the merged rows": writing.check_merged,
                f"answer{again}": writing.answer,
            }
        case Altering():
            return {"update": writing.change, "check of the new rows": writing.check, "answer": writing.answer}
        case Deleting():
            if writing.answer is None:
                return {"delete": writing.change}
            return {"keys": writing.keys, "answer": writing.answer, "delete by keys": writing.by_keys}


def _text(response: Response) -> str:
    # White space between rows is each database's own, and so is the length.
    headers = [f"{name}: {value}" for name, value in response.headers if name != "content-length" or value == "0"]
    lines = [f"HTTP {response.status}", *headers]
    body = response.body.decode()
    if body.startswith(("[", "{")):
        body = msgspec.json.format(body, indent=2)
    return "\n".join([*lines, "", body]).rstrip() + "\n"
