"""``register_search(connection)``: what a connection needs for searches. Nothing is loaded before it is used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import apsw

_HARMLESS = apsw.SQLITE_INNOCUOUS


def register_search(connection: apsw.Connection) -> None:
    """Install the tokenizer of the indexes, and the functions that search one text."""
    connection.register_fts5_tokenizer("backstay", _tokenizer)
    for name, function, arguments in (("ts_match", _ts_match, 4), ("ts_match_json", _ts_match_json, 5)):
        connection.create_scalar_function(name, function, arguments, deterministic=True, flags=_HARMLESS)


@cache
def _functions() -> ModuleType:
    from backstay.dialects.sqlite.search import functions

    return functions


def _tokenizer(connection: apsw.Connection, arguments: list[str]) -> Callable[..., Any]:
    tokenizer: Callable[..., Any] = _functions().tokenizer(arguments)
    return tokenizer


def _ts_match(*arguments: Any) -> Any:
    return _functions().ts_match(*arguments)


def _ts_match_json(*arguments: Any) -> Any:
    return _functions().ts_match_json(*arguments)
