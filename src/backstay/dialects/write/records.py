"""The rows of a payload as records: their values in canonical form, and those that Python makes beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backstay.dialects.write.statements import Inserting
from backstay.errors import BackstayError
from backstay.schema.column import Column, Made


def written(inserting: Inserting, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of a record: those given, then those whose values Python makes."""
    made = inserting.made(names)
    return (*names, *[column.name for column in made]) if made else names


def records(inserting: Inserting, names: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> Sequence[Sequence[Any]]:
    """The records of rows, their values in the order of :func:`written`.

    Arguments:
        inserting: the insert.
        names: the columns that the rows give.
        rows: decoded.

    Raises:
        DataFault: a value is not of its column's kind; of several the first.
    """
    if len(rows) > 1:
        made = [_filling(column).many for column in inserting.made(names)]
        makers = [many for many in made if many is not None]
        if len(makers) == len(made):
            columns = inserting.resolved.source.served.columns
            try:
                given: list[Sequence[Any]] = [
                    columns[name].kind.take_each([row.get(name) for row in rows]) for name in names
                ]
            except BackstayError:
                pass  # which one is the first is told row by row
            else:
                given += [many(len(rows)) for many in makers]
                return list(zip(*given, strict=True)) or [()] * len(rows)
    return [_record(inserting, names, row) for row in rows]


def _record(inserting: Inserting, names: tuple[str, ...], row: dict[str, Any]) -> list[Any]:
    columns = inserting.resolved.source.served.columns
    record = [columns[name].kind.take(row.get(name)) for name in names]
    for column in inserting.made(names):
        filling = _filling(column)
        record.append(filling.many(1)[0] if filling.many is not None else column.kind.dump(filling.make()))
    return record


def _filling(column: Column) -> Made:
    assert isinstance(column.default, Made)
    return column.default
