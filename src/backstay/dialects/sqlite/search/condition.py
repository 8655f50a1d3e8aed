"""``condition(emission, test, told=...)``: a search as SQL: by the index of its column, or text by text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, func

from backstay.dialects.quote import quoted
from backstay.dialects.sql import TEXT, unavailable
from backstay.dialects.sqlite.search.configuration import find_configuration
from backstay.dialects.sqlite.search.expression import Expression, express
from backstay.dialects.sqlite.search.index import indexed, row_number
from backstay.dialects.sqlite.search.parse import parse
from backstay.schema.declaration import Search, search_name

if TYPE_CHECKING:
    from backstay.dialects.sql.filters import Filters
    from backstay.plan.resolved import Target, Test
    from backstay.schema.kind import Kind


def condition(emission: Filters, test: Test, *, told: bool) -> ColumnElement[Any]:
    """Whether a value satisfies a search.

    Arguments:
        emission: the statement in the making.
        test: the comparison.
        told: NULL must be told from false.

    Raises:
        NotImplementedHere: the column holds what only PostgreSQL has.
        DatabaseFault: 42704, there is no such configuration.
    """
    value, kind = emission.value(test.target)
    if kind.name == "tsvector":
        raise unavailable(test.operator)
    default = emission.plan.schema.search_language
    asked = _Asked(test.operator.name, find_configuration(test.language or default), test.value.index)
    held = _index(test.target, Search(tuple(test.target.source.served.search), default))
    if held is None or asked.configuration != default:
        return _satisfied(emission, value, kind, asked)
    return _found(emission, value, kind, asked, test.target, told)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search: one of the four operators, a configuration, and where the values have its text."""

    operator: str
    configuration: str
    place: int

    def text(self, values: Sequence[Any]) -> str:
        """The text of the search. Raises DatabaseFault where it cannot be read."""
        text = str(TEXT.read(values[self.place]))
        parse(self.operator, self.configuration, text)
        return text

    def expression(self, values: Sequence[Any], column: str) -> Expression:
        """The search in FTS5's language."""
        return _expression(self.operator, self.configuration, str(TEXT.read(values[self.place])), column)


@lru_cache(maxsize=1000)
def _expression(operator: str, configuration: str, text: str, column: str) -> Expression:
    return express(parse(operator, configuration, text), column)


def _index(target: Target, search: Search) -> Search | None:
    """The index that holds a target."""
    served = target.source.served
    if target.path or served.view or not search.columns:
        return None
    held = indexed(served.table, search)
    return held if held is not None and target.column.name in held.columns else None


def _found(
    emission: Filters, value: ColumnElement[Any], kind: Kind, asked: _Asked, target: Target, told: bool
) -> ColumnElement[Any]:
    """The rows that the index finds; where it finds too many, each is read."""
    table, column = target.source.served.table, target.column.name
    index = sa.table(search_name(table.name), sa.column("rowid"))

    def bind(read: Callable[[Expression], Any], type_: Any) -> ColumnElement[Any]:
        return emission.bind(lambda values, caller: read(asked.expression(values, column)), type_)

    match = sa.literal_column(_name(emission, index.name)).op("MATCH", is_comparison=True)
    rows = sa.select(index.c.rowid).where(match(bind(lambda found: found.text, sa.Text())))
    number = (
        f"{_name(emission, emission.alias(target.source).name)}.{row_number([each.name for each in table.columns])}"
    )
    exact = bind(lambda found: int(found.exact), sa.Integer())
    read = sa.or_(exact == sa.literal_column("1"), _satisfied(emission, value, kind, asked))
    found = sa.and_(sa.literal_column(number).in_(rows), read)
    # The index knows nothing of NULL.
    return sa.case((value.is_not(None), found)) if told else found


def _name(emission: Filters, name: str) -> str:
    return emission.sql.identifier_preparer.quote(name)


def _satisfied(emission: Filters, value: ColumnElement[Any], kind: Kind, asked: _Asked) -> ColumnElement[Any]:
    """Whether a text, read as it is, satisfies a search."""
    text = emission.bind(lambda values, caller: asked.text(values), sa.Text())
    language, configuration = quoted(asked.operator), quoted(asked.configuration)
    if kind.name.startswith("json"):
        ordered: ColumnElement[Any] = sa.literal_column("1" if kind.name == "jsonb" else "0")
        return func.ts_match_json(value, ordered, configuration, language, text, type_=sa.Boolean())
    return func.ts_match(value, configuration, language, text, type_=sa.Boolean())
