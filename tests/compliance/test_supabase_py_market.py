"""supabase for Python, where it asks for more than notes: arrays, documents, ranges, plans, and what it sends."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from behaviour.door import PUBLISHABLE
from compliance.served import Served

with warnings.catch_warnings():
    # What they find wrong with each other is their own affair.
    warnings.simplefilter("ignore")
    import httpx
    from postgrest import CountMethod
    from postgrest.exceptions import APIError
    from supabase import Client, create_client
    from supabase.lib.client_options import SyncClientOptions

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def sent() -> list[httpx.Request]:
    """What the client sent, in order."""
    return []


@pytest.fixture
def client(market: Served, sent: list[httpx.Request]) -> Iterator[Client]:
    """A client of the market."""
    with httpx.Client(event_hooks={"request": [sent.append]}) as transport:
        yield create_client(market.url, PUBLISHABLE, options=SyncClientOptions(httpx_client=transport))


def ids(query: Any) -> list[int]:
    return [row["id"] for row in query.execute().data]


CONTAINERS = [
    (lambda q: q.contains("tags", ["red"]), [1, 2]),
    (lambda q: q.contains("tags", []), [1, 2, 3, 4]),
    (lambda q: q.contains("tags", ['so "called"']), [2]),
    (lambda q: q.contains("tags", ["a,b"]), [3]),
    (lambda q: q.contains("tags", "{red,sweet}"), [1]),
    (lambda q: q.cs("sizes", [2]), [1, 2]),
    (lambda q: q.contains("doc", {"from": {"city": "Rome"}}), [4]),
    (lambda q: q.contains("doc", {"n": [2]}), [2, 4]),
    (lambda q: q.contained_by("tags", ["red", "sweet", "green"]), [1, 4]),
    (lambda q: q.cd("sizes", [1, 2, 3]), [1, 3]),
    (lambda q: q.contained_by("doc", {"from": {"city": "Bonn", "zip": "53111"}}), [1]),
    (lambda q: q.overlaps("tags", ["sweet", "green"]), [1, 3]),
    (lambda q: q.ov("sizes", [4, 1]), [1, 2]),
    (lambda q: q.not_.contains("tags", ["red"]), [3, 4]),
    (lambda q: q.or_("tags.cs.{sweet},sizes.cs.{4}"), [1, 2]),
]

RANGES = [
    (lambda q: q.contains("months", "[8,9]"), [1, 2]),
    (lambda q: q.contained_by("months", "[1,10)"), [2, 3]),
    (lambda q: q.ov("months", "[9,12]"), [1, 2]),
    (lambda q: q.range_gt("months", (2, 6)), [1, 2]),
    (lambda q: q.range_gte("months", (5, 9)), [1, 2]),
    (lambda q: q.range_lt("months", (7, 11)), [3]),
    (lambda q: q.range_lte("months", (0, 10)), [2, 3]),
    (lambda q: q.range_adjacent("months", (0, 3)), [3]),
]


@pytest.mark.parametrize(("filtered", "found"), CONTAINERS)
def test_containers(client: Client, filtered: Any, found: list[int]) -> None:
    assert ids(filtered(client.table("goods").select("id")).order("id")) == found


@pytest.mark.parametrize(("filtered", "found"), RANGES)
def test_ranges(client: Client, market: Served, filtered: Any, found: list[int]) -> None:
    query = filtered(client.table("goods").select("id")).order("id")
    if market.database == "postgresql":
        assert ids(query) == found
        return
    with pytest.raises(APIError) as raised:
        query.execute()
    assert raised.value.code == "PGRST127"


def test_values_in_a_list_are_quoted(client: Client, sent: list[httpx.Request]) -> None:
    client.table("sellers").insert([{"id": 50, "name": 'a,"b"\\c'}, {"id": 51, "name": "(d)"}]).execute()
    assert ids(client.table("sellers").select("id").in_("name", ['a,"b"\\c', "(d)", "x"]).order("id")) == [50, 51]
    assert sent[-1].url.params["name"] == r'in.("a,\"b\"\\c","(d)",x)'


def test_what_it_sends(client: Client, sent: list[httpx.Request]) -> None:
    client.table("goods").select("id").eq("id", 1).execute()
    client.table("sellers").insert([{"id": 50, "name": "x"}]).execute()
    client.table("sellers").delete().eq("id", 50).execute()
    read, written, gone = sent
    for request in sent:
        assert request.headers["apikey"] == PUBLISHABLE
        assert request.headers["authorization"] == f"Bearer {PUBLISHABLE}"
        assert (request.headers["accept-profile"], request.headers["content-profile"]) == ("public", "public")
    assert "prefer" not in read.headers
    assert written.headers["prefer"] == gone.headers["prefer"] == "return=representation"
    assert sorted(written.url.params["columns"].split(",")) == ['"id"', '"name"']
    assert (gone.method, gone.read()) == ("DELETE", b"{}")


def test_values_of_python(client: Client) -> None:
    notes = client.table("goods").select("id")
    assert ids(notes.is_("price", None)) == [3]
    with pytest.raises(APIError) as raised:
        client.table("goods").select("id").eq("price", None).execute()
    assert (raised.value.code, raised.value.message) == ("22P02", 'invalid input syntax for type numeric: "null"')


def test_explain(client: Client, market: Served) -> None:
    plan = client.table("goods").select("id").eq("id", 1).explain().execute()
    assert "goods" in str(plan)
    options = {"analyze": True, "verbose": True, "settings": True, "buffers": True, "wal": True}
    plan = client.table("goods").select("id").explain(**options, format="text").execute()
    assert ("actual time=" if market.database == "postgresql" else "SCAN goods") in str(plan)
    as_json: Any = client.table("goods").select("id").explain(format="json").execute()
    assert "goods" in str(as_json)


def test_csv_and_nulls_that_are_stripped(client: Client) -> None:
    answer: Any = client.table("goods").select("id,name,price").gt("id", 2).order("id").csv().execute()
    assert answer.data == "id,name,price\n3,cress,\n4,dill,12.00"
    answer = client.table("goods").select("id,price").gt("id", 2).order("id").strip_nulls().execute()
    assert answer.data == [{"id": 3}, {"id": 4, "price": 12.0}]
    answer = client.table("goods").select("id,price").eq("id", 3).strip_nulls().single().execute()
    assert answer.data == {"id": 3}
    answer = client.rpc("cheap", {}).select("id,name").csv().execute()
    assert answer.data == "id,name\n1,apple\n2,beet"


def test_embeds_are_ordered_and_cut(client: Client) -> None:
    def found(query: Any) -> list[int]:
        return [good["id"] for good in query.eq("id", 2).execute().data[0]["goods"]]

    def sellers() -> Any:
        return client.table("sellers").select("name, goods(id, price)")

    assert found(sellers().order("price", foreign_table="goods", nullsfirst=True)) == [3, 4]
    assert found(sellers().order("price", foreign_table="goods", nullsfirst=False)) == [4, 3]
    assert found(sellers().order("id", foreign_table="goods", desc=True).limit(1, foreign_table="goods")) == [4]
    assert found(sellers().order("id", foreign_table="goods").range(1, 1, foreign_table="goods")) == [4]
    assert found(sellers().or_("price.is.null,price.gt.100", reference_table="goods")) == [3]


def test_functions_by_every_method(client: Client) -> None:
    assert client.rpc("longest", {"of": ["a", "b c"]}).execute().data == "b c"
    words: Any = {"of": ["a", "b,c", 'd"e']}
    assert client.rpc("longest", words, get=True).execute().data == "b,c"
    head = client.rpc("cheap", {"most": "1"}, head=True, count=CountMethod.exact).execute()
    assert (head.data, head.count) == ([], 1)
    assert client.rpc("cheap", {"most": "0"}).maybe_single().execute() is None
    assert client.rpc("cheap", {"most": "1"}).single().execute().data["id"] == 2
    with pytest.raises(APIError) as raised:
        client.rpc("discount", {"percent": "50"}).max_affected(3).execute()
    assert raised.value.code == "PGRST124"


def test_another_schema_is_not_there(client: Client) -> None:
    assert ids(client.schema("public").table("goods").select("id").eq("id", 1)) == [1]
    with pytest.raises(APIError) as raised:
        client.schema("private").table("goods").select("id").execute()
    assert raised.value.code == "PGRST106"
    assert raised.value.hint == "Only the following schemas are exposed: public"


def test_one_schema_or_another(archive: Served) -> None:
    with httpx.Client() as transport:
        client = create_client(archive.url, PUBLISHABLE, options=SyncClientOptions(httpx_client=transport))
        assert client.table("papers").select("*").execute().data == [{"id": 1, "title": "new"}]
        old = client.schema("archive").table("papers")
        assert ids(old.select("id").order("id")) == [7, 8]
        assert old.insert({"id": 9, "title": "x", "folder_id": 1}).execute().data[0]["folder_id"] == 1
        assert ids(client.schema("archive").table("papers").delete().eq("id", 9)) == [9]
        with pytest.raises(APIError) as raised:
            client.table("folders").select("*").execute()
        assert raised.value.code == "PGRST205"


def test_writes_are_counted_and_undone(client: Client) -> None:
    merged = client.table("sellers").upsert(
        [{"id": 1, "name": "Ida"}, {"id": 60, "name": "x"}], count=CountMethod.exact
    )
    assert merged.execute().count == 2
    with pytest.raises(APIError) as raised:
        client.table("goods").delete().gte("id", 1).max_affected(2).execute()
    assert (raised.value.code, raised.value.details) == ("PGRST124", "The query affects 4 rows")
    gone = client.table("sellers").delete(count=CountMethod.exact).eq("id", 60).execute()
    assert (gone.count, gone.data) == (1, [{"id": 60, "name": "x"}])


@pytest.mark.parametrize(
    ("searched", "found"),
    [
        (lambda q: q.text_search("text", "red & fruit"), [1]),
        (lambda q: q.text_search("text", "'fruit' | 'root'", {"config": "english"}), [1, 2, 3]),
        (lambda q: q.text_search("text", "tree fruits", {"type": "plain"}), [1, 3]),
        (lambda q: q.text_search("text", "fruit trees", {"type": "phrase"}), [3]),
        (lambda q: q.text_search("text", '"fruit trees" or root', {"type": "web_search"}), [2, 3]),
        (lambda q: q.text_search("text", "trees", {"config": "simple", "type": "plain"}), [3]),
        (lambda q: q.fts("text", "fruit & !red"), [3]),
        (lambda q: q.plfts("text", "fruits"), [1, 3]),
        (lambda q: q.phfts("text", "red root"), [2]),
        (lambda q: q.wfts("text", "red -field"), [1]),
        (lambda q: q.not_.fts("text", "red"), [3]),
    ],
)
def test_full_text(client: Client, searched: Any, found: list[int]) -> None:
    query = searched(client.table("goods").select("id"))
    assert sorted(ids(query)) == found
