"""What a program declares: users, tenants, resources, their events and hooks, functions. Still unchecked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeAlias, TypeVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy import ColumnElement, ColumnExpressionArgument
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from backstay.errors import DeclarationError
from backstay.schema.caller import Caller
from backstay.schema.exchange import Request
from backstay.schema.post.mail import Mailer
from backstay.schema.post.text import Texter
from backstay.schema.rule import Expression, Place, Using

if TYPE_CHECKING:
    from backstay.schema.providers.provider import Provider
    from backstay.schema.scope.declared import Scope

T = TypeVar("T")

Hook: TypeAlias = Callable[[AsyncSession, T], Awaitable[None]]
"""Your code inside a write's transaction: it may change the row, look around in the session, or raise."""


class Kind(Enum):
    """The three kinds of change."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Event(Generic[T]):
    """What one can listen to: changes of a model of certain kinds."""

    model: type[T]
    kinds: frozenset[Kind]


class AuthUser:
    """The columns every users' table has: inherit from it beside your own base.

    ``id`` is the token's ``sub``. ``aal`` is no column: ``current(User).aal`` says in rules by how many factors the
    caller signed in.
    """

    if TYPE_CHECKING:
        aal: ClassVar[ColumnElement[int]]

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())


Claims: TypeAlias = Callable[[AsyncSession, Any], Awaitable[Mapping[str, Any]]]
"""Your code that adds claims to a user's token: given a session of ``system`` and the user's row."""


Breached: TypeAlias = Callable[[str], Awaitable[bool]]
"""Your code that says whether a password is known to have been in a breach."""


@dataclass(frozen=True, slots=True)
class Auth:
    """How callers are known.

    Arguments:
        user: the mapped class of the users' table.
        sign_in: serve sign-in under ``/auth/v1``. Without it tokens come from elsewhere.
        profile: the columns of the users' table that users fill themselves, by ``data`` of sign-up and of later
            changes; all other columns of yours are for your code to fill.
        providers: where users may log in beside: ``Google(...)``, ``OIDC(...)`` ...
        before_sign_up: called with a session and the new user's row before it is added: it may change the row, or raise
            to refuse it.
        claims: called whenever a token is made; what it returns is added to the token's claims, but for those that say
            who the user is.
        mfa: let users have second factors: an authenticator app; a phone, where texts can be sent; a security key, with
            ``passkeys``. Rules ask for one by ``current(User).aal >= 2``.
        passkeys: let users sign in by passkeys; needs the extra ``backstay[passkeys]``.
        mail: sends mails, in the place of the server that the setting ``smtp_url`` names.
        sms: sends texts to phones: ``Twilio``, or a way of your own.
        breached: asked of every new password whether it is known to have been in a breach; it is refused then.
    """

    user: type[AuthUser]
    _: KW_ONLY
    sign_in: bool = True
    profile: Sequence[InstrumentedAttribute[Any]] = ()
    providers: Sequence[Provider] = ()
    before_sign_up: Hook[Any] | None = None
    claims: Claims | None = None
    mfa: bool = False
    passkeys: bool = False
    mail: Mailer | None = None
    sms: Texter | None = None
    breached: Breached | None = None

    def __post_init__(self) -> None:
        named = [name for each in self.providers for name in (each.facts.name, *each.facts.aliases)]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise DeclarationError(
                f"Auth: two providers are named {twice[0]!r}", hint="Give each OIDC(...) its own name."
            )


@dataclass(frozen=True, slots=True)
class Tenancy(Generic[T]):
    """Which column says whose a row is, and whose the caller is.

    Every table that has the column (a mixin's column: every model that inherits it) is narrowed to the caller's tenant
    in every select, embed, sub-select, count and write, beside its own rules; a new row must be the caller's
    tenant's, and gets it where it names none. ``system`` and the secret key see all tenants.

    Arguments:
        column: the column on a mixin or a model, such as ``Owned.org_id``.
        current: the caller's tenant, such as ``me.org_id``.
    """

    column: InstrumentedAttribute[T]
    current: ColumnExpressionArgument[T]

    def covers(self, model: type[Any]) -> str | None:
        """The attribute by which a mapped class belongs to a tenant; None when it does not."""
        for owner in model.__mro__:
            for name, value in vars(owner).items():
                if value is self.column:
                    return name
        return None


class Resource(Generic[T]):
    """A model served to callers, as declared by :meth:`backstay.Backstay.resource`.

    ``inserted``, ``updated``, ``deleted`` and ``changed`` are its events; ``before_insert``, ``before_update`` and
    ``before_delete`` register hooks, which run in the order of registration, inside the write's transaction and
    before its rules are checked on the new row.
    """

    def __init__(self, model: type[T], asked: Asked, place: Place) -> None:
        self.model = model
        self.asked = asked
        self.place = place
        self.hooks: dict[Kind, list[Hook[T]]] = {kind: [] for kind in Kind}
        self.inserted: Event[T] = Event(model, frozenset({Kind.INSERT}))
        self.updated: Event[T] = Event(model, frozenset({Kind.UPDATE}))
        self.deleted: Event[T] = Event(model, frozenset({Kind.DELETE}))
        self.changed: Event[T] = Event(model, frozenset(Kind))

    def before_insert(self, hook: Hook[T]) -> Hook[T]:
        """Run ``hook(session, row)`` before a caller's new row is inserted; changes to the row are kept."""
        self.hooks[Kind.INSERT].append(hook)
        return hook

    def before_update(self, hook: Hook[T]) -> Hook[T]:
        """Run ``hook(session, row)`` before a caller's update, the row already holding the new values."""
        self.hooks[Kind.UPDATE].append(hook)
        return hook

    def before_delete(self, hook: Hook[T]) -> Hook[T]:
        """Run ``hook(session, row)`` before a caller's delete."""
        self.hooks[Kind.DELETE].append(hook)
        return hook


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words of one ``app.resource(...)`` as they were given."""

    select: Expression | None = None
    insert: Expression | None = None
    update: Expression | Using | None = None
    delete: Expression | None = None
    search: Sequence[ColumnExpressionArgument[Any]] = ()
    hidden: Sequence[ColumnExpressionArgument[Any]] = ()
    readonly: Sequence[ColumnExpressionArgument[Any]] = ()
    cache: timedelta | None = None

    def rule(self, operation: str) -> Expression | Using | None:
        """What was given for ``select``, ``insert``, ``update``, ``update_check`` or ``delete``; None: nothing."""
        if operation == "update_check":
            return self.update.check if isinstance(self.update, Using) else self.update
        if operation == "update":
            return self.update.old if isinstance(self.update, Using) else self.update
        given: Expression | Using | None = getattr(self, operation)
        return given


@dataclass(frozen=True, slots=True)
class Reflection:
    """The words of one ``app.reflect(...)``: serve what the database holds."""

    schema: str | None
    asked: Asked
    place: Place


KNOWN: Final = (Request, Caller)
"""What a function may ask for by a parameter's annotation, beside what requests give it."""


@dataclass(frozen=True, slots=True)
class FunctionDeclaration:
    """A function as it was given to ``app.function``."""

    call: Callable[..., Awaitable[Any]]
    place: Place


@dataclass(slots=True)
class Declarations:
    """Everything a program has declared so far."""

    resources: list[Resource[Any]] = field(default_factory=list)
    reflections: list[Reflection] = field(default_factory=list)
    functions: list[FunctionDeclaration] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)


