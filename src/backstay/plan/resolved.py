"""A query with every name looked up: Resolved. It speaks of columns and relations, and has no rules yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from backstay.query.nodes import Aggregate, Connective, Count, Join, Missing, Quantifier, Resolution, Step
from backstay.query.operators import Operator
from backstay.query.shape import Slot
from backstay.schema.column import Column
from backstay.schema.kind import CASTS, Kind
from backstay.schema.relation import Relation
from backstay.schema.served import Served


@dataclass(frozen=True, slots=True)
class Source:
    """One use of a resource in a statement, told apart from others by its number."""

    number: int
    served: Served


@dataclass(frozen=True, slots=True)
class Target:
    """A column of a source, or a path into it."""

    source: Source
    column: Column
    path: tuple[Step, ...] = ()

    @property
    def kind(self) -> Kind:
        """What its values are: a path leads to text or to JSON."""
        return CASTS["text" if self.path[-1].text else "jsonb"] if self.path else self.column.kind


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison of a target with a value."""

    target: Target
    operator: Operator
    value: Slot
    negated: bool
    quantifier: Quantifier | None
    word: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """Whether a row has a match in an embed (``rel=not.is.null``); ``negated``: whether it has none."""

    branch: Branch
    negated: bool


@dataclass(frozen=True, slots=True)
class Combination:
    """Predicates combined."""

    connective: Connective
    items: tuple[Predicate, ...]
    negated: bool


Predicate: TypeAlias = Test | Match | Combination


@dataclass(frozen=True, slots=True)
class Output:
    """One key of a row. Without a target: ``count()``.

    ``standing``: it is the ``count`` that is written like a column, which counts where it stands: inside a spread it is
    not taken to be one of the rows around.
    """

    key: str
    target: Target | None
    cast: Kind | None = None
    aggregate: Aggregate | None = None
    aggregate_cast: Kind | None = None
    standing: bool = False


@dataclass(frozen=True, slots=True)
class Sort:
    """One term of an order; through ``branch`` when it is a to-one embed's column that orders."""

    target: Target
    descending: bool
    nulls_first: bool
    branch: Branch | None = None
    cast: Kind | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a source: the body of a select or of an embed. ``limit`` and ``offset`` are slots when asked for."""

    source: Source
    outputs: tuple[Output | Branch, ...]
    where: tuple[Predicate, ...] = ()
    order: tuple[Sort, ...] = ()
    limit: Slot | None = None
    offset: Slot | None = None

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The embeds of these rows."""
        return tuple(output for output in self.outputs if isinstance(output, Branch))

    @property
    def aggregated(self) -> bool:
        """Whether the rows are groups of rows."""
        return any(
            output.hoists if isinstance(output, Branch) else output.aggregate is not None for output in self.outputs
        )

    @property
    def hoists(self) -> bool:
        """Whether, inside a spread, these rows have aggregates that are of the rows around."""
        return any(
            output.hoists if isinstance(output, Branch) else output.aggregate is not None and not output.standing
            for output in self.outputs
        )


@dataclass(frozen=True, slots=True)
class Branch:
    """An embed: related rows under a key. ``shown`` is false for ``rel()``, which yields no key."""

    key: str
    relation: Relation
    rows: Rows
    join: Join
    spread: bool = False
    shown: bool = True
    junction: Source | None = None

    @property
    def to_one(self) -> bool:
        """Whether a row has at most one related row here."""
        return self.relation.cardinality.to_one

    @property
    def hoists(self) -> bool:
        """Whether it is a spread of one row, with aggregates that are of the rows it hangs on."""
        return self.spread and self.to_one and self.rows.hoists


# The five kinds ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Read:
    """A resolved select."""

    rows: Rows
    count: Count

    @property
    def source(self) -> Source:
        """The resource that is read."""
        return self.rows.source


@dataclass(frozen=True, slots=True)
class Insertion:
    """A resolved insert.

    ``conflict`` are the columns that tell a duplicate, where one is to be resolved. ``named``: the row must be exactly
    one, and have these values in these columns (PUT). ``keyed``: whether the keys of the new rows are asked for.
    """

    source: Source
    rows: Slot
    columns: tuple[Column, ...]
    resolution: Resolution | None
    conflict: tuple[Column, ...]
    missing: Missing
    returning: Rows | None
    named: tuple[tuple[Column, Slot], ...] = ()
    keyed: bool = True


@dataclass(frozen=True, slots=True)
class Alteration:
    """A resolved update."""

    source: Source
    row: Slot
    columns: tuple[Column, ...]
    where: tuple[Predicate, ...]
    returning: Rows | None


@dataclass(frozen=True, slots=True)
class Deletion:
    """A resolved delete."""

    source: Source
    where: tuple[Predicate, ...]
    returning: Rows | None


Resolved: TypeAlias = Read | Insertion | Alteration | Deletion
