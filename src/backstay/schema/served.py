"""What is served: one resource, one function, the whole Schema. Frozen; made by ``collect``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, wraps
from inspect import Parameter
from typing import TYPE_CHECKING, Any, TypeVar, cast

import sqlalchemy as sa

from backstay.schema.caller import CallerAttribute
from backstay.schema.column import Column
from backstay.schema.declaration import Hook, Kind, Reflection
from backstay.schema.expression.weave import Tenants
from backstay.schema.relation import Name, Relation, RowFunction
from backstay.schema.rule import Place, Rule, Rules

if TYPE_CHECKING:
    from backstay.schema.check.finding import Finding
    from backstay.schema.kind import Kind as ValueKind
    from backstay.schema.scope.declared import Scope

T = TypeVar("T")


@dataclass(frozen=True, eq=False, kw_only=True)
class Served:
    """A resource, resolved: its table, columns, relations and rules.

    Arguments:
        name: schema and name on the wire.
        table: where the rows are.
        model: the mapped class; None for a reflected table.
        columns: by name, in the order of the table, hidden ones included.
        relations: to every resource one can embed from here.
        key: the names of the primary key's columns (empty: the rows have no identity and cannot be written).
        uniques: the column sets of the primary key and the unique constraints.
        rules: who may do what.
        hooks: by kind of change.
        search: the columns that the full-text operators read.
        view: whether the rows are a view's.
        comment: what the table's comment says, or the docstring of the class.
    """

    name: Name
    table: sa.Table
    model: type[Any] | None
    columns: Mapping[str, Column]
    relations: tuple[Relation, ...]
    key: tuple[str, ...]
    uniques: tuple[frozenset[str], ...]
    rules: Rules
    hooks: Mapping[Kind, tuple[Hook[Any], ...]]
    search: tuple[str, ...]
    view: bool
    place: Place
    comment: str | None = None

    @cached_property
    def visible(self) -> Mapping[str, Column]:
        """The columns on the wire."""
        return {name: column for name, column in self.columns.items() if not column.hidden}

    @cached_property
    def by_table_column(self) -> Mapping[str, Column]:
        """The stored columns by the table's own names (which are theirs on the wire too)."""
        return {name: column for name, column in self.columns.items() if column.stored}

    @cached_property
    def embeddable(self) -> Mapping[Name, tuple[Relation, ...]]:
        """The relations by the resource they lead to."""
        found: dict[Name, list[Relation]] = {}
        for relation in self.relations:
            found.setdefault(relation.target, []).append(relation)
        return {name: tuple(relations) for name, relations in found.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Argument:
    """One parameter of a function: its name, annotated type, and default. ``variadic`` (``*name: T``): a tuple."""

    name: str
    type: Any
    required: bool
    default: Any = None
    variadic: bool = False


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Function:
    """Code callable from outside, as ``/rpc/name``.

    Arguments:
        call: the function itself.
        parameters: as its signature has them, the session's left out.
        arguments: those parameters that a request gives by their names.
        body: the one parameter that takes the whole body of a request, in place of ``arguments``.
        known: what those parameters are given that no request gives, by name: ``Request``, ``Caller``.
        returns: the annotation.
        scopes: the names of those that let a program's key call it.
    """

    name: Name
    call: Callable[..., Awaitable[Any]]
    parameters: tuple[Parameter, ...]
    arguments: tuple[Argument, ...]
    body: Argument | None
    known: Mapping[str, type[Any]]
    returns: Any
    place: Place
    description: str
    scopes: frozenset[str] = frozenset()


class Shape(Enum):
    """What a function of the database answers with."""

    VOID = "nothing"
    SCALAR = "a value"
    SET = "values"
    ROW = "a row"
    ROWS = "rows"


@dataclass(frozen=True, slots=True, eq=False)
class SQLArgument:
    """One parameter of a function of the database.

    Arguments:
        name: empty for one that has no name.
        type: the type as PostgreSQL writes it in a cast: ``public.mood[]``.
        kind: what values become on the way.
        required: whether a call must give it.
        variadic: whether it takes any number of values.
    """

    name: str
    type: str
    kind: ValueKind
    required: bool = True
    variadic: bool = False


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SQLFunction:
    """A function of the database's own, callable from outside, as ``/rpc/name``.

    Several may have one name: they are told apart by the names of their parameters.

    Arguments:
        arguments: in order; those without a default first.
        shape: what it answers with.
        returns: the type of its value as PostgreSQL prints it: ``integer``, ``record``.
        media: the media type of its value, where a domain of that name says it: ``image/png``, ``*/*``.
        kind: that of its values (SCALAR, SET).
        columns: the name and kind of each column of its rows (ROW, ROWS), as far as they are known.
        resource: the table or view whose rows it answers with, if it is one's.
        volatile: whether it may write.
        rule: who may call it: what ``app.reflect(...)`` says of reading, or of writing where it is volatile. It speaks
            of the caller alone; None: nobody.
        description: its comment.
    """

    name: Name
    arguments: tuple[SQLArgument, ...]
    shape: Shape
    returns: str
    kind: ValueKind
    columns: tuple[tuple[str, ValueKind], ...] = ()
    resource: Name | None = None
    media: str | None = None
    volatile: bool = True
    rule: Rule | None = None
    description: str = ""

    @property
    def required(self) -> frozenset[str]:
        """The names of the parameters that a call must give."""
        return frozenset(argument.name for argument in self.arguments if argument.required)

    @property
    def names(self) -> frozenset[str]:
        """The names of all parameters."""
        return frozenset(argument.name for argument in self.arguments)


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """What a function of the database computes of a row.

    Arguments:
        row: the resource whose rows it takes.
        function: the function.
        kind: of its value: it is a column. None: it answers with rows.
        target: the resource whose rows it answers with: it is a relation.
        many: whether these may be many.
        description: its comment.
    """

    row: Name
    function: RowFunction
    kind: ValueKind | None
    target: Name | None
    many: bool
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Reflected:
    """What one ``app.reflect(...)`` found: tables and views that no model declares, and functions."""

    reflection: Reflection
    tables: Sequence[sa.Table]
    functions: Sequence[SQLFunction] = ()
    computed: Sequence[Computed] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Schema:
    """Everything that is served, and to whom.

    Arguments:
        resources, functions: by schema and name.
        schemas: the names of the schemas on the wire, the default one first.
        metadata: all tables of the models, served or not (what migrations keep).
        user: the users' table and its key column, if callers are users.
        tenants: whose rows are whose, and which tenant is the caller's.
        sql_functions: the database's own functions, the overloads of each name.
        search_language: the text-search configuration of searches that name none, and of the indexes.
        scopes: by name, what keys of programs may be let do; none: there are no such keys.
        findings: what was found wrong while all this was collected.
    """

    resources: Mapping[Name, Served]
    functions: Mapping[Name, Function]
    schemas: tuple[str, ...]
    metadata: sa.MetaData
    user: sa.Table | None = None
    tenants: Tenants | None = None
    sql_functions: Mapping[Name, tuple[SQLFunction, ...]] = field(default_factory=dict)
    search_language: str = "english"
    scopes: Mapping[str, Scope] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    _kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def tenant(self) -> CallerAttribute | None:
        """What says which tenant the caller belongs to."""
        return self.tenants.current if self.tenants is not None else None

    @property
    def user_id(self) -> sa.Column[Any]:
        """The column of the users' table that a token's ``sub`` names."""
        assert self.user is not None, "rules speak of the caller, so the app has a users' table"
        (key,) = self.user.primary_key.columns
        return key


def once(work: Callable[[Schema], T]) -> Callable[[Schema], T]:
    """Work out what follows from a schema once, and forget it with the schema.

    A cache of the module's own would keep the tables of every application that a process has ever had, of which a suite
    of tests has thousands.
    """

    @wraps(work)
    def found(schema: Schema) -> T:
        kept = schema._kept
        if work not in kept:
            kept[work] = work(schema)
        return cast("T", kept[work])

    return found
