"""supabase and postgrest for Python against a served application."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

import pytest

from behaviour.door import PUBLISHABLE, SECRET_KEY
from compliance.served import Served
from fixtures.rows import ADA, BOB, uid

with warnings.catch_warnings():
    # What they find wrong with each other is their own affair.
    warnings.simplefilter("ignore")
    import httpx
    from postgrest import AsyncPostgrestClient, CountMethod, ReturnMethod, SyncPostgrestClient
    from postgrest.exceptions import APIError
    from supabase import AsyncClient, Client, acreate_client, create_client
    from supabase.lib.client_options import AsyncClientOptions, SyncClientOptions

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


Connect: TypeAlias = Callable[..., Client]


@pytest.fixture
def connect(served: Served) -> Iterator[Connect]:
    """Makes clients: ``connect("ada")`` hers, ``connect(key=...)`` one that carries a key alone."""
    with contextlib.ExitStack() as opened:

        def make(name: str | None = None, *, key: str = PUBLISHABLE) -> Client:
            headers = {} if name is None else {"Authorization": f"Bearer {served.token(name)}"}
            transport = opened.enter_context(httpx.Client())
            return create_client(served.url, key, options=SyncClientOptions(headers=headers, httpx_client=transport))

        yield make


@pytest.fixture
def ada(connect: Connect) -> Client:
    """Ada's client."""
    return connect("ada")


@pytest.fixture
def bob(connect: Connect) -> Client:
    """Bob's client; he is an admin."""
    return connect("bob")


@pytest.fixture
def service(connect: Connect) -> Client:
    """A server's client."""
    return connect(key=SECRET_KEY)


@pytest.fixture
def rest(served: Served) -> Iterator[SyncPostgrestClient]:
    """postgrest on its own."""
    headers = {"apikey": PUBLISHABLE, "Authorization": f"Bearer {served.token('ada')}"}
    with SyncPostgrestClient(f"{served.url}/rest/v1", headers=headers) as client:
        yield client


@pytest.fixture
async def async_ada(served: Served) -> AsyncIterator[AsyncClient]:
    """Ada's asynchronous client."""
    headers = {"Authorization": f"Bearer {served.token('ada')}"}
    async with httpx.AsyncClient() as transport:
        options = AsyncClientOptions(headers=headers, httpx_client=transport)
        yield await acreate_client(served.url, PUBLISHABLE, options=options)


def numbers(answer: Any) -> list[int]:
    return [row["number"] for row in answer.data]


# Reads -------------------------------------------------------------------------------------------------------


def test_select_with_embeds_and_aliases(ada: Client) -> None:
    answer = (
        ada.table("notes")
        .select("n:number", "author(id, role)", "tags(name)", "replies(number)")
        .eq("number", 1)
        .order("name", foreign_table="tags")
        .order("number", foreign_table="replies")
        .execute()
    )
    assert answer.data == [
        {
            "n": 1,
            "author": {"id": str(ADA), "role": "member"},
            "tags": [{"name": "green"}, {"name": "red"}],
            "replies": [{"number": 2}, {"number": 3}],
        }
    ]


@pytest.mark.parametrize(
    ("filtered", "found"),
    [
        (lambda q: q.eq("number", 3), [3]),
        (lambda q: q.neq("number", 3), [1, 2, 4, 5, 6]),
        (lambda q: q.gt("number", 4), [5, 6]),
        (lambda q: q.gte("price", 10.5), [1, 4]),
        (lambda q: q.lt("price", 0), [6]),
        (lambda q: q.lte("number", 2), [1, 2]),
        (lambda q: q.is_("price", "null"), [2]),
        (lambda q: q.is_("public", "true"), [2, 3, 5]),
        (lambda q: q.like("text", "note % of Zeta"), [5, 6]),
        (lambda q: q.like_all_of("text", "note%,%Acme"), [1, 2, 3, 4]),
        (lambda q: q.like_any_of("text", "%1%,%6%"), [1, 6]),
        (lambda q: q.ilike("text", "%ZETA"), [5, 6]),
        (lambda q: q.ilike_all_of("text", "NOTE%,%ACME,%3%"), [3]),
        (lambda q: q.ilike_any_of("text", "%1 OF%,%zeta"), [1, 5, 6]),
        (lambda q: q.in_("number", [1, 3, 99]), [1, 3]),
        (lambda q: q.in_("text", ["note 1 of Acme", "a,b", 'c"d']), [1]),
        (lambda q: q.in_("number", []), []),
        (lambda q: q.match({"public": True, "level": "LOW"}), [2, 3, 5]),
        (lambda q: q.or_("number.eq.1,text.ilike.*zeta"), [1, 5, 6]),
        (lambda q: q.or_("number.eq.1,and(number.gt.4,public.is.true)"), [1, 5]),
        (lambda q: q.not_.eq("number", 3), [1, 2, 4, 5, 6]),
        (lambda q: q.not_.is_("price", "null"), [1, 3, 4, 5, 6]),
        (lambda q: q.not_.in_("number", [1, 2]), [3, 4, 5, 6]),
        (lambda q: q.filter("number", "in", "(5,6)"), [5, 6]),
        (lambda q: q.filter("text", "match", "^note [12] "), [1, 2]),
        (lambda q: q.filter("price", "isdistinct", "10.5"), [2, 3, 4, 5, 6]),
    ],
)
def test_filter(service: Client, filtered: Any, found: list[int]) -> None:
    assert numbers(filtered(service.table("notes").select("number")).order("number").execute()) == found


