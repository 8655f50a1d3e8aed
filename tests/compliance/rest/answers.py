"""Comparing an answer with the one that is written down, and writing down one that is not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from behaviour.door import Answer
from conformance import Case, Reply

NOTED = ("content-range", "location", "preference-applied", "content-profile", "allow")
"""The headers that are written down with an answer."""

REST = "..."
"""A key of a written object that says: other keys may be there."""


@dataclass(frozen=True)
class Number:
    """A number as it is written: 1.50 is not 1.5. Only exponents, which floats may have, are written out."""

    text: str


def number(text: str) -> Number:
    """The number of this text."""
    return Number(format(Decimal(repr(float(text))).normalize(), "f") if "e" in text.lower() else text)


@dataclass(frozen=True)
class Object:
    """An object: its keys sorted, and one that comes twice there twice."""

    pairs: tuple[tuple[str, Any], ...]


def read(text: str) -> Any:
    """JSON in a form that equal values share."""
    return json.loads(
        text,
        object_pairs_hook=lambda pairs: Object(tuple(sorted(pairs, key=lambda pair: pair[0]))),
        parse_int=Number,
        parse_float=number,
    )


def canonical(value: Any) -> str:
    """What ``read`` found, as text again."""
    match value:
        case Number(text):
            return text
        case Object(pairs):
            inside = ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {canonical(each)}" for key, each in pairs)
            return "{" + inside + "}"
        case list():
            return "[" + ",\n".join(canonical(each) for each in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def reduced(value: Any, written: Any) -> Any:
    """An answer without the keys that the written one leaves open."""
    match value, written:
        case Object(pairs), Object(wanted):
            inside = dict(wanted)
            kept = [pair for pair in pairs if REST not in inside or pair[0] in inside]
            open_ = [(REST, inside[REST])] if REST in inside else []
            return Object(tuple(sorted([*((k, reduced(v, inside.get(k))) for k, v in kept), *open_])))
        case list(), list() if len(value) == len(written):
            return [reduced(one, other) for one, other in zip(value, written, strict=True)]
        case _:
            return value


def compare(case: Case, reply: Reply, answer: Answer) -> None:
    """Fail where the answer is not the one that is written down."""
    body = answer.body.decode()
    assert answer.status == reply.status, f"answered: {body}"
    for name, value in reply.headers.items():
        assert answer.headers.get(name, "-") == value, f"header {name}"
    if answer.status >= 300 and body:
        assert answer.headers["proxy-status"] == f"PostgREST; error={answer.code}"
    if case.words.get("compare") == "text" or "json" not in answer.headers.get("content-type", "") or not body:
        assert body.rstrip("\n") == reply.body, f"\nanswered: {body}\nwritten:  {reply.body}"
        return
    written = read(reply.body)
    one, other = canonical(reduced(read(body), written)), canonical(written)
    assert one == other, f"\nanswered: {one}\nwritten:  {other}"


def write_down(case: Case, reply: Reply, answer: Answer) -> None:
    """Put this answer where the file says ``=> ?``, for the first request of the case that has none yet."""
    text = case.file.read_text(encoding="utf-8")
    start = text.index(f"## {case.id}: ")
    place = text.index("=> ?", start)
    lines = [f"=> {answer.status}", *(f"{name}: {answer.headers[name]}" for name in NOTED if name in answer.headers)]
    if not answer.headers.get("content-type", "application/json").startswith("application/json"):
        lines.append(f"content-type: {answer.headers['content-type']}")
    body = _pretty(answer.body.decode()) if "json" in answer.headers.get("content-type", "") else answer.body.decode()
    lines += [body.rstrip("\n")] if body else []
    case.file.write_text(text[:place] + "\n".join(lines) + text[place + len("=> ?") :], encoding="utf-8")
    # The other database has to answer alike.
    reply.status, reply.body = answer.status, body.rstrip("\n")


def _pretty(text: str) -> str:
    """JSON on one line, or where that is long each row on one."""
    value = json.loads(text, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number)
    line = _written(value)
    if len(line) > 110 and isinstance(value, list) and not isinstance(value, Pairs):
        return "[" + ",\n ".join(_written(each) for each in value) + "]"
    return line


class Pairs(list[tuple[str, Any]]):
    """An object whose keys stay as they came."""


def _written(value: Any) -> str:
    match value:
        case Number(text):
            return text
        case Pairs():
            inside = ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_written(each)}" for key, each in value)
            return "{" + inside + "}"
        case list():
            return "[" + ", ".join(_written(each) for each in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)
