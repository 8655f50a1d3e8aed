"""Requests to the library that are right, drawn from the grammar of the wire: what each asks for, and its text.

An order is always total, since the primary key is appended to it, so that equal answers are equal row by row. What the
databases may differ in is left out: the order of texts, documents as text, regular expressions beyond the plain ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

Draw = st.DrawFn

KINDS: Mapping[str, Mapping[str, str]] = {
    "books": {
        "id": "int",
        "title": "text",
        "pages": "int",
        "price": "numeric",
        "binding": "binding",
        "published": "date",
        "in_print": "bool",
        "tags": "texts",
        "info": "json",
        "author_id": "int",
        "translator_id": "int",
        "publisher_id": "int",
        "sequel_of": "int",
        "slug": "text",
        "letters": "int",
        "thick": "bool",
    },
    "authors": {"id": "int", "name": "text", "born": "date"},
    "biographies": {"author_id": "int", "text": "text"},
    "publishers": {"id": "int", "name": "text", "parent_id": "int"},
    "genres": {"id": "int", "name": "text"},
    "covers": {"id": "int", "book_id": "int", "artist": "text"},
    "branches": {"city": "text", "number": "int", "label": "text"},
    "placements": {"book_id": "int", "city": "text", "number": "int", "amount": "int"},
    "shelf": {"book_id": "int", "title": "text", "author": "text"},
    "reviews": {"id": "int", "book_id": "int", "stars": "int", "text": "text", "public": "bool", "member_id": "uuid"},
    "members": {"id": "uuid", "name": "text", "rank": "int", "created_at": "instant"},
    "loans": {"book_id": "int", "member_id": "uuid", "due": "date"},
    "tickets": {"id": "int", "kind": "text", "serial": "int", "status": "text", "code": "text", "note": "text"},
    "samples": {
        "id": "int",
        "small": "int",
        "big": "big",
        "single": "float",
        "ratio": "float",
        "exact": "numeric",
        "cents": "numeric",
        "flag": "bool",
        "note": "text",
        "code": "text",
        "fixed": "text",
        "day": "date",
        "moment": "moment",
        "instant": "instant",
        "clock": "clock",
        "span": "span",
        "blob": "blob",
        "uid": "uuid",
        "mood": "mood",
        "tree": "json",
        "words": "texts",
        "numbers": "ints",
    },
    "Odd Names": {"the id": "int", 'say "hi"': "text", "größe": "int", "kebab-case": "text", "order": "text"},
}
"""The columns of each table, and what they hold."""

KEYS: Mapping[str, Sequence[str]] = {
    "biographies": ["author_id"],
    "branches": ["city", "number"],
    "placements": ["book_id", "city", "number"],
    "shelf": ["book_id"],
    "loans": ["book_id", "member_id"],
    "Odd Names": ["the id"],
}
"""The primary keys that are not ``id``."""


@dataclass(frozen=True)
class Link:
    """A relation as a request names it, the key it gets, where it leads, and the SQL that holds of related rows."""

    written: str
    target: str
    many: bool
    joined: str = ""

    @property
    def key(self) -> str:
        """The key of the embed, where it has no alias."""
        return self.written.partition("!")[0]


LINKS: Mapping[str, Sequence[Link]] = {
    "books": [
        Link("authors!author_id", "authors", False, "o.author_id = t.id"),
        Link("translator_id", "authors", False, "o.translator_id = t.id"),
        Link("publishers", "publishers", False, "o.publisher_id = t.id"),
        Link("covers", "covers", False, "t.book_id = o.id"),
        Link("genres", "genres", True, "t.id IN (SELECT genre_id FROM book_genres j WHERE j.book_id = o.id)"),
        Link("placements", "placements", True, "t.book_id = o.id"),
        Link(
            "branches",
            "branches",
            True,
            "(t.city, t.number) IN (SELECT j.city, j.number FROM placements j WHERE j.book_id = o.id)",
        ),
        Link("reviews", "reviews", True),
        Link("loans", "loans", True),
        Link("shelf", "shelf", False, "t.book_id = o.id"),
        Link("sequel_of", "books", False, "o.sequel_of = t.id"),
        Link("books", "books", True, "t.sequel_of = o.id"),
    ],
    "authors": [
        Link("books!author_id", "books", True, "t.author_id = o.id"),
        Link("books!books_translator_id_fkey", "books", True, "t.translator_id = o.id"),
        Link("biographies", "biographies", False, "t.author_id = o.id"),
    ],
    "publishers": [
        Link("books", "books", True, "t.publisher_id = o.id"),
        Link("publishers", "publishers", True, "t.parent_id = o.id"),
        Link("parent_id", "publishers", False, "o.parent_id = t.id"),
    ],
    "genres": [Link("books", "books", True, "t.id IN (SELECT book_id FROM book_genres j WHERE j.genre_id = o.id)")],
    "covers": [Link("books", "books", False, "o.book_id = t.id")],
    "branches": [Link("placements", "placements", True, "(t.city, t.number) = (o.city, o.number)")],
    "placements": [
        Link("books", "books", False, "o.book_id = t.id"),
        Link("branches", "branches", False, "(t.city, t.number) = (o.city, o.number)"),
    ],
    "biographies": [Link("authors", "authors", False, "o.author_id = t.id")],
    "reviews": [Link("books", "books", False), Link("members", "members", False)],
    "shelf": [Link("books", "books", False, "o.book_id = t.id")],
    "Odd Names": [Link("parent id", "Odd Names", False, 'o."parent id" = t."the id"')],
}
"""The relations of each table; those with rules have no SQL here."""

LITERALS: Mapping[str, Sequence[str]] = {
    "int": ["0", "1", "2", "3", "-7", "163", "205", "300", "591", "32767"],
    "big": ["-7", "9007199254740993", "9007199254740992", "0", "9223372036854775807"],
    "numeric": ["0", "8", "9.5", "12.25", "12.250", "-0.5", "1e1", "12345678901234567890.123456789"],
    "float": ["0", "0.1", "0.5", "2.5", "-2.5", "1e10", "1e-3"],
    "text": ["novel", "Invisible Cities", "a hat, (grey)", "", "Émile", "émile", "AAA", "lost", "z", "q", "Oslo", "x"],
    "bool": ["true", "false", "t", "off", "1"],
    "date": ["1968-11-01", "1999-12-31", "2026-02-28", "1885-03-01", "0001-01-01"],
    "moment": ["1999-12-31", "2026-02-28 23:59:59.12", "2026-02-28T23:59:59.120"],
    "instant": ["1999-12-31T00:00:00Z", "2026-03-01 01:59:59.12+02", "2026-01-01T12:00:00+00:00"],
    "clock": ["00:00", "23:59:59", "12:30:00.5"],
    "span": ["1 second", "1 day 02:00:03.5", "00:00:01"],
    "blob": ["\\x00ff504e47", "\\x", "\\x01"],
    "uuid": ["0e37df36-f698-11e6-8dd4-cb9ced3df976", "00000000-0000-4000-8000-000000000011"],
    "mood": ["SAD", "HAPPY"],
    "binding": ["SOFT", "HARD", "CLOTH"],
    "texts": ["{}", "{sea,magic}", '{"the \\"mine\\""}', "{moon,NULL}", "{a}"],
    "ints": ["{}", "{1,2,3}", "{1}", "{2,NULL}"],
    "json": ["{}", "[1,2,3]", '{"langs":["it","en","de"]}', "null", "5", '"x"', "[]"],
}
COMPARED = ["eq", "neq", "gt", "gte", "lt", "lte", "isdistinct"]
EQUAL = ["eq", "neq", "isdistinct"]
PATTERNS = ["*", "*i*", "The*", "the*", "_*", "*%25*", "É*", "*\\_", "novel", "*s", ""]
EXPRESSIONS = ["^T", "i.*e", "[A-Z]", "(novel|poem)", "s$", "a{2}", "^.{5}$", "e?s"]
CASTS: Mapping[str, Sequence[str]] = {
    "big": ["text", "numeric", "bigint"],
    "int": ["text", "bigint", "numeric", "double precision", "varchar"],
    "numeric": ["text", "numeric", "double precision"],
    "float": ["text", "numeric", "double precision"],
    "text": ["text", "varchar"],
    "bool": ["text", "integer", "boolean"],
    "date": ["text", "timestamp", "date"],
    "moment": ["text", "date", "time"],
    "instant": ["text", "timestamptz"],
    "uuid": ["text", "uuid"],
    "mood": ["text"],
    "binding": ["text"],
    "blob": ["text"],
    "clock": ["text"],
}
STEPS = ["->a", "->n", "->s", "->z", "->stock", "->langs", "->langs->0", "->langs->-1", "->a->b->1->c", "->9", "->f"]
WORDS = ["->>n", "->>s", "->>isbn", "->>stock", "->langs->>0", "->langs->>-1", "->>z", "->>x y", "->>t", "->>f"]


@dataclass
class Embed:
    """An embed of a request, with what is asked of it."""

    link: Link
    alias: str
    level: Level
    inner: bool = False
    spread: bool = False

    @property
    def key(self) -> str:
        """The key, by which filters name it, too."""
        return self.alias or self.link.key


@dataclass
class Test:
    """One filter: a column (with a path), the operator, the value; in a tree that may be ``quoted``."""

    column: str
    path: str
    operator: str
    value: str
    quoted: bool = False

    def text(self) -> str:
        """As an item of a tree."""
        return f"{written(self.column)}{self.path}.{self.operator}.{quoted(self.value) if self.quoted else self.value}"


@dataclass
class Tree:
    """``and``, ``or``, or ``not.`` one of these, of several."""

    word: str
    items: list[Test | Tree]

    def text(self) -> str:
        """As an item of a tree."""
        return f"{self.word}({','.join(item.text() for item in self.items)})"


@dataclass
class Level:
    """What is asked of a table: at the root, or of an embed. ``order`` holds a column and how it is ordered."""

    table: str
    columns: list[tuple[str, str, str, str]] = field(default_factory=list)
    embeds: list[Embed] = field(default_factory=list)
    tests: list[Test | Tree] = field(default_factory=list)
    order: list[tuple[str, str]] = field(default_factory=list)
    limit: int | None = None
    offset: int | None = None

    def select(self) -> str:
        """The items of ``select``."""
        items = [
            f"{alias and alias + ':'}{written(name)}{path}{cast and '::' + cast}"
            for name, path, cast, alias in self.columns
        ]
        for each in self.embeds:
            start = "..." if each.spread else f"{each.alias}:" if each.alias else ""
            items.append(f"{start}{each.link.written}{'!inner' * each.inner}({each.level.select()})")
        return ",".join(items)

    def pairs(self, path: str = "") -> list[tuple[str, str]]:
        """The other parameters of the query string."""
        found = []
        for test in self.tests:
            if isinstance(test, Test):
                found.append((f"{path}{written(test.column)}{test.path}", f"{test.operator}.{test.value}"))
            else:
                found.append((path + test.word, f"({','.join(item.text() for item in test.items)})"))
        ordered = [f"{written(name)}{how}" for name, how in self.order]
        found.append((f"{path}order", ",".join(ordered)))
        found += [
            (path + name, str(value)) for name, value in (("limit", self.limit), ("offset", self.offset)) if value
        ]
        for each in self.embeds:
            found += each.level.pairs(f"{path}{each.key}.")
        return found

    def target(self) -> str:
        """Path and query string."""
        pairs = [("select", self.select()), *self.pairs()]
        query = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs)
        return f"/{quote(self.table)}?{query}"


def written(name: str) -> str:
    """A column's name in a query string."""
    return name if name.replace("_", "").isalnum() and name != "order" else '"' + name.replace('"', '\\"') + '"'


