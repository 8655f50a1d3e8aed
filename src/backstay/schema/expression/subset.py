"""The subset of SQLAlchemy that rules are written in: what means the same on every database, said once, in tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.sql import elements, operators
from sqlalchemy.sql.lambdas import LambdaElement
from sqlalchemy.sql.selectable import CTE, CompoundSelect, Lateral, Subquery, TableSample, Values

from backstay.schema.expression import sort
from backstay.schema.expression.sort import ANY, DECIMAL, NUMBERS, TEXT, WHOLE


@dataclass(frozen=True, slots=True)
class Element:
    """One thing that rules may say: how it is written, and what one should know of its meaning."""

    name: str
    examples: tuple[str, ...]
    meaning: str


ELEMENTS: Final[Mapping[str, Element]] = {
    "columns": Element(
        "Columns",
        ("`Note.public`", "`Note.author_id`"),
        "Of the resource's own model; of other models only inside a sub-select. Hybrid expressions and "
        "`column_property` count as what they stand for.",
    ),
    "caller": Element(
        "The caller",
        ("`me.id`", "`me.role`", "`me.aal >= 2`", "`signed_in`", "`anyone`"),
        "`me = current(User)`. `me.aal` is 2 for a caller who showed a second factor, else 1. Of a caller who is not "
        "signed in every attribute is NULL.",
    ),
    "literals": Element(
        "Values",
        ('`"draft"`', "`Status.DRAFT`", "`None`", "`sa.true()`", "`timedelta(days=7)`"),
        "Of the type of what they are compared with; checked when the application is declared.",
    ),
    "logic": Element(
        "And, or, not",
        ("`a & b`", "`a | b`", "`~a`", "`sa.and_(...)`"),
        "Three-valued: what is NULL lets no row through, and neither does its negation. Python's own `and`, `or` "
        "and `not` cannot combine rules and are found.",
    ),
    "comparison": Element(
        "Comparison",
        ("`Note.stars == 5`", "`!=`", "`<`", "`<=`", "`>`", "`>=`"),
        "Both sides of one type, whole and decimal numbers mixed as one likes. Texts and enumerations have no order "
        "that all databases share, so they are compared with `==` and `!=` only.",
    ),
    "distinct": Element(
        "Comparison that knows NULL",
        ("`Note.kind.is_distinct_from(x)`", "`.is_not_distinct_from(x)`"),
        "Never NULL: NULL is the same as NULL.",
    ),
    "null": Element(
        "NULL, true and false",
        ("`Note.deleted_at.is_(None)`", "`.is_not(None)`", "`Note.public.is_(True)`"),
        "Never NULL.",
    ),
    "between": Element("Range", ("`Note.stars.between(2, 4)`", "`~...`"), "Both ends belong to it."),
    "in": Element(
        "Membership",
        ("`Note.kind.in_([...])`", "`.not_in([...])`", "`Note.id.in_(sa.select(...))`", "`tuple_(a, b).in_(...)`"),
        "With NULL in the list, what is not found is NULL. Nothing is in an empty list.",
    ),
    "pattern": Element(
        "Patterns",
        (
            '`Note.title.like("a%")`',
            "`.ilike(...)`",
            "`.startswith(x, autoescape=True)`",
            "`.endswith(...)`",
            "`.contains(...)`",
            "`.icontains(...)`",
        ),
        "`%` is any text, `_` any one letter, `\\` takes the next letter as it is unless `escape=` names another. "
        "`like` heeds the case of letters, `ilike` and the forms with `i` do not.",
    ),
    "exists": Element(
        "There is a row",
        ("`Note.tags.any(Tag.name == ...)`", "`Note.org.has(...)`", "`sa.exists().where(...)`"),
        "Speaks of the row at hand wherever its model is named in the condition. To read the same model, "
        "give it another name: `other = aliased(Note)`.",
    ),
    "select": Element(
        "A value from another table",
        ("`sa.select(Org.plan).where(Org.id == Note.org_id).scalar_subquery()`",),
        "Must be one value by its form: an aggregate, or a row found by its primary key or a unique constraint, or "
        "the first row of an order (`.order_by(...).limit(1)`). NULL where there is no row.",
    ),
    "case": Element(
        "Choice", ("`sa.case((Note.public, 1), else_=0)`",), "All branches of one type; NULL where none is taken."
    ),
    "functions": Element("Functions", (), "See the table of functions."),
    "aggregates": Element(
        "Aggregates",
        ("`sa.select(sa.func.count(Member.id))`", "`.having(sa.func.sum(...) > 3)`"),
        "In sub-selects. `sum`, `min` and `max` of no rows are NULL, `count` is 0.",
    ),
    "arithmetic": Element(
        "Arithmetic",
        ("`a + b`", "`a - b`", "`a * b`", "`a / b`", "`a // b`", "`a % b`", "`-a`"),
        "`/` is exact, also of whole numbers; `//` and `%` of whole numbers cut towards zero. Decimals are exact, and "
        "not mixed with floating-point numbers. Division by zero is an error of the request.",
    ),
    "times": Element(
        "Time arithmetic",
        ("`Note.created_at > sa.func.now() - timedelta(days=7)`", "`Note.due_on + timedelta(days=1)`"),
        "A timestamp, date or time and an interval; the difference of two timestamps. Days have 24 hours; "
        "everything is in UTC.",
    ),
    "text": Element("Texts joined", ('`User.first + " " + User.last`',), "NULL where one of them is."),
    "json": Element(
        "Paths into JSON",
        ('`Note.meta["kind"].as_string()`', '`Note.meta[("a", "b")].as_integer()`', "`.as_boolean()`", "`.as_float()`"),
        "Always say as what: JSON itself is not compared. NULL where the path leads nowhere or to JSON's null; an "
        "error of the request where the value is not of that type. The text of an object or a list may differ in "
        "blanks.",
    ),
    "cast": Element(
        "Casts",
        ("`sa.cast(Note.code, sa.Integer)`",),
        "Between texts and numbers, booleans, UUIDs, dates and timestamps. An error of the request where the value "
        "does not allow it.",
    ),
}
"""Everything a rule may say, by a short name."""


# Operators ---------------------------------------------------------------------------------------------------

EQUALITY: Final = frozenset({operators.eq, operators.ne})
DISTINCTION: Final = frozenset({operators.is_distinct_from, operators.is_not_distinct_from})
ORDER: Final = frozenset({operators.lt, operators.le, operators.gt, operators.ge})
RANGE: Final = frozenset({operators.between_op, operators.not_between_op})
IDENTITY: Final = frozenset({operators.is_, operators.is_not})
MEMBERSHIP: Final = frozenset({operators.in_op, operators.not_in_op})
PATTERN: Final = frozenset(
    getattr(operators, f"{negation}{name}_op")
    for negation in ("", "not_")
    for name in (
        "like",
        "ilike",
        "startswith",
        "istartswith",
        "endswith",
        "iendswith",
        "contains",
        "icontains",
    )
)
ARITHMETIC: Final = frozenset(
    {operators.add, operators.sub, operators.mul, operators.truediv, operators.floordiv, operators.mod}
)
PATHS: Final = frozenset({operators.json_getitem_op, operators.json_path_getitem_op})
CONNECTIVES: Final = frozenset({operators.and_, operators.or_})


# Functions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Function:
    """A function that rules may call.

    Arguments:
        takes: the sorts of values it takes; None: any, all arguments of one.
        gives: the sort of its value; None: that of its arguments.
        least, most: how many arguments it takes.
        aggregate: whether it computes one value of many rows.
    """

    meaning: str
    takes: frozenset[str] | None = None
    gives: str | None = None
    least: int = 1
    most: int = 1
    aggregate: bool = False


_MANY = 100
_TEXTS = frozenset({TEXT, ANY})
_NUMERIC = NUMBERS | {ANY}
_SUMMABLE = _NUMERIC | {sort.INTERVAL}
_LEAST = _SUMMABLE | sort.MOMENTS | {sort.DATE, sort.TIME}
_MOMENT = Function("This moment", gives=sort.MOMENT, least=0, most=0)

FUNCTIONS: Final[Mapping[str, Function]] = {
    "coalesce": Function("The first that is not NULL", most=_MANY),
    "nullif": Function("The first, NULL where it equals the second", least=2, most=2),
    "lower": Function("In lower case", takes=_TEXTS, gives=TEXT),
    "upper": Function("In upper case", takes=_TEXTS, gives=TEXT),
    "length": Function("How many letters", takes=_TEXTS, gives=WHOLE),
    "char_length": Function("How many letters", takes=_TEXTS, gives=WHOLE),
    "abs": Function("Without its sign", takes=_NUMERIC),
    "now": _MOMENT,
    "current_timestamp": _MOMENT,
    "current_date": Function("Today in UTC", gives=sort.DATE, least=0, most=0),
    "count": Function("How many rows, or values that are not NULL", gives=WHOLE, least=0, aggregate=True),
    "sum": Function("Their sum", takes=_SUMMABLE, aggregate=True),
    "min": Function("The least", takes=_LEAST, aggregate=True),
    "max": Function("The greatest", takes=_LEAST, aggregate=True),
}
"""The functions that rules may call, by SQL's name."""


