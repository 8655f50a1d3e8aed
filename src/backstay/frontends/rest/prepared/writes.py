"""Prepared writes: an insert or update whose structure was answered before is answered by its values and rows alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from backstay.dialects.execute import Judge
from backstay.dialects.reply import Reply
from backstay.dialects.road import Compiled
from backstay.errors import BackstayError
from backstay.frontends.http import Lines, Ready, Request, Response
from backstay.frontends.rest.asked import Asked
from backstay.frontends.rest.body import JSON, content_type, read_json_rows
from backstay.frontends.rest.grammar.skim import Structure, skim
from backstay.frontends.rest.media import Media
from backstay.frontends.rest.page import content_range
from backstay.frontends.rest.prefer import Returning
from backstay.frontends.rest.prepared.marks import LONGEST, Blank, Fate, mark, sent
from backstay.frontends.rest.respond import check_single, single
from backstay.plan.cache import Cache, Entry
from backstay.query.nodes import Count, Insert, Resolution, Update
from backstay.query.shape import split
from backstay.settings import Settings

Key: TypeAlias = tuple[str, str, Structure, bytes | None, bytes | None, bytes | None, bytes | None]
"""Method, path, structure, and the headers ``Accept``, ``Prefer``, ``Content-Profile`` and ``Content-Type``."""

Names: TypeAlias = tuple[str, ...]
"""The keys of the rows, as the first has them; empty where ``columns=`` says what is taken."""

_HEADERS: Final = ("accept", "prefer", "content-profile", "content-type")
_METHODS: Final = ("POST", "PATCH")
_OWN: Final = ("content-range", "content-length")
"""The headers that differ between answers to requests of one structure."""
_MOST_BYTES: Final = 8192
"""Bytes of a body that is looked at before it is known to be prepared: of longer ones the rows take longer than all."""
_MOST_NAMES: Final = 20
"""Of one structure so many sets of keys are prepared."""
_COUNTED: Final = (Count.EXACT, Count.ESTIMATED)


@dataclass(frozen=True, slots=True)
class PreparedWrite:
    """A structure that is written without being parsed.

    Arguments:
        blank: the query.
        place: of the rows among its values.
        inserting: whether it is an insert.
        merging: whether an insert may write over rows that are there.
        counted: whether the total is to be told.
        is_single: whether exactly one row is asked for, as an object.
        representation: whether the rows are to be answered.
        lines: the headers that all answers share.
    """

    blank: Blank
    place: int
    inserting: bool
    merging: bool
    counted: bool
    is_single: bool
    representation: bool
    lines: Lines

    @property
    def judge(self) -> Judge:
        """Looks at a reply before the commit, as :func:`backstay.frontends.rest.respond.check` does."""
        return self._judge_single if self.is_single else _accept

    def _judge_single(self, reply: Reply) -> None:
        check_single(reply.rows if self.representation else reply.affected or 0)

    def respond(self, reply: Reply) -> Response:
        """The response that carries a reply."""
        total = (reply.affected or 0) if self.counted else None
        if self.inserting:
            status = 200 if self.merging and reply.inserted == 0 else 201
            span = content_range(0, 0, total)
        else:
            status = 200 if self.representation else 204
            span = content_range(0, reply.affected or 0, total)
        body = (single(reply.body) if self.is_single else reply.body) if self.representation else b""
        length = ((b"content-length", b"%d" % len(body)),) if status != _EMPTY else ()
        return Ready(status, ((b"content-range", span.encode()), *self.lines, *length), body)


_EMPTY: Final = 204


def _accept(reply: Reply) -> None:
    """Any reply."""


Found: TypeAlias = tuple[Entry[Compiled], list[Any], PreparedWrite]
"""What a write leads to, the values of its query, and what makes of its reply the response."""


class PreparedWrites:
    """The structures that were written last.

    Arguments:
        cache: of the shapes that they lead to.
        settings: ``plan_cache`` (the most structures to keep), and what the parser reads.
    """

    def __init__(self, cache: Cache[Compiled], settings: Settings) -> None:
        self._cache = cache
        self._settings = settings
        self._known: OrderedDict[Key, dict[Names, PreparedWrite | Fate]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, method: str, path: str, query: str, headers: Mapping[bytes, bytes], body: bytes) -> Found | None:
        """What answers a write; None where it has to be parsed.

        Arguments:
            method: of the request.
            path: raw, without the front end's prefix.
            query: the raw query string.
            headers: as they came, by name in lower case.
            body: all of it.
        """
        if method not in _METHODS or len(body) > _MOST_BYTES:
            return None
        structure, raw = skim(query)
        get = headers.get
        key = (
            *(method, path, structure),
            *(get(b"accept"), get(b"prefer"), get(b"content-profile"), get(b"content-type")),
        )
        known = self._known.get(key)
        if known is None:
            return None
        named = "columns=" in query and _is_named(structure)
        try:
            rows, names = read_json_rows(body, uniform=not named)
        except BackstayError:  # it is told in its turn
            return None
        prepared = known.get(() if named else names)
        if not isinstance(prepared, PreparedWrite) or not rows:
            return None
        filled = prepared.blank.fill(raw)
        if filled is None:
            return None
        self._known.move_to_end(key)
        values, _ = filled
        values[prepared.place] = rows if prepared.inserting else rows[0]
        return prepared.blank.entry, values, prepared

    def learn(self, request: Request, asked: Asked, response: Response) -> None:
        """Prepare the structure of a write that was parsed and answered; when it is met again, not at once."""
        query = asked.query
        if not isinstance(query, Insert | Update) or not _can_be_prepared(request, asked):
            return
        structure, _ = skim(request.query)
        named = "columns=" in request.query and _is_named(structure)
        rows = query.rows if isinstance(query, Insert) else (query.row,)
        if not isinstance(rows, tuple) or not rows or named != ("columns" in dict(asked.parameters)):
            return
        accept, prefer, profile, kind = sent(request, _HEADERS)
        key = (request.method, request.path, structure, accept, prefer, profile, kind)
        names = () if named else tuple(rows[0])
        known = self._known.setdefault(key, {})
        found = known.get(names)
        if found is Fate.MET:
            known[names] = self._prepare(request, asked, response, structure) or Fate.NEVER
        elif found is None:
            if len(known) >= _MOST_NAMES:
                known.clear()
            known[names] = Fate.MET
            if len(self._known) > self._settings.plan_cache:
                self._known.popitem(last=False)

    def _prepare(
        self, request: Request, asked: Asked, response: Response, structure: Structure
    ) -> PreparedWrite | None:
        marked = mark(request, asked, structure, self._cache, self._settings)
        query = asked.query
        if marked is None or not isinstance(query, Insert | Update):
            return None
        rows = query.rows if isinstance(query, Insert) else query.row
        return PreparedWrite(
            marked.blank,
            next(place for place, value in enumerate(split(query)[1]) if value is rows),
            isinstance(query, Insert),
            isinstance(query, Insert) and query.resolution is Resolution.MERGE,
            asked.preferences.count in _COUNTED,
            asked.format.singular,
            asked.preferences.representation,
            tuple(
                (name.encode("latin-1"), text.encode("latin-1")) for name, text in response.headers if name not in _OWN
            ),
        )


def _is_named(structure: Structure) -> bool:
    """Whether the query string says which columns are taken from the rows."""
    return any(part.startswith("columns=") for part in structure)


def _can_be_prepared(request: Request, asked: Asked) -> bool:
    preferences = asked.preferences
    return (
        request.method in _METHODS
        and request.__class__ is Request
        and len(request.body) <= _MOST_BYTES
        and len(request.query) <= LONGEST
        and content_type(request) == JSON
        and asked.format.media in (Media.JSON, Media.OBJECT)
        and not asked.format.stripped
        and asked.format.explaining is None
        and preferences.returning is not Returning.HEADERS
        and preferences.timezone is None
        and preferences.max_affected is None
        and not preferences.rollback
        and not asked.local
    )