def encoded(text: str) -> str:
    """A part of a query string."""
    return quote(text, safe="(),.*:\"'->!{}[]$@/?")


def key_of(table: str) -> Sequence[str]:
    """The primary key."""
    return KEYS.get(table, ["id"])


# Drawing -----------------------------------------------------------------------------------------------------


@cache
def below(number: int) -> st.SearchStrategy[int]:
    # Made once: making strategies takes longer than drawing from them.
    return st.integers(0, number - 1)


def one_of(draw: Draw, values: Sequence[Any]) -> Any:
    return values[draw(below(len(values)))]


def chance(draw: Draw, of: int) -> bool:
    return draw(below(of)) == of - 1


def listed(draw: Draw, kind: str) -> list[str]:
    return [one_of(draw, LITERALS[kind]) for _ in range(draw(below(4)))]


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def drawn_test(draw: Draw, table: str, *, within: bool, plain: bool = False) -> Test:
    """A filter; ``within`` a tree its value is quoted; a ``plain`` one has no path."""
    columns = KINDS[table]
    name = one_of(draw, list(columns))
    kind, path = columns[name], ""
    if kind == "json" and not plain and chance(draw, 2):
        word = chance(draw, 2)
        path, kind = one_of(draw, WORDS if word else STEPS), "text" if word else "json"
    negated = "not." if chance(draw, 4) else ""
    operator, value = drawn_operator(draw, kind)
    if within and operator.endswith(")"):
        operator, value = "is", "null"
    inside = within and operator not in ("in", "is") and not value.startswith("{")
    return Test(name, path, negated + operator, value, inside)


