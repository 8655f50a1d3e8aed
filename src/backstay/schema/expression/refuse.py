"""``refuse(expression, table) -> refusals``: what an expression says that has not one meaning on every database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql import elements, operators
from sqlalchemy.sql.elements import AsBoolean, BinaryExpression, BindParameter, Grouping, UnaryExpression
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import Exists

from backstay.errors import BackstayError
from backstay.schema.caller import CallerAttribute, SignedIn
from backstay.schema.expression import single, subset
from backstay.schema.expression.refusal import OTHER_TABLE, SUBSET, TYPES, Refusal, show
from backstay.schema.expression.sort import (
    ANY,
    BOOLEAN,
    DECIMAL,
    DOCUMENT,
    FLOATING,
    NUMBERS,
    ORDERED,
    TEXT,
    common,
    computed,
    holds,
    sort_of,
)
from backstay.schema.kind import kind_of

_PAGE = "Write it with what docs/reference/rules.md lists."


def refuse(expression: ColumnElement[Any], *tables: Any) -> list[Refusal]:
    """Everything that a condition says outside of the subset; nothing where it is within.

    Arguments:
        expression: woven (:mod:`.weave`).
        tables: whose rows it speaks of: a rule of those of one table, a join of those of several.
    """
    reading = _Reading(frozenset(tables))
    reading.condition(expression)
    return list(dict.fromkeys(reading.found))


def refuse_value(expression: ColumnElement[Any], table: sa.Table) -> list[Refusal]:
    """The same for an expression that is a value: a computed column, a default."""
    reading = _Reading(frozenset({table}))
    reading.value(expression)
    return list(dict.fromkeys(reading.found))


@dataclass(slots=True)
class _Reading:
    """One expression being read.

    ``known`` are the tables within reach; ``aggregating`` is where aggregates may stand.
    """

    known: frozenset[Any]
    found: list[Refusal] = field(default_factory=list)
    aggregating: bool = False

    def refuse(self, message: str, hint: str = _PAGE, code: str = SUBSET) -> str:
        """Note a refusal; the sort of what was refused is any, so that nothing follows from it."""
        self.found.append(Refusal(code, message, hint))
        return ANY

    def condition(self, element: Any) -> None:
        """Read what must be true or false."""
        found = self.value(element)
        if found not in (BOOLEAN, ANY):
            self.refuse(f"`{show(element)}` is a {found}, not a condition", "Compare it with something.", TYPES)

    def value(self, element: Any) -> str:
        """Read an expression and tell its sort."""
        for refused in subset.REFUSED:
            if isinstance(element, refused.types):
                return self.refuse(f"{refused.name} is not among what rules may say", refused.instead)
        for kind, read in _READERS:
            if isinstance(element, kind):
                return read(self, element)
        return self.refuse(f"`{show(element)}` ({type(element).__name__}) is not among what rules may say")

    # Simple values -------------------------------------------------------------------------------------------

    def column(self, column: Any) -> str:
        """A column of the row at hand, or of a table of a sub-select."""
        table = getattr(column, "table", None)
        if not isinstance(column, sa.Column) or table is None:
            name = (
                "`literal_column()`" if getattr(column, "is_literal", False) else f"`{column}`, a column of no table,"
            )
            return self.refuse(f"{name} is not among what rules may say", "Name the model's attribute: `Note.title`.")
        if table not in self.known:
            name = getattr(table, "element", table).name
            self.refuse(
                f"`{show(column)}` belongs to another table, {name}",
                "Ask whether there is such a row: relationship.has(...), relationship.any(...), or "
                "sa.exists().where(...).",
                OTHER_TABLE,
            )
        return sort_of(column.type)

    def caller(self, attribute: CallerAttribute) -> str:
        """An attribute of the caller."""
        return sort_of(attribute.type)

    def literal(self, literal: BindParameter[Any]) -> str:
        """A value, which must be one of its type."""
        if literal.callable is not None:
            return self.refuse("a value that is computed at each use cannot be part of a rule", "Use `me`.")
        if literal.required:
            return self.refuse(f"`{literal}` is a parameter that nothing fills", "Write the value, or use `me`.")
        values = literal.value if literal.expanding else [literal.value]
        for value in values or ():
            self.fits(value, literal.type)
        return sort_of(literal.type)

    def fits(self, value: Any, type_: Any) -> None:
        """Check that a value is one of a type."""
        if value is None or isinstance(type_, sa.types.NullType | sa.types.TupleType):
            return
        found = sort_of(type_)
        if not isinstance(type_, sa.types.TypeDecorator) and not holds(found, value):
            self.refuse(f"{value!r} is no value for a {found}", "Write a value of that type.", TYPES)
            return
        try:
            kind_of(type_).dump(value)
        except BackstayError as error:
            self.refuse(f"{value!r} does not fit: {error.message}", "Write a value of the column's type.", TYPES)

    def constant(self, constant: Any) -> str:
        """NULL, true, false, or whether the caller is a user."""
        return ANY if isinstance(constant, elements.Null) else BOOLEAN

    def group(self, group: Any) -> str:
        """What stands in parentheses."""
        return self.value(group.element)

    def logic(self, clauses: elements.BooleanClauseList) -> str:
        """And, or."""
        for clause in clauses.clauses:
            self.condition(clause)
        return BOOLEAN

    # Operators -----------------------------------------------------------------------------------------------

    def unary(self, unary: UnaryExpression[Any]) -> str:
        """Not, a sign, or DISTINCT inside an aggregate."""
        if isinstance(unary, AsBoolean) or unary.operator is operators.inv:
            self.condition(unary.element)
            return BOOLEAN
        found = self.value(unary.element)
        if unary.operator is operators.neg:
            if found not in NUMBERS | {ANY}:
                return self.refuse(f"`{show(unary)}`: a {found} has no sign", code=TYPES)
            return found
        if unary.operator is operators.distinct_op and self.aggregating:
            return found
        return self.refuse(f"`{show(unary)}` is not among what rules may say")

    def binary(self, binary: BinaryExpression[Any]) -> str:
        """An operator with two sides."""
        for known, read in _OPERATORS:
            if binary.operator in known:
                return read(self, binary)
        sign = getattr(binary.operator, "opstring", None) or getattr(binary.operator, "__name__", "")
        self.value(binary.left)
        return self.refuse(f"the operator `{sign}` in `{show(binary)}` is not among what rules may say")

    def compare(self, binary: Any, *sides: Any) -> str | None:
        """The sort that all sides share."""
        shared: str | None = ANY
        for side in sides:
            found = self.value(side)
            if _is_float_literal(side) and shared == DECIMAL:
                continue
            if {shared, found} == {DECIMAL, FLOATING}:
                shared = None
            shared = common(shared, found) if shared is not None else None
            if shared is None:
                self.refuse(
                    f"`{show(binary)}` compares a {self.sorts(sides)}",
                    "Give both the same type, or convert one with sa.cast(...).",
                    TYPES,
                )
                return None
        return shared

    def sorts(self, sides: Iterable[Any]) -> str:
        """The sorts of several sides, in words."""
        return " with a ".join(dict.fromkeys(_Reading(self.known).value(side) for side in sides))

    def equality(self, binary: Any) -> str:
        """Equal or not, with or without regard of NULL."""
        if self.compare(binary, binary.left, binary.right) == DOCUMENT:
            self.refuse(f"`{show(binary)}` compares JSON", "Say as what: .as_string(), .as_integer() ...", TYPES)
        return BOOLEAN

    def order(self, binary: Any) -> str:
        """Less or greater."""
        self.ordered(binary, self.compare(binary, binary.left, binary.right))
        return BOOLEAN

    def between(self, binary: Any) -> str:
        """Between two ends."""
        if binary.modifiers.get("symmetric"):
            self.refuse("a symmetric range is not among what rules may say", "Write the lesser end first.")
        self.ordered(binary, self.compare(binary, binary.left, *binary.right.clauses))
        return BOOLEAN

    def ordered(self, element: Any, found: str | None) -> None:
        """Check that a sort has the same order everywhere."""
        if found is not None and found not in ORDERED:
            self.refuse(
                f"`{show(element)}`: the order of a {found} differs between databases",
                "Compare with == or in_(), or order by a number or a date.",
                TYPES,
            )

    def identity(self, binary: Any) -> str:
        """IS NULL, IS TRUE, IS FALSE."""
        found = self.value(binary.left)
        right = binary.right
        if found == DOCUMENT and not isinstance(binary.left, sa.Column):
            return self.refuse(f"`{show(binary)}` compares JSON", "Say as what: .as_string().is_(None).", TYPES)
        if isinstance(right, elements.Null):
            return BOOLEAN
        if not isinstance(right, elements.True_ | elements.False_):
            return self.refuse(f"`{show(binary)}` is not among what rules may say", "Compare with ==.")
        if found not in (BOOLEAN, ANY):
            self.refuse(f"`{show(binary)}`: a {found} is neither true nor false", "Compare it with ==.", TYPES)
        return BOOLEAN

    def membership(self, binary: Any) -> str:
        """IN a list, or a sub-select."""
        lefts = list(binary.left.clauses) if isinstance(binary.left, elements.Tuple) else [binary.left]
        right = binary.right
        while isinstance(right, Grouping):
            right = right.element
        if isinstance(right, sa.ScalarSelect):
            if not self.select(right.element):
                return BOOLEAN
            rights = list(_columns(right.element))
            if len(rights) != len(lefts):
                return self.refuse(f"`{show(binary)}`: {len(lefts)} compared with {len(rights)}", code=TYPES)
        elif isinstance(right, BindParameter) and len(lefts) > 1:
            return self.pairs(lefts, right)
        elif isinstance(right, BindParameter):
            rights = [right]
        elif isinstance(right, elements.ClauseList) and len(lefts) == 1:
            rights = list(right.clauses)
            lefts = lefts * len(rights)
        else:
            return self.refuse(f"`{show(binary)}` is not among what rules may say", "Give a list or a sa.select(...).")
        known = self.known | (_own(right.element) if isinstance(right, sa.ScalarSelect) else frozenset())
        reading = _Reading(known, self.found, aggregating=True)
        for left, each in zip(lefts, rights, strict=True):
            reading.compare(binary, left, each)
        return BOOLEAN

    def pairs(self, lefts: list[Any], rights: BindParameter[Any]) -> str:
        """Tuples in a list of tuples."""
        for left in lefts:
            self.value(left)
        for row in rights.value or ():
            for left, value in zip(lefts, row, strict=False):
                self.fits(value, left.type)
        return BOOLEAN

    def pattern(self, binary: Any) -> str:
        """LIKE and its like."""
        for side in (binary.left, binary.right):
            found = self.value(side)
            if found not in (TEXT, ANY):
                self.refuse(
                    f"`{show(binary)}`: a {found} has no letters", "Convert it with sa.cast(..., sa.Text).", TYPES
                )
        return BOOLEAN

    def concatenation(self, binary: Any) -> str:
        """Texts joined."""
        for side in (binary.left, binary.right):
            found = self.value(side)
            if found not in (TEXT, ANY):
                self.refuse(f"`{show(binary)}` joins a {found}", "Convert it with sa.cast(..., sa.Text).", TYPES)
        return TEXT

    def arithmetic(self, binary: Any) -> str:
        """Plus, minus, times, divided by, modulo."""
        left, right = self.value(binary.left), self.value(binary.right)
        result = computed(binary.operator, left, right)
        if result is None:
            return self.refuse(f"`{show(binary)}` computes with a {left} and a {right}", code=TYPES)
        return result

    def path(self, binary: Any) -> str:
        """A path into JSON."""
        if self.value(binary.left) not in (DOCUMENT, ANY):
            return self.refuse(f"`{show(binary)}` is a path into what is no JSON", code=TYPES)
        keys = getattr(binary.right, "value", None)
        for key in keys if isinstance(keys, tuple | list) else [keys]:
            if not isinstance(key, str | int) or '"' in str(key) or "\\" in str(key):
                return self.refuse(
                    f"`{key}` is not a key that rules may name", "Use keys without quotes or backslashes."
                )
        return sort_of(binary.type)

    # Choices, casts, functions -------------------------------------------------------------------------------

    def case(self, case: sa.Case[Any]) -> str:
        """CASE: conditions, or values to compare with, and branches of one sort."""
        for condition, _ in case.whens:
            if case.value is None:
                self.condition(condition)
            else:
                self.compare(case, case.value, condition)
        branches = [branch for _, branch in case.whens] + ([] if case.else_ is None else [case.else_])
        return self.compare(case, *branches) or ANY

    def cast(self, cast: Any) -> str:
        """CAST, from and to what all databases convert alike."""
        source, target = self.value(cast.clause), sort_of(cast.type)
        if source != ANY and target not in subset.CASTS.get(source, ()):
            return self.refuse(
                f"`{show(cast)}` converts a {source} to a {target}", "Compare values of one type.", TYPES
            )
        return target

    def function(self, call: FunctionElement[Any]) -> str:
        """A call of a function."""
        name = str(getattr(call, "name", type(call).__name__)).lower()
        known = subset.FUNCTIONS.get(name)
        if known is None or getattr(call, "packagenames", None):
            names = ", ".join(sorted(subset.FUNCTIONS))
            return self.refuse(f"the function `{name}` is not among what rules may call", f"They may call: {names}.")
        if known.aggregate and not self.aggregating:
            return self.refuse(
                f"the aggregate `{name}` stands outside of a sub-select's columns",
                f"Write sa.select(sa.func.{name}(...)).where(...).scalar_subquery().",
            )
        arguments = [each for each in call.clauses if not _is_star(each)]
        if not known.least <= len(arguments) <= known.most:
            return self.refuse(f"`{show(call)}`: {name} takes another number of arguments")
        return self.called(call, known, arguments)

    def called(self, call: Any, known: subset.Function, arguments: list[Any]) -> str:
        """The sort of a function's value."""
        if not arguments:
            return known.gives or ANY
        found = self.compare(call, *arguments)
        if found is not None and known.takes is not None and found not in known.takes:
            return self.refuse(f"`{show(call)}`: it takes no {found}", code=TYPES)
        return known.gives or found or ANY

    # Sub-selects ---------------------------------------------------------------------------------------------

    def exists(self, exists: Exists) -> str:
        """EXISTS."""
        select: Any = exists.element
        while isinstance(select, sa.ScalarSelect | Grouping):
            select = select.element
        if self.select(select) and any(map(single.is_aggregate, _columns(select))) and not select._group_by_clauses:
            self.refuse("exists() of an aggregate is always true", "Compare the aggregate: ....scalar_subquery() > 0.")
        return BOOLEAN

    def scalar(self, scalar: sa.ScalarSelect[Any]) -> str:
        """A sub-select as a value: of one column and, by its form, of one row at most."""
        select: Any = scalar.element
        if not self.select(select):
            return ANY
        columns = list(_columns(select))
        if len(columns) != 1:
            return self.refuse("a sub-select that is a value has more than one column", "Select the one that is meant.")
        if not single.is_single(select):
            self.refuse(
                f"`{show(select)}` may find several rows",
                "Ask with .in_(sa.select(...)) or exists(), or take an aggregate, or .order_by(...).limit(1).",
            )
        return _Reading(self.known | _own(select), aggregating=True).value(columns[0])

    def select(self, select: Any) -> bool:
        """Read a sub-select's parts; whether it is one at all."""
        if not isinstance(select, sa.Select):
            self.value(select)
            return False
        inner = _Reading(self.known | _own(select), self.found)
        for condition in single.conditions(select):
            inner.condition(condition)
        for each in select._group_by_clauses:
            inner.value(each)
        inner.aggregating = True
        for column in _columns(select):
            if not _is_one(column):
                inner.value(column)
        for condition in select._having_criteria:
            inner.condition(condition)
        inner.rows(select)
        return True

    def rows(self, select: sa.Select[Any]) -> None:
        """Check the order, the page and the groups of a sub-select."""
        for term in select._order_by_clauses:
            while isinstance(term, UnaryExpression | elements._label_reference):
                term = term.element
            self.ordered(term, self.value(term))
        if select._limit_clause is not None and not select._order_by_clauses:
            self.refuse("a sub-select takes its first rows in no order", "Add .order_by(...).")
        if (loose := single.loose_column(select)) is not None:
            self.refuse(f"`{show(loose)}` is neither grouped by nor aggregated", "Add it to .group_by(...).")


