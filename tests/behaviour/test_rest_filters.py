"""Filters: each operator on each kind of column, the same rows on every database."""

from __future__ import annotations

import pytest

from behaviour.door import Door


def ids(door: Door, table: str, query: str) -> list[int]:
    return [row["id"] for row in door.rows(f"/{table}?select=id&order=id&{query}")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        # comparison
        ("small=eq.7", [3]),
        ("small=eq.-32768", [1]),
        ("small=neq.7", [1]),
        ("small=gt.-5", [3]),
        ("small=gte.7", [3]),
        ("small=lt.7", [1]),
        ("small=lte.7", [1, 3]),
        ("big=eq.9007199254740993", [1]),
        ("big=gt.9007199254740992", [1]),
        ("ratio=eq.0.1", [1]),
        ("ratio=gt.1e-1", [3]),
        ("exact=eq.12345678901234567890.123456789", [1]),
        ("exact=gt.12345678901234567890.123456788", [1]),
        ("exact=lt.12345678901234567890.123456789", [3]),
        ("exact=eq.-.5", [3]),
        ("cents=eq.10.5", [1]),
        ("cents=eq.10.500", [1]),
        ("cents=eq.10.499", []),
        ("cents=gt.10.499", [1]),
        ("cents=in.(10.499,9)", [3]),
        ("cents=eq(any).{10.499,9}", [3]),
        ("cents=lt.1e30", [1, 3]),
        ("cents=gt.9.5", [1]),
        ("cents=lt.10", [3]),
        ("flag=eq.true", [1]),
        ("flag=eq.t", [1]),
        ("flag=eq.off", [3]),
        ("flag=neq.true", [3]),
        ("note=eq.plain", [3]),
        ("note=eq.Plain", []),
        ('note=eq.a "quoted", (bracketed) {text} \\ with ünïcode 🦊 and%0Aline', [1]),
        ("note=gt.b", [3]),
        ("code=eq.ab", [1]),
        ("code=eq.ab    and more", []),
        ("code=in.(z,abcdefgh)", [3]),
        ("day=eq.2026-02-28", [1]),
        ("day=lt.2026-02-28", [3]),
        ("moment=eq.2026-02-28T23:59:59.12", [1]),
        ("moment=eq.2026-02-28 23:59:59.120000", [1]),
        ("moment=lt.2026-02-28T23:59:59.2", [1, 3]),
        ("instant=eq.2026-02-28T23:59:59.12Z", [1]),
        ("instant=eq.2026-03-01T00:59:59.12%2B01:00", [1]),
        ("instant=gt.2026-02-28T23:59:59.1%2B00:00", [1]),
        ("clock=eq.23:59:59", [1]),
        ("clock=lt.01:00", [3]),
        ("span=eq.1 day 02:00:03.5", [1]),
        ("span=gt.25 hours", [1]),
        ("span=lt.2 seconds", [3]),
        ("blob=eq.\\x00ff504e47", [1]),
        ("blob=eq.\\x", [3]),
        ("uid=eq.0E37DF36-F698-11E6-8DD4-CB9CED3DF976", [1]),
        ("uid=gt.10000000-0000-0000-0000-000000000000", [3]),
        ("mood=eq.HAPPY", [1]),
        ("mood=gt.SAD", [1]),
        ('words=eq.{a,"b c","d\\"e","f,g"}', [1]),
        ("numbers=eq.{1,2,3}", [1]),
        ("numbers=eq.{}", [3]),
        # null and distinct
        ("small=is.null", [2]),
        ("small=is.NULL", [2]),
        ("small=is.not_null", [1, 3]),
        ("small=not.is.null", [1, 3]),
        ("flag=is.true", [1]),
        ("flag=is.false", [3]),
        ("flag=is.unknown", [2]),
        ("flag=not.is.true", [2, 3]),
        ("blob=is.null", [2]),
        ("data=is.null", [2]),
        ("small=isdistinct.7", [1, 2]),
        ("small=not.isdistinct.7", [3]),
        ("note=isdistinct.plain", [1, 2]),
        # negation is three-valued: a row whose value is NULL matches neither
        ("small=not.eq.7", [1]),
        ("small=not.gt.7", [1, 3]),
        ("note=not.like.p*", [1]),
        # lists
        ("small=in.(7,8,-32768)", [1, 3]),
        ("small=in.(8)", []),
        ("small=in.()", []),
        ("small=not.in.()", [1, 2, 3]),
        ("small=not.in.(7)", [1]),
        ('note=in.("plain","x")', [3]),
        ("note=in.(plain,x)", [3]),
        ("cents=in.(10.5,9)", [1, 3]),
        ("uid=in.(0e37df36-f698-11e6-8dd4-cb9ced3df976)", [1]),
        ("flag=in.(true,false)", [1, 3]),
        ("mood=in.(SAD,HAPPY)", [1, 3]),
        ("day=in.(1999-12-31)", [3]),
        ("instant=in.(2026-03-01T00:59:59.12%2B01:00)", [1]),
        ("span=in.(26:00:03.5)", [1]),
        ("blob=in.(\\x00ff504e47)", [1]),
        # patterns
        ("note=like.p*n", [3]),
        ("note=like.P*", []),
        ("note=like.%25lain", [3]),
        ("note=like._lain", [3]),
        ("note=ilike.PLA*", [3]),
        ("note=ilike.*ÜNÏ*", [1]),
        ("note=like(any).{p*,x*}", [3]),
        ("note=like(all).{p*,*n}", [3]),
        ("note=like(all).{p*,*x}", []),
        ('note=ilike(any).{P*,"A \\"*"}', [1, 3]),
        ("note=match.^pl.in$", [3]),
        ("note=match.^PL", []),
        ("note=imatch.^PL", [3]),
        ("note=not.match.^pl", [1]),
        ("note=match(any).{^pl,^x}", [3]),
        ("note=imatch(all).{^PL,N$}", [3]),
        # quantifiers
        ("small=eq(any).{7,8}", [3]),
        ("small=not.eq(any).{7,8}", [1]),
        ("small=gt(all).{-40,0}", [3]),
        ("small=lt(any).{0,8}", [1, 3]),
        ("small=gte(all).{7}", [3]),
        ("small=lte(all).{}", [1, 2, 3]),
        ("small=eq(any).{}", []),
        ("cents=eq(any).{10.5,11}", [1]),
        ("cents=gt(all).{9.5,9.75}", [1]),
        ('code=eq(any).{"ab","a,b"}', [1]),
        ("instant=eq(any).{2026-03-01T00:59:59.12%2B01:00}", [1]),
        # NULL in a list: what no other member decides is NULL
        ("small=eq(any).{7,NULL}", [3]),
        ("small=not.eq(any).{7,NULL}", []),
        ("small=eq(all).{7,NULL}", []),
        ("small=not.eq(all).{7,NULL}", [1]),
        ("note=not.like(all).{p*,NULL}", [1]),
        ("note=match(any).{NULL,^p}", [3]),
        ('note=eq(any).{"NULL"}', []),
        ("small=eq(any).{{7},{8}}", [3]),
        # several filters are ANDed, and a column may have several
        ("small=gt.0&small=lt.10&flag=is.false", [3]),
        ("small=gt.0&flag=is.true", []),
        # JSON paths: `->>` is text, `->` is JSON
        ("data->>s=eq.text", [1]),
        ("data->>n=eq.5", [1]),
        ("data->>n=gt.10", [1]),
        ("data->n=eq.5", [1]),
        ("data->n=eq.5.0", [1]),
        ("data->n=gt.10", []),
        ("data->n=gte.4.5", [1]),
        ("data->n=in.(4,5)", [1]),
        ("data->n=eq(any).{4,5}", [1]),
        ("data->n=isdistinct.5", [2, 3]),
        ('data->s=eq."text"', [1]),
        ('data->a=eq.{"b": [1, {"c": "deep"}]}', [1]),
        ("data->>t=eq.true", [1]),
        ("data->>z=is.null", [1, 2, 3]),
        ("data->>missing=is.null", [1, 2, 3]),
        ("data->a->b->1->>c=eq.deep", [1]),
        ("data->a->b->>0=eq.1", [1]),
        ("data->a->b->>-2=eq.1", [1]),
        ("data->>0=eq.1", [3]),
        ("data->>-1=eq.3", [3]),
        ("data->>s=like.te*", [1]),
        ("data->>s=in.(text,other)", [1]),
        ("words->>1=eq.b c", [1]),
        ("numbers->0=eq.1", [1]),
        # not a filter: a key without =
        ("small", [1, 2, 3]),
    ],
)
def test_filter(art: Door, query: str, found: list[int]) -> None:
    assert ids(art, "specimens", query) == found


