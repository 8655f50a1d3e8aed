"""A.11: what a write asks for, and its body."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from backstay.errors import TooComplex
from backstay.query.nodes import Delete, Embed, Field, Insert, Missing, Order, Page, Resolution, Select, Update
from backstay.settings import Settings
from unit.rest.ask import ask, asked_as, code, comparison, items, refusal

REPRESENTATION = {"prefer": "return=representation"}
CSV, FORM = {"content_type": "text/csv"}, {"content_type": "application/x-www-form-urlencoded"}


def insert(url: str = "/notes", body: bytes = b"{}", **headers: str) -> Insert:
    return asked_as(Insert, "POST", url, body, **headers)


# JSON --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "rows", "columns"),
    [
        (b'{"b":1,"a":"x"}', ({"b": 1, "a": "x"},), ("a", "b")),
        (b'[{"a":1},{"a":null}]', ({"a": 1}, {"a": None}), ("a",)),
        (b'[{"a":1,"b":2},{"b":3,"a":4}]', ({"a": 1, "b": 2}, {"a": 4, "b": 3}), ("a", "b")),
        (b"{}", ({},), ()),
        (b"[{},{}]", ({}, {}), ()),
        (b"[]", (), ()),
        (b"null", (), ()),
        (b"1", (), ()),
        (b'"x"', (), ()),
        (b' {"a" : true } ', ({"a": True},), ("a",)),
        (b'{"a":1,"a":2}', ({"a": 2},), ("a",)),
        (b'{"a":{"x":[1,null]},"b":[1,2]}', ({"a": {"x": [1, None]}, "b": [1, 2]},), ("a", "b")),
        ('{"é":"ü"}'.encode(), ({"é": "ü"},), ("é",)),
    ],
)
def test_json_is_one_row_or_an_array_of_rows(body: bytes, rows: tuple[Any, ...], columns: tuple[str, ...]) -> None:
    for headers in ({}, {"content_type": "application/json"}, {"content_type": "Application/JSON; charset=utf-8"}):
        query = insert(body=body, **headers)
        assert (query.rows, query.columns) == (rows, columns)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("12345678901234567890123456789", 12345678901234567890123456789),
        ("0.1", Decimal("0.1")),
        ("1.50", Decimal("1.50")),
        ("1e3", Decimal("1E+3")),
        ("123456789.123456789123456789", Decimal("123456789.123456789123456789")),
    ],
)
def test_numbers_keep_every_digit(written: str, number: object) -> None:
    (row,) = insert(body=f'{{"a":{written}}}'.encode()).rows
    assert (row["a"], str(row["a"])) == (number, str(number))


@pytest.mark.parametrize("number", ["1e131073", "1e999999999", "1e99999999999999999999", "-1e-999999999", "9" * 5000])
def test_a_number_beyond_every_database_is_22003(number: str) -> None:
    assert code(refusal("POST", "/notes", f'{{"a":{number}}}'.encode())) == (400, "22003")


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"{]", b'{"a":1}x', b"{'a':1}", b"NaN", b"[NaN]", b'{"a":Infinity}', b'{"a":01}', b"\xff",
     b'"\xff"', b'{"a":"\\ud800"}', b"\xef\xbb\xbf{}", b"{}\x00"],
)  # fmt: skip
def test_what_is_no_json_is_pgrst102(body: bytes) -> None:
    for method in ("POST", "PATCH", "PUT"):
        error = refusal(method, "/notes", body)
        assert code(error) == (400, "PGRST102")
        assert (error.message, error.detail, error.hint) == ("Empty or invalid json", None, None)


@pytest.mark.parametrize(
    "body", [b'[{"a":1},{"b":1}]', b'[{"a":1},{}]', b'[{"a":1},{"a":1,"b":2}]', b"[1,2]", b'[{"a":1},1]', b"[[]]"]
)
def test_rows_with_other_keys_are_pgrst102(body: bytes) -> None:
    error = refusal("POST", "/notes", body)
    assert code(error) == (400, "PGRST102")
    assert (error.message, error.detail, error.hint) == ("All object keys must match", None, None)


def test_a_nul_in_a_text_is_22p05() -> None:
    for body in (b'{"a":"x\\u0000"}', b'[{"a":{"b":["\\u0000"]}}]', b'{"\\u0000":1}'):
        assert code(refusal("POST", "/notes", body)) == (400, "22P05")
    (row,) = insert(body=b'{"a":"\\\\u0000"}').rows
    assert row == {"a": "\\u0000"}


@pytest.mark.parametrize("depth", [201, 900, 5000, 100_000])
def test_a_value_nested_too_deeply_is_refused(depth: int) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        body = b'{"a":' + opening * depth + b"1" * (opening != b"[") + closing * depth + b"}"
        assert isinstance(refusal("POST", "/notes", body), TooComplex)


def test_a_value_may_be_nested_deeply() -> None:
    assert len(insert(body=b'{"a":' + b"[" * 150 + b"]" * 150 + b"}").rows) == 1


def test_a_payload_has_as_many_columns_as_the_setting_says() -> None:
    body = b"{" + b",".join(b'"c%d":1' % number for number in range(20)) + b"}"
    assert isinstance(refusal("POST", "/notes", body, Settings(max_items=19)), TooComplex)


# columns= ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["b,a", "%22a%22,%22b%22", "+a+,+b+", "a,b,a"])
def test_columns_names_what_to_take(written: str) -> None:
    query = insert(f"/notes?columns={written}", b'[{"a":1,"c":2},{"b":3}]')
    assert query.columns == ("a", "b")
    assert query.rows == ({"a": 1, "c": 2}, {"b": 3})


def test_columns_counts_for_an_update_but_not_for_a_put() -> None:
    assert asked_as(Update, "PATCH", "/notes?columns=a", b'{"a":1,"b":2}').columns == ("a",)
    assert asked_as(Insert, "PUT", "/notes?columns=a", b'{"a":1,"b":2}').columns == ("a", "b")


def test_the_first_columns_wins() -> None:
    assert insert("/notes?columns=a&columns=b", b'{"a":1,"b":2}').columns == ("a",)


@pytest.mark.parametrize("written", ["", "a,", "a.b", "a->b", "(a)", '"a'])
def test_what_names_no_columns_is_pgrst100(written: str) -> None:
    error = refusal("POST", f"/notes?columns={written}", b"{}")
    assert code(error) == (400, "PGRST100")
    assert error.message.startswith(f'"failed to parse columns parameter ({written})" (line 1, column ')


# CSV, forms, other types -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"a,b\n1,x\n2,NULL\n", ({"a": "1", "b": "x"}, {"a": "2", "b": None})),
        (b"a,b\r\n1,x\r\n", ({"a": "1", "b": "x"},)),
        (b"a,b\n1,x", ({"a": "1", "b": "x"},)),
        (b'a,b\n"1,2","say ""hi""\nthere"\n', ({"a": "1,2", "b": 'say "hi"\nthere'},)),
        (b"a,b\n1,\n", ({"a": "1", "b": ""},)),
        (b"a,b\n,\n", ({"a": "", "b": ""},)),
        (b"a,b\n1,", ({"a": "1", "b": ""},)),
        (b"a,b\n\n1,2\n\n", ({"a": "1", "b": "2"},)),
        (b"\xef\xbb\xbfa,b\n1,2\n", ({"a": "1", "b": "2"},)),
        (b'"a","b"\n1,2\n', ({"a": "1", "b": "2"},)),
        (b"a,b\n", ()),
    ],
)
def test_csv_has_a_header_and_rows(body: bytes, rows: tuple[Any, ...]) -> None:
    query = insert(body=body, **CSV)
    assert (query.rows, query.columns) == (rows, ("a", "b"))


def test_a_csv_field_may_be_long() -> None:
    (row,) = insert(body=b"a\n" + b"x" * 300_000, **CSV).rows
    assert len(row["a"]) == 300_000


@pytest.mark.parametrize("body", [b"a,b\n1\n", b"a,b\n1,2,3\n", b"a\n1,2\n"])
def test_csv_lines_of_other_lengths_are_pgrst102(body: bytes) -> None:
    error = refusal("POST", "/notes", body, **CSV)
    assert code(error) == (400, "PGRST102")
    assert error.message == "All lines must have same number of fields"


@pytest.mark.parametrize("body", [b"", b"\n\n", b'a\n"1', b'a\n"1"2\n', b"a\n\xff", b"a\n\x00"])
def test_what_is_no_csv_is_pgrst102(body: bytes) -> None:
    assert code(refusal("POST", "/notes", body, **CSV)) == (400, "PGRST102")


def test_a_form_is_one_row_of_texts() -> None:
    query = insert(body=b"b=x+y&a=1&a=%C3%A9&c", **FORM)
    assert (query.rows, query.columns) == (({"a": "é", "b": "x y", "c": ""},), ("a", "b", "c"))


@pytest.mark.parametrize("body", [b"a=%ff", b"a=%00", b"\xff=1"])
def test_a_form_that_is_no_text_is_pgrst102(body: bytes) -> None:
    assert code(refusal("POST", "/notes", body, **FORM)) == (400, "PGRST102")


@pytest.mark.parametrize("kind", ["text/plain", "image/png", "application/octet-stream", "x"])
def test_another_content_type_is_pgrst102(kind: str) -> None:
    error = refusal("POST", "/notes", b"{}", content_type=kind)
    assert code(error) == (400, "PGRST102")
    assert error.message == f"Content-Type not acceptable: {kind}"


# POST --------------------------------------------------------------------------------------------------------


def test_an_insert_answers_no_rows_unless_representation_is_preferred() -> None:
    singular = {"accept": "application/vnd.pgrst.object+json"}
    for headers in (
        {},
        singular,
        {"prefer": "return=minimal"},
        {"prefer": "return=headers-only"},
        {"prefer": "count=exact"},
    ):
        assert insert(**headers).returning is None


def test_a_representation_is_shaped_by_select_order_and_embed_filters() -> None:
    query = insert("/notes?select=id,r(a)&order=id.desc&r.a=eq.1&id=eq.9&limit=3", **REPRESENTATION)
    assert query.returning == Select(
        "notes",
        items=(*items("id"), Embed("r", items("a"), where=(comparison("a", "eq", "1"),))),
        order=(Order(Field("id"), True),),
    )
    assert (query.returning.where, query.returning.page, query.where) == ((), Page(), ())


@pytest.mark.parametrize(
    ("prefer", "query", "resolution", "conflict"),
    [
        ("", "", None, ()),
        ("resolution=merge-duplicates", "", Resolution.MERGE, ()),
        ("resolution=ignore-duplicates", "", Resolution.IGNORE, ()),
        ("resolution=merge-duplicates", "on_conflict=a,b", Resolution.MERGE, ("a", "b")),
        ("resolution=merge-duplicates", 'on_conflict="a,b"&on_conflict=c', Resolution.MERGE, ("a,b",)),
        ("resolution=merge-duplicates", "on_conflict=", None, ()),
        ("", "on_conflict=a", None, ("a",)),
    ],
)
def test_an_upsert_says_what_a_duplicate_is(
    prefer: str, query: str, resolution: Resolution | None, conflict: tuple[str, ...]
) -> None:
    found = insert(f"/notes?{query}", prefer=prefer)
    assert (found.resolution, found.conflict) == (resolution, conflict)


def test_what_names_no_conflict_columns_is_pgrst100() -> None:
    error = refusal("POST", "/notes?on_conflict=a.b", b"{}")
    assert code(error) == (400, "PGRST100")
    assert error.message.startswith('"failed to parse on_conflict parameter (a.b)" (line 1, column ')


def test_missing_keys_are_null_or_default() -> None:
    assert insert().missing is Missing.NULL
    assert insert(prefer="missing=null").missing is Missing.NULL
    assert insert(prefer="missing=default").missing is Missing.DEFAULT


# PATCH, DELETE, PUT ------------------------------------------------------------------------------------------


def test_an_update_sets_the_columns_of_its_payload_where_the_root_filters_match() -> None:
    query = asked_as(Update, "PATCH", "/notes?id=eq.1&or=(a.eq.1,a.is.null)&limit=1&order=id", b'{"b":1,"a":2}')
    assert (query.row, query.columns) == ({"a": 2, "b": 1}, ("a", "b"))
    assert len(query.where) == 2
    assert query.returning is None


@pytest.mark.parametrize(("body", "row"), [(b"{}", {}), (b"[]", {}), (b"[{}]", {}), (b'[{"a":1},{"a":2}]', {"a": 1})])
def test_an_update_takes_the_first_row(body: bytes, row: dict[str, Any]) -> None:
    query = asked_as(Update, "PATCH", "/notes", body)
    assert (query.row, query.columns) == (row, tuple(row))


def test_the_representation_of_an_update_has_no_page_and_no_root_filters() -> None:
    query = asked_as(
        Update, "PATCH", "/notes?id=eq.1&limit=1&order=id&select=id,r(a)&r.limit=2", b'{"b":1}', **REPRESENTATION
    )
    assert query.returning == Select(
        "notes", items=(*items("id"), Embed("r", items("a"), page=Page(2, 0, True))), order=(Order(Field("id")),)
    )


@pytest.mark.parametrize("body", [b"", b"{}", b"nonsense"])
def test_a_delete_ignores_its_body(body: bytes) -> None:
    query = asked_as(Delete, "DELETE", "/notes?id=eq.1", body, content_type="application/json")
    assert query == Delete("notes", where=(comparison("id", "eq", "1"),))


@pytest.mark.parametrize(("method", "name"), [("PATCH", "UPDATE"), ("DELETE", "DELETE")])
def test_a_write_without_a_filter_is_refused_where_the_setting_says_so(method: str, name: str) -> None:
    safe = Settings(require_where=True)
    error = refusal(method, "/notes", b'{"a":1}', safe)
    assert code(error) == (400, "21000")
    assert error.message == f"{name} requires a WHERE clause"
    assert ask(method, "/notes?id=eq.1", b'{"a":1}', safe).query
    assert ask(method, "/notes", b'{"a":1}').query


def test_a_put_is_a_single_upsert() -> None:
    query = asked_as(Insert, "PUT", "/notes?id=eq.1", b'{"id":1,"a":2}', prefer="resolution=ignore-duplicates")
    assert query == Insert(
        "notes",
        rows=({"id": 1, "a": 2},),
        columns=("a", "id"),
        resolution=Resolution.MERGE,
        single=True,
        where=(comparison("id", "eq", "1"),),
    )


@pytest.mark.parametrize("query", ["limit=1", "offset=1", "limit=0"])
def test_a_put_has_no_page(query: str) -> None:
    error = refusal("PUT", f"/notes?id=eq.1&{query}", b'{"id":1}')
    assert code(error) == (400, "PGRST114")
    assert error.message == "limit/offset querystring parameters are not allowed for PUT"