def test_filters_and_trees_in_embeds(service: Client) -> None:
    query = service.table("notes").select("number, author!inner(role)").order("number")
    assert numbers(query.eq("author.role", "admin").execute()) == [3, 4]
    query = service.table("notes").select("number, author!inner(role)").order("number")
    assert numbers(query.or_("role.eq.admin,role.eq.nobody", reference_table="author").execute()) == [3, 4]


def test_count_order_and_pages(service: Client) -> None:
    answer = service.table("notes").select("number", count=CountMethod.exact).order("number").range(1, 2).execute()
    assert (numbers(answer), answer.count) == ([2, 3], 6)
    answer = service.table("notes").select("*", count=CountMethod.exact, head=True).gt("number", 2).execute()
    assert (answer.data, answer.count) == ([], 4)
    answer = service.table("notes").select("number").order("price", desc=True, nullsfirst=False).limit(2).execute()
    assert numbers(answer) == [4, 1]
    answer = service.table("notes").select("number").order("number").limit(2).offset(3).execute()
    assert numbers(answer) == [4, 5]


def test_single_and_maybe_single(ada: Client) -> None:
    assert ada.table("notes").select("number").eq("number", 1).single().execute().data == {"number": 1}
    for query in (ada.table("notes").select("number").eq("number", 99), ada.table("notes").select("number")):
        with pytest.raises(APIError) as raised:
            query.single().execute()
        assert raised.value.code == "PGRST116"
    one = ada.table("notes").select("number").eq("number", 1).maybe_single().execute()
    assert one is not None and one.data == {"number": 1}
    assert ada.table("notes").select("number").eq("number", 99).maybe_single().execute() is None
    with pytest.raises(APIError):
        ada.table("notes").select("number").maybe_single().execute()


def test_csv(ada: Client) -> None:
    answer = ada.table("notes").select("number,price").order("number").csv().execute()
    assert answer.data == "number,price\n1,10.50\n2,\n3,9.99"


# Writes ------------------------------------------------------------------------------------------------------


def test_insert(ada: Client) -> None:
    answer = ada.table("notes").insert({"number": 50, "text": "x"}).execute()
    assert answer.data[0]["author_id"] == str(ADA)
    minimal = ada.table("notes").insert({"number": 51, "text": "x"}, returning=ReturnMethod.minimal).execute()
    assert minimal.data == []
    rows = [{"number": 52, "text": "a", "public": True}, {"number": 53, "text": "b"}]
    many = ada.table("notes").insert(rows, count=CountMethod.exact, default_to_null=False).execute()
    assert many.count == 2
    assert [(row["number"], row["public"]) for row in many.data] == [(52, True), (53, False)]


def test_upsert(bob: Client) -> None:
    rows = [{"id": 1, "name": "scarlet"}, {"id": 9, "name": "pink"}]
    assert bob.table("tags").upsert(rows).execute().data == rows
    answer = bob.table("tags").upsert({"id": 2, "name": "green"}, on_conflict="name").execute()
    assert answer.data == [{"id": 2, "name": "green"}]
    rows = [{"id": 3, "name": "navy"}, {"id": 10, "name": "white"}]
    assert bob.table("tags").upsert(rows, ignore_duplicates=True).execute().data == [{"id": 10, "name": "white"}]


def test_update_and_delete(ada: Client) -> None:
    answer = ada.table("notes").update({"text": "changed"}, count=CountMethod.exact).eq("number", 1).execute()
    assert (answer.count, answer.data[0]["text"]) == (1, "changed")
    others = ada.table("notes").update({"text": "mine"}, count=CountMethod.exact).eq("number", 3).execute()
    assert (others.count, others.data) == (0, [])
    ada.table("notes").insert({"number": 60, "text": "x"}).execute()
    gone = ada.table("notes").delete(count=CountMethod.exact).eq("number", 60).execute()
    assert (gone.count, numbers(gone)) == (1, [60])