# Searches ----------------------------------------------------------------------------------------------------

_SEARCH: Final = "backstay_search"


@dataclass(frozen=True, slots=True)
class Search:
    """The searched columns of a table, in the order of their declaration, and a text-search configuration."""

    columns: tuple[str, ...]
    language: str


def search_name(table: str) -> str:
    """The name of the table that is a table's search index, where an index is one."""
    return f"{table}_search"


def declare_search(table: sa.Table, search: Search | None) -> None:
    """Note on a table what is searched in it; None: nothing."""
    if search is None or not search.columns:
        table.info.pop(_SEARCH, None)
    else:
        table.info[_SEARCH] = search


def search_of(table: sa.Table) -> Search | None:
    """What is searched in a table."""
    search: Search | None = table.info.get(_SEARCH)
    return search


# Sessions ----------------------------------------------------------------------------------------------------

_SESSIONS: Final = "backstay_sessions"


@dataclass(frozen=True, slots=True)
class SessionTriggers:
    """The triggers of a table of sessions: whatever deletes one makes the tokens worthless that speak for it.

    Arguments:
        users: the name of the users' table.
        key: the name of its primary key's column.
    """

    users: str
    key: str


def declare_sessions(sessions: sa.Table, users: sa.Table) -> None:
    """Note on a table of users and on that of their sessions that the database is to keep triggers for them."""
    (key,) = users.primary_key.columns
    sessions.info[_SESSIONS] = SessionTriggers(users.name, key.name)
    users.info[_SESSIONS] = None


def triggers_of(sessions: sa.Table) -> SessionTriggers | None:
    """The triggers that a table is to have as one of sessions."""
    triggers: SessionTriggers | None = sessions.info.get(_SESSIONS)
    return triggers


def has_sessions(users: sa.Table) -> bool:
    """Whether a table is one of users who have sessions."""
    return _SESSIONS in users.info