def drawn_operator(draw: Draw, kind: str) -> tuple[str, str]:
    """An operator that the kind has, and a value."""
    which = draw(below(8))
    literal = one_of(draw, LITERALS[kind])
    if which == 0:
        return "is", one_of(draw, ["null", "not_null"] + ["true", "false", "unknown"] * (kind == "bool"))
    if which == 1 and kind not in ("json", "texts", "ints"):
        return "in", f"({','.join(map(quoted, listed(draw, kind)))})"
    if which == 2 and kind not in ("json", "texts", "ints"):
        operator = one_of(draw, ["eq(any)", "eq(all)"] + ["gt(any)", "lte(all)"] * (kind != "text"))
        return operator, f"{{{','.join(map(quoted, listed(draw, kind)))}}}"
    if kind == "text" and which in (3, 4):
        return one_of(draw, ["like", "ilike"]), one_of(draw, PATTERNS)
    if kind == "text" and which == 5:
        return one_of(draw, ["match", "imatch"]), one_of(draw, EXPRESSIONS)
    if kind in ("texts", "ints", "json") and which in (3, 4, 5):
        return one_of(draw, ["cs", "cd"] + ["ov"] * (kind != "json")), literal
    return one_of(draw, EQUAL if kind == "text" else COMPARED), literal


