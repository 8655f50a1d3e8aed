"""The query string -> what each parameter says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from backstay.errors import ParseError
from backstay.frontends.rest.grammar.embed import Level, Path
from backstay.frontends.rest.grammar.filter import is_filter, read_filter, read_key, read_logic, read_logic_key
from backstay.frontends.rest.grammar.form import read_form
from backstay.frontends.rest.grammar.order import read_order
from backstay.frontends.rest.grammar.scan import Budget
from backstay.frontends.rest.grammar.select import read_names, read_select
from backstay.frontends.rest.page import read_number
from backstay.query.nodes import Everything, Item

Pairs: TypeAlias = list[tuple[str, str | None]]


@dataclass(slots=True)
class Parameters:
    """The query string, read.

    ``root`` and ``levels`` hold filters, orders and pages of the root and of each embed path. ``columns`` and
    ``conflict`` are None where they were not given. ``arguments`` are what is left over for a function.
    ``renamed`` are the names of relations that were used in the place of an alias; None where they may not be.
    """

    items: tuple[Item, ...] = (Everything(),)
    columns: tuple[str, ...] | None = None
    conflict: tuple[str, ...] | None = None
    root: Level = field(default_factory=Level)
    levels: dict[Path, Level] = field(default_factory=dict)
    arguments: list[tuple[str, str]] = field(default_factory=list)
    renamed: dict[str, str] | None = None

    def level(self, path: Path) -> Level:
        """What is said of the level at this path."""
        if not path:
            return self.root
        found = self.levels.get(path)
        if found is None:
            found = self.levels[path] = Level()
        return found


def read_pairs(query: str) -> Pairs:
    """The decoded pairs of a query string; ParseError where it is not UTF-8 text."""
    try:
        return read_form(query)
    except UnicodeError:
        raise ParseError("The query string is not valid UTF-8.") from None
    except ValueError as error:
        raise ParseError(str(error)) from None


def read_parameters(pairs: Sequence[tuple[str, str | None]], budget: Budget, *, calling: bool = False) -> Parameters:
    """What the pairs of a query string say.

    Arguments:
        pairs: decoded; one without a value is passed over.
        budget: what the request may ask for.
        calling: a value that is no operator expression is an argument of the function that is called.

    Raises:
        ParseError, InvalidLiteral, TooComplex.
    """
    read = Parameters()
    once: set[str] = set()
    for key, value in pairs:
        if value is None:
            continue
        whole = _WHOLE.get(key)
        if whole is not None:
            if key not in once:
                once.add(key)
                whole(read, value, budget)
            continue
        last = key[key.rfind(".") + 1 :]
        part = _PARTS.get(last)
        if part is not None:
            part(read, key, value, budget)
        elif calling and "." not in key and not is_filter(value, budget):
            budget.spend()
            read.arguments.append((read_key(key, budget)[1].name if key[:1] == '"' else key, value))
        else:
            path, column = read_key(key, budget)
            read.level(path).where.append(read_filter(column, value, budget))
    return read


# Parameters that stand once ----------------------------------------------------------------------------------


def _select(read: Parameters, value: str, budget: Budget) -> None:
    read.items = read_select(value, budget)


def _columns(read: Parameters, value: str, budget: Budget) -> None:
    read.columns = read_names(value, "columns parameter", budget)


def _conflict(read: Parameters, value: str, budget: Budget) -> None:
    read.conflict = read_names(value, "on_conflict parameter", budget) if value.strip() else ()


_WHOLE: Final[dict[str, Callable[[Parameters, str, Budget], None]]] = {
    "select": _select,
    "columns": _columns,
    "on_conflict": _conflict,
}


# Parameters of any level -------------------------------------------------------------------------------------


def _path(key: str, budget: Budget) -> Path:
    return read_key(key, budget)[0] if "." in key else ()


def _order(read: Parameters, key: str, value: str, budget: Budget) -> None:
    order = read_order(value, budget)
    level = read.level(_path(key, budget))
    if level.order is None:
        level.order = order


def _limit(read: Parameters, key: str, value: str, budget: Budget) -> None:
    read.level(_path(key, budget)).limit = read_number(value)


def _offset(read: Parameters, key: str, value: str, budget: Budget) -> None:
    read.level(_path(key, budget)).offset = read_number(value)


def _logic(read: Parameters, key: str, value: str, budget: Budget) -> None:
    path, connective, negated = read_logic_key(key, budget)
    read.level(path).where.append(read_logic(value, connective, negated, budget))


_PARTS: Final[dict[str, Callable[[Parameters, str, str, Budget], None]]] = {
    "order": _order,
    "limit": _limit,
    "offset": _offset,
    "and": _logic,
    "or": _logic,
}