# Casts -------------------------------------------------------------------------------------------------------

_NUMBER_CASTS = NUMBERS | {TEXT}

CASTS: Final[Mapping[str, frozenset[str]]] = {
    WHOLE: _NUMBER_CASTS | {sort.BOOLEAN},
    DECIMAL: frozenset({WHOLE, DECIMAL, sort.FLOATING, TEXT}),
    sort.FLOATING: frozenset({DECIMAL, sort.FLOATING}),
    TEXT: _NUMBER_CASTS | {sort.BOOLEAN, sort.UUID, sort.DATE, sort.NAIVE, sort.ZONED},
    sort.BOOLEAN: frozenset({sort.BOOLEAN, TEXT, WHOLE}),
    sort.UUID: frozenset({sort.UUID, TEXT}),
    sort.DATE: frozenset({sort.DATE, sort.NAIVE, TEXT}),
    sort.NAIVE: frozenset({sort.NAIVE, sort.DATE}),
    sort.ZONED: frozenset({sort.ZONED, sort.NAIVE, sort.DATE}),
    sort.MOMENT: frozenset({sort.ZONED, sort.NAIVE, sort.DATE}),
}
"""What values of each sort may be cast to."""


# What is refused ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that rules may not say, and what to write instead."""

    name: str
    instead: str
    types: tuple[type[Any], ...] = ()