def drawn_tree(draw: Draw, table: str, depth: int, *, plain: bool = False) -> Tree:
    """A tree of filters."""
    items: list[Test | Tree] = [
        drawn_tree(draw, table, depth - 1, plain=plain)
        if depth and chance(draw, 4)
        else drawn_test(draw, table, within=True, plain=plain)
        for _ in range(1 + draw(below(3)))
    ]
    return Tree(one_of(draw, ["and", "or", "not.and", "not.or"]), items)


def drawn_order(draw: Draw, table: str) -> list[tuple[str, str]]:
    """An order that tells all rows apart; texts have none that all databases share."""
    free = [name for name, kind in KINDS[table].items() if kind != "text"]
    found = {
        one_of(draw, free): one_of(draw, ["", ".asc", ".desc", ".nullsfirst", ".desc.nullslast"])
        for _ in range(draw(below(3)))
        if free
    }
    return [*found.items(), *((name, "") for name in key_of(table) if name not in found)]


def drawn_level(draw: Draw, table: str, depth: int, *, plain: bool = False, root: bool = True) -> Level:
    """What is asked of a table; a ``plain`` request has no paths, casts, spreads or inner embeds."""
    level = Level(table, order=drawn_order(draw, table))
    for _ in range(1 + draw(below(3))):
        drawn_column(draw, level, plain=plain)
    links = [link for link in LINKS.get(table, []) if link.joined or not plain]
    for _ in range(draw(below(3)) if depth and links else 0):
        drawn_embed(draw, level, one_of(draw, links), depth, plain=plain)
    for _ in range(draw(below(3))):
        tree = chance(draw, 3)
        level.tests.append(
            drawn_tree(draw, table, 2, plain=plain) if tree else drawn_test(draw, table, within=False, plain=plain)
        )
    if chance(draw, 3):
        level.limit = 1 + draw(below(4))
    if chance(draw, 4) and root:
        level.offset = 1 + draw(below(2))
    for each in level.embeds:
        if not plain and chance(draw, 5) and not each.spread:
            level.tests.append(Test(each.key, "", one_of(draw, ["is", "not.is"]), "null"))
    return level


