"""Backstay: what a program declares, assembled into an ASGI application. It only wires."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import ColumnExpressionArgument
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.store.tables import can_sign_in, declare
from backstay.dialects.reflect import reflect
from backstay.dialects.storable import check_types
from backstay.errors import DeclarationError
from backstay.schema.caller import Caller, System
from backstay.schema.check import Finding, check
from backstay.schema.collect import collect, table_of, tables_of
from backstay.schema.declaration import (
    Asked,
    Auth,
    AuthUser,
    Declarations,
    FunctionDeclaration,
    Reflection,
    Resource,
    Tenancy,
)
from backstay.schema.post.mail import Mailer
from backstay.schema.post.text import Texter
from backstay.schema.rule import Expression, Using, place
from backstay.schema.served import Schema
from backstay.server.assembly import Assembly
from backstay.server.guests.mounts import Beside, is_wsgi
from backstay.settings import Settings, load

if TYPE_CHECKING:
    from backstay.schema.scope.declared import Scope

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


class Backstay:
    """An application: models and rules in, a served backend out. It is an ASGI application itself.

    Arguments:
        database: URL of the database: ``sqlite:///notes.db``, ``postgresql://user@host/name``. The setting
            ``BACKSTAY_DATABASE`` takes precedence.
        auth: how callers are known; without it there are no users, only anonymous callers and keys.
        tenancy: what keeps the rows of organisations apart.

    Raises:
        DeclarationError: when the schema is first needed (start-up, ``backstay check``), naming everything that is
            wrong at once.
    """

    def __init__(self, database: str, *, auth: Auth | None = None, tenancy: Tenancy[Any] | None = None) -> None:
        self._database = database
        self._auth = auth
        self._tenancy = tenancy
        self._declarations = Declarations()
        self._mounts: list[Beside] = []
        self._overrides: dict[str, Any] = {}

    # Declaring -----------------------------------------------------------------------------------------------

    def resource(
        self,
        model: type[T],
        *,
        select: Expression | None = None,
        write: Expression | None = None,
        insert: Expression | None = None,
        update: Expression | Using | None = None,
        delete: Expression | None = None,
        search: Sequence[ColumnExpressionArgument[Any]] = (),
        hidden: Sequence[ColumnExpressionArgument[Any]] = (),
        readonly: Sequence[ColumnExpressionArgument[Any]] = (),
        cache: timedelta | None = None,
    ) -> Resource[T]:
        """Serve a model to callers. A rule left out means nobody.

        Arguments:
            model: a mapped class.
            select: which rows a caller may see.
            write: the rule for insert, update and delete, where these are not given.
            insert: what a new row must satisfy, after defaults and hooks.
            update: which rows a caller may change, and what they must satisfy afterwards; ``Using(old, check=new)``
                asks the two separately.
            delete: which rows a caller may delete.
            search: the columns of text that are searched most: full text finds by an index of them.
            hidden: columns that are not on the wire at all.
            readonly: columns that callers may read but not write.
            cache: how long an answer may be reused.

        Returns:
            The declared resource: its events (``.inserted`` ...) and hooks (``.before_insert`` ...).
        """
        asked = Asked(
            select=select,
            insert=write if insert is None else insert,
            update=write if update is None else update,
            delete=write if delete is None else delete,
            search=tuple(search),
            hidden=tuple(hidden),
            readonly=tuple(readonly),
            cache=cache,
        )
        resource = Resource(model, asked, place())
        self._declarations.resources.append(resource)
        self._forget()
        return resource

    def reflect(
        self,
        *,
        schema: str | None = None,
        select: Expression | None = None,
        write: Expression | None = None,
    ) -> None:
        """Serve every table and view (on PostgreSQL every function, too) that the database has and no model declares.

        Arguments:
            schema: the database schema to read; None: the default one.
            select: who may see the rows.
            write: who may insert, update and delete them.
        """
        asked = Asked(select=select, insert=write, update=write, delete=write)
        self._declarations.reflections.append(Reflection(schema, asked, place()))
        self._forget()

    def function(
        self, call: Callable[Concatenate[AsyncSession, P], Awaitable[R]]
    ) -> Callable[Concatenate[AsyncSession, P], Awaitable[R]]:
        """Make a function callable from outside, as ``/rest/v1/rpc/<its name>``.

        It is called with the caller's session (rules hold in it) and the arguments of the request, checked against
        its annotations.
        """
        self._declarations.functions.append(FunctionDeclaration(call, place()))
        self._forget()
        return call

    def scope(self, name: str, description: str = "") -> Scope:
        """Declare what keys of programs may be let do; without any scope there are no such keys.

        Arguments:
            name: ``notes:read``; ``*`` is the scope that lets all that a key's owner may.
            description: for the owner, who chooses among the scopes.

        Returns:
            The scope, to be told what it allows: ``scope.allow(notes, select=anyone)``.
        """
        from backstay.schema.scope.declared import Scope

        scope = Scope(name, description, place())
        same = next((each for each in self._declarations.scopes if each.name == name), None)
        if same is not None:
            raise DeclarationError(f"{scope.place}: the scope {name!r} was declared already, at {same.place}.")
        self._declarations.scopes.append(scope)
        self._forget()
        return scope

    def mount(self, path: str, app: Callable[..., Any], *, max_body: int | None = None) -> None:
        """Serve another application (FastAPI, Django, Flask: any that speaks ASGI or WSGI) under a path of this one.

        Arguments:
            path: where.
            app: the application.
            max_body: most bytes in the body of a request to an application that speaks WSGI, for which Backstay reads
                it; None: as the setting says. One that speaks ASGI reads what it likes by itself.

        Raises:
            DeclarationError: the path cannot be, or the application reads bodies itself.
        """
        if not path.startswith("/") or path.endswith("/"):
            raise DeclarationError(f"{place()}: a mount's path begins with / and does not end with it, not {path!r}.")
        if is_wsgi(app):
            from backstay.server.guests.wsgi import answer_errors

            answer_errors(app)
        elif max_body is not None:
            raise DeclarationError(f"{place()}: an application that speaks ASGI bounds its bodies itself.")
        self._mounts.append(Beside(path, app, max_body))

    # Assembly ------------------------------------------------------------------------------------------------

    def configure(self, **settings: Any) -> None:
        """Override settings (see :class:`backstay.settings.Settings`), before the application starts; None: leave."""
        given = {name: value for name, value in settings.items() if value is not None}
        if any(name not in self._overrides or self._overrides[name] != value for name, value in given.items()):
            self._overrides.update(given)
            self._forget()

    def send_by(self, *, mail: Mailer | None = None, sms: Texter | None = None) -> None:
        """Have mails and texts sent by these, whatever ``Auth`` and ``smtp_url`` say; before the application starts.

        Arguments:
            mail: sends mails; None: leave it.
            sms: sends texts; None: leave it.
        """
        if self._auth is not None:
            self._auth = replace(self._auth, mail=mail or self._auth.mail, sms=sms or self._auth.sms)
            self._forget()

    @property
    def auth(self) -> Auth | None:
        """How callers are known."""
        return self._auth

    @cached_property
    def settings(self) -> Settings:
        """The settings in force; the schemas that are reflected are on the wire, too."""
        settings = load(**{"database": self._database, **self._from_outside(), **self._overrides})
        reflected = [each.schema for each in self._declarations.reflections if each.schema is not None]
        return replace(settings, schemas=tuple(dict.fromkeys([*settings.schemas, *reflected])))

    def _from_outside(self) -> dict[str, Any]:
        outside = load().database
        return {"database": outside} if outside else {}

    @cached_property
    def schema(self) -> Schema:
        """Everything that is served. DeclarationError names all that is wrong with it."""
        schema = self.collected
        errors = [finding for finding in self.findings() if finding.is_error]
        if errors:
            raise DeclarationError(findings=errors)
        return schema

    def findings(self) -> list[Finding]:
        """What is wrong, and what is unwise; a DeclarationError where the models cannot even be collected."""
        return [*check(self.collected, self._declarations), *check_types(self.collected, self.settings.database)]

    @cached_property
    def collected(self) -> Schema:
        """The schema, unchecked."""
        user = self._auth.user if self._auth is not None else None
        if self._auth is not None and self._auth.sign_in and can_sign_in(table_of(self._auth.user)):
            declare(table_of(self._auth.user))
        declarations, schemas = self._declarations, self.settings.schemas
        found = reflect(
            self.settings.database,
            declarations.reflections,
            declared=tables_of(declarations, user),
            default=schemas[0],
        )
        return collect(
            declarations,
            user=user,
            tenancy=self._tenancy,
            schemas=schemas,
            reflected=found,
            search_language=self.settings.search_language,
        )

    @property
    def declarations(self) -> Declarations:
        """What was declared so far."""
        return self._declarations

    @cached_property
    def assembly(self) -> Assembly:
        """The parts of the running application, wired together."""
        return Assembly(self.schema, self.settings, tuple(self._mounts), auth=self._auth)

    def _forget(self) -> None:
        for name in ("settings", "schema", "collected", "assembly"):
            self.__dict__.pop(name, None)

    # Running -------------------------------------------------------------------------------------------------

    def session(self, act_as: System | AuthUser | Caller) -> AbstractAsyncContextManager[AsyncSession]:
        """A session on the application's database, in one transaction: committed when the context is left.

        Arguments:
            act_as: whose rules hold in it: ``system`` passes them all, a user (or a caller) is bound by theirs.
        """
        return self.assembly.session(act_as)

    async def start(self) -> None:
        """Open the database. An ASGI server does this by the lifespan protocol."""
        await self.assembly.start()

    async def stop(self) -> None:
        """Close the database."""
        await self.assembly.stop()

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """The ASGI application."""
        await self.assembly.edge(scope, receive, send)
