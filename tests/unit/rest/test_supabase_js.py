"""A.19: requests as the official clients send them."""

from __future__ import annotations

from backstay.frontends.rest.media import Media
from backstay.query.nodes import (
    Connective,
    Count,
    Delete,
    Everything,
    Field,
    Insert,
    Logic,
    Missing,
    Nulls,
    Order,
    Page,
    Resolution,
    Select,
    Update,
)
from unit.rest.ask import ask, asked_as, comparison, embed, get, items

JS = {
    "apikey": "k",
    "authorization": "Bearer k",
    "x_client_info": "supabase-js-node/2",
    "accept": "*/*",
    "accept_profile": "public",
    "content_profile": "public",
    "content_type": "application/json",
}


def js(**more: str) -> dict[str, str]:
    return JS | more


def test_a_select_with_an_embed_a_filter_and_an_order() -> None:
    query = asked_as(
        Select,
        "GET",
        "/notes?select=id%2Ctitle%2Cauthor%21inner%28name%29&author.name=eq.Ada+L.&order=id.desc.nullslast%2Ctitle.asc",
        **JS,
    )
    assert query.items == (*items("id,title"), embed("select=author!inner(name)&author.name=eq.Ada+L."))
    assert query.order == (Order(Field("id"), True, Nulls.LAST), Order(Field("title")))


def test_a_range_comes_as_offset_and_limit() -> None:
    assert get("select=*&offset=10&limit=10", **JS).page == Page(10, 10, True, True)


def test_in_quotes_only_what_needs_it() -> None:
    assert get("select=*&name=in.%28a%2C%22b%2Cc%22%2C%22d%28e%29%22%29", **JS).where == (
        comparison("name", "in", ("a", "b,c", "d(e)")),
    )


def test_or_with_a_referenced_table() -> None:
    found = embed("select=*%2Cposts%28*%29&posts.or=%28a.eq.1%2Cb.is.null%29")
    assert found.where == (Logic(Connective.OR, (comparison("a", "eq", "1"), comparison("b", "is", word="null"))),)


def test_containment_search_and_ranges() -> None:
    assert get(
        "tags=cs.%7Ba%2Cb%7D&data=cs.%7B%22a%22%3A1%7D&r=ov.%5B2000-01-01+12%3A30%2C2000-01-02%29&t=wfts%28english%29.a+b"
    ).where == (
        comparison("tags", "cs", "{a,b}"),
        comparison("data", "cs", '{"a":1}'),
        comparison("r", "ov", "[2000-01-01 12:30,2000-01-02)"),
        comparison("t", "wfts", "a b", language="english"),
    )


def test_head_with_a_count() -> None:
    asked = ask("HEAD", "/notes?select=*", **js(prefer="count=exact"))
    assert isinstance(asked.query, Select)
    assert (asked.head, asked.query.count) == (True, Count.EXACT)


def test_an_insert_of_many_quotes_its_columns() -> None:
    query = asked_as(
        Insert,
        "POST",
        "/notes?columns=%22a%22%2C%22b%22",
        b'[{"a":1},{"b":2}]',
        **js(prefer="return=representation,missing=default"),
    )
    assert query.rows == ({"a": 1}, {"b": 2})
    assert (query.columns, query.missing) == (("a", "b"), Missing.DEFAULT)
    assert query.returning == Select("notes", items=(Everything(),))


def test_an_upsert() -> None:
    query = asked_as(
        Insert,
        "POST",
        "/notes?on_conflict=a%2Cb&select=id",
        b'{"a":1,"b":2}',
        **js(prefer="resolution=merge-duplicates,return=representation"),
    )
    assert (query.resolution, query.conflict) == (Resolution.MERGE, ("a", "b"))
    assert query.returning == Select("notes", items=items("id"))


def test_an_update_of_a_single_row() -> None:
    asked = ask(
        "PATCH",
        "/notes?id=eq.1&select=*",
        b'{"a":1}',
        **js(accept="application/vnd.pgrst.object+json", prefer="return=representation,handling=strict,max-affected=1"),
    )
    assert isinstance(asked.query, Update)
    assert asked.format.media is Media.OBJECT
    assert (asked.preferences.strict, asked.preferences.max_affected) == (True, 1)


def test_a_delete_without_a_body() -> None:
    query = asked_as(Delete, "DELETE", "/notes?id=eq.1", **JS)
    assert query == Delete("notes", where=(comparison("id", "eq", "1"),))


def test_a_call_by_head_with_objects_falls_back_to_post() -> None:
    asked = ask("POST", "/rpc/f", b'{"a":{"b":1}}', **js(prefer="count=exact,return=minimal"))
    assert (asked.head, asked.preferences.count) == (False, Count.EXACT)


def test_strip_nulls() -> None:
    form = ask("GET", "/notes", **js(accept="application/vnd.pgrst.array+json;nulls=stripped")).format
    assert (form.media, form.stripped) == (Media.ARRAY, True)