def test_literal_is_not_cut_to_the_length_of_its_column(art: Door) -> None:
    art.ask("PATCH", "/specimens?id=eq.3", {"code": "abcde"})
    assert ids(art, "specimens", "code=eq.abcdefgh") == []
    assert ids(art, "specimens", "code=in.(abcdefgh)") == []
    assert ids(art, "specimens", "code=eq.abcde") == [3]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("letters=eq.8", [4, 5]),
        ("century=eq.17", [1, 2, 3, 4]),
        ("century=is.null", [5]),
        ("shouted=eq.MILKMAID", [4]),
        ("building=eq.main&room=eq.1", [1, 3]),
    ],
)
def test_computed_columns_can_be_filtered(art: Door, query: str, found: list[int]) -> None:
    assert ids(art, "paintings", query) == found


@pytest.mark.parametrize(
    ("query", "status", "code", "message"),
    [
        ("small=eq.x", 400, "22P02", 'invalid input syntax for type smallint: "x"'),
        ("small=eq.", 400, "22P02", 'invalid input syntax for type smallint: ""'),
        ("small=eq.1.5", 400, "22P02", 'invalid input syntax for type smallint: "1.5"'),
        ("small=eq.40000", 400, "22003", 'value "40000" is out of range for type smallint'),
        ("small=in.(1,x)", 400, "22P02", 'invalid input syntax for type smallint: "x"'),
        ("small=eq(any).{1,x}", 400, "22P02", 'invalid input syntax for type smallint: "x"'),
        ("id=eq.99999999999", 400, "22003", 'value "99999999999" is out of range for type integer'),
        ("big=eq.99999999999999999999", 400, "22003", 'value "99999999999999999999" is out of range for type bigint'),
        ("ratio=eq.abc", 400, "22P02", 'invalid input syntax for type double precision: "abc"'),
        ("cents=eq.1,5", 400, "22P02", 'invalid input syntax for type numeric: "1,5"'),
        ("flag=eq.maybe", 400, "22P02", 'invalid input syntax for type boolean: "maybe"'),
        ("uid=eq.1", 400, "22P02", 'invalid input syntax for type uuid: "1"'),
        ("mood=eq.happy", 400, "22P02", 'invalid input value for enum mood: "happy"'),
        ("day=eq.yesterday-ish", 400, "22007", 'invalid input syntax for type date: "yesterday-ish"'),
        ("day=eq.2026-02-30", 400, "22008", 'date/time field value out of range: "2026-02-30"'),
        ("instant=eq.x", 400, "22007", 'invalid input syntax for type timestamp with time zone: "x"'),
        ("numbers=eq.{1,x}", 400, "22P02", 'invalid input syntax for type integer: "x"'),
        ("small=is.7", 400, "PGRST100", '"failed to parse filter (is.7)" (line 1, column 4)'),
        ("small=is.true", 400, "42804", "argument of IS TRUE must be type boolean, not type smallint"),
        ("small=abc.1", 400, "PGRST100", '"failed to parse filter (abc.1)" (line 1, column 1)'),
        ("small=7", 400, "PGRST100", '"failed to parse filter (7)" (line 1, column 1)'),
        ("small=neq(any).{1}", 400, "PGRST100", None),
        ("small=in.1", 400, "PGRST100", None),
        ("small=like.7*", 404, "42883", "operator does not exist: smallint ~~ unknown"),
        ("note=match.(", 400, "2201B", None),
        ("data=eq.5", 404, "42883", "operator does not exist: json = unknown"),
        ("data->n=eq.x", 400, "22P02", "invalid input syntax for type json"),
        ("order=data", 404, "42883", "could not identify an ordering operator for type json"),
        ("nosuch=eq.1", 400, "42703", "column specimens.nosuch does not exist"),
        ("nosuch->a=eq.1", 400, "42703", "column specimens.nosuch does not exist"),
    ],
)
def test_filter_that_cannot_be_is_refused(art: Door, query: str, status: int, code: str, message: str | None) -> None:
    answer = art.get(f"/specimens?{query}")
    assert (answer.status, answer.code) == (status, code), answer.json
    assert message is None or answer.json["message"] == message


