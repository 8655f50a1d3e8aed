"""What a program declares of a scope."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from backstay.errors import DeclarationError
from backstay.schema.caller import EVERY_SCOPE
from backstay.schema.declaration import Asked, Resource
from backstay.schema.rule import Expression, Place, Using, place

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)*")
_LONGEST: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """What a scope lets keys do with one resource."""

    resource: Resource[Any]
    asked: Asked
    place: Place


class Scope:
    """What a program's key may be let do, as declared by :meth:`backstay.Backstay.scope`.

    A key never may more than its owner: a scope only says how much of that its programs get. What no scope of a key
    names is refused to it.
    """

    def __init__(self, name: str, description: str, where: Place) -> None:
        if name != EVERY_SCOPE and (len(name) > _LONGEST or not _NAME.fullmatch(name)):
            raise DeclarationError(
                f"{where}: {name!r} is no name of a scope.",
                hint=f"Write letters, digits and ._- with colons between, {_LONGEST} at most: notes:read. "
                f"{EVERY_SCOPE!r} is the scope that lets all that the owner may.",
            )
        self.name = name
        self.description = description
        self.place = where
        self.grants: list[Grant] = []
        self.functions: list[Callable[..., Any]] = []
        self.mounts: list[Callable[..., Any]] = []

    def allow(
        self,
        resource: Resource[Any],
        *,
        select: Expression | None = None,
        write: Expression | None = None,
        insert: Expression | None = None,
        update: Expression | Using | None = None,
        delete: Expression | None = None,
    ) -> None:
        """Let keys with this scope use a resource. What is left out they may not do.

        Each is a rule as :meth:`backstay.Backstay.resource` takes it, asked beside the resource's own: ``anyone`` adds
        nothing to that, ``Note.public`` lets a key reach public notes only.

        Arguments:
            resource: what ``app.resource(...)`` returned.
            select: which rows a key may see, of those its owner may.
            write: the rule for insert, update and delete, where these are not given.
            insert: what a new row must satisfy.
            update: which rows a key may change, and what they must satisfy afterwards.
            delete: which rows a key may delete.
        """
        self._refuse_every()
        asked = Asked(
            select=select,
            insert=write if insert is None else insert,
            update=write if update is None else update,
            delete=write if delete is None else delete,
        )
        self.grants.append(Grant(resource, asked, place()))

    def allow_call(self, function: Callable[..., Any]) -> None:
        """Let keys with this scope call a function, in which the scope's rules hold beside the owner's.

        Arguments:
            function: one that was given to ``app.function``.
        """
        self._refuse_every()
        self.functions.append(function)

    def allow_mount(self, application: Callable[..., Any]) -> None:
        """Let keys with this scope into a mounted application as their owners.

        Its sessions keep to the scope's rules. What else it does is its own word: it sees ``caller.scopes``.

        Arguments:
            application: one that was given to ``app.mount``.
        """
        self._refuse_every()
        self.mounts.append(application)

    def _refuse_every(self) -> None:
        if self.name == EVERY_SCOPE:
            raise DeclarationError(f"{place()}: the scope {EVERY_SCOPE!r} lets everything already.")
