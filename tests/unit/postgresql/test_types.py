"""Values as the text that PostgreSQL casts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.dialects.postgresql.connect import PostgreSQL
from backstay.dialects.postgresql.types import spell
from backstay.schema.kind import BYTEA, TEXT, array

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
lists = st.lists(texts | st.none() | st.sampled_from(["", "NULL", "null", "a b", '"', "\\", "{}", ",", " a"]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("plain", "plain"),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-12345678901234567890, "-12345678901234567890"),
        (0.1, "0.1"),
        (b"", "\\x"),
        (b"\x00\xff", "\\x00ff"),
        ([], "{}"),
        ([1, None, True], '{"1",NULL,"true"}'),
        (["a b", 'say "hi"', "back\\slash", "NULL", ""], '{"a b","say \\"hi\\"","back\\\\slash","NULL",""}'),
        ([["a"], ["b"]], '{{"a"},{"b"}}'),
        ([b"\x01"], '{"\\\\x01"}'),
    ],
)
def test_each_kind_of_value_is_written_as_postgresql_reads_it(value: object, text: str | None) -> None:
    assert spell(value) == text  # type: ignore[arg-type]


@given(lists)
def test_an_array_literal_reads_back_as_the_list_it_was_written_from(values: list[str | None]) -> None:
    assert array(TEXT).read(spell(values)) == values  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "sql_type"),
    [
        (['"', "\\", "{", "}", ",", " ", "NULL", "", None, "ß\n\t€"], "text[]"),
        ([["a", None], ["b", "c d"]], "text[]"),
        ([b"\x00\x01", b""], "bytea[]"),
        ([1, 2, None], "int[]"),
        ([True, False], "bool[]"),
        (b"\x00\\'", "bytea"),
        (2.5e-300, "float8"),
    ],
)
async def test_postgresql_reads_the_same_value(database: PostgreSQL, value: object, sql_type: str) -> None:
    ((read,),) = await database.fetch(f"SELECT $1::text::{sql_type}", [spell(value)])  # type: ignore[arg-type]
    assert read == value


def test_bytes_read_back_as_the_bytes_they_were_written_from() -> None:
    assert BYTEA.read(spell(b"\x00\xff\\") or "") == b"\x00\xff\\"
