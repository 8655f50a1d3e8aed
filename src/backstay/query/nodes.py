"""The nodes of a Query: what is asked, in no protocol's words.

Names here are those of the wire (resource, column and relation names as the caller wrote them); they are looked up
later, by ``plan.resolve``. A field made by :func:`value` holds what varies from request to request; everything else is
structure. A query without its values is its Shape (:mod:`backstay.query.shape`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from backstay.query.batched import Batched
from backstay.schema.exchange import Request

Literal: TypeAlias = str | tuple[str | None, ...] | None
"""A value as the wire writes it: text, or a list of texts (``in``, ``any``, ``all``)."""


def value(default: Any = None) -> Any:
    """Declare a node's field as a value: it never enters the shape."""
    return field(default=default, metadata={"value": True})


# Fields ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a JSON path: ``->key``, ``->0`` (``text=False``) or ``->>key`` (``text=True``)."""

    key: str | int
    text: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or a path into it when it holds JSON."""

    name: str
    path: tuple[Step, ...] = ()


# Filters -----------------------------------------------------------------------------------------------------


class Quantifier(Enum):
    """How a comparison treats a list of values: one of them (``any``) or each (``all``)."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``field [not.]operator[(quantifier|language)].value``.

    ``operator`` is a name in :data:`backstay.query.operators.OPERATORS`. ``value`` is text, or a tuple of texts for
    ``in`` and for quantified operators. For ``is`` the word itself is structure and stands in ``word``
    (``null not_null true false unknown``) and ``value`` is None.
    """

    field: Field
    operator: str
    value: Literal = value()
    negated: bool = False
    quantifier: Quantifier | None = None
    word: str | None = None
    language: str | None = None


class Connective(Enum):
    """How the items of a logic tree combine."""

    AND = "and"
    OR = "or"


@dataclass(frozen=True, slots=True)
class Logic:
    """``[not.]and(…)`` or ``[not.]or(…)``: at least one item."""

    connective: Connective
    items: tuple[Filter, ...]
    negated: bool = False


Filter: TypeAlias = Comparison | Logic


# Order and page ----------------------------------------------------------------------------------------------


class Nulls(Enum):
    """Where an order puts NULL."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Order:
    """One term of an order. ``relation`` is the key of a to-one embed whose column is meant.

    ``nulls`` None means PostgreSQL's default: last when ascending, first when descending.
    """

    field: Field
    descending: bool = False
    nulls: Nulls | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A slice of the rows: at most ``limit`` rows (None: all) after skipping ``offset``.

    Whether there is a limit is structure, how much is a value: a limit of None and of 5 have different shapes.
    """

    limit: int | None = value()
    offset: int = value(0)
    limited: bool = False
    skipping: bool = False


# Selection ---------------------------------------------------------------------------------------------------


class Aggregate(Enum):
    """An aggregate function over a group of rows."""

    SUM = "sum"
    AVG = "avg"
    COUNT = "count"
    MAX = "max"
    MIN = "min"


@dataclass(frozen=True, slots=True)
class Everything:
    """``*``: every column the caller may select."""


@dataclass(frozen=True, slots=True)
class Pick:
    """``[alias:]field[::cast][.aggregate()[::aggregate_cast]]``; ``count()`` has no field."""

    field: Field | None
    alias: str | None = None
    cast: str | None = None
    aggregate: Aggregate | None = None
    aggregate_cast: str | None = None


class Join(Enum):
    """Whether a row needs a match in an embed in order to be answered."""

    LEFT = "left"
    INNER = "inner"


@dataclass(frozen=True, slots=True)
class Embed:
    """Related rows inside a row: ``[alias:]relation[!hint][!inner|!left](items)``; ``spread``: ``...relation(items)``.

    ``where``, ``order`` and ``page`` are the embed's own (``relation.column=…``, ``relation.order=…``).
    ``items`` may be empty: the embed then takes part in filters and joins and produces no key.
    ``counting``: the ``relation(count)`` form, which counts related rows even where aggregates are disabled.
    """

    relation: str
    items: tuple[Item, ...] = ()
    alias: str | None = None
    hint: str | None = None
    join: Join = Join.LEFT
    spread: bool = False
    where: tuple[Filter, ...] = ()
    order: tuple[Order, ...] = ()
    page: Page = Page()

    @property
    def key(self) -> str:
        """The name of the embed in the row and in embed paths: its alias, else the relation as written."""
        return self.alias or self.relation


Item: TypeAlias = Everything | Pick | Embed


# Queries -----------------------------------------------------------------------------------------------------


class Count(Enum):
    """Which total a caller asks for beside the rows."""

    NONE = "none"
    EXACT = "exact"
    PLANNED = "planned"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class Select:
    """Rows of a resource. ``where`` items are ANDed."""

    resource: str
    schema: str = "public"
    items: tuple[Item, ...] = (Everything(),)
    where: tuple[Filter, ...] = ()
    order: tuple[Order, ...] = ()
    page: Page = Page()
    count: Count = Count.NONE


class Resolution(Enum):
    """What an insert does with a row that is there already."""

    MERGE = "merge-duplicates"
    IGNORE = "ignore-duplicates"


class Missing(Enum):
    """What a key that a row of the payload lacks stands for."""

    NULL = "null"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Insert:
    """Rows to insert. ``rows`` are the decoded payload: one mapping of column name to JSON value per row; a long one is
    read batch by batch.

    ``columns``: the names to take from each row (the payload's own keys where the caller gave no ``columns=``).
    ``conflict``: the columns that identify a duplicate; empty means the primary key.
    ``returning``: which columns and embeds of the written rows to answer with (None: none); its ``where`` and ``page``
    are empty. ``single`` (PUT): the rows must be exactly one and match ``where``, eq filters on the primary key.
    ``keyed``: whether the keys of the new rows are asked for. A caller may insert what they may not read.
    """

    resource: str
    schema: str = "public"
    rows: tuple[dict[str, Any], ...] | Batched = value(())
    columns: tuple[str, ...] = ()
    resolution: Resolution | None = None
    conflict: tuple[str, ...] = ()
    missing: Missing = Missing.NULL
    returning: Select | None = None
    single: bool = False
    where: tuple[Filter, ...] = ()
    keyed: bool = True


@dataclass(frozen=True, slots=True)
class Update:
    """New values for the rows that match ``where``. ``row`` maps each of ``columns`` to a JSON value."""

    resource: str
    schema: str = "public"
    row: dict[str, Any] = value(None)
    columns: tuple[str, ...] = ()
    where: tuple[Filter, ...] = ()
    returning: Select | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """The rows that match ``where``, to be deleted."""

    resource: str
    schema: str = "public"
    where: tuple[Filter, ...] = ()
    returning: Select | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function. ``arguments`` maps names to JSON values (POST) or texts (GET: ``literal=True``).

    ``body``: the raw payload, for a function with one unnamed parameter. ``returning`` shapes the rows of a function
    that answers with rows of a resource. ``readonly``: in a transaction that may not write (GET). ``media``: the media
    type of ``body`` where it is not JSON (``text/plain``, ``text/xml``, ``application/octet-stream``). ``preferred``:
    the media types that the caller would rather have than the front end's own, best first; the one after these is the
    front end's, and stands last. ``request``: what the call came with.
    """

    function: str
    schema: str = "public"
    arguments: dict[str, Any] = value(None)
    names: tuple[str, ...] = ()
    literal: bool = False
    readonly: bool = False
    body: bytes | None = value(None)
    returning: Select | None = None
    media: str | None = None
    preferred: tuple[str, ...] = ()
    request: Request | None = value()


Query: TypeAlias = Select | Insert | Update | Delete | Call
