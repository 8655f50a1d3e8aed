"""``offer(schema, name, caller) -> Offer``: what a caller may call, for the descriptions to tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backstay.plan.fold import Verdict, fold, questions
from backstay.schema.caller import Caller
from backstay.schema.relation import Name
from backstay.schema.rule import Rule
from backstay.schema.served import Function, Schema, Served, SQLFunction


@dataclass(frozen=True, slots=True)
class Offer:
    """What a caller may call in one schema. Offers of callers who may do the same are equal.

    Arguments:
        resources: each with the methods that the caller may use: a rule may still refuse single rows.
        functions: Python's.
        sql_functions: the database's; the first of those that share a name.
    """

    resources: tuple[tuple[Served, tuple[str, ...]], ...]
    functions: tuple[Function, ...]
    sql_functions: tuple[SQLFunction, ...]

    @property
    def names(self) -> frozenset[Name]:
        """Of the resources."""
        return frozenset(served.name for served, _ in self.resources)


def offer(schema: Schema, name: str, caller: Caller) -> Offer:
    """What a caller may call.

    Arguments:
        schema: everything that is served.
        name: which of its schemas is asked for.
        caller: who asks.
    """
    resources = [each for each in schema.resources.values() if each.name[0] == name]
    return Offer(
        tuple((served, methods) for served in resources if (methods := _methods(served, caller))),
        tuple(each for each in schema.functions.values() if each.name[0] == name and caller.holds(*each.scopes)),
        tuple(_callable(schema, name, caller)),
    )


def _methods(served: Served, caller: Caller) -> tuple[str, ...]:
    rules = served.rules
    asked = {"get": rules.select, "post": rules.insert, "patch": rules.update, "delete": rules.delete}
    allowed = tuple(method for method, rule in asked.items() if _lets(rule, caller))
    return allowed if served.key or not served.view else tuple(method for method in allowed if method == "get")


def _callable(schema: Schema, name: str, caller: Caller) -> Iterator[SQLFunction]:
    for (space, _), overloads in schema.sql_functions.items():
        if space == name and _lets(overloads[0].rule, caller):
            yield overloads[0]


def _lets(rule: Rule | None, caller: Caller) -> bool:
    if caller.passes_rules:
        return True
    if rule is None:
        return False
    answers = {question.subject: question.ask(caller) for question in questions(rule.expression)}
    return fold(rule.expression, answers) is not Verdict.REFUSED
