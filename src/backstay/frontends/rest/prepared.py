"""Prepared requests: a read whose structure was answered before is answered again without being parsed.

It is to a request what a prepared statement is to a query. Where values stand in a structure is not known by rules of
its own: the request is parsed once more with a mark in the place of each value, and where the marks come out again in
the query is where the values belong. A structure in which they do not come out whole is parsed each time.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote

from backstay.dialects.reply import Reply
from backstay.dialects.road import Compiled
from backstay.errors import RequestError
from backstay.frontends.http import Lines, Ready, Request, Response
from backstay.frontends.rest.asked import Asked
from backstay.frontends.rest.grammar.form import decode
from backstay.frontends.rest.grammar.skim import Structure, join, operators, skim
from backstay.frontends.rest.media import Media
from backstay.frontends.rest.page import content_range
from backstay.frontends.rest.parse import parse
from backstay.frontends.rest.respond import check_page, check_single, content_location, single, span_of
from backstay.plan.cache import Cache, Entry
from backstay.query.nodes import Select
from backstay.query.shape import split
from backstay.settings import Settings

Key: TypeAlias = tuple[str, Structure, bytes | None, bytes | None, bytes | None]
"""Path, structure of the query string, and the headers ``Accept``, ``Prefer`` and ``Accept-Profile``."""

_LONGEST: Final = 2048
"""Characters of a query string that is prepared; the keys of others would take too much room."""
_OWN: Final = ("content-range", "content-location", "content-length")
"""The headers that differ between answers to requests of one structure."""
_NUMBER: Final = 718281828459045
"""Marks of numbers begin here, where no page does."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*")
_LIST: Final = re.compile(r'\([^\s"\\(){},]+(?:,[^\s"\\(){},]+)*\)')


class Hole(Enum):
    """What a value is in the query: its text, the number that it writes, or the list of texts in its parentheses."""

    TEXT = "text"
    NUMBER = "number"
    LIST = "list"


class Fate(Enum):
    """What is known of a structure that is not prepared."""

    MET = "met"
    """It was met once."""
    NEVER = "never"
    """It cannot be prepared."""


Filled: TypeAlias = tuple[list[Any], Sequence[str]]
"""What a request's values are to a prepared request: those of its query, and each as a URL writes it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A structure that is answered without being parsed.

    Arguments:
        entry: what its shape leads to.
        values: of the query, with anything in the place of the request's own.
        holes: for each value in the query string its place among those, and what it is there.
        location: the Content-Location, with a place for each value, as ``str.format`` has it.
        first: the place of the offset among the values; None: there is none.
        is_single: whether exactly one row is asked for, as an object.
        lines: the headers that all answers share.
    """

    entry: Entry[Compiled]
    values: list[Any]
    holes: tuple[tuple[int, Hole], ...]
    location: str
    first: int | None
    is_single: bool
    lines: Lines

    def fill(self, raw: Sequence[str]) -> Filled | None:
        """The values of a request, as they stand in its query string; None where only parsing tells what they are."""
        values = self.values.copy()
        if _PLAIN.fullmatch("".join(raw)) is None:
            return self._fill_decoded(values, raw)
        for number, (place, hole) in enumerate(self.holes):
            if hole is Hole.LIST:
                return None
            values[place] = raw[number] if hole is Hole.TEXT else int(raw[number])
        return values, raw

    def _fill_decoded(self, values: list[Any], raw: Sequence[str]) -> Filled | None:
        written: list[str] = []
        for (place, hole), each in zip(self.holes, raw, strict=True):
            try:
                text = decode(each)
            except UnicodeError:
                return None
            if "\0" in text:
                return None
            if hole is Hole.LIST:
                if _LIST.fullmatch(text) is None:
                    return None
                values[place] = tuple(text[1:-1].split(","))
            else:
                values[place] = int(text) if hole is Hole.NUMBER else text
            written.append(quote(text, safe=""))
        return values, written

    def respond(self, filled: Filled, reply: Reply) -> Response:
        """The response that carries a reply.

        Raises:
            NotSingular, RangeNotSatisfiable: as :func:`backstay.frontends.rest.respond.check` does.
        """
        values, written = filled
        first = 0 if self.first is None else values[self.first]
        body = reply.body
        if self.is_single:
            check_single(reply.rows)
            body = body if reply.laid else single(body)
        if reply.total is None:
            status, span = 200, _span(first, reply.rows)
        else:
            check_page(first, reply)
            status, text = span_of(first, reply, reply.rows)
            span = text.encode()
        location = self.location.format(*written)
        return Ready(
            status,
            (
                (b"content-range", span),
                (b"content-location", location.encode()),
                *self.lines,
                (b"content-length", b"%d" % (len(body) if reply.spool is None else reply.spool.length)),
            ),
            body,
            reply.spool,
        )


