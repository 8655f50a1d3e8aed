"""``kind_of_annotation(annotation, labels) -> Kind``: the type that a parameter of a Python function is told as."""

from __future__ import annotations

import types
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from backstay.dialects.call.convert import LISTS, SCALARS
from backstay.dialects.call.labels import Labels, label
from backstay.schema import kind as kinds
from backstay.schema.kind import Kind


def kind_of_annotation(annotation: Any, labels: Labels) -> Kind:
    """The kind of the values that a parameter takes; JSON where no column could hold them.

    Arguments:
        annotation: the parameter's. ``None`` in a union says nothing of the type.
        labels: of the members of enumerations.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        return kind_of_annotation(get_args(annotation)[0], labels)
    if origin in (Union, types.UnionType):
        return _common([each for each in get_args(annotation) if each is not types.NoneType], labels)
    if origin is Literal:
        return _common([type(each) for each in get_args(annotation) if each is not None], labels)
    for alias in ("__supertype__", "__value__"):
        if hasattr(annotation, alias):
            return kind_of_annotation(getattr(annotation, alias), labels)
    return _plain(annotation, origin or annotation, labels)


def _common(choices: Sequence[Any], labels: Labels) -> Kind:
    found = {kind_of_annotation(each, labels) for each in choices}
    return found.pop() if len(found) == 1 else kinds.JSON


def _plain(annotation: Any, kind: Any, labels: Labels) -> Kind:
    if kind in LISTS:
        return kinds.array(_common([each for each in get_args(annotation) if each is not ...], labels))
    if kind in SCALARS:
        return SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kinds.enum(kind.__name__.lower(), [label(member, labels) for member in kind])
    return kinds.JSON
