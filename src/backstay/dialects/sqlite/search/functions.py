"""``ts_match`` and ``ts_match_json``: a search of one text, and the tokenizer of the indexes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import apsw

from backstay.dialects.sqlite.search.configuration import find_configuration
from backstay.dialects.sqlite.search.document import LAST, MOST, Document, lexemes, read, read_json, words
from backstay.dialects.sqlite.search.expression import EVERY, GAP
from backstay.dialects.sqlite.search.match import matches
from backstay.dialects.sqlite.search.parse import parse
from backstay.dialects.sqlite.search.query import Query, asks_where

Tokens: TypeAlias = Sequence[str | tuple[str, ...]]

_documents = lru_cache(maxsize=64)(read)
_words = lru_cache(maxsize=64)(words)


def ts_match(text: Any, configuration: str, language: str, search: str) -> bool | None:
    """Whether a text satisfies a search, as ``to_tsvector(text) @@ to_tsquery(search)``."""
    if text is None:
        return None
    query, reading = _asked(language, configuration, search)
    return matches(query, reading(str(text), configuration))


@lru_cache(maxsize=256)
def _asked(language: str, configuration: str, search: str) -> tuple[Query | None, Callable[[str, str], Document]]:
    """The tree of a search, and what reads as much of a text as it asks for."""
    query = parse(language, configuration, search)
    return query, _documents if query is not None and asks_where(query) else _words


def ts_match_json(text: str | None, ordered: int, configuration: str, language: str, search: str) -> bool | None:
    """Whether the texts in a JSON document do; ``ordered``: it is `jsonb`, which keeps keys in an order of its own."""
    if text is None:
        return None
    document = read_json(text, configuration, ordered=bool(ordered))
    return matches(parse(language, configuration, search), document)


def tokenizer(arguments: Sequence[str]) -> Callable[[bytes, int, str | None], Tokens]:
    """The tokenizer of an index, for FTS5: its tokens are the lexemes of a text at their places.

    Arguments:
        arguments: the configuration, as an index names it (``tokenize='backstay english'``).

    Raises:
        DatabaseFault: 42704, there is no such configuration.
    """
    configuration = find_configuration(arguments[0])

    def tokenize(text: bytes, flags: int, locale: str | None) -> Tokens:
        # A search's lexemes are found already.
        asked = flags & apsw.FTS5_TOKENIZE_QUERY
        return (text.decode(),) if asked else index_tokens(text.decode(), configuration)

    return tokenize


def index_tokens(text: str, configuration: str) -> list[str | tuple[str, ...]]:
    """The tokens of a text at each of its positions; several where the last one is."""
    found: list[str | tuple[str, ...]] = [EVERY]
    counts: dict[str, int] = {}
    last: list[str] = []
    for each in lexemes(text, configuration):
        count = 0 if each is None else counts.get(each, 0) + 1
        if each is not None:
            counts[each] = count
        token = GAP if each is None or count > MOST else each
        if len(found) < LAST:
            found.append(token)
        else:
            last.append(token)
    return [*found, tuple(last)] if last else found
