"""``labels_of(schema)``: the words that stand for the members of enumerations on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

from backstay.schema.kind.array import Array
from backstay.schema.kind.symbols import Enumeration
from backstay.schema.served import Schema, once

Labels: TypeAlias = Mapping[Enum, str]


@once
def labels_of(schema: Schema) -> Labels:
    """The label of each member of an enumeration that some column is of; of any other, the name is its label."""
    found: dict[Enum, str] = {}
    for served in schema.resources.values():
        for column in served.columns.values():
            kind = column.kind.of if isinstance(column.kind, Array) else column.kind
            if isinstance(kind, Enumeration):
                found.update(kind.members)
    return found


def label(member: Enum, labels: Labels) -> str:
    """The word for a member."""
    return labels.get(member, member.name)
