"""What a request of the smaller grammar means, said in PostgreSQL's own SQL: written apart from Backstay's compiler."""

from __future__ import annotations

import asyncio
from typing import Any

from properties.wire import KINDS, Embed, Level, Test, Tree

SIGNS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "isdistinct": "IS DISTINCT FROM"}
PATTERNS = {"like": "LIKE", "ilike": "ILIKE", "match": "~", "imatch": "~*"}
CONTAINED = {"cs": "@>", "cd": "<@", "ov": "&&"}
COMPUTED = {"letters": "char_length({}.title)", "thick": "({}.pages > 300)"}
TYPES = {"date": "date", "int": "bigint", "mood": "mood", "binding": "binding"}


class Reference:
    """Asks PostgreSQL in SQL.

    Arguments:
        connection: of asyncpg.
        runner: the event loop it lives in.
    """

    def __init__(self, connection: Any, runner: asyncio.Runner) -> None:
        self._connection = connection
        self._runner = runner

    @staticmethod
    async def connect(url: str) -> Any:
        """A connection of asyncpg."""
        # Only here, so that tests without PostgreSQL need no driver.
        import asyncpg

        return await asyncpg.connect(url)

    def answer(self, level: Level) -> tuple[str, int]:
        """The rows as JSON, and how many there are on all pages."""
        where = conditions(level, "o")
        inner = f"SELECT {columns(level, 'o')} FROM {name(level.table)} o WHERE {where} {page(level, 'o')}"
        rows = f"SELECT coalesce(json_agg(row_to_json(x)), '[]')::text FROM ({inner}) x"
        total = f"SELECT count(*) FROM {name(level.table)} o WHERE {where}"
        return self._fetch(rows), self._fetch(total)

    def _fetch(self, sql: str) -> Any:
        async def fetch() -> Any:
            return await self._connection.fetchval(sql)

        return self._runner.run(fetch())


def columns(level: Level, alias: str) -> str:
    """The SELECT list."""
    parts = [f"{column(found, alias)} AS {name(key)}" for found, _, _, key in level.columns]
    return ", ".join([*parts, *(f"{embedded(each)} AS {name(each.key)}" for each in level.embeds)])


def embedded(embed: Embed) -> str:
    """The related rows of a row ``o``, as JSON."""
    level = embed.level
    inner = f"SELECT {columns(level, 't')} FROM {name(level.table)} t"
    inner += f" WHERE {embed.link.joined} AND {conditions(level, 't')} {page(level, 't')}"
    if embed.link.many:
        return f"(SELECT coalesce(json_agg(row_to_json(x)), '[]') FROM ({inner}) x)"
    return f"(SELECT row_to_json(x) FROM ({inner} LIMIT 1) x)"


def page(level: Level, alias: str) -> str:
    """ORDER BY, LIMIT and OFFSET. PostgreSQL's own order of nulls is the wire's."""
    parts = [f"{column(found, alias)} {direction(how)}" for found, how in level.order]
    limit = f" LIMIT {level.limit}" if level.limit else ""
    return f"ORDER BY {', '.join(parts)}{limit} OFFSET {level.offset or 0}"


def direction(how: str) -> str:
    """``.desc.nullslast`` in SQL."""
    words = {"asc": "ASC", "desc": "DESC", "nullsfirst": "NULLS FIRST", "nullslast": "NULLS LAST"}
    return " ".join(words[word] for word in how.split(".") if word)


def conditions(level: Level, alias: str) -> str:
    """The WHERE clause."""
    return " AND ".join([f"({condition(test, level.table, alias)})" for test in level.tests] or ["true"])


def condition(test: Test | Tree, table: str, alias: str) -> str:
    """One filter, or a tree of them."""
    if isinstance(test, Tree):
        negated, _, word = test.word.rpartition("not.")
        inside = f" {word.upper()} ".join(f"({condition(item, table, alias)})" for item in test.items)
        return f"NOT ({inside})" if test.word.startswith("not.") else inside + negated
    operator = test.operator.removeprefix("not.")
    found = predicate(column(test.column, alias), operator, test.value, KINDS[table][test.column])
    return f"NOT ({found})" if operator != test.operator else found


def predicate(value: str, operator: str, text: str, kind: str) -> str:
    """A filter that is not negated."""
    if operator == "is":
        return f"{value} IS {text.upper().replace('_', ' ')}"
    if operator == "in":
        elements = [literal(each) for each in split(text[1:-1])]
        return f"{value} IN ({', '.join(elements)})" if elements else "false"
    if operator.endswith(")"):
        sign, word = operator[:-1].split("(")
        tests = [f"{value} {SIGNS[sign]} {literal(each)}" for each in split(text[1:-1])]
        return (" OR " if word == "any" else " AND ").join(tests) or ("false" if word == "any" else "true")
    if operator in ("like", "ilike"):
        text = text.replace("*", "%")
    sign = SIGNS.get(operator) or PATTERNS.get(operator) or CONTAINED[operator]
    return f"{value} {sign} {literal(text)}"


def split(text: str) -> list[str]:
    """The elements of a list, all of which are in quotes."""
    return [each.replace('\\"', '"').replace("\\\\", "\\") for each in text[1:-1].split('","')] if text else []


def column(found: str, alias: str) -> str:
    """A column, stored or computed."""
    return COMPUTED[found].format(alias) if found in COMPUTED else f"{alias}.{name(found)}"


def literal(text: str) -> str:
    """A text in SQL, whose type PostgreSQL takes from where it stands."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """A name in SQL."""
    return '"' + text.replace('"', '""') + '"'
