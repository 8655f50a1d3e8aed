"""``backstay plan``: what becomes of a request, and which rule lets or refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import orjson
from cyclopts import Parameter

from backstay.app import Backstay
from backstay.cli.analyze import run_analysis
from backstay.cli.claims import read_claims
from backstay.cli.load import load
from backstay.cli.report import complain, say
from backstay.dialects.connect import Engine, connect
from backstay.dialects.dialect import Statement
from backstay.dialects.road import Road
from backstay.dialects.write import Altering, Deleting, Inserting
from backstay.errors import DeclarationError, RequestError
from backstay.frontends.http import Request
from backstay.frontends.rest.parse import parse
from backstay.plan.explain import Spoken, explain
from backstay.plan.resolve import resolve
from backstay.plan.resolved import Resolved
from backstay.query.nodes import Call, Delete, Insert, Select, Update
from backstay.query.shape import slotted, split
from backstay.schema.caller import ANONYMOUS, SERVICE, Caller, Role

_PREFIX = "/rest/v1"


def plan(
    file_or_request: str,
    request: str | None = None,
    /,
    *,
    as_: Annotated[str, Parameter("--as")] = "anon",
    claim: Annotated[list[str] | None, Parameter(negative="", consume_multiple=False)] = None,
    body: str = "",
    prefer: str = "",
    database: str | None = None,
    analyze: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter("--json", negative="")] = False,
) -> int:
    """Explain a request: its plan, its SQL, and which rule lets or refuses it. Nothing is run without --analyze.

    Parameters
    ----------
    file_or_request
        The application; may be left out.
    request
        The request, as "GET /rest/v1/notes?select=*".
    as_
        Who asks: anon, service_role, or a user's id.
    claim
        A claim of the user's token, NAME=VALUE; may be repeated.
    body
        The request's body, as JSON.
    prefer
        The request's Prefer header, such as return=representation.
    database
        The database's URL: it says in which SQL.
    analyze
        Run the request, and tell the database's own plan, how long each step takes, and which index would help. What
        it writes is rolled back.
    as_json
        With --analyze: print one JSON document.
    """
    if as_json and not analyze:
        raise DeclarationError("--json goes with --analyze.", hint='backstay plan --analyze --json "GET /notes"')
    file = file_or_request if request is not None else None
    text = request if request is not None else file_or_request
    asked = _read_request(text, body, prefer)
    loaded = load(file)
    loaded.app.configure(database=database)
    caller = read_caller(as_, claim or [])
    query = parse(asked, loaded.app.settings).query
    if as_json:
        analysis = run_analysis(loaded, asked, caller)
        say(orjson.dumps({"request": text, "as": as_, **analysis.document()}, option=orjson.OPT_INDENT_2).decode())
        return 0
    say(f"{asked.method} {_PREFIX}{asked.path}{'?' if asked.query else ''}{asked.query} as {as_}", "bold")
    code = _explain_call(loaded.app, query) if isinstance(query, Call) else _explain_query(loaded.app, query, caller)
    if analyze and code == 0:
        say(run_analysis(loaded, asked, caller).text())
    return code


def read_caller(name: str, claims: list[str]) -> Caller:
    """The caller that ``--as`` and ``--claim`` stand for."""
    if name == Role.SERVICE.value:
        return SERVICE
    if name == Role.ANON.value:
        return ANONYMOUS
    content: dict[str, Any] = {"sub": name, "role": Role.AUTHENTICATED.value, **read_claims(claims)}
    return Caller(id=name, claims=content, role=Role.AUTHENTICATED)


def _read_request(text: str, body: str, prefer: str) -> Request:
    method, _, target = text.strip().partition(" ")
    path, _, query = target.strip().partition("?")
    path = path.removeprefix(_PREFIX)
    if not method.isalpha() or not path.startswith("/"):
        raise DeclarationError(f"{text!r} is no request.", hint='Write it as "GET /rest/v1/notes?select=*".')
    headers = {"content-type": "application/json"}
    if prefer:
        headers["prefer"] = prefer
    return Request(method.upper(), path, query, headers, body.encode())


def _explain_query(app: Backstay, query: Select | Insert | Update | Delete, caller: Caller) -> int:
    settings = app.settings
    resolved = resolve(slotted(query), app.schema, may_know=lambda served: True, aggregates=settings.aggregates)
    _, values = split(query)
    engine = connect(settings.database, settings=settings, metadata=app.schema.metadata)
    refusal: RequestError | None = None
    statements: list[tuple[str, Spoken]] = []
    try:
        statements = list(_statements(app, engine, resolved, query, caller))
    except RequestError as error:
        refusal = error
    say(explain(resolved, caller, values, statements))
    if refusal is not None:
        complain(refusal)
        return 1
    return 0


def _statements(
    app: Backstay, engine: Engine, resolved: Resolved, query: Select | Insert | Update | Delete, caller: Caller
) -> Iterator[tuple[str, Spoken]]:
    road = Road(app.schema, engine, app.settings)
    compiled = road.compile(road.cache.plan(query, caller))
    found: dict[str, Statement | None]
    match compiled:
        case Inserting():
            insert = compiled.lines if isinstance(query, Insert) and len(query.rows) > 1 else compiled.line
            again = ", where there are triggers" if compiled.telling else ""
            names = tuple(column.name for column in compiled.resolved.columns)
            found = {
                "which rows are there": compiled.existing(names) if compiled.existing is not None else None,
                "insert": insert(names),
                f"check of the new rows{again}": compiled.check_new,
                "check of the merged rows": compiled.check_merged,
                f"answer{again}": compiled.answer,
            }
        case Altering():
            found = {"update": compiled.change, "check of the new rows": compiled.check, "answer": compiled.answer}
        case Deleting():
            found = {"delete": compiled.change, "answer": compiled.answer}
        case _:
            found = {"": compiled}
    dialect = engine.database.sql.name
    for title, statement in found.items():
        if statement is not None:
            yield f"SQL ({dialect}){': ' if title else ''}{title}", statement


def _explain_call(app: Backstay, query: Call) -> int:
    function = app.schema.functions.get((query.schema, query.function))
    if function is None:
        raise DeclarationError(f"There is no function {query.function!r}.")
    say(f"calls {function.name[1]}  {function.place}")
    say("  It is Python: the rules of the caller hold in the session it gets, statement by statement.")
    return 0