# The tables --------------------------------------------------------------------------------------------------

Read: TypeAlias = Callable[[_Reading, Any], str]

_OPERATORS: Final[tuple[tuple[frozenset[Any], Read], ...]] = (
    (subset.EQUALITY | subset.DISTINCTION, _Reading.equality),
    (subset.ORDER, _Reading.order),
    (subset.RANGE, _Reading.between),
    (subset.IDENTITY, _Reading.identity),
    (subset.MEMBERSHIP, _Reading.membership),
    (subset.PATTERN, _Reading.pattern),
    (subset.ARITHMETIC, _Reading.arithmetic),
    (subset.PATHS, _Reading.path),
    (frozenset({operators.concat_op}), _Reading.concatenation),
)

_READERS: Final[tuple[tuple[type[Any] | tuple[type[Any], ...], Read], ...]] = (
    (CallerAttribute, _Reading.caller),
    (BindParameter, _Reading.literal),
    ((elements.Null, elements.True_, elements.False_, SignedIn), _Reading.constant),
    (elements.BooleanClauseList, _Reading.logic),
    (BinaryExpression, _Reading.binary),
    (Exists, _Reading.exists),
    (sa.ScalarSelect, _Reading.scalar),
    (UnaryExpression, _Reading.unary),
    (Grouping, _Reading.group),
    (elements.Case, _Reading.case),
    (elements.Cast, _Reading.cast),
    (FunctionElement, _Reading.function),
    (elements.ColumnClause, _Reading.column),
)


def _own(select: Any) -> frozenset[Any]:
    """The tables that a woven sub-select reads."""
    return frozenset(select._correlate_except or ())


def _columns(select: Any) -> Iterator[Any]:
    for column in select._raw_columns:
        if isinstance(column, ColumnElement):
            yield column
        else:
            yield from column.c


def _is_star(element: Any) -> bool:
    return isinstance(element, sa.ColumnClause) and element.is_literal and element.name == "*"


def _is_one(element: Any) -> bool:
    """Whether a column of a sub-select is the 1 that stands for nothing in particular."""
    return isinstance(element, sa.ColumnClause) and element.is_literal and str(element.name) == "1"


def _is_float_literal(element: Any) -> bool:
    return isinstance(element, BindParameter) and isinstance(element.value, float)
