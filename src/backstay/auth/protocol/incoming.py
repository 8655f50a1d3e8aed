"""One request to sign-in, as its flows see it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from backstay.auth.store.moment import now
from backstay.errors import BadJson, NoAuthorization, ValidationFailed
from backstay.schema.caller import Caller, Role
from backstay.schema.exchange import Request

T = TypeVar("T")

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""NUL as JSON writes it, and not a backslash before ``u0000``."""


@dataclass(kw_only=True, eq=False)
class Incoming:
    """A request to sign-in.

    Arguments:
        request: as it came, its path without ``/auth/v1``.
        caller: who sent it, by their token or key.
        names: what the path's pattern leaves open, by name.
        now: when it came.
        counted: whether the network that it came from has been counted for it, or need not be.
    """

    request: Request
    caller: Caller
    names: Mapping[str, str] = field(default_factory=dict)
    now: datetime = field(default_factory=now)
    counted: bool = False

    @property
    def address(self) -> str:
        """The address that it came from."""
        return self.request.address

    @property
    def user_agent(self) -> str:
        """The program that sent it, by its own word."""
        return self.request.headers.get("user-agent", "")

    @cached_property
    def query(self) -> dict[str, str]:
        """What its query string says; of a name that stands twice, the first.

        Raises:
            ValidationFailed: there are too many.
        """
        try:
            pairs = parse_qsl(self.request.query, keep_blank_values=True, max_num_fields=100)
        except ValueError:
            raise ValidationFailed("The query string has too many parameters.") from None
        found: dict[str, str] = {}
        for name, value in pairs:
            found.setdefault(name, value)
        return found

    def read(self, kind: type[T]) -> T:
        """Its body.

        Raises:
            BadJson: it is no JSON object.
            ValidationFailed: a member is not what it must be.
        """
        return decode(self.request.body or b"{}", kind)

    @property
    def user_id(self) -> str:
        """The id of the user who sent it.

        Raises:
            NoAuthorization: no user did.
        """
        if self.caller.role is not Role.AUTHENTICATED or self.caller.id is None:
            raise NoAuthorization
        return self.caller.id

    @property
    def session_id(self) -> UUID | None:
        """The session that the user's token is of; None where it names none."""
        try:
            return UUID(str(self.caller.claims.get("session_id")))
        except ValueError:
            return None


def decode(body: bytes, kind: type[T]) -> T:
    """A JSON object as a struct.

    Raises:
        BadJson: it is no JSON object.
        ValidationFailed: a member is not what it must be, or holds NUL.
    """
    if _NUL.search(body):
        # PostgreSQL keeps it in no text, and a token that tells it is not read.
        raise ValidationFailed("The body is not valid: it holds a NUL character")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise ValidationFailed(f"The body is not valid: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadJson("Could not parse request body as JSON: it is no JSON object") from None


class Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=False):
    """What bodies have in common."""


Metadata = dict[str, Any]