class PreparedRequests:
    """The structures that were answered last.

    Arguments:
        cache: of the shapes that they lead to.
        settings: ``plan_cache`` (the most structures to keep), and what the parser reads.
    """

    def __init__(self, cache: Cache[Compiled], settings: Settings) -> None:
        self._cache = cache
        self._settings = settings
        self._known: OrderedDict[Key, Prepared | Fate] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, path: str, query: str, headers: Mapping[bytes, bytes]) -> tuple[Prepared, Filled] | None:
        """What answers a GET without a body; None where it has to be parsed.

        Arguments:
            path: raw, without the front end's prefix.
            query: the raw query string.
            headers: as they came, by name in lower case.
        """
        structure, raw = skim(query)
        get = headers.get
        key = (path, structure, get(b"accept"), get(b"prefer"), get(b"accept-profile"))
        prepared = self._known.get(key)
        if not isinstance(prepared, Prepared) or b"range" in headers:
            return None
        filled = prepared.fill(raw)
        if filled is None:
            return None
        self._known.move_to_end(key)
        return prepared, filled

    def learn(self, request: Request, asked: Asked, response: Response) -> None:
        """Prepare the structure of a request that was parsed and answered; when it is met again, not at once.

        A structure that never comes back is the rule where callers write what is no value here, such as words to
        search for; to prepare it would be for nothing.
        """
        if not isinstance(asked.query, Select) or not self._can_be_prepared(request, asked):
            return
        structure, _ = skim(request.query)
        accept, prefer, profile = (_sent(request, name) for name in ("accept", "prefer", "accept-profile"))
        key = (request.path, structure, accept, prefer, profile)
        known = self._known.get(key)
        if known is Fate.MET:
            self._known[key] = self._prepare(request, asked, response, structure) or Fate.NEVER
        elif known is None:
            self._known[key] = Fate.MET
            if len(self._known) > self._settings.plan_cache:
                self._known.popitem(last=False)

    def _can_be_prepared(self, request: Request, asked: Asked) -> bool:
        return (
            request.method == "GET"
            and not request.body
            and "range" not in request.headers
            and len(request.query) <= _LONGEST
            and asked.format.media in (Media.JSON, Media.OBJECT)
            and not asked.format.stripped
            and asked.format.explaining is None
            and asked.preferences.timezone is None
            and not asked.local
        )

    def _prepare(self, request: Request, asked: Asked, response: Response, structure: Structure) -> Prepared | None:
        marks = [_mark(operator, number) for number, operator in enumerate(operators(structure))]
        try:
            marked = parse(replace(request, query=join(structure, [mark.text for mark in marks])), self._settings)
        except RequestError:
            return None
        shape, found = split(marked.query)
        own, values = split(asked.query)
        entry = self._cache.entry(shape)
        if not isinstance(marked.query, Select) or entry is None or (shape, marked.renamed) != (own, asked.renamed):
            return None
        places = [_only(found, mark.value) for mark in marks]
        location = content_location(marked.query, marked.parameters)
        for number, mark in enumerate(marks):
            if location.count(mark.written) != 1:
                return None
            location = location.replace(mark.written, f"{{{number}}}")
        others = [place for place in range(len(found)) if place not in places]
        if None in places or any(found[place] != values[place] for place in others):
            return None
        offset = marked.query.page.offset
        return Prepared(
            entry,
            values,
            tuple((place, mark.hole) for place, mark in zip(places, marks, strict=True) if place is not None),
            location,
            _only(found, offset) if offset else None,
            asked.format.singular,
            tuple(
                (name.encode("latin-1"), text.encode("latin-1")) for name, text in response.headers if name not in _OWN
            ),
        )


class _Mark(NamedTuple):
    """What stands for a value while its place is looked for."""

    text: str
    value: Any
    hole: Hole

    @property
    def written(self) -> str:
        """The mark as a URL writes it."""
        return quote(self.text, safe="")


def _mark(operator: str, number: int) -> _Mark:
    if not operator:
        return _Mark(str(_NUMBER + number), _NUMBER + number, Hole.NUMBER)
    text = f"the-value-{number}-is-here"
    return _Mark(text, text, Hole.TEXT) if operator != "in" else _Mark(f"({text})", (text,), Hole.LIST)


def _only(values: Sequence[Any], wanted: Any) -> int | None:
    """The place of a value; None where it is not there, or more than once."""
    places = [place for place, each in enumerate(values) if type(each) is type(wanted) and each == wanted]
    return places[0] if len(places) == 1 else None


@lru_cache(maxsize=256)
def _span(first: int, rows: int) -> bytes:
    return content_range(first, rows, None).encode()


def _sent(request: Request, name: str) -> bytes | None:
    value = request.headers.get(name)
    return None if value is None else value.encode("latin-1")
