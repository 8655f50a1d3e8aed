"""``backstay schema``: what an application serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import orjson
from cyclopts import Parameter
from rich.table import Table

from backstay.cli.load import load
from backstay.cli.report import console, say
from backstay.errors import UnknownResource
from backstay.plan.explain import show_expression
from backstay.plan.find import closest
from backstay.schema.column import Column
from backstay.schema.relation import Relation
from backstay.schema.rule import Rule
from backstay.schema.served import Function, Schema, Served

_OPERATIONS = ("select", "insert", "update", "update_check", "delete")


def schema(
    file: str | None = None,
    resource: str | None = None,
    /,
    *,
    as_json: Annotated[bool, Parameter("--json", negative="")] = False,
) -> int:
    """Print what an application serves: resources, columns, relations, rules, functions.

    Parameters
    ----------
    file
        The application.
    resource
        One resource only.
    as_json
        As JSON, for other programs.
    """
    collected = load(file).app.collected
    served = list(_chosen(collected, resource))
    functions = list(collected.functions.values()) if resource is None else []
    if as_json:
        document = {
            "resources": [_resource(each) for each in served],
            "functions": [_function(each) for each in functions],
        }
        say(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return 0
    for each in served:
        _show(each)
    for function in functions:
        say(f"{_signature(function)}", "bold")
        say(f"  {function.place}")
        say()
    return 0


def _chosen(collected: Schema, name: str | None) -> Iterator[Served]:
    found = [each for each in collected.resources.values() if name in (None, each.name[1])]
    if not found and name is not None:
        like = closest(name, (each[1] for each in collected.resources))
        raise UnknownResource(f"There is no resource {name!r}.", hint=f"Perhaps you meant {like!r}." if like else None)
    yield from found


# As JSON -----------------------------------------------------------------------------------------------------


def _resource(served: Served) -> dict[str, Any]:
    return {
        "schema": served.name[0],
        "name": served.name[1],
        "place": str(served.place),
        "key": list(served.key),
        "columns": [_column(column) for column in served.columns.values()],
        "relations": [_relation(relation) for relation in served.relations],
        "rules": {name: _rule(rule, served) for name, rule in _rules(served)},
        "hooks": {kind.value: [hook.__name__ for hook in hooks] for kind, hooks in served.hooks.items() if hooks},
        "search": list(served.search),
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.kind.name,
        "nullable": column.nullable,
        "required": column.required,
        "stored": column.stored,
        "hidden": column.hidden,
        "readonly": column.readonly or column.generated,
    }


def _relation(relation: Relation) -> dict[str, Any]:
    return {
        "name": relation.attribute,
        "target": relation.target[1],
        "cardinality": relation.cardinality.value,
        "by": relation.describe(),
    }


def _rules(served: Served) -> Iterator[tuple[str, Rule | None]]:
    for name in _OPERATIONS:
        yield name, getattr(served.rules, name)


def _rule(rule: Rule | None, served: Served) -> str | None:
    return None if rule is None else show_expression(rule.expression, served.table)


def _function(function: Function) -> dict[str, Any]:
    return {
        "schema": function.name[0],
        "name": function.name[1],
        "place": str(function.place),
        "arguments": [
            {"name": each.name, "type": _type(each.type), "required": each.required} for each in function.arguments
        ],
        "returns": _type(function.returns),
        "description": function.description,
    }


# For people --------------------------------------------------------------------------------------------------


def _show(served: Served) -> None:
    say(served.name[1] if served.name[0] == "public" else ".".join(served.name), "bold")
    say(f"  {served.place}", "dim")
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in served.columns.values():
        table.add_row(" ", column.name, column.kind.name, _notes(column, served))
    console().print(table)
    if served.relations:
        say("  relations")
        for relation in served.relations:
            name = relation.attribute or relation.target[1]
            say(f"    {name}: {relation.cardinality.value} {relation.target[1]} by {relation.describe()}")
    say("  rules")
    update = _rule(served.rules.update, served)
    for name, rule in _rules(served):
        text = _rule(rule, served)
        if name != "update_check" or text != update:
            say(f"    {name.replace('_', ' ')}: {text or 'nobody'}")
    hooks = [f"before {kind.value.lower()} {hook.__name__}" for kind, each in served.hooks.items() for hook in each]
    if hooks:
        say(f"  hooks\n    {', '.join(hooks)}")
    say()


def _notes(column: Column, served: Served) -> str:
    notes = {
        "key": column.name in served.key,
        "hidden": column.hidden,
        "read-only": column.readonly or (column.generated and column.stored),
        "computed": not column.stored,
        "required": column.required,
        "searched": column.name in served.search,
    }
    return ", ".join(note for note, holds in notes.items() if holds)


def _signature(function: Function) -> str:
    arguments = (
        f"{each.name}: {_type(each.type)}" + ("" if each.required else f" = {each.default!r}")
        for each in function.arguments
    )
    return f"rpc/{function.name[1]}({', '.join(arguments)}) -> {_type(function.returns)}"


def _type(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or str(annotation) if annotation is not None else "None"
