"""Who asks: the caller, and the words rules use of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache
from typing import Any, Final, TypeAlias, TypeVar, cast, final

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from backstay.schema.kind import Canonical, Kind, kind_of
from backstay.schema.kind.zone import Zone

T = TypeVar("T")

Local: TypeAlias = tuple[tuple[str, str], ...]
"""Settings of a database that hold for one transaction alone: their names and values, in the order they are made.

``(("role", "anon"), ("request.jwt.claims", "{}"))``. Empty where nothing needs any, which costs nothing.
"""


@final
class System(Enum):
    """The type of :data:`system`."""

    SYSTEM = "system"


system: Final = System.SYSTEM
"""The application itself: passes every rule, but no constraint."""


class Role(Enum):
    """The three kinds of caller, by the names tokens carry."""

    ANON = "anon"
    AUTHENTICATED = "authenticated"
    SERVICE = "service_role"


EVERY_SCOPE: Final = "*"
"""The scope of a program's key that lets all that its owner may."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    ``id`` is the user's id as text (the token's ``sub``), None for anonymous callers and keys. ``claims`` are the
    verified token's claims; empty without a token. ``local`` are the settings of the database in each transaction that
    answers this caller (:class:`~backstay.dialects.features.Features` ``local_settings``). ``timezone`` is the zone in
    which they want moments shown; None: UTC. ``scopes`` are those of the program's key that speaks for the caller;
    None: it is no such key, and the caller may do all that the rules let them.
    """

    id: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    role: Role = Role.ANON
    local: Local = ()
    timezone: Zone | None = None
    scopes: frozenset[str] | None = None

    def holds(self, *scopes: str) -> bool:
        """Whether one of these scopes is the caller's, as all are of a caller without a program's key."""
        return self.scopes is None or EVERY_SCOPE in self.scopes or not self.scopes.isdisjoint(scopes)

    @property
    def signed_in(self) -> bool:
        """Whether the caller is a user."""
        return self.role is Role.AUTHENTICATED

    @property
    def passes_rules(self) -> bool:
        """Whether row rules do not apply to this caller (the secret key, ``system``)."""
        return self.role is Role.SERVICE


ANONYMOUS: Final = Caller()
"""The caller who showed nothing."""

SERVICE: Final = Caller(role=Role.SERVICE)
"""The caller who holds the secret key, and ``system``."""


ASSURANCE: Final = "aal"
"""The attribute that says by how many factors the caller signed in, 1 or 2: the token's claim alone knows."""

ASSURANCE_LEVELS: Final[Mapping[object, int]] = {"aal1": 1, "aal2": 2}
"""What the claim may say, and what it means; a token without the claim is one of a single factor."""


# The caller in rules and defaults -----------------------------------------------------------------------------


class CallerAttribute(ColumnElement[Any]):
    """``me.org_id``: an attribute of the caller, as an SQL expression with the type of the users' column.

    It has no text of its own: a plan puts a parameter in its place (from the token), or a look-up in the users'
    table where the token lacks it; a session puts the value.

    Arguments:
        user: the mapped class of the users' table.
        name: of the attribute.
        column: the users' column; None for what the token alone says (:data:`ASSURANCE`).
    """

    __visit_name__ = "caller_attribute"
    inherit_cache = True
    _traverse_internals: Any = [  # noqa: RUF012
        ("name", InternalTraversal.dp_string),
        ("type", InternalTraversal.dp_type),
    ]

    def __init__(self, user: type[Any], name: str, column: sa.Column[Any] | None) -> None:
        self.user = user
        self.name = name
        self.column = column
        self.type = sa.Integer() if column is None else column.type

    @cached_property
    def kind(self) -> Kind:
        """How a value of it is read."""
        return kind_of(self.type)

    @cached_property
    def take(self) -> Callable[[str], Canonical]:
        """Reads a claim of it, which takes longer than all else a rule asks; so what was read is kept."""
        return lru_cache(maxsize=4096)(self.kind.take)

    @property
    def users(self) -> Any:
        """The table that has the column; of what the token alone says, the one that has the user's id."""
        column = sa.inspect(self.user).columns["id"] if self.column is None else self.column
        return column.table


class SignedIn(ColumnElement[bool]):
    """The term :data:`signed_in`: decided before any SQL."""

    __visit_name__ = "signed_in"
    inherit_cache = True
    _traverse_internals: Any = []  # noqa: RUF012
    type = sa.Boolean()


class _Current:
    """What :func:`current` returns: each attribute is the caller's."""

    def __init__(self, user: type[Any]) -> None:
        self._user = user

    def __getattr__(self, name: str) -> CallerAttribute:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == ASSURANCE:
            return self._assurance()
        # Not `column_attrs`, which resolves every relationship: models that come later are not there yet.
        columns = sa.inspect(self._user).columns
        column = columns.get(name)
        if not isinstance(column, sa.Column):
            known = ", ".join(sorted(key for key, each in columns.items() if isinstance(each, sa.Column)))
            raise AttributeError(f"{self._user.__name__} has no column {name!r}; `me` has: {known}")
        return CallerAttribute(self._user, name, column)

    def _assurance(self) -> CallerAttribute:
        # A user may change their row, and must not come to a second factor by it.
        if ASSURANCE in sa.inspect(self._user).columns:
            raise AttributeError(
                f"`me.{ASSURANCE}` is the token's; give {self._user.__name__}.{ASSURANCE} another name"
            )
        return CallerAttribute(self._user, ASSURANCE, None)

    def __repr__(self) -> str:
        return f"current({self._user.__name__})"


def current(user: type[T]) -> type[T]:
    """The caller as a row of the users' table, for rules and defaults: ``me = current(User)``.

    Typed as the class itself, as ``aliased()`` is, so ``Note.author_id == me.id`` checks and completes. ``me.id`` is
    the token's ``sub``; any other attribute is the claim of that name or, where the token lacks it, the column of the
    caller's row in the users' table, read once per statement. ``me.aal`` is the token's alone: 2 after a second factor,
    else 1. For a caller who is not signed in every attribute is NULL.

    Arguments:
        user: the mapped class of the users' table.

    Raises:
        AttributeError: on access, for a name that is not a column of ``user``.
    """
    return cast("type[T]", _Current(user))


anyone: Final[ColumnElement[bool]] = sa.true()
"""The rule that lets everybody, signed in or not."""

signed_in: Final[ColumnElement[bool]] = SignedIn()
"""The rule that lets every user, and no anonymous caller."""


@compiles(CallerAttribute)
@compiles(SignedIn)
def _spell(element: CallerAttribute | SignedIn, compiler: SQLCompiler, **options: Any) -> str:
    """As a caller's session knows it; by name, for people; else nobody's, as for ``system``."""
    visit = getattr(compiler, f"visit_{element.__visit_name__}", None)
    if visit is not None:
        return str(visit(element, **options))
    if compiler.dialect.name == "default":
        return f"me.{element.name}" if isinstance(element, CallerAttribute) else "signed_in"
    return "NULL" if isinstance(element, CallerAttribute) else str(compiler.process(sa.false(), **options))
