"""Asked: what a REST request asks for, and how it is to be answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backstay.errors import RequestError
from backstay.frontends.rest.media import ANY, Format
from backstay.frontends.rest.prefer import NOTHING, Preferences
from backstay.query.nodes import Query
from backstay.schema.caller import Local
from backstay.schema.kind import Kind


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names: a resource, or a function."""

    name: str
    function: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A parsed request.

    Arguments:
        query: what is asked.
        preferences: what the caller prefers.
        format: the form of the answer.
        head: the answer goes without its body.
        profile: the schema to name in Content-Profile; None where nobody asks which.
        parameters: the decoded query string, for Content-Location.
        refusal: why no answer of this kind can be given. It is told only where every name was found.
        renamed: the relations that the query string names in the place of an alias, with that alias.
        kinds: of the values under the keys of a row, where they are to be written as CSV.
        local: what the database is told of the request, where it runs under a role of the database's own.
    """

    query: Query
    preferences: Preferences = NOTHING
    format: Format = ANY
    head: bool = False
    profile: str | None = None
    parameters: Sequence[tuple[str, str | None]] = ()
    refusal: RequestError | None = None
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    renamed: tuple[tuple[str, str], ...] = ()
    local: Local = ()
