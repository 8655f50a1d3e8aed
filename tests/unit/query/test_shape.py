"""Shapes: structure without values."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_type_hints

import pytest

from backstay.query.nodes import (
    Comparison,
    Connective,
    Embed,
    Field,
    Insert,
    Logic,
    Order,
    Page,
    Select,
    Update,
)
from backstay.query.shape import SOLID, Slot, slotted, split


def ask(value: str, limit: int, *, name: str = "title") -> Select:
    return Select(
        "notes",
        items=(Embed("tags", where=(Comparison(Field("name"), "eq", value),)),),
        where=(
            Logic(Connective.OR, (Comparison(Field(name), "like", value), Comparison(Field("id"), "in", (value,)))),
        ),
        order=(Order(Field("id")),),
        page=Page(limit, 0, limited=True),
    )


def test_queries_that_differ_in_values_alone_have_one_shape() -> None:
    first, values = split(ask("a", 5))
    second, others = split(ask("b", 7))
    assert first == second
    assert hash(first) == hash(second)
    assert values != others


def test_queries_that_differ_in_a_name_have_two_shapes() -> None:
    assert split(ask("a", 5))[0] != split(ask("a", 5, name="text"))[0]


def test_a_limit_and_no_limit_are_two_shapes() -> None:
    assert split(Select("notes"))[0] != split(Select("notes", page=Page(1, 0, limited=True)))[0]


def test_slots_count_the_values_in_the_order_of_split() -> None:
    query = ask("a", 5)
    _, values = split(query)
    found: list[Any] = []

    def walk(node: Any) -> None:
        if isinstance(node, Slot):
            found.append(node.index)
        elif isinstance(node, tuple):
            for each in node:
                walk(each)
        elif hasattr(node, "__dataclass_fields__"):
            for name in node.__dataclass_fields__:
                walk(getattr(node, name))

    template = slotted(query)
    walk(template)
    assert sorted(found) == list(range(len(values)))
    assert isinstance(template.where[0], Logic)
    like = template.where[0].items[0]
    assert isinstance(like, Comparison)
    assert isinstance(like.value, Slot)
    assert values[like.value.index] == "a"
    assert isinstance(template.page.limit, Slot)
    assert values[template.page.limit.index] == 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            Insert("notes", rows=({"a": 1},), columns=("a",)),
            Insert("notes", rows=({"a": 2}, {"a": 3}), columns=("a",)),
        ),
        (Update("notes", row={"a": 1}, columns=("a",)), Update("notes", row={"a": None}, columns=("a",))),
    ],
)
def test_a_payload_is_a_value(one: Insert | Update, other: Insert | Update) -> None:
    assert split(one)[0] == split(other)[0]


def test_a_node_that_is_its_own_key_holds_no_value() -> None:
    def holds_value(kind: type[Any]) -> bool:
        parts = dataclasses.fields(kind)
        hints = get_type_hints(kind)
        inner = {each for part in parts for each in [hints[part.name], *get_args(hints[part.name])]}
        nested = [each for each in inner if dataclasses.is_dataclass(each) and isinstance(each, type)]
        return any(part.metadata.get("value") for part in parts) or any(holds_value(each) for each in nested)

    assert not any(holds_value(kind) for kind in SOLID)
    assert holds_value(Page)
