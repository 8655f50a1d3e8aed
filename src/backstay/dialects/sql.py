"""What SQL databases share: a Plan as SQLAlchemy expressions, and these as a Statement.

Each use of a resource is an alias of its own, with its rule in its own WHERE. Embeds are correlated sub-selects that
make JSON, so a read is one statement whatever it embeds. A dialect overrides how JSON is made and how lists are asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import Grouping

from backstay.dialects.adapt import adapt
from backstay.dialects.dialect import Parameter, Statement
from backstay.errors import NotImplementedHere
from backstay.plan.fold import SIGNED_IN, Known, value_of
from backstay.plan.guard import Plan
from backstay.plan.resolved import (
    Branch,
    Combination,
    Match,
    Output,
    Predicate,
    Read,
    Rows,
    Sort,
    Source,
    Target,
    Test,
)
from backstay.query.nodes import Aggregate, Connective, Count, Join, Quantifier
from backstay.query.operators import Operator
from backstay.query.shape import Slot
from backstay.schema.caller import Caller, CallerAttribute, SignedIn
from backstay.schema.kind import CASTS, Kind, kind_of

Labelled: TypeAlias = tuple[str, ColumnElement[Any]]

_BIG = 2**63 - 1
_MANY = 50
"""Conditions that are joined without brackets; databases bound how deeply expressions nest."""
TEXT = CASTS["text"]
_BIGINT = CASTS["bigint"]
_COMPARE: dict[str, Callable[[Any, Any], ColumnElement[Any]]] = {
    "eq": lambda left, right: left == right,
    "neq": lambda left, right: left != right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "like": lambda left, right: left.like(right),
    "ilike": lambda left, right: left.ilike(right),
    "isdistinct": lambda left, right: left.is_distinct_from(right),
}
_ORDERED = ("gt", "gte", "lt", "lte")


class Emission(ABC):
    """One statement in the making: its plan, and the parameters its text has so far."""

    sql: ClassVar[sa.Dialect]

    def __init__(self, plan: Plan, *, max_rows: int = 0) -> None:
        self.plan = plan
        self.max_rows = max_rows
        self.parameters: dict[str, Parameter] = {}
        self.aliases: dict[int, Any] = {}
        self.origins = _origins(plan)

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
        """The list of values in a slot, each read as a literal of this kind (``NULL`` in a list is no literal)."""
        index = slot.index

        def read(values: Sequence[Any], caller: Caller) -> list[Any]:
            return [kind.read(spell(each) if spell else each) for each in values[index]]

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
            found = self.aliases[source.number] = table.alias(f"{table.name[:50]}_{source.number}")
        return found

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
        if known is Known.TABLE:
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

    # Rows ----------------------------------------------------------------------------------------------------

    def where(self, rows: Rows) -> list[ColumnElement[Any]]:
        """Everything that a row must satisfy: its rule, the filters, the inner embeds."""
        found = self.rule(rows.source)
        found += [self.predicate(each) for each in rows.where]
        found += [self.exists(branch) for branch in rows.branches if branch.join is Join.INNER]
        return shallow(found, sa.and_)

    def select(self, rows: Rows, conditions: Iterable[ColumnElement[Any]] = ()) -> sa.Select[Any]:
        """The rows as a select of one labelled column per key, in order, page by page."""
        labelled = self.labelled(rows)
        select = sa.select(*self.packed(labelled)).select_from(self.alias(rows.source))
        select = select.where(*conditions, *self.where(rows))
        if rows.aggregated:
            select = select.group_by(*self.groups(rows))
        select = select.order_by(*[term for sort in rows.order for term in self.sort(sort)])
        limit, offset = self.limit(rows.limit), self.offset(rows.offset)
        if limit is not None:
            select = select.limit(limit)
        return select.offset(offset) if offset is not None else select

    def labelled(self, rows: Rows) -> list[Labelled]:
        """Each key of a row with its value, ready to become JSON. Of a key that stands twice, the last counts."""
        found: dict[str, ColumnElement[Any]] = {}
        for output in rows.outputs:
            if isinstance(output, Output):
                found[output.key] = self.output(output, rows.source)
            elif output.spread:
                found.update(self.spread(output))
            elif output.shown:
                found[output.key] = self.embed(output)
        return list(found.items())

    def output(self, output: Output, source: Source) -> ColumnElement[Any]:
        """One plain key of a row."""
        if output.target is None:
            counted: ColumnElement[Any] = sa.func.count()
            asked = output.aggregate_cast or output.cast
            return self.shown(counted if asked is None else self.cast(counted, _BIGINT, asked), asked or _BIGINT)
        value, kind = self.value(output.target)
        if output.cast is not None:
            value, kind = self.cast(value, kind, output.cast), output.cast
        if output.aggregate is not None:
            value, kind = self.aggregate(output.aggregate, value, kind)
            if output.aggregate_cast is not None:
                value, kind = self.cast(value, kind, output.aggregate_cast), output.aggregate_cast
        return self.shown(value, kind)

    def value(self, target: Target) -> tuple[ColumnElement[Any], Kind]:
        """A target's value and what kind it is: a path yields text or JSON."""
        column = self.column(target)
        if not target.path:
            return column, target.column.kind
        return self.path(column, target), TEXT if target.path[-1].text else CASTS["jsonb"]

    def aggregate(self, aggregate: Aggregate, value: ColumnElement[Any], kind: Kind) -> tuple[ColumnElement[Any], Kind]:
        """An aggregate of a value, with PostgreSQL's result types."""
        call = getattr(sa.func, aggregate.value)(value)
        if aggregate is Aggregate.COUNT:
            return call, _BIGINT
        if aggregate in (Aggregate.MAX, Aggregate.MIN):
            return call, kind
        return call, self.summed(aggregate, kind)

    def summed(self, aggregate: Aggregate, kind: Kind) -> Kind:
        """The kind of a sum or an average."""
        if kind.name in ("real", "double precision"):
            return CASTS["double precision"]
        if aggregate is Aggregate.SUM and kind.name in ("smallint", "integer"):
            return _BIGINT
        return CASTS["numeric"]

    def groups(self, rows: Rows) -> list[ColumnElement[Any]]:
        """What aggregated rows are grouped by: every other key of the level."""
        found: list[ColumnElement[Any]] = []
        for output in rows.outputs:
            if isinstance(output, Output) and output.aggregate is None and output.target is not None:
                value, kind = self.value(output.target)
                found.append(value if output.cast is None else self.cast(value, kind, output.cast))
            elif isinstance(output, Branch):
                found += [self.alias(rows.source).c[ours] for ours, _ in _near_pairs(output)]
        return found

    # Embeds --------------------------------------------------------------------------------------------------

    def joined(self, branch: Branch) -> list[ColumnElement[Any]]:
        """The conditions that make rows related, over the aliases of both sides (and of the junction)."""
        origin = self.origin_of(branch)
        target = self.alias(branch.rows.source)
        junction = branch.relation.junction
        if junction is None:
            return [origin.c[ours] == target.c[theirs] for ours, theirs in branch.relation.pairs]
        between = self.junction(branch)
        near = [origin.c[ours] == between.c[theirs] for ours, theirs in junction.near]
        far = [between.c[ours] == target.c[theirs] for ours, theirs in junction.far]
        rule = self.rule(branch.junction) if branch.junction is not None else []
        return [*near, *far, *rule]

    def junction(self, branch: Branch) -> Any:
        """The table between, under its name in this statement."""
        assert branch.relation.junction is not None
        if branch.junction is not None:
            return self.alias(branch.junction)
        number = -branch.rows.source.number
        if number not in self.aliases:
            table = branch.relation.junction.table
            self.aliases[number] = table.alias(f"{table.name[:50]}_{branch.rows.source.number}j")
        return self.aliases[number]

    def origin_of(self, branch: Branch) -> Any:
        """The alias of the rows that a branch hangs on."""
        return self.alias(self.origins[branch.rows.source.number])

    def related(self, branch: Branch) -> sa.Select[Any]:
        """The related rows of one row."""
        select = self.select(branch.rows, self.joined(branch))
        if branch.relation.junction is not None:
            select = select.select_from(self.junction(branch))
        return self.correlated(select, branch)

    def correlated(self, select: sa.Select[Any], branch: Branch) -> sa.Select[Any]:
        """A sub-select that speaks of its own tables, and of all others as the enclosing rows'."""
        own = [self.alias(branch.rows.source)]
        if branch.relation.junction is not None:
            own.append(self.junction(branch))
        return select.correlate_except(*own)

    def embed(self, branch: Branch) -> ColumnElement[Any]:
        """The value of an embed: an object or an array."""
        related = self.related(branch)
        return self.json_object(related, branch) if branch.to_one else self.json_array(related, branch)

    def spread(self, branch: Branch) -> list[Labelled]:
        """The columns of an embed, hoisted to the row it hangs on."""
        found: list[Labelled] = []
        for output in branch.rows.outputs:
            if isinstance(output, Output):
                key, value = output.key, self.output(output, branch.rows.source)
            elif output.spread:
                inner = self.spread(output)
                found += [(key, self.hoisted(value, branch)) for key, value in inner]
                continue
            elif output.shown:
                key, value = output.key, self.embed(output)
            else:
                continue
            found.append((key, self.hoisted(value, branch)))
        return found

    def hoisted(self, value: ColumnElement[Any], branch: Branch) -> ColumnElement[Any]:
        """One value of a spread embed."""
        rows = branch.rows
        select: sa.Select[Any] = sa.select(self.json_text(value).label("value")).select_from(self.alias(rows.source))
        if branch.relation.junction is not None:
            select = select.select_from(self.junction(branch))
        select = self.correlated(select.where(*self.joined(branch), *self.where(rows)), branch)
        if branch.to_one:
            return self.json_value(select.limit(1).scalar_subquery())
        select = select.order_by(*[term for sort in rows.order for term in self.sort(sort)])
        limit, offset = self.limit(rows.limit), self.offset(rows.offset)
        if limit is not None:
            select = select.limit(limit)
        if offset is not None:
            select = select.offset(offset)
        return self.json_values(select, branch)

    def exists(self, branch: Branch) -> ColumnElement[Any]:
        """Whether a row has a related row."""
        select: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(self.alias(branch.rows.source))
        if branch.relation.junction is not None:
            select = select.select_from(self.junction(branch))
        return self.correlated(select.where(*self.joined(branch), *self.where(branch.rows)), branch).exists()

    # Order ---------------------------------------------------------------------------------------------------

    def sort(self, sort: Sort) -> list[ColumnElement[Any]]:
        """One term of an order, NULLs placed explicitly."""
        value, kind = self.value(sort.target)
        if sort.branch is not None:
            branch = sort.branch
            select = sa.select(value).select_from(self.alias(branch.rows.source))
            select = select.where(*self.joined(branch), *self.where(branch.rows)).limit(1)
            value = self.correlated(select, branch).scalar_subquery()
        value = self.ordered(value, kind)
        term = value.desc() if sort.descending else value.asc()
        return [term.nulls_first() if sort.nulls_first else term.nulls_last()]

    # Predicates ----------------------------------------------------------------------------------------------

    def predicate(self, predicate: Predicate) -> ColumnElement[Any]:
        """A filter as an SQL condition."""
        if isinstance(predicate, Match):
            found = self.exists(predicate.branch)
            return sa.not_(found) if predicate.negated else found
        if isinstance(predicate, Combination):
            join = sa.and_ if predicate.connective is Connective.AND else sa.or_
            joined = join(*shallow([self.predicate(item).self_group() for item in predicate.items], join))
            return self.negated(joined) if predicate.negated else joined
        tested = self.test(predicate)
        return self.negated(tested) if predicate.negated else tested

    @staticmethod
    def negated(condition: ColumnElement[Any]) -> ColumnElement[Any]:
        """NOT of a whole condition, in three-valued logic."""
        return sa.not_(condition.self_group())

    def test(self, test: Test) -> ColumnElement[Any]:
        """One comparison, not yet negated."""
        value, kind = self.value(test.target)
        operator = test.operator
        if operator.name == "is":
            return _is(value, test.word or "null")
        if operator.name == "in":
            return self.any_of(value, self.literals(test.value, kind), kind)
        if operator.name in ("match", "imatch"):
            return self.matches(value, test)
        compare = _COMPARE.get(operator.name)
        if compare is None:
            return self.special(value, kind, test)
        spell = _pattern if operator.name in ("like", "ilike") else None
        form = self.ordered if operator.name in _ORDERED else self.comparable

        def holds(left: Any, right: Any) -> ColumnElement[Any]:
            return compare(form(left, kind), form(right, kind))

        if test.quantifier is not None:
            return self.quantified(value, kind, holds, self.literals(test.value, kind, spell), test.quantifier)
        return holds(value, self.literal(test.value, kind, spell))

    def comparable(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """A value in a form that equal values of its kind share."""
        return value

    def ordered(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """A value in a form that sorts as its kind does on PostgreSQL."""
        return self.comparable(value, kind)

    def special(self, value: ColumnElement[Any], kind: Kind, test: Test) -> ColumnElement[Any]:
        """An operator that not every database has."""
        raise unavailable(test.operator)

    # What each dialect says in its own way -------------------------------------------------------------------

    @abstractmethod
    def packed(self, labelled: list[Labelled]) -> list[Any]:
        """The columns of a select that yields one JSON object per row."""

    @abstractmethod
    def json_array(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        """The rows of a select as a JSON array."""

    @abstractmethod
    def json_object(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        """The one row of a select as a JSON object, or NULL."""

    def json_text(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """A value inside a sub-select, in a form that it does not lose on the way out."""
        return value

    @abstractmethod
    def json_value(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """A hoisted value, kept as the JSON it is."""

    @abstractmethod
    def json_values(self, select: sa.Select[Any], branch: Branch) -> ColumnElement[Any]:
        """The values of a select of one column as a JSON array."""

    @abstractmethod
    def whole(self, select: sa.Select[Any]) -> sa.Select[Any]:
        """One row: the body (a JSON array as text) and the number of rows of a select."""

    @abstractmethod
    def shown(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """A value as the wire shows it when it becomes JSON."""

    @abstractmethod
    def path(self, column: ColumnElement[Any], target: Target) -> ColumnElement[Any]:
        """What a JSON path leads to."""

    @abstractmethod
    def any_of(self, value: ColumnElement[Any], members: Any, kind: Kind) -> ColumnElement[Any]:
        """Whether a value is in a list."""

    @abstractmethod
    def quantified(
        self,
        value: ColumnElement[Any],
        kind: Kind,
        compare: Callable[[Any, Any], ColumnElement[Any]],
        members: Any,
        quantifier: Quantifier,
    ) -> ColumnElement[Any]:
        """Whether a comparison holds with any, or with all, of a list."""

    @abstractmethod
    def matches(self, value: ColumnElement[Any], test: Test) -> ColumnElement[Any]:
        """Whether a value matches a regular expression."""

    def cast(self, value: ColumnElement[Any], source: Kind, target: Kind) -> ColumnElement[Any]:
        """A value of one kind as another."""
        return sa.cast(value, target.sql)

    # Statements ----------------------------------------------------------------------------------------------

    def read(self, count: Count) -> Statement:
        """The statement of a read: one row of body, rows, and total where one was asked for."""
        resolved = self.plan.resolved
        rows = resolved.rows if isinstance(resolved, Read) else resolved.returning
        assert rows is not None
        statement = self.whole(self.select(rows))
        if count is not Count.NONE:
            statement = statement.add_columns(self.total(rows))
        return self.compile(statement)

    def total(self, rows: Rows) -> ColumnElement[Any]:
        """How many rows there are, whatever the page."""
        counted = sa.select(sa.func.count()).select_from(self.alias(rows.source)).where(*self.where(rows))
        if rows.aggregated:
            groups = self.groups(rows)
            inner: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(self.alias(rows.source))
            inner = inner.where(*self.where(rows))
            counted = sa.select(sa.func.count()).select_from(inner.group_by(*groups).subquery())
        return counted.correlate(None).scalar_subquery()

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


def shallow(conditions: list[ColumnElement[Any]], join: Callable[..., ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Conditions to be joined, in brackets where they are many: ``a AND b AND …`` nests once for each."""
    if len(conditions) <= _MANY:
        return conditions
    groups = (conditions[start : start + _MANY] for start in range(0, len(conditions), _MANY))
    # SQLAlchemy would take mere brackets off again.
    return [sa.type_coerce(Grouping(join(*group)), sa.Boolean()) for group in groups]


def _origins(plan: Plan) -> dict[int, Source]:
    """Each embed's parent, by the number of the embed's source."""
    found: dict[int, Source] = {}

    def walk(rows: Rows) -> None:
        for branch in rows.branches:
            found[branch.rows.source.number] = rows.source
            walk(branch.rows)

    resolved = plan.resolved
    root = resolved.rows if isinstance(resolved, Read) else resolved.returning
    if root is not None:
        walk(root)
    return found


def unavailable(operator: Operator) -> NotImplementedHere:
    """The answer to an operator that this database has not."""
    return NotImplementedHere(detail=f"The operator '{operator.name}' is not available on this database.")


def _near_pairs(branch: Branch) -> Sequence[tuple[str, str]]:
    junction = branch.relation.junction
    return branch.relation.pairs if junction is None else junction.near


def _pattern(text: str) -> str:
    return text.replace("*", "%")


def _is(value: ColumnElement[Any], word: str) -> ColumnElement[Any]:
    if word == "null":
        return value.is_(None)
    if word == "not_null":
        return value.is_not(None)
    if word == "unknown":
        return value.is_(None)
    return value.is_(sa.true() if word == "true" else sa.false())
