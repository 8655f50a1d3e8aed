"""Regular expressions mean on SQLite what they mean on PostgreSQL: it is asked itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Final, TypeAlias

import asyncpg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from backstay.dialects.sqlite.functions.texts import regexp, regexp_any_case
from backstay.errors import InvalidPattern
from behaviour.door import Door

PATTERNS: Final = (
    # atoms, branches, anchors, quantifiers
    *("", "a", "b", "A", ".", "a.c", "a|b", "|", "()", "(?:)", "(|b)", "b|", "^a", "a$", "^$", "^", "$", "a^b", "a$b"),
    *(
        "a*",
        "a+",
        "^a?$",
        "a{2}",
        "a{2,}",
        "^a{1,2}$",
        "a{0}",
        "(ab)+",
        "(a|b){3}",
        "a+?",
        "a{1,2}?",
        "a*?b",
        "x{0,255}",
    ),
    *("a**", "a+*", "*a", "^*", "$+", "(*a)", "a|*", "(|*)", "a{1}{2}", "a??", "a???", r"\y*", r"\A+"),
    *("{", "a{", "a{x", "a{,2}", "}", "a}", "a{1", "a{1,", "a{1x}", "a{256}", "a{255}", "a{2,1}", "]", "a]"),
    *("(", ")", "a)", "(a", "((a)", "(?", "(?:a", "(?:a|b)c", "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(?<n>a)"),
    # escapes
    *(r"\d", r"\D", r"\s", r"\S", r"\w", r"\W", r"^\w+$", r"\d{2}", r"\.", r"\\", r"\(", r"\[", r"\$", r"\é", "\\"),
    *(r"\a", r"\b", r"\B", r"\e", r"\f", r"\n", r"\r", r"\t", r"\v", r"\cA", r"\u0061", r"\u00e9", r"\U00000061"),
    *(r"\x61", r"\xe9", r"\xzz", r"\u12", r"\0", r"\041", r"\141", r"\1", r"\8", r"\9", r"\12", r"(a)\1", r"(a)\2"),
    *(r"\p", r"\pL", r"\Q", r"\z", r"\h", r"\R", r"\K", r"\G", r"\i", r"\_"),
    # bounds of words and of the text
    *(
        r"\Aa",
        r"b\Z",
        r"\Z",
        r"\ma",
        r"a\M",
        r"\mab\M",
        r"\ya",
        r"a\y",
        r"\yl",
        r"\Yb",
        r"b\Y",
        r"\m",
        r"\M",
        r"\y",
        r"\Y",
    ),
    *(
        r"\m ",
        r" \m",
        r"\M ",
        r"^\m",
        r"\M$",
        r"\mé",
        r"é\M",
        r"\m\w+\M \m",
        r"\y\y\ma",
        r"(\ma|\yé)",
        r"\ma?b",
        r"a?\Mb",
    ),
    *("[[:<:]]a", "a[[:>:]]", "[[:<:]]lan", r"\m.", r".\M", r"\y-", r"x\M-"),
    # brackets
    *(
        "[a]",
        "[abc]",
        "[^a]",
        "[^abc]",
        "[a-c]",
        "[]a]",
        "[^]a]",
        "[a-]",
        "[-a]",
        "[a\\]b]",
        r"[\d]",
        r"[\w-]",
        r"[^\w]",
    ),
    *(r"[\s\d]", r"[\D]", r"[\W]", r"[\Sa]", r"[a\W]", r"[\b]", r"[\n]", r"[\x61-\x63]", r"[\u00e0-\u00ff]", r"[\p]"),
    *("[[:alpha:]]", "[[:alnum:]]", "[[:digit:]]", "[[:space:]]", "[[:upper:]]", "[[:lower:]]", "[[:punct:]]"),
    *("[[:blank:]]", "[[:cntrl:]]", "[[:graph:]]", "[[:print:]]", "[[:xdigit:]]", "[[:word:]]", "[[:foo:]]"),
    *("[^[:alpha:]]", "^[[:alpha:][:digit:]_]+$", "[[:alpha:]-z]", "[[.a.]]", "[[=a=]]", "[[.hyphen.]]", "[[.foo.]]"),
    *(
        "[[.a.]-c]",
        "[",
        "[a",
        "[]",
        "[^]",
        "[b-a]",
        "[a-a]",
        "[[:alpha:]",
        "[[:alpha]",
        "[a-\\d]",
        "[\\d-z]",
        "[[]",
        "[[a]",
    ),
    *("[.]", "[$^]", "[(|)*+?{}]", "[é-ü]", "[^\\s]", "[\\\\]"),
    # directors and options
    *("(?i)A", "(?c)A", "(?i)É", "(?s)a.c", "(?n)a.c", "(?n)^b", "(?n)a$", "(?m)^b", "(?p)a.c", "(?p)^b", "(?w)a.c"),
    *(
        "(?w)^b",
        "(?w)a$",
        "(?n)[^x]b",
        "(?p)[^x]b",
        "(?n)\\Ab",
        "(?n)a\\Z",
        "(?n)\\D",
        "(?n)\\Sb",
        "(?q)a.c",
        "(?x)a b",
        "(?x) a # c",
    ),
    *(
        "(?x)a\\ b",
        "(?x)[a b]",
        "(?t)a b",
        "(?in)A$",
        "(?z)a",
        "(?i",
        "a(?i)b",
        "(?i)(?n)a",
        "***:a",
        "***=a.c",
        "***=(",
        "***",
    ),
    *("***a", "***:(?i)A", "a(?#comment)b", "(?#x)a", "a(?#", "(?i)[a-c]", "(?i)[^a]", "(?i)\\u0041"),
)
TEXTS: Final = (
    *(
        "",
        "a",
        "A",
        "b",
        "ab",
        "abc",
        "a.c",
        "a\nc",
        "a\nb",
        "b\na",
        "aa",
        "aaa",
        "abab",
        "b a",
        "a b",
        "a-b",
        "x-",
        "12",
    ),
    *("1a", "_", "é", "É", "élan", "l'été", "naïve", "中文", "ß", "a{,2}", "a{x", "{}", "[]", "(", "\\", "$", "^", "]"),
    *("\t", "\n", "\v", "\x1b", "\x01", "\u2003", "\u00a0", "€", "a\\b", "lan", "foo bar", "Foo_Bar9", "!?", " "),
)

UNABLE: Final = re.compile(
    r"\(\?[=!<]|\\[1-9]|\[\^[^]]*\\[SWD]|\(\?[a-z]*[be]|\*\*\*a|\\[mMyY].*(\\A|\^)|\\Z.*\\[mMyY]"
)
"""What RE2 cannot do; basic and extended expressions, which nobody asks for; the text's ends beside a word's bound."""

TRY: Final = """
    CREATE FUNCTION pg_temp.matches(expression text, value text, operator text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE answer boolean;
    BEGIN
        EXECUTE format('SELECT $1 %s $2', operator) INTO answer USING value, expression;
        RETURN answer::text;
    EXCEPTION WHEN invalid_regular_expression THEN RETURN SQLERRM;
    END $$
"""


Theirs: TypeAlias = Callable[[str, list[tuple[str, str]]], list[str]]
"""What PostgreSQL makes of each expression and text, by the operator: true, false, or its refusal."""


@pytest.fixture(scope="module")
def theirs(postgresql_server: str) -> Iterator[Theirs]:
    """PostgreSQL, to be asked."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(postgresql_server))
        runner.run(connection.execute(TRY))

        def ask(sign: str, pairs: list[tuple[str, str]]) -> list[str]:
            query = (
                "SELECT pg_temp.matches(a, b, $3) FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS _(a, b, n)"
                " ORDER BY n"
            )
            rows = runner.run(connection.fetch(query, *map(list, zip(*pairs, strict=True)), sign))
            return [row[0] for row in rows]

        yield ask
        runner.run(connection.close())


def ours(sign: str, pattern: str, text: str) -> str:
    """The same of ours."""
    try:
        found: Any = (regexp if sign == "~" else regexp_any_case)(pattern, text)
    except InvalidPattern as refusal:
        return refusal.message
    return "true" if found else "false"


@pytest.mark.parametrize("sign", ["~", "~*"])
def test_expressions_match_and_are_refused_alike(sign: str, theirs: Theirs) -> None:
    pairs = [(pattern, text) for pattern, text in product(PATTERNS, TEXTS) if not UNABLE.search(pattern)]
    answers = theirs(sign, pairs)
    wrong = [
        f"{text!r} {sign} {pattern!r} is {expected}, not {found}"
        for (pattern, text), expected in zip(pairs, answers, strict=True)
        if (found := ours(sign, pattern, text)) != expected
    ]
    assert wrong == []


PIECES: Final = (
    *(
        "a",
        "b",
        "é",
        ".",
        "[ab]",
        "[^a]",
        "[^b\\n]",
        r"\w",
        r"\W",
        r"\d",
        r"\s",
        r"\m",
        r"\M",
        r"\y",
        r"\Y",
        "^",
        "$",
        "(",
    ),
    *(")", "(?:", "|", "*", "+", "?", "{1,2}", "{2}", r"\A", r"\Z", "[[:alpha:]]", "-", " ", "(?n)", "\\n"),
)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(
    patterns=st.lists(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), min_size=20, max_size=20),
    texts=st.lists(st.text("abé- \n1_", max_size=6), min_size=5, max_size=5),
)
def test_any_expression_matches_alike(patterns: list[str], texts: list[str], theirs: Theirs) -> None:
    pairs = [pair for pair in product(patterns, texts) if not UNABLE.search(pair[0])]
    assume(pairs)
    for (pattern, text), expected in zip(pairs, theirs("~", pairs), strict=True):
        found = ours("~", pattern, text)
        # Which of two faults is told is as open as the order in which they are looked for.
        assert found == expected or ("invalid" in found and "invalid" in expected), (pattern, text, expected, found)


