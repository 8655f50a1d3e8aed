"""Prepared reads: a GET whose structure was answered before is answered by its values alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from backstay.dialects.reply import Reply
from backstay.dialects.road import Compiled
from backstay.frontends.http import Lines, Ready, Request, Response
from backstay.frontends.rest.asked import Asked
from backstay.frontends.rest.grammar.skim import Structure, skim
from backstay.frontends.rest.media import Media
from backstay.frontends.rest.page import content_range
from backstay.frontends.rest.prepared.marks import LONGEST, Blank, Fate, Filled, mark, place_of, sent
from backstay.frontends.rest.respond import check_page, check_single, content_location, single, span_of
from backstay.plan.cache import Cache
from backstay.query.nodes import Select
from backstay.settings import Settings

Key: TypeAlias = tuple[str, Structure, bytes | None, bytes | None, bytes | None]
"""Path, structure of the query string, and the headers ``Accept``, ``Prefer`` and ``Accept-Profile``."""

_OWN: Final = ("content-range", "content-location", "content-length")
"""The headers that differ between answers to requests of one structure."""


@dataclass(frozen=True, slots=True)
class PreparedRead:
    """A structure that is answered without being parsed.

    Arguments:
        blank: the query.
        location: the Content-Location, with a place for each value, as ``str.format`` has it.
        first: the place of the offset among the values; None: there is none.
        is_single: whether exactly one row is asked for, as an object.
        lines: the headers that all answers share.
    """

    blank: Blank
    location: str
    first: int | None
    is_single: bool
    lines: Lines

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


class PreparedReads:
    """The structures that were answered last.

    Arguments:
        cache: of the shapes that they lead to.
        settings: ``plan_cache`` (the most structures to keep), and what the parser reads.
    """

    def __init__(self, cache: Cache[Compiled], settings: Settings) -> None:
        self._cache = cache
        self._settings = settings
        self._known: OrderedDict[Key, PreparedRead | Fate] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, path: str, query: str, headers: Mapping[bytes, bytes]) -> tuple[PreparedRead, Filled] | None:
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
        if not isinstance(prepared, PreparedRead) or b"range" in headers:
            return None
        filled = prepared.blank.fill(raw)
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
        accept, prefer, profile = sent(request, ("accept", "prefer", "accept-profile"))
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
            and len(request.query) <= LONGEST
            and asked.format.media in (Media.JSON, Media.OBJECT)
            and not asked.format.stripped
            and asked.format.explaining is None
            and asked.preferences.timezone is None
            and not asked.local
        )

    def _prepare(self, request: Request, asked: Asked, response: Response, structure: Structure) -> PreparedRead | None:
        marked = mark(request, asked, structure, self._cache, self._settings)
        if marked is None or not isinstance(marked.query, Select):
            return None
        location = content_location(marked.query, marked.parameters)
        for number, each in enumerate(marked.marks):
            if location.count(each.written) != 1:
                return None
            location = location.replace(each.written, f"{{{number}}}")
        offset = marked.query.page.offset
        return PreparedRead(
            marked.blank,
            location,
            place_of(marked.found, offset) if offset else None,
            asked.format.singular,
            tuple(
                (name.encode("latin-1"), text.encode("latin-1")) for name, text in response.headers if name not in _OWN
            ),
        )


@lru_cache(maxsize=256)
def _span(first: int, rows: int) -> bytes:
    return content_range(first, rows, None).encode()