def test_unknown_operator_names_what_would_do(art: Door) -> None:
    assert art.get("/specimens?small=abc.1").json["details"] == (
        'unexpected "a" expecting "not" or operator (eq, gt, ...)'
    )


def test_unknown_column_names_the_closest(art: Door) -> None:
    answer = art.get("/specimens?smal=eq.1")
    assert answer.json == {
        "code": "42703",
        "message": "column specimens.smal does not exist",
        "details": None,
        "hint": 'Perhaps you meant to reference the column "specimens.small".',
    }


@pytest.mark.invariant("I20")
@pytest.mark.parametrize("query", ["secret=eq.x", "select=secret", "order=secret", "or=(secret.is.null,number.eq.1)"])
def test_hidden_column_is_as_if_it_did_not_exist(work: Door, query: str) -> None:
    answer = work.get(f"/notes?{query}", "service")
    assert (answer.status, answer.json["message"]) == (400, "column notes.secret does not exist")
    assert answer.json["hint"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("or=(id.eq.1,id.eq.3)", [1, 3]),
        ("and=(id.gt.1,id.lt.3)", [2]),
        ("not.or=(id.eq.1,id.eq.3)", [2]),
        ("not.and=(id.gt.1,id.lt.3)", [1, 3]),
        ("or=(small.eq.7,small.is.null)", [2, 3]),
        ("or=(small.not.eq.7,small.is.null)", [1, 2]),
        ("or=(id.eq.1,and(id.gt.1,id.lt.3))", [1, 2]),
        ("or=(id.eq.1,not.and(id.gt.1,id.lt.3))", [1, 3]),
        ("or=(id.eq.1,not.or(id.eq.1,id.eq.2))", [1, 3]),
        ("and=(or(id.eq.1,id.eq.2),or(id.eq.2,id.eq.3))", [2]),
        ("or=(id.in.(1,2),note.eq.plain)", [1, 2, 3]),
        ('or=(note.eq."plain",note.like."a ""*")', [3]),
        ('or=(note.eq."plain",note.like."a \\"*")', [1, 3]),
        ('or=(note.in.(plain,"x,y"),id.eq.2)', [2, 3]),
        ("or=(small.eq(any).{7,8},id.eq.2)", [2, 3]),
        ("or=(data->>s.eq.text,id.eq.2)", [1, 2]),
        ("or=( id.eq.1 , id.eq.2 )", [1, 2]),
        ("or=(flag.is.true,flag.is.unknown)", [1, 2]),
        ("or=(id.eq.1,id.eq.2)&or=(id.eq.2,id.eq.3)", [2]),
        ("or=(id.eq.1,id.eq.2)&id=gt.1", [2]),
        # NULL OR false is NULL, so NOT of it keeps nothing
        ("not.or=(small.eq.7,id.eq.0)", [1]),
        ("or=(id.eq.2)", [2]),
    ],
)
def test_logic_tree(art: Door, query: str, found: list[int]) -> None:
    assert ids(art, "specimens", query) == found


@pytest.mark.parametrize(
    "query", ["or=()", "or=id.eq.1", "or=(id.eq.1", "and=(id)", "or=(id.eq.1,)", "or=(nand(id.eq.1))", "or=(id.xx.1)"]
)
def test_logic_tree_that_cannot_be_read_is_refused(art: Door, query: str) -> None:
    answer = art.get(f"/specimens?{query}")
    assert (answer.status, answer.code) == (400, "PGRST100")
    assert answer.json["message"].startswith('"failed to parse logic tree (')