def drawn_column(draw: Draw, level: Level, *, plain: bool) -> None:
    name = one_of(draw, list(KINDS[level.table]))
    kind, path, cast = KINDS[level.table][name], "", ""
    if not plain:
        if kind == "json" and chance(draw, 2):
            path = one_of(draw, [*STEPS, *WORDS])
        elif kind in CASTS and chance(draw, 4):
            cast = one_of(draw, CASTS[kind])
    # An alias, so that no key comes twice.
    level.columns.append((name, path, cast, f"c{len(level.columns)}"))


def drawn_embed(draw: Draw, level: Level, link: Link, depth: int, *, plain: bool) -> None:
    inside = drawn_level(draw, link.target, 0 if plain else depth - 1, plain=plain, root=False)
    if any(each.key == link.key for each in level.embeds):
        return
    alias = "" if chance(draw, 2) else f"e{len(level.embeds)}"
    # Where a column and an embed have one name, what is null is the embed: SQL would say so of the column.
    if any(each.link.key == link.key for each in level.embeds) or (plain and link.key in KINDS[level.table]):
        alias = f"e{len(level.embeds)}"
    embed = Embed(link, alias, inside)
    if not plain and chance(draw, 4) and not inside.embeds:
        embed.spread, embed.alias = True, ""
        inside.columns = [(*column[:3], f"s{len(level.embeds)}{column[3]}") for column in inside.columns]
    if not plain and chance(draw, 4):
        embed.inner = True
    if not link.many:
        inside.limit = inside.offset = None
    level.embeds.append(embed)


@st.composite
def reads(draw: Draw) -> Level:
    """A request for rows."""
    return drawn_level(draw, one_of(draw, list(KINDS)), 2)


@st.composite
def plain_reads(draw: Draw) -> Level:
    """A request of the smaller grammar, which a few lines of SQL say as well."""
    tables = [table for table in KINDS if table not in ("reviews", "loans", "members")]
    return drawn_level(draw, one_of(draw, tables), 1, plain=True)


NUMBERS = ("int", "big", "numeric")


@st.composite
def aggregates(draw: Draw) -> str:
    """A request for sums and counts, whose rows may come in any order."""
    table = one_of(draw, ["books", "placements", "tickets", "samples", "authors"])
    columns = KINDS[table]
    numbers = [name for name, kind in columns.items() if kind in NUMBERS]
    compared = [name for name, kind in columns.items() if kind in (*NUMBERS, "date", "binding", "mood", "instant")]
    grouped = [name for name, kind in columns.items() if kind not in ("json", "texts", "ints")]
    items = [f"g{at}:{one_of(draw, grouped)}" for at in range(draw(below(3)))]
    for at in range(1 + draw(below(3))):
        which = draw(below(4))
        name = one_of(draw, numbers if which < 2 else compared)
        call = one_of(draw, ["sum", "avg"]) if which < 2 else one_of(draw, ["min", "max", "count"])
        items.append(f"a{at}:{name}.{call}()" if which < 3 else f"a{at}:count()")
    level = Level(table, tests=[drawn_test(draw, table, within=False)] if chance(draw, 2) else [])
    pairs = [("select", ",".join(items)), *(pair for pair in level.pairs() if pair[0] != "order")]
    return f"/{table}?" + "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs)


# Headers and writes ------------------------------------------------------------------------------------------


