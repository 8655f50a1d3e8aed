"""``find_function(schema, query)``: the function that a call means, by its name and the names of its arguments."""

from __future__ import annotations

from backstay.errors import AmbiguousFunction, UnknownFunction
from backstay.plan.find import closest
from backstay.query.nodes import Call
from backstay.schema.served import Function, Schema, SQLFunction

_UNNAMED = {"text/plain": "text", "text/xml": "xml", "application/octet-stream": "bytea"}
_JSON = ("json", "jsonb")
_LIKE_ENOUGH = 0.33


def find_function(schema: Schema, query: Call) -> Function | SQLFunction:
    """The function of that name, if the call gives every argument that it requires, and none that it has not.

    Raises:
        UnknownFunction: in PostgREST's words, with the closest name or list of parameters.
        AmbiguousFunction: several of the database's functions are meant.
    """
    name = (query.schema, query.function)
    function = schema.functions.get(name)
    if function is not None and _takes(function, set(query.names)):
        return function
    overloads = schema.sql_functions.get(name, ())
    found = [each for each in overloads if _takes(each, set(query.names))]
    found = found or [each for each in overloads if _takes_body(each, query)]
    if len(found) > 1:
        raise _ambiguous(found)
    if not found:
        raise _unknown(schema, query, function or next(iter(overloads), None))
    return found[0]


def _takes(function: Function | SQLFunction, given: set[str]) -> bool:
    required = {argument.name for argument in function.arguments if argument.required}
    return required <= given <= {argument.name for argument in function.arguments}


def _takes_body(function: SQLFunction, query: Call) -> bool:
    """Whether a function has one parameter without a name, which is the whole body of a request."""
    if query.readonly or [argument.name for argument in function.arguments] != [""]:
        return False
    wanted = (_UNNAMED.get(query.media or ""),) if query.media is not None else _JSON
    return function.arguments[0].type in wanted


def _ambiguous(found: list[SQLFunction]) -> AmbiguousFunction:
    shown = [
        f"{'.'.join(each.name)}({', '.join(f'{argument.name} => {argument.type}' for argument in each.arguments)})"
        for each in found
    ]
    return AmbiguousFunction(
        f"Could not choose the best candidate function between: {', '.join(shown)}",
        hint="Try renaming the parameters or the function itself in the database so function overloading can be "
        "resolved",
    )


def _unknown(schema: Schema, query: Call, found: Function | SQLFunction | None) -> UnknownFunction:
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
        hint=None if unnamed is not None else _hint(schema, query, found, f"({names})"),
    )


def _hint(schema: Schema, query: Call, found: Function | SQLFunction | None, given: str) -> str | None:
    if found is None:
        known = [name for space, name in (*schema.functions, *schema.sql_functions) if space == query.schema]
        like = closest(query.function, known)
    else:
        parameters = ", ".join(sorted(argument.name for argument in found.arguments))
        close = closest(given, [f"({parameters})"], similarity=_LIKE_ENOUGH)
        like = None if close is None else f"{query.function}{close}"
    return None if like is None else f"Perhaps you meant to call the function {query.schema}.{like}"
