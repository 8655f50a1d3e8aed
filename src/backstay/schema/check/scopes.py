"""What is wrong with scopes: what they allow and nobody serves, or nobody may."""

from __future__ import annotations

from collections.abc import Iterator

from backstay.schema.caller import EVERY_SCOPE
from backstay.schema.check.finding import Finding
from backstay.schema.declaration import Declarations
from backstay.schema.scope.declared import Grant, Scope

_OPERATIONS = ("select", "insert", "update", "delete")


def check_scopes(declarations: Declarations) -> Iterator[Finding]:
    """Findings about every scope."""
    functions = [each.call for each in declarations.functions]
    for scope in declarations.scopes:
        if scope.name != EVERY_SCOPE and not (scope.grants or scope.functions or scope.mounts):
            hint = f"Say what it lets keys do: {scope.name} = app.scope(...), and .allow(notes, select=anyone)."
            yield Finding("BS172", f"the scope {scope.name} allows nothing", hint, scope.place)
        for function in scope.functions:
            if function not in functions:
                name = getattr(function, "__name__", repr(function))
                message = f"the scope {scope.name} allows `{name}`, which is no function of this application"
                yield Finding("BS171", message, "Give it to app.function first.", scope.place)
        for grant in scope.grants:
            yield from _check_grant(scope, grant, declarations)


def _check_grant(scope: Scope, grant: Grant, declarations: Declarations) -> Iterator[Finding]:
    name = getattr(grant.resource.model, "__name__", str(grant.resource.model))
    if grant.resource not in declarations.resources:
        message = f"the scope {scope.name} allows {name}, which is no resource of this application"
        yield Finding("BS171", message, "Give it what app.resource(...) returned.", grant.place)
        return
    for operation in _OPERATIONS:
        if grant.asked.rule(operation) is not None and grant.resource.asked.rule(operation) is None:
            message = f"the scope {scope.name} allows to {operation} rows of {name}, which nobody may"
            yield Finding(
                "BS172", message, f"Add {operation}= to app.resource(...), or leave it out here.", grant.place
            )
