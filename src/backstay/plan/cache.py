"""The plan cache: a query's shape, and the answers to what its rules ask of the caller, lead to what was compiled."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from backstay.errors import RequestError
from backstay.plan.fold import Question, questions
from backstay.plan.guard import Plan, asked, guard, may_select
from backstay.plan.resolve import resolve
from backstay.plan.resolved import Resolved
from backstay.query.nodes import Delete, Insert, Select, Update
from backstay.query.shape import Shape, slotted, split
from backstay.schema.caller import Caller
from backstay.schema.served import Schema, Served

T = TypeVar("T")


@dataclass(slots=True)
class Entry(Generic[T]):
    """What a shape leads to.

    Arguments:
        resolved: the query of that shape, its names looked up.
        questions: what its rules ask of the caller.
        compiled: by the answers, and by whether the caller has a time zone.
    """

    resolved: Resolved
    questions: tuple[Question, ...]
    compiled: dict[Any, T] = field(default_factory=dict)


class Cache(Generic[T]):
    """Compiled plans, the most recently used ones.

    Arguments:
        schema: what is served.
        compile: turns a plan into what a dialect runs.
        size: the most shapes to keep.
        aggregates: whether callers may aggregate.
    """

    def __init__(self, schema: Schema, compile: Callable[[Plan], T], *, size: int, aggregates: bool = False) -> None:
        self.schema = schema
        self._compile = compile
        self._size = size
        self._aggregates = aggregates
        self._entries: OrderedDict[Shape, Entry[T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def find(
        self, query: Select | Insert | Update | Delete, caller: Caller, refusal: RequestError | None = None
    ) -> tuple[T, list[Any]]:
        """What answers a query for a caller, and the query's values.

        Arguments:
            query: with its values.
            caller: whose rules hold.
            refusal: why the query is not answered all the same: told after names that are unknown, and before rules
                that refuse the caller.

        Raises:
            RequestError: when a name is unknown or a rule refuses the caller; ``refusal``.
        """
        shape, values = split(query)
        entry = self._entries.get(shape)
        if entry is None:
            entry = self._enter(shape, query, caller)
        else:
            self._entries.move_to_end(shape)
        if refusal is not None:
            raise refusal
        return self.compiled(entry, caller), values

    def entry(self, shape: Shape) -> Entry[T] | None:
        """What a shape leads to, while it is kept."""
        return self._entries.get(shape)

    def compiled(self, entry: Entry[T], caller: Caller) -> T:
        """What answers queries of a shape for a caller.

        Raises:
            RequestError: a rule refuses the caller.
        """
        answers = None if caller.passes_rules else tuple([question.ask(caller) for question in entry.questions])
        key = (answers, caller.timezone is not None)
        compiled = entry.compiled.get(key)
        if compiled is None:
            compiled = entry.compiled[key] = self._compile(self._plan(entry, *key))
        return compiled

    def plan(self, query: Select | Insert | Update | Delete, caller: Caller) -> Plan:
        """The plan of a query, made anew: for explanations."""
        resolved = self._resolve(query, caller)
        asks = asked(resolved, self.schema)
        answers = None if caller.passes_rules else tuple(question.ask(caller) for question in asks)
        return self._plan(Entry(resolved, asks), answers, caller.timezone is not None)

    def origin(self, compiled: T) -> Plan | None:
        """The plan that something was compiled from, made anew; None once it is no longer kept. It looks at all."""
        for entry in self._entries.values():
            for (answers, zoned), each in entry.compiled.items():
                if each is compiled:
                    return self._plan(entry, answers, zoned)
        return None

    def _plan(self, entry: Entry[T], answers: tuple[Any, ...] | None, zoned: bool) -> Plan:
        if answers is None:
            return guard(entry.resolved, self.schema, None, zoned=zoned)
        subjects = (question.subject for question in entry.questions)
        return guard(entry.resolved, self.schema, dict(zip(subjects, answers, strict=True)), zoned=zoned)

    def _enter(self, shape: Shape, query: Select | Insert | Update | Delete, caller: Caller) -> Entry[T]:
        resolved = self._resolve(query, caller)
        entry: Entry[T] = Entry(resolved, asked(resolved, self.schema))
        self._entries[shape] = entry
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return entry

    def _resolve(self, query: Select | Insert | Update | Delete, caller: Caller) -> Resolved:
        return resolve(
            slotted(query), self.schema, may_know=partial(may_know, caller=caller), aggregates=self._aggregates
        )


def may_know(served: Served, caller: Caller) -> bool:
    """Whether a caller may be told that there is this resource, in hints: they may select from it."""
    rule = served.rules.select
    if caller.passes_rules or rule is None:
        return caller.passes_rules
    return may_select(served, {each.subject: each.ask(caller) for each in questions(rule.expression)})
