"""``find_function(schema, query)``: the function that a call means, by its name and the names of its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, TypeAlias, get_args, get_origin

from backstay.dialects.call.like import most_like
from backstay.errors import AmbiguousFunction, PermissionDenied, UnknownFunction
from backstay.plan.find import closest
from backstay.plan.guard import may_call
from backstay.query.nodes import Call
from backstay.schema.caller import Caller
from backstay.schema.served import Function, Schema, SQLFunction

Callee: TypeAlias = Function | SQLFunction

_UNNAMED: Final = {"text/plain": "text", "text/xml": "xml", "application/octet-stream": "bytea"}
"""The type of a parameter without a name that takes a body of each media type."""

_JSON: Final = ("json", "jsonb")
_LIKE_ENOUGH: Final = 0.33


def find_function(schema: Schema, query: Call, caller: Caller) -> Callee:
    """The function of that name, if the call gives every argument that it requires, and none that it has not.

    A function with one parameter that has no name takes the body of a POST, where no function takes its arguments.

    Arguments:
        schema: what is served.
        query: the call.
        caller: who calls, and is told of no function that they may not call.

    Raises:
        UnknownFunction: in PostgREST's words, with the closest name or list of parameters.
        AmbiguousFunction: several of the database's functions are meant.
        PermissionDenied: so they are, and the caller may call none of them; or no scope of their key lets them.
    """
    name = (query.schema, query.function)
    function = schema.functions.get(name)
    overloads = (function,) if function is not None else schema.sql_functions.get(name, ())
    found = [each for each in overloads if _takes(each, query)]
    found = found or [each for each in overloads if _takes_body(each, query)]
    if len(found) > 1:
        if not any(_may_know(each, caller) for each in found):
            raise PermissionDenied(f"permission denied for function {query.function}")
        raise _ambiguous(found)
    if not found:
        raise _unknown(schema, query, overloads, caller)
    if isinstance(found[0], Function) and not _may_know(found[0], caller):
        raise PermissionDenied(f"permission denied for function {query.function}")
    return found[0]


def _may_know(function: Callee, caller: Caller) -> bool:
    return caller.holds(*function.scopes) if isinstance(function, Function) else may_call(function, caller)


def takes_text(annotation: Any) -> bool:
    """Whether a parameter that takes a whole body takes it as text."""
    return _bare(annotation) is str


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _takes(function: Callee, query: Call) -> bool:
    if query.media in _UNNAMED:
        # A body without arguments in it would be lost.
        return False
    given = set(query.names)
    if isinstance(function, Function) and function.body is not None:
        return query.readonly and not given and not function.body.required
    required = {argument.name for argument in function.arguments if argument.required}
    return required <= given <= {argument.name for argument in function.arguments if argument.name}


def _takes_body(function: Callee, query: Call) -> bool:
    """Whether a function has one parameter without a name, which is the whole body of a request."""
    if query.readonly:
        return False
    if isinstance(function, SQLFunction):
        if [argument.name for argument in function.arguments] != [""]:
            return False
        wanted = _JSON if query.media is None else (_UNNAMED.get(query.media),)
        return function.arguments[0].type in wanted
    if function.body is None:
        return False
    annotation = _bare(function.body.type)
    if annotation is bytes:
        return query.media == "application/octet-stream"
    if annotation is str:
        return query.media in ("text/plain", "text/xml")
    return query.media is None


# What there is not -------------------------------------------------------------------------------------------


def _ambiguous(found: Sequence[Callee]) -> AmbiguousFunction:
    shown = [
        f"{'.'.join(each.name)}({', '.join(f'{argument.name} => {argument.type}' for argument in each.arguments)})"
        for each in found
    ]
    return AmbiguousFunction(
        f"Could not choose the best candidate function between: {', '.join(shown)}",
        hint="Try renaming the parameters or the function itself in the database so function overloading can be "
        "resolved",
    )


def _unknown(schema: Schema, query: Call, overloads: Sequence[Callee], caller: Caller) -> UnknownFunction:
    name = f"{query.schema}.{query.function}"
    names = ", ".join(sorted(query.names))
    unnamed = None if query.readonly else _UNNAMED.get(query.media or "")
    if unnamed is not None:
        shown, searched = "", f" with a single unnamed {unnamed} parameter"
    elif names:
        shown, searched = f"({names})", f" with parameter{'s' if len(query.names) > 1 else ''} {names}"
    else:
        shown = searched = " without parameters"
    if not query.readonly and query.media is None:
        searched += " or with a single unnamed json/jsonb parameter"
    return UnknownFunction(
        f"Could not find the function {name}{shown} in the schema cache",
        detail=f"Searched for the function {name}{searched}, but no matches were found in the schema cache.",
        hint=None if unnamed is not None else _hint(schema, query, overloads, f"({names})", caller),
    )


def _hint(schema: Schema, query: Call, overloads: Sequence[Callee], given: str, caller: Caller) -> str | None:
    if overloads:
        known = [each for each in overloads if _may_know(each, caller)]
        lists = [", ".join(sorted(argument.name for argument in each.arguments)) for each in known]
        close = closest(given, [f"({names})" for names in lists], similarity=_LIKE_ENOUGH)
        like = None if close is None else f"{query.function}{close}"
    else:
        like = most_like(query.function, _names(schema, query.schema, caller))
    return None if like is None else f"Perhaps you meant to call the function {query.schema}.{like}"


def _names(schema: Schema, space: str, caller: Caller) -> Iterator[str]:
    """The names of the functions that the caller may call."""
    yield from (
        name for (each, name), function in schema.functions.items() if each == space and _may_know(function, caller)
    )
    for (each, name), overloads in schema.sql_functions.items():
        if each == space and any(may_call(function, caller) for function in overloads):
            yield name
