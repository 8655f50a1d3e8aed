"""A statement in the making: its parameters, the resources it uses, their rules. The ground the rest stands on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql import visitors

from backstay.dialects.dialect import Parameter, Statement
from backstay.dialects.sql.adapt import adapt
from backstay.plan.fold import SIGNED_IN, Known, value_of
from backstay.plan.guard import Plan
from backstay.plan.resolved import Branch, Read, Rows, Source, Target
from backstay.query.shape import Slot
from backstay.schema.caller import Caller, CallerAttribute, SignedIn
from backstay.schema.kind import Kind, kind_of
from backstay.schema.relation import RowFunction

_BIG = 2**63 - 1


class Sources(ABC):
    """The parameters a statement's text has so far, and the aliases under which it uses resources.

    Each use of a resource is an alias of its own, with its rule in its own WHERE.
    """

    sql: ClassVar[sa.Dialect]

    def __init__(self, plan: Plan, *, max_rows: int = 0) -> None:
        self.plan = plan
        # The rows of a change are written, and so they are shown.
        self.max_rows = max_rows if isinstance(plan.resolved, Read) else 0
        self.parameters: dict[str, Parameter] = {}
        self.aliases: dict[int, Any] = {}
        self.led: dict[int, Any] = {}
        self.origins: dict[int, Source] = {}
        self.functions: dict[int, RowFunction] = {}
        for origin, branch in _branches(plan):
            self.origins[branch.rows.source.number] = origin
            if branch.relation.function is not None:
                self.functions[branch.rows.source.number] = branch.relation.function

    # Parameters ----------------------------------------------------------------------------------------------

    def bind(self, read: Parameter, type_: Any) -> ColumnElement[Any]:
        """A parameter of the statement, read anew for each request."""
        name = f"p{len(self.parameters) + 1}"
        self.parameters[name] = read
        return sa.bindparam(name, None, type_=type_, required=False)

    @abstractmethod
    def scalar(self, read: Parameter, kind: Kind) -> ColumnElement[Any]:
        """A parameter of one canonical value of this kind."""

    @abstractmethod
    def members(self, read: Parameter, kind: Kind) -> Any:
        """A parameter of a list of canonical values, as something to compare with."""

    def literal(self, slot: Slot, kind: Kind, spell: Callable[[str], str] | None = None) -> ColumnElement[Any]:
        """The value in a slot, read as a literal of this kind."""
        index = slot.index
        if spell is not None:
            return self.scalar(lambda values, caller: kind.read(spell(values[index])), kind)
        return self.scalar(lambda values, caller: kind.read(values[index]), kind)

    def literals(self, slot: Slot, kind: Kind, spell: Callable[[str], str] | None = None) -> Any:
        """The list of values in a slot, each read as a literal of this kind; None is NULL."""
        index = slot.index

        def read(values: Sequence[Any], caller: Caller) -> list[Any]:
            return [None if each is None else kind.read(spell(each) if spell else each) for each in values[index]]

        return self.members(read, kind)

    def limit(self, slot: Slot | None) -> ColumnElement[Any] | None:
        """How many rows at most."""
        cap = self.max_rows or _BIG
        if slot is None:
            return self.bind(lambda values, caller: cap, sa.BigInteger()) if self.max_rows else None
        index = slot.index
        return self.bind(lambda values, caller: min(values[index], cap), sa.BigInteger())

    def offset(self, slot: Slot | None) -> ColumnElement[Any] | None:
        """How many rows to skip."""
        if slot is None:
            return None
        index = slot.index
        return self.bind(lambda values, caller: min(values[index], _BIG), sa.BigInteger())

    # Sources and rules ---------------------------------------------------------------------------------------

    def alias(self, source: Source) -> Any:
        """The table of a source, under its name in this statement."""
        found = self.aliases.get(source.number)
        if found is None:
            table = source.served.table
            name = f"{table.name[:50]}_{source.number}"
            function = self.functions.get(source.number)
            if function is None:
                found = table.alias(name)
            else:
                columns: list[Any] = [sa.column(column.name, column.type) for column in table.columns]
                found = function.of(self.alias(self.origins[source.number])).table_valued(*columns, name=name)
            self.aliases[source.number] = found
        return found

    def rows_of(self, source: Source) -> Any:
        """What the rows of a source are selected from: its table, or a join that leads to it."""
        return self.led.get(source.number, self.alias(source))

    def column(self, target: Target) -> ColumnElement[Any]:
        """A column of a source, in this statement."""
        alias = self.alias(target.source)
        if target.column.stored:
            return alias.c[target.column.name]  # type: ignore[no-any-return]
        # A caller whom rules do not bind has no tenant, and gives no answers.
        narrowed = target.column.narrowed if self.plan.answers else None
        return self.own(target.column.expression if narrowed is None else narrowed, target.source)

    def own(self, expression: ColumnElement[Any], source: Source) -> ColumnElement[Any]:
        """An expression over a resource's table, as one over this source."""
        return self.caller(adapt(expression, source.served.table, self.alias(source)))

    def caller(self, expression: ColumnElement[Any]) -> ColumnElement[Any]:
        """An expression with what it says of the caller replaced by parameters and look-ups."""

        def replace(element: Any, **_: Any) -> Any:
            if isinstance(element, SignedIn):
                return sa.true() if self.plan.answers.get(SIGNED_IN) else sa.false()
            return self.attribute(element) if isinstance(element, CallerAttribute) else None

        return visitors.replacement_traverse(expression, {}, replace)  # type: ignore[no-any-return]

    def attribute(self, attribute: CallerAttribute) -> ColumnElement[Any]:
        """An attribute of the caller: from the token, or looked up once in the users' table."""
        known = self.plan.answers.get(attribute.name, Known.NOTHING)
        if known is Known.TABLE and attribute.column is not None:
            users = attribute.column.table.alias("caller")
            key = self.plan.schema.user_id
            identity = self.attribute(CallerAttribute(attribute.user, "id", key))
            return sa.select(users.c[attribute.column.name]).where(users.c[key.name] == identity).scalar_subquery()
        kind = kind_of(attribute.type)
        return self.scalar(lambda values, caller: value_of(attribute, caller), kind)

    def rule(self, source: Source) -> list[ColumnElement[Any]]:
        """What the rules ask of each row of this source."""
        return self.asked(self.plan.rule(source), source)

    def asked(self, rule: ColumnElement[Any] | bool, source: Source) -> list[ColumnElement[Any]]:
        """A rule as conditions on this source; none where it lets every row."""
        if isinstance(rule, bool):
            return [] if rule else [sa.false()]
        return [self.own(rule, source)]

    # The text ------------------------------------------------------------------------------------------------

    def compile(self, statement: Any) -> Statement:
        """A statement's text with its parameters in order."""
        compiled = statement.compile(dialect=self.sql, compile_kwargs={"render_postcompile": True})
        constants, processors = dict(compiled.construct_params()), dict(compiled._bind_processors)
        expanded = compiled._post_compile_expanded_state  # the members of a rule's IN lists, a parameter each
        if expanded is not None:
            constants.update(expanded.additional_parameters)
            processors.update(expanded.processors)
        order = compiled.positiontup or []
        return Statement(str(compiled), tuple(self.reader(name, constants, processors) for name in order))

    def reader(self, name: str, constants: Mapping[str, Any], processors: Mapping[str, Any]) -> Parameter:
        """What fills one placeholder: a parameter of ours, or a constant of a rule."""
        if name in self.parameters:
            return self.parameters[name]
        processor, value = processors.get(name), constants[name]
        fixed = processor(value) if callable(processor) else value
        return lambda values, caller: fixed


def _branches(plan: Plan) -> Iterator[tuple[Source, Branch]]:
    """Each embed of a plan, with the source of the rows it hangs on."""

    def walk(rows: Rows) -> Iterator[tuple[Source, Branch]]:
        for branch in rows.branches:
            yield rows.source, branch
            yield from walk(branch.rows)

    resolved = plan.resolved
    root = resolved.rows if isinstance(resolved, Read) else resolved.returning
    if root is not None:
        yield from walk(root)