def test_max_affected(service: Client) -> None:
    with pytest.raises(APIError) as raised:
        service.table("notes").update({"text": "all"}).gt("number", 0).max_affected(2).execute()
    assert raised.value.code == "PGRST124"
    assert numbers(service.table("notes").select("number").eq("text", "all").execute()) == []


# Functions ---------------------------------------------------------------------------------------------------


def test_functions(ada: Client, bob: Client) -> None:
    assert ada.rpc("add", {"a": 1, "b": 2}).execute().data == 3
    assert ada.rpc("add", {"a": 1}, get=True).execute().data == 11
    assert ada.rpc("numbers", {"of": [3, 1, 2]}).execute().data == [1, 2, 3]
    assert numbers(ada.rpc("notes_like", {"pattern": "%Acme"}).execute()) == [1, 2, 3]
    shaped = ada.rpc("notes_like", {}).select("number, author(role)").eq("number", 3).execute()
    assert shaped.data == [{"number": 3, "author": {"role": "admin"}}]
    counted = ada.rpc("notes_like", {}, count=CountMethod.exact, head=True).execute()
    assert counted.count == 3
    bob.rpc("rename_tag", {"id": 3, "name": "azure"}).execute()
    assert bob.table("tags").select("name").eq("id", 3).execute().data == [{"name": "azure"}]


# Errors and callers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "code", "message"),
    [
        (
            lambda c: c.table("nosuch").select("*"),
            "PGRST205",
            "Could not find the table 'public.nosuch' in the schema cache",
        ),
        (lambda c: c.table("notes").select("nope"), "42703", "column notes.nope does not exist"),
        (lambda c: c.table("notes").select("x(y)"), "PGRST200", None),
        (lambda c: c.table("notes").select("*").eq("id", "x"), "22P02", 'invalid input syntax for type uuid: "x"'),
        (lambda c: c.table("notes").insert({"number": 1, "text": "x"}), "23505", None),
        (lambda c: c.table("notes").insert({"number": 70}), "23502", None),
        (lambda c: c.table("notes").insert({"number": 70, "text": "x", "nope": 1}), "PGRST204", None),
        (
            lambda c: c.table("notes").insert({"number": 70, "text": "x", "author_id": str(BOB)}),
            "42501",
            'new row violates row-level security policy for table "notes"',
        ),
        (lambda c: c.table("note_tags").insert({"note_id": str(uid(104)), "tag_id": 99}), "23503", None),
        (lambda c: c.table("drafts").select("*"), "42501", "permission denied for table drafts"),
        (lambda c: c.rpc("nosuch", {}), "PGRST202", None),
    ],
)
def test_error(ada: Client, ask: Any, code: str, message: str | None) -> None:
    with pytest.raises(APIError) as raised:
        ask(ada).execute()
    assert raised.value.code == code
    assert message is None or raised.value.message == message


def test_callers(served: Served, service: Client, connect: Connect) -> None:
    told = served.environment()
    every = [1, 2, 3, 4, 5, 6]
    assert numbers(service.table("notes").select("number").order("number").execute()) == every
    legacy = connect(key=told["SERVICE_TOKEN"])
    assert numbers(legacy.table("notes").select("number").order("number").execute()) == every
    assert numbers(connect().table("notes").select("number").execute()) == []
    assert numbers(connect("cyd").table("notes").select("number").order("number").execute()) == [5, 6]


def test_postgrest_alone(rest: SyncPostgrestClient) -> None:
    assert numbers(rest.from_("notes").select("number").order("number").execute()) == [1, 2, 3]
    assert rest.rpc("add", {"a": 2, "b": 2}).execute().data == 4
    assert numbers(rest.schema("public").from_("notes").select("number").eq("number", 1).execute()) == [1]


async def test_asynchronous_clients(served: Served, async_ada: AsyncClient) -> None:
    answer = await async_ada.table("notes").select("number", count=CountMethod.exact).order("number").execute()
    assert (numbers(answer), answer.count) == ([1, 2, 3], 3)
    await async_ada.table("notes").insert({"number": 50, "text": "x"}).execute()
    gone = await async_ada.table("notes").delete().eq("number", 50).execute()
    assert numbers(gone) == [50]
    assert (await async_ada.rpc("add", {"a": 1}).execute()).data == 11
    headers = {"apikey": PUBLISHABLE, "Authorization": f"Bearer {served.token('bob')}"}
    async with AsyncPostgrestClient(f"{served.url}/rest/v1", headers=headers) as client:
        assert numbers(await client.from_("notes").select("number").order("number").execute()) == [2, 3, 4]