@st.composite
def read_headers(draw: Draw) -> dict[str, str]:
    """Headers of a read."""
    found = {"as": one_of(draw, ["ada", "ada", "bob", "anon", "service"])}
    if chance(draw, 2):
        found["prefer"] = ", ".join(
            one_of(draw, ["count=exact", "count=planned", "handling=strict", "timezone=Europe/Berlin", "x=y"])
            for _ in range(1 + draw(below(2)))
        )
    if chance(draw, 6):
        found["accept"] = one_of(draw, ["application/vnd.pgrst.object+json", "text/csv", "*/*", "application/json"])
    if chance(draw, 8):
        found["range"] = one_of(draw, ["0-0", "1-2", "0-", "5-"])
    return found


VALUES: Mapping[str, Sequence[Any]] = {
    "big": [0, 9007199254740993, "-9", None],
    "int": [0, 1, 2, 3, 7, "8", None],
    "numeric": [0, 1.5, "2.25", -3, None],
    "float": [0, 1, 1.5, "2.5", 1e20, None],
    "text": ["novel", "x", "y", "", 'a "b"', None, 5],
    "bool": [True, False, "t", None],
    "date": ["2026-01-01", None],
    "moment": ["2026-01-01T00:00:00.5", None],
    "instant": ["2026-01-01T00:00:00+02:00", None],
    "clock": ["03:04", None],
    "span": ["2 days", None],
    "blob": ["\\x0102", None],
    "uuid": ["0E37DF36F69811E68DD4CB9CED3DF976", None],
    "mood": ["SAD", None],
    "binding": ["HARD", None],
    "texts": [["a", None], "{x,y}", [], None],
    "ints": [[1, 2], "{3}", None],
    "json": [{"a": [1, None]}, [1], "x", 5, None],
}
WRITTEN = ["tickets", "tickets", "genres", "samples", "branches", "placements", "reviews", "covers", "authors"]
COMPUTED = ("slug", "letters", "thick")


@dataclass(frozen=True)
class Write:
    """A request that writes."""

    method: str
    target: str
    headers: dict[str, str]
    body: str
    table: str


@st.composite
def writes(draw: Draw) -> Write:
    """A request that writes: most are allowed, some conflict."""
    table = one_of(draw, WRITTEN)
    method = one_of(draw, ["POST", "POST", "PATCH", "DELETE", "PUT"])
    level = Level(table, order=[(name, "") for name in key_of(table)])
    for _ in range(1 + draw(below(3))):
        drawn_column(draw, level, plain=False)
    if method in ("PATCH", "DELETE"):
        level.tests = [drawn_test(draw, table, within=False) for _ in range(draw(below(3)))]
    row = drawn_row(draw, table)
    pairs = [("select", level.select()), *level.pairs()]
    body = json.dumps([row, drawn_row(draw, table, list(row))] if method == "POST" and chance(draw, 2) else row)
    if method == "PUT":
        row = {**row, **{name: one_of(draw, [1, 2, 9]) if name != "city" else "Oslo" for name in key_of(table)}}
        pairs = [("select", level.select()), *((name, f"eq.{row[name]}") for name in key_of(table))]
        body = json.dumps(row)
    if method == "POST":
        pairs = [pair for pair in pairs if pair[0] in ("select", "order")]
    prefer = [one_of(draw, ["return=representation", "return=representation", "return=minimal", "return=headers-only"])]
    for word in ("resolution=merge-duplicates", "resolution=ignore-duplicates", "missing=default", "count=exact"):
        if chance(draw, 4):
            prefer.append(word)
    if chance(draw, 5):
        prefer += ["handling=strict", "max-affected=1"]
    target = f"/{table}?" + "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs)
    headers = {"as": one_of(draw, ["ada", "ada", "bob", "anon"]), "prefer": ", ".join(prefer)}
    return Write(method, target, headers, "" if method == "DELETE" else body, table)


def drawn_row(draw: Draw, table: str, names: Sequence[str] | None = None) -> dict[str, Any]:
    free = [name for name in KINDS[table] if name not in COMPUTED]
    if names is None:
        names = sorted({one_of(draw, free) for _ in range(1 + draw(below(4)))})
    return {name: one_of(draw, VALUES[KINDS[table][name]]) for name in names}
