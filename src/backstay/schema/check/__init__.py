"""``check(schema, declarations) -> findings``: everything that is wrong with a program, and what is merely unwise."""

from __future__ import annotations

from backstay.schema.check.finding import CODES, Finding, Severity
from backstay.schema.check.functions import check_functions
from backstay.schema.check.relations import check_relations
from backstay.schema.check.resources import check_resources
from backstay.schema.check.rules import check_rules
from backstay.schema.check.scopes import check_scopes
from backstay.schema.check.tenants import check_tenants
from backstay.schema.declaration import Declarations
from backstay.schema.served import Schema

__all__ = ["CODES", "Finding", "Severity", "check"]


def check(schema: Schema, declarations: Declarations) -> list[Finding]:
    """Everything that is wrong, at once, in the order of the program's text.

    Arguments:
        schema: what :func:`backstay.schema.collect.collect` made of the declarations.
        declarations: the declarations.
    """
    found = [
        *schema.findings,
        *check_rules(schema, declarations),
        *check_resources(schema),
        *check_relations(schema),
        *check_tenants(schema, declarations),
        *check_functions(schema, declarations),
        *check_scopes(declarations),
    ]
    return sorted(dict.fromkeys(found), key=lambda each: (each.place.file, each.place.line, each.code))
