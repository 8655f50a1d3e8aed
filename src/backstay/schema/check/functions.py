"""What is wrong with hooks and functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_type_hints

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.schema.check.finding import Finding
from backstay.schema.check.origin import place_of_function
from backstay.schema.declaration import KNOWN, Declarations, FunctionDeclaration
from backstay.schema.rule import Place
from backstay.schema.served import Schema

_HOOK = "Write: async def hook(db: AsyncSession, row: Model) -> None."
_FUNCTION = "Write: async def name(db: AsyncSession, days: int = 30) -> str."
_BODY = "A parameter before the / takes the body of the request, and stands alone: async def name(db, body: bytes, /)."
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def check_functions(schema: Schema, declarations: Declarations) -> Iterator[Finding]:
    """Findings about every hook and every function."""
    for declared in declarations.resources:
        for hooks in declared.hooks.values():
            for hook in hooks:
                yield from _hook(hook, declared.model)
    for function in declarations.functions:
        yield from _function(function)


def _hook(hook: Callable[..., Any], model: Any) -> Iterator[Finding]:
    place = place_of_function(hook)
    name = getattr(hook, "__name__", repr(hook))
    if place is None or not inspect.iscoroutinefunction(hook):
        place = place or place_of_function(type(hook).__call__)
        if place is not None:
            yield Finding("BS181", f"the hook `{name}` is not async", _HOOK, place)
        return
    parameters = list(inspect.signature(hook).parameters.values())
    positional = [each for each in parameters if each.kind is not each.KEYWORD_ONLY]
    if len(positional) != 2 or any(each.default is each.empty for each in parameters[2:]):
        yield Finding("BS181", f"the hook `{name}` does not take a session and a row", _HOOK, place)
        return
    row = _hints(hook).get(positional[1].name)
    if isinstance(row, type) and isinstance(model, type) and not issubclass(model, row):
        message = f"the hook `{name}` takes a {row.__name__}, but is given a {model.__name__}"
        yield Finding("BS181", message, _HOOK, place)


def _function(declared: FunctionDeclaration) -> Iterator[Finding]:
    call, place = declared.call, declared.place
    name = getattr(call, "__name__", repr(call))
    if not name.isidentifier() or name.startswith("_"):
        yield Finding("BS183", f"`{name}` is not a name that requests can call", "Define it with `async def`.", place)
    if not inspect.iscoroutinefunction(call):
        yield Finding("BS182", f"the function `{name}` is not async", _FUNCTION, place)
    parameters = list(inspect.signature(call).parameters.values())
    if not parameters or parameters[0].kind in _VARIADIC:
        yield Finding("BS182", f"the function `{name}` does not take a session first", _FUNCTION, place)
        return
    hints = _hints(call)
    first = hints.get(parameters[0].name, AsyncSession)
    if not (isinstance(first, type) and issubclass(first, AsyncSession)):
        message = f"the first parameter of `{name}` is the caller's session, not {parameters[0].annotation!r}"
        yield Finding("BS182", message, _FUNCTION, place)
    yield from _parameters(name, [each for each in parameters[1:] if hints.get(each.name) not in KNOWN], place)
    if inspect.signature(call).return_annotation is inspect.Signature.empty:
        yield Finding("BS182", f"the function `{name}` does not say what it returns", "Annotate it: -> str.", place)
    yield from _unknown_names(call, name, declared)


def _parameters(name: str, parameters: Sequence[inspect.Parameter], place: Place) -> Iterator[Finding]:
    """Findings about what a request gives."""
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            message = f"the parameter `{parameter.name}` of `{name}` cannot be given by its name"
            yield Finding("BS182", message, _FUNCTION, place)
        elif parameter.kind is parameter.POSITIONAL_ONLY and len(parameters) > 1:
            message = f"the parameter `{parameter.name}` of `{name}` takes the body, which leaves nothing to the others"
            yield Finding("BS182", message, _BODY, place)
        elif parameter.annotation is parameter.empty:
            message = f"the parameter `{parameter.name}` of `{name}` has no type"
            yield Finding("BS182", message, "Annotate it: values are checked by it.", place)


def _unknown_names(call: Callable[..., Any], name: str, declared: FunctionDeclaration) -> Iterator[Finding]:
    try:
        get_type_hints(call, include_extras=True)
    except (NameError, AttributeError, TypeError) as error:
        message = f"the annotations of `{name}` cannot be read: {error}"
        yield Finding("BS182", message, "Import the names outside of `if TYPE_CHECKING:`.", declared.place)


def _hints(call: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(call)
    except (NameError, AttributeError, TypeError):
        return {}
