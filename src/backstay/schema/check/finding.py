"""Findings: what is wrong with a program, and what is merely unwise. Their codes are said once, here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from backstay.schema.rule import Place


class Severity(Enum):
    """How bad a finding is: an application with an error does not start."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Code:
    """A number for one kind of finding; never reused for another."""

    number: str
    severity: Severity
    meaning: str


def _codes(*rows: tuple[str, str, str]) -> Mapping[str, Code]:
    return {number: Code(number, Severity(severity), meaning) for number, severity, meaning in rows}


CODES: Final = _codes(
    # Rules
    ("BS101", "error", "A rule says something that has not the same meaning on every database."),
    (
        "BS102",
        "error",
        "A rule speaks of another table outside of a sub-select, which would pair every row with every.",
    ),
    ("BS103", "error", "A rule is a plain Python value, not an SQL expression."),
    ("BS104", "error", "A rule is written with Python's `and`, `or`, `not` or a chained comparison."),
    ("BS105", "error", "A rule speaks of `me`, but of another class than the users' table of `Auth(...)`."),
    ("BS106", "error", "A rule speaks of the caller, but the application has no users: `auth=Auth(User)` is missing."),
    ("BS107", "error", "A rule compares or combines values of types that do not fit together."),
    ("BS108", "warning", "A rule can never be satisfied."),
    ("BS109", "warning", "`Using(old, check=...)` asks the same of the old row and the new one."),
    ("BS110", "error", "`Using` stands where there is no old row: it is for `update=` alone."),
    ("BS111", "warning", "Rows may be updated or deleted but not seen, and what cannot be seen is never matched."),
    ("BS112", "warning", "A rule holds a time that was fixed when the program started."),
    # Resources and their columns
    ("BS121", "warning", "A resource has no rule at all: only the secret key can use it."),
    ("BS122", "warning", "A resource has no primary key: callers cannot name one of its rows."),
    ("BS123", "error", "Two resources have the same name."),
    ("BS124", "error", "A model inherits its table from another model in a way that cannot be served."),
    ("BS125", "error", "What `hidden=`, `readonly=` or `search=` names is no column of the resource."),
    ("BS126", "warning", "The primary key is hidden: callers cannot name the rows."),
    ("BS127", "warning", "A column must have a value, but callers may not give one and nothing else does."),
    ("BS128", "error", "`search=` names a column that holds no text."),
    ("BS129", "error", "A column's type has no form on the wire."),
    ("BS130", "warning", "A column has a name that requests cannot use everywhere."),
    ("BS131", "error", "What `app.resource(...)` was given is not a mapped class."),
    ("BS132", "error", "A column's default cannot be used."),
    ("BS133", "warning", "A computed column says something that has not the same meaning on every database."),
    ("BS134", "error", "A computed column speaks of the caller."),
    ("BS135", "error", "The models cannot be mapped."),
    ("BS136", "error", "A model names a column differently from its table (`key=`)."),
    ("BS137", "error", "A column's type is not there on the database that is used."),
    ("BS138", "warning", "`search=` names a column that nobody can search, or that no index can hold."),
    # Relations and names
    ("BS141", "warning", "A model has a relationship to one that is not a resource, so it cannot be embedded."),
    ("BS142", "warning", "A foreign key has no index."),
    ("BS143", "warning", "A name of a relationship means something else, too."),
    ("BS144", "error", "A name of a constraint or an index is used twice, or is too long."),
    ("BS145", "error", "A foreign key leads to a table or column that is not there."),
    ("BS146", "warning", "A relationship's condition cannot be used in requests, so it cannot be embedded."),
    ("BS147", "warning", "A relationship's `order_by` cannot be used in requests."),
    # Users and tenants
    ("BS161", "error", "The users' table must have a primary key of one column."),
    ("BS162", "error", "`Tenancy(...)` names a column that no model has."),
    ("BS163", "error", "`Tenancy(current=...)` is not an attribute of the caller, or not of the column's type."),
    ("BS164", "warning", "A tenant's column may be NULL: such rows belong to nobody."),
    ("BS165", "warning", "A tenant's column has no index."),
    ("BS166", "warning", "Callers may write the users' `id` or `email`, which only sign-in should change."),
    # Scopes
    ("BS171", "error", "A scope allows what the application does not serve."),
    ("BS172", "warning", "A scope allows nothing, or what nobody may."),
    # Hooks and functions
    ("BS181", "error", "A hook is not an async function of a session and a row."),
    ("BS182", "error", "A function is not an async function of a session and annotated parameters."),
    ("BS183", "error", "A function has a name that cannot be called."),
    ("BS184", "error", "Two functions have the same name."),
)
"""Every kind of finding, by its code."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or unwise.

    Arguments:
        code: a key of :data:`CODES`.
        message: what was found.
        hint: what to do.
        place: where.
    """

    code: str
    message: str
    hint: str
    place: Place

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return CODES[self.code].severity

    @property
    def is_error(self) -> bool:
        """Whether the application cannot start with it."""
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        return f"{self.place}: {self.code} {self.message}\n    {self.hint}"
