"""``backstay plan --analyze``: a request is run, and what it costs is told. What it writes is rolled back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from textwrap import indent
from time import perf_counter
from typing import Any, Final

import sqlalchemy as sa

from backstay.cli.load import Loaded
from backstay.dialects.dialect import Explaining, Statement
from backstay.dialects.execute import opening
from backstay.dialects.hooked import has_hooks
from backstay.dialects.migrate.run import run
from backstay.dialects.profile.look import Look, judge
from backstay.dialects.road import Compiled
from backstay.errors import DeclarationError
from backstay.frontends.http import Request, Response
from backstay.frontends.rest.asked import Asked
from backstay.frontends.rest.prefer import Ending
from backstay.query.nodes import Call, Delete, Insert, Select, Update
from backstay.schema.caller import Caller
from backstay.server.assembly import Assembly

_OPTIONS: Final = ("analyze", "buffers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What a request costs.

    Arguments:
        statement: the SQL that the plan is of: the read, or the first change of a write.
        plan: the database's own plan, as text.
        look: what it comes to.
        milliseconds: how long each step took, once all was warm; ``compile`` is paid once per shape.
        effort: what the database counted.
        response: the answer.
        rows: how many rows it holds, or were written.
        undone: whether something was written, and rolled back.
    """

    statement: str
    plan: str
    look: Look
    milliseconds: Mapping[str, float]
    effort: Mapping[str, int]
    response: Response
    rows: int
    undone: bool

    def text(self) -> str:
        """For people."""
        steps = [f"{name:<8} {took:9.3f} ms" for name, took in self.milliseconds.items() if name != "compile"]
        steps.append(f"(compiled in {self.milliseconds['compile']:.3f} ms, once for all requests of this shape)")
        parts = ["The database's plan", indent(self.plan, "  "), "Time", indent("\n".join(steps), "  ")]
        if self.effort:
            counts = "\n".join(f"{count:>9,} {words}" for words, count in self.effort.items())
            parts += ["Effort", indent(counts, "  ")]
        done = ", rolled back" if self.undone else ""
        size = len(self.response.body)
        parts += ["Answer", f"  {self.response.status}: {self.rows:,} rows, {size:,} bytes{done}"]
        parts.append("Indexes that would help")
        for advice in self.look.advice:
            parts += [f"  {advice}", f"      because {advice.reason}"]
        return "\n".join(parts if self.look.advice else [*parts, "  none"])

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "statement": self.statement,
            "plan": self.plan.split("\n"),
            "uses": [str(use) for use in self.look.uses],
            "milliseconds": {name: round(took, 3) for name, took in self.milliseconds.items()},
            "effort": self.effort,
            "status": self.response.status,
            "rows": self.rows,
            "bytes": len(self.response.body),
            "rolled_back": self.undone,
            "advice": [
                {
                    "table": each.table.fullname,
                    "place": each.place,
                    "declaration": each.declaration,
                    "reason": each.reason,
                }
                for each in self.look.advice
            ],
        }


def run_analysis(loaded: Loaded, request: Request, caller: Caller) -> Analysis:
    """Run a request for a caller.

    Raises:
        DeclarationError: it is none that can be run and undone, or the database has not the table.
        BackstayError: whatever the request is refused for.
    """
    return asyncio.run(_Run(loaded, request, caller).analyze())


class _Run:
    def __init__(self, loaded: Loaded, request: Request, caller: Caller) -> None:
        loaded.app.configure(slow_statement=timedelta(0))
        self.loaded = loaded
        self.assembly: Assembly = loaded.app.assembly
        self.request = request
        self.caller = caller

    async def analyze(self) -> Analysis:
        database = self.assembly.engine.database
        query = self.parse().query
        if isinstance(query, Call):
            raise DeclarationError("A function is not analyzed: what it does elsewhere cannot be undone.")
        began = perf_counter()
        compiled, values = self.assembly.road.cache.find(query, self.caller)
        compiling = perf_counter() - began
        if not isinstance(compiled, Statement) and has_hooks(compiled):
            raise DeclarationError(
                f"{query.resource} has hooks: what they do elsewhere cannot be undone.",
                hint="Leave --analyze out, or ask for a read.",
            )
        await self.check_table(query)
        await database.start()
        try:
            return await self.measure(query, compiled, values, compiling)
        finally:
            await database.close()

    def parse(self) -> Asked:
        asked = self.assembly.rest.parse(self.request)
        if asked is None:
            raise DeclarationError(f"{self.request.method} {self.request.path} asks the database nothing.")
        if isinstance(asked.query, Select):
            return asked
        return replace(asked, preferences=replace(asked.preferences, ending=Ending.ROLLBACK))

    async def check_table(self, query: Select | Insert | Update | Delete) -> None:
        """Refuse a database without the table; a file that is not there would be made by opening it."""
        table = self.assembly.schema.resources[query.schema, query.resource].table
        there = await run(
            self.loaded.app.settings.database,
            lambda connection: sa.inspect(connection).has_table(table.name, schema=table.schema),
            writing=False,
        )
        if not there:
            raise DeclarationError(
                f"The database has no table {table.fullname!r}.",
                hint=f"`backstay migrate apply {self.loaded.shown}` makes it; --database names another database.",
            )

    async def measure(
        self, query: Select | Insert | Update | Delete, compiled: Compiled, values: Sequence[Any], compiling: float
    ) -> Analysis:
        rest, road, caller = self.assembly.rest, self.assembly.road, self.caller
        running: tuple[str, Sequence[Any]] | None
        if isinstance(compiled, Statement):
            running = compiled.text, compiled.bind(values, caller)
            await rest.fetch(self.parse(), caller)  # what is read first is read from the disk
        else:
            running = opening(compiled, values, caller)
        at = [perf_counter()]
        asked = self.parse()
        at.append(perf_counter())
        rest.look_up(asked, caller)
        at.append(perf_counter())
        reply = await rest.fetch(asked, caller)
        at.append(perf_counter())
        response = rest.respond(asked, reply, caller)
        at.append(perf_counter())
        steps = zip(("parse", "look up", "fetch", "respond"), at, at[1:], strict=False)
        times = {"compile": compiling, **{name: end - start for name, start, end in steps}}
        database, read = road.engine.database, isinstance(compiled, Statement)
        document = await road.explain(query, caller, Explaining(_OPTIONS, document=True))
        return Analysis(
            statement=running[0] if running is not None else "",
            plan=await road.explain(query, caller, Explaining(_OPTIONS)),
            look=await judge(database, road.cache.plan(query, caller), document),
            milliseconds={name: seconds * 1000 for name, seconds in times.items()},
            effort=await database.effort(*running, caller.local) if read and running is not None else {},
            response=response,
            rows=reply.rows if read else reply.affected or 0,
            undone=not read,
        )