@pytest.mark.parametrize("pattern", ["(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", r"(a)\1", r"[^\Wa]", "(?b)a"])
def test_what_cannot_be_done_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match="invalid regular expression"):
        regexp(pattern, "a")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (r"note=match.\mplain\M", [3]),
        (r"note=match.\mlain", []),
        ("note=imatch.^PLAIN$", [3]),
        ("note=imatch.(?c)^PLAIN$", []),
        ("note=imatch.***=PLA", [3]),
        ("note=match.(?n)^line$", [1]),
        ("note=match.^line$", []),
        ("note=match.[[:upper:]]", []),
        (r"note=match(any).{^x,\\mwith\\M}", [1]),
        (r"note=imatch(all).{^P,N\\Z}", [3]),
        ("note=not.match.a", []),
        (r"or=(note.match.^pl,note.match.\u1F98A)", [3]),
    ],
)
def test_expressions_in_filters(art: Door, query: str, found: list[int]) -> None:
    assert [row["id"] for row in art.rows(f"/specimens?select=id&order=id&{query}")] == found


@pytest.mark.parametrize(
    "query", ["note=match.(", "note=match(any).{*,a}", "note=imatch.[", r"or=(note.match.\p,id.eq.1)"]
)
def test_bad_expressions_in_filters(art: Door, query: str) -> None:
    answer = art.get(f"/specimens?{query}")
    assert (answer.status, answer.code) == (400, "2201B")
