"""Rows that are read from a file, batch by batch: the same rows, and the same errors, as of a text in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backstay.dialects.rowwise import spool as spools
from backstay.dialects.rowwise.spool import Spool
from backstay.errors import BackstayError
from backstay.frontends.http import Request, Spooled
from backstay.frontends.rest.body import read_rows
from backstay.frontends.rest.long.cut import cut_array, cut_lines, is_array
from backstay.frontends.rest.long.rows import read_long_rows
from backstay.query.batched import Batched

TEXTS = st.text(st.sampled_from('ab"\\{}[],: \n\r\t\0é€😀'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
ROWS = st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES}) | VALUES, max_size=8)
JSON_TEXTS = st.builds(
    lambda rows, ascii_only, blank: json.dumps(rows, ensure_ascii=ascii_only, indent=blank).encode(),
    ROWS,
    st.booleans(),
    st.sampled_from([None, 0, 1]),
)
NOISE = st.lists(st.sampled_from([*'[]{},:"\\ \na1é', "\\u0000", '{"a":1}', "1e999999999"]), max_size=12)
CSV_TEXTS = st.lists(st.sampled_from(["a", "b", ",", '"', '""', "\n", "\r", "\r\n", "NULL", "é", "\0", "\ufeff"]))


@contextmanager
def spooled(body: bytes, size: int, kind: str) -> Iterator[Spooled]:
    """A request whose body is in a file that is read in pieces of this size."""
    spool = Spool(0)
    spool.write(body)
    try:
        with patch.object(spools, "PIECE", size):
            yield Spooled("POST", "/notes", "", {"content-type": kind}, spool)
    finally:
        spool.close()


def outcome(read: Any, request: Request, columns: tuple[str, ...] | None) -> Any:
    """What is read, twice over, or the error."""
    try:
        rows, keys = read(request, columns)
    except BackstayError as error:
        return type(error), error.message, error.detail
    return len(rows), list(rows), list(rows), keys


def alike(body: bytes, size: int, kind: str, columns: tuple[str, ...] | None = None) -> None:
    short = Request("POST", "/notes", "", {"content-type": kind}, body)
    with spooled(body, size, kind) as request:
        assert request.body == body
        assert outcome(read_long_rows, request, columns) == outcome(read_rows, short, columns)


SIZES = st.integers(1, 40)
COLUMNS = st.sampled_from([None, ("a",)])


@given(JSON_TEXTS, SIZES, COLUMNS)
def test_arrays(body: bytes, size: int, columns: tuple[str, ...] | None) -> None:
    alike(body, size, "application/json", columns)


@given(JSON_TEXTS, SIZES, st.data())
def test_arrays_with_something_wrong(body: bytes, size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body)))
    noise = "".join(data.draw(NOISE)).encode()
    left_out = data.draw(st.integers(0, 3))
    alike(body[:at] + noise + body[at + left_out :], size, "application/json")


@given(NOISE, SIZES)
@example(["[", ",", '{"a":1}', "]"], 1)
@example(["[", '{"a":1}', ",", "]"], 1)
@example(["[", '{"a":1}', ",", ",", '{"a":1}', "]"], 3)
@example(["[", '{"a":1}', "]", ",", '{"a":1}', "]"], 3)
@example(["[", "]", "]"], 1)
@example(["[", ",", "1e999999999"], 1)
@example([" ", " ", "[", " ", "]", " "], 1)
def test_anything(words: list[str], size: int) -> None:
    alike("".join(words).encode(), size, "application/json")


@given(CSV_TEXTS, SIZES)
@example(["\n", "\ufeff"], 1)
@example(['""', "\n", "a"], 1)
@example(["\ufeff", "\n", "a", "\n", "1"], 1)
@example(["\ufeff", '"a\nb"', "\n", "1"], 1)
def test_csv(words: list[str], size: int) -> None:
    alike("".join(words).encode(), size, "text/csv")


@given(st.binary(max_size=20), SIZES, st.sampled_from(["application/json", "text/csv"]))
def test_bytes_that_are_no_text(body: bytes, size: int, kind: str) -> None:
    alike(b'[{"a":"' + body + b'"}]' if kind == "application/json" else b"a\n" + body, size, kind)


@pytest.mark.parametrize("depth", [1, 3, 4, 5, 50, 197, 198, 199, 200, 201, 5000])
def test_depth(depth: int) -> None:
    row = f'{{"a":{"[" * depth}"]"{"]" * depth}}}'
    alike(f"[{row},{row},{row}]".encode(), 64, "application/json")


@pytest.mark.parametrize(
    "rows",
    [
        ['{"a":1}'] * 2,
        ['{"a":1,"b":2}', '{"b":1,"a":2}'],
        ['{"a":1}', '{"b":1}'],
        ['{"a":1}', "1"],
        ['{"a":1,"a":2}', '{"a":1}'],
        ['{"a":"\\u0000"}', '{"b":1}'],
        ['{"a":"\\u0000"}', "{"],
        ['{"b":1}', '{"a":1e999999999}', "{"],
        ['{"b":1}', "{", '{"a":1e999999999}'],
        [f'{{"a":{"[" * 250}{"]" * 250}}}', '{"a":"\\u0000"}', '{"b":1}'],
        ['{"a":"\\u0000"}', f'{{"a":{"[" * 250}{"]" * 250}}}', '{"b":1}'],
        [f'{{"a":{"[" * 250}{"]" * 250}}}', "nothing"],
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_of_two_mistakes_the_same_is_told(rows: list[str], size: int) -> None:
    alike(f"[{','.join(rows)}]".encode(), size, "application/json")


@pytest.mark.parametrize("body", [b'{"a":1}', b"1", b"null", b"", b"  ", b'"[1]"'])
def test_what_is_no_array_is_read_whole(body: bytes) -> None:
    assert not is_array([body])
    alike(body, 1, "application/json")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/xml"])
def test_other_bodies_are_read_whole(kind: str) -> None:
    alike(b"a=1&b=2", 1, kind)


@pytest.mark.parametrize(
    "row", ['{"a":1,"b":"]},{"}', '{"a":[[[[[[1,2]]]]]],"b":{}}', '[1,",",{"a":[]}]', '"\\",["'], ids=len
)
def test_batches_are_no_longer_than_pieces(row: str) -> None:
    text = f"[{','.join([row] * 1000)}]".encode()
    parts = [text[at : at + 500] for at in range(0, len(text), 500)]
    batches = list(cut_array(parts))
    assert sum(len(json.loads(batch)) for batch in batches) == 1000
    assert max(map(len, batches)) < 500 + 3 * len(row)


def test_lines_are_cut_between_rows() -> None:
    row = '1,"two\nlines, ""quoted"""\r\n'
    text = row * 1000
    cut = list(cut_lines(text[at : at + 500] for at in range(0, len(text), 500)))
    assert "".join(cut) == text
    assert max(map(len, cut)) < 500 + 3 * len(row)


def test_one_long_element_is_not_looked_at_with_every_piece() -> None:
    text = b'[{"a":"' + b"\\n" * 1_000_000 + b'"}]'
    looked = 0

    def count(held: bytearray) -> None:
        nonlocal looked
        looked += len(held)

    with patch("backstay.frontends.rest.long.cut._last_comma", count):
        (found,) = cut_array(text[at : at + 1000] for at in range(0, len(text), 1000))
    assert found == text
    assert looked < 4 * len(text)


def test_rows_are_read_again_each_time() -> None:
    with spooled(b'[{"a":1},{"a":2},{"a":3}]', 8, "application/json") as request:
        rows, keys = read_long_rows(request, None)
        assert isinstance(rows, Batched)
        assert (len(rows), keys) == (3, ("a",))
        assert [batch for batch in rows.batches() if not batch] == []
        assert sum(map(len, rows.batches())) == 3