_FRAGMENT = "Write it with columns, operators and `sa.func`, so that its parts can be understood."
_ROWS = "Read from models, or `aliased()` models, and join them."

REFUSED: Final[Sequence[Refused]] = (
    Refused("`text()`", _FRAGMENT, (elements.TextClause,)),
    Refused("a window function (`.over()`)", "Ask with a sub-select: `exists()`, or an aggregate.", (elements.Over,)),
    Refused("`.within_group()`", "Use `count`, `min`, `max` or `sum`.", (elements.WithinGroup,)),
    Refused("`.filter()` of an aggregate", "Filter the rows of the sub-select.", (elements.FunctionFilter,)),
    Refused("`extract()`", "Compare with two ends: `between(...)`.", (elements.Extract,)),
    Refused("`collate()`", "Compare with `lower()` on both sides.", (elements.CollationClause,)),
    Refused("`type_coerce()`", "Convert with `sa.cast(...)`.", (elements.TypeCoerce,)),
    Refused("`try_cast()`", "Convert with `sa.cast(...)`.", (elements.TryCast,)),
    Refused("a union of sub-selects", "Write one `exists()` or `in_()` for each; combine with `|`.", (CompoundSelect,)),
    Refused("a CTE", _ROWS, (CTE,)),
    Refused("a sub-select to read from", _ROWS, (Subquery, Lateral, TableSample, Values)),
    Refused("a lambda", "Write the expression itself.", (LambdaElement,)),
)
"""What rules may not say, as far as it has a name. Everything else that is not in the tables is refused, too."""
