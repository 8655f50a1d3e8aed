"""Statements for SQLite that mean what they mean on PostgreSQL.

Decimals are texts that compare by the collation ``decimal`` and are computed by functions; ``LIKE`` is case-sensitive
and escapes with a backslash; casts refuse bad text; NULL sorts last when ascending; nothing is divided by zero.
"""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import base
from sqlalchemy.sql import elements, functions, operators, sqltypes

from backstay.dialects.sql.moments import with_zone_of
from backstay.dialects.sqlite.sql import arithmetic, moments, spellings
from backstay.dialects.sqlite.sql.spellings import COLLATE

_DECIMAL_FUNCTIONS = {
    "sum": "decimal_sum",
    "avg": "decimal_avg",
    "abs": "decimal_abs",
    "round": "decimal_round",
    "trunc": "decimal_trunc",
    "ceil": "decimal_ceil",
    "ceiling": "decimal_ceil",
    "floor": "decimal_floor",
    "sign": "decimal_sign",
    "mod": "decimal_mod",
}
_CHOICES = {
    "max": "max",
    "min": "min",
    "coalesce": "coalesce",
    "nullif": "nullif",
    "greatest": "decimal_greatest",
    "least": "decimal_least",
}
_RENAMED = {
    "strpos": "instr",
    "btrim": "trim",
    "character_length": "length",
    "bool_and": "min",
    "every": "min",
    "bool_or": "max",
    "array_agg": "json_group_array",
    "json_agg": "json_group_array",
    "jsonb_agg": "json_group_array",
    "json_build_object": "json_object",
    "jsonb_build_object": "json_object",
    "json_build_array": "json_array",
    "jsonb_build_array": "json_array",
}
_RESULTS = {
    **dict.fromkeys(("bool_and", "bool_or", "every"), sqltypes.Boolean()),
    **dict.fromkeys(("gen_random_uuid", "uuid_generate_v4"), sqltypes.Uuid()),
    **dict.fromkeys((name for name in _RENAMED if name.startswith("json")), sqltypes.JSON()),
}
_CASTS = {
    sqltypes.Float: "cast_float",
    sqltypes.Boolean: "cast_boolean",
    sqltypes.Uuid: "cast_uuid",
    sqltypes.Date: "cast_date",
    sqltypes.Time: "cast_time",
    sqltypes.Interval: "cast_interval",
    sqltypes.JSON: "json",
    sqltypes.ARRAY: "json",
}
_PATTERN_OPERATORS = {"~": "regexp", "~*": "regexp_any_case", "!~": "NOT regexp", "!~*": "NOT regexp_any_case"}
_PARTS = {
    "quarter": "((CAST(strftime('%m', {0}) AS INTEGER) + 2) / 3)",
    "epoch": "unixepoch({0}, 'subsec')",
    "century": "((CAST(strftime('%Y', {0}) AS INTEGER) + 99) / 100)",
}


def _affinity(element: Any) -> Any:
    return element.type._type_affinity


def _bits(type_: sqltypes.Integer) -> int:
    """How many bits an integer type holds."""
    if isinstance(type_, sqltypes.BigInteger):
        return 64
    return 16 if isinstance(type_, sqltypes.SmallInteger) else 32


def _is_decimal(element: Any) -> bool:
    return _affinity(element) is sqltypes.Numeric


def _decimal_function(function: functions.FunctionElement[Any]) -> str | None:
    """The exact function that stands for this one, given what it is applied to."""
    name = getattr(function, "name", "").lower()
    argument = next(iter(function.clauses), None)
    if name not in _DECIMAL_FUNCTIONS or argument is None:
        return None
    exact = _is_decimal(argument) or (name == "avg" and _affinity(argument) is sqltypes.Integer)
    return _DECIMAL_FUNCTIONS[name] if exact else None


PlainCompiler: Any = base.SQLiteCompiler  # its methods are untyped


class QueryCompiler(PlainCompiler):  # type: ignore[misc]
    """Compiles queries, and the expressions inside definitions."""

    extract_map: ClassVar[dict[str, str]] = {
        **PlainCompiler.extract_map,
        "week": "%V",
        "isoyear": "%G",
        "isodow": "%u",
    }

    # Operators -----------------------------------------------------------------------------------------------

    def visit_binary(self, binary: Any, override_operator: Any = None, **kw: Any) -> str:
        """An operator with its operands, computed by a function where SQLite's own would mean something else."""
        operator = override_operator or binary.operator
        kw = with_zone_of(binary, kw)
        if operator in arithmetic.OPERATORS:
            template = arithmetic.spell(operator, _affinity(binary.left), _affinity(binary.right))
            if template is not None:
                return template.format(self.process(binary.left, **kw), self.process(binary.right, **kw))
        elif operators.is_comparison(operator):
            binary = self._comparable(binary)
        return str(super().visit_binary(binary, override_operator=override_operator, **kw))

    def _comparable(self, binary: Any) -> Any:
        """A comparison in which, if one side is a decimal, the other one is, too."""
        if _is_decimal(binary.left) == _is_decimal(binary.right):
            both = _is_decimal(binary.left) and not binary.right._is_clause_list
            if both and isinstance(binary.left, sa.ScalarSelect | sa.BindParameter):
                binary = binary._clone()
                binary.left = _collated(binary.left)
            return binary
        side = "right" if _is_decimal(binary.left) else "left"
        other = getattr(binary, side)
        if _affinity(other) not in (sqltypes.Integer, sqltypes.Float):
            return binary
        binary = binary._clone()
        if isinstance(other, sa.BindParameter):
            setattr(binary, side, other._with_binary_element_type(sqltypes.Numeric()))
        else:
            # the collation is explicit because a cast column keeps its own, and the left one's would count
            setattr(binary, side, _collated(sa.cast(other, sa.Text())))
        if isinstance(binary.left, sa.ScalarSelect):
            binary.left = _collated(binary.left)
        return binary

    def visit_unary(self, unary: Any, add_to_result_map: Any = None, result_map_targets: Any = (), **kw: Any) -> str:
        """A sign before a decimal is a function."""
        if unary.operator is operators.neg and _is_decimal(unary.element):
            return f"decimal_neg({self.process(unary.element, **kw)}){COLLATE}"
        kw.update(add_to_result_map=add_to_result_map, result_map_targets=result_map_targets)
        return str(super().visit_unary(unary, **kw))

    def visit_truediv_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Division of what is not known to be a number."""
        return f"{self.process(binary.left, **kw)} / nonzero({self.process(binary.right, **kw)})"

    def visit_like_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """LIKE, where a backslash escapes unless another character does."""
        return self._like(binary, "LIKE", **kw)

    def visit_not_like_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """NOT LIKE, likewise."""
        return self._like(binary, "NOT LIKE", **kw)

    def _like(self, binary: Any, word: str, **kw: Any) -> str:
        escape = binary.modifiers.get("escape")
        left, right = binary.left._compiler_dispatch(self, **kw), binary.right._compiler_dispatch(self, **kw)
        if escape == "":
            return f"{left} {word} {right}"
        character = self.render_literal_value("\\" if escape is None else escape, sqltypes.STRINGTYPE)
        return f"{left} {word} {right} ESCAPE {character}"

    def visit_regexp_match_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """``text ~ pattern``."""
        return self._matches(binary, "", **kw)

    def visit_not_regexp_match_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """``text !~ pattern``."""
        return self._matches(binary, "NOT ", **kw)

    def _matches(self, binary: Any, negation: str, **kw: Any) -> str:
        name = "regexp_any_case" if "i" in (binary.modifiers.get("flags") or "") else "regexp"
        return f"{negation}{name}({self.process(binary.right, **kw)}, {self.process(binary.left, **kw)})"

    def visit_regexp_replace_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """``regexp_replace(text, pattern, replacement[, flags])``."""
        flags = binary.modifiers.get("flags")
        arguments = [self.process(binary.left, **kw), self.process(binary.right, **kw)]
        if flags is not None:
            arguments.append(self.render_literal_value(flags, sqltypes.STRINGTYPE))
        return f"regexp_replace({', '.join(arguments)})"

    def visit_custom_op_binary(self, element: Any, operator: Any, **kw: Any) -> str:
        """PostgreSQL's pattern operators, and any operator of SQLite's own."""
        name = _PATTERN_OPERATORS.get(operator.opstring)
        if name is None:
            return str(super().visit_custom_op_binary(element, operator, **kw))
        return f"{name}({self.process(element.right, **kw)}, {self.process(element.left, **kw)})"

    def visit_json_getitem_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """A path into JSON, whose text is PostgreSQL's."""
        if binary.type._type_affinity is sqltypes.String:
            return self._json_text(binary, **kw)
        return str(super().visit_json_getitem_op_binary(binary, operator, **kw))

    def visit_json_path_getitem_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Likewise, of several steps."""
        if binary.type._type_affinity is sqltypes.String:
            return self._json_text(binary, **kw)
        return str(super().visit_json_path_getitem_op_binary(binary, operator, **kw))

    def _json_text(self, binary: Any, _cast_applied: bool = False, **kw: Any) -> str:
        """What ``->>`` yields on PostgreSQL: a string's letters, NULL for null, any other value's JSON."""
        value = f"({self.process(binary.left, **kw)} -> {self.process(binary.right, **kw)})"
        return f"CASE json_type({value}) WHEN 'text' THEN {value} ->> '$' WHEN 'null' THEN NULL ELSE {value} END"

    # Functions -----------------------------------------------------------------------------------------------

    def visit_function(self, func: Any, add_to_result_map: Any = None, **kw: Any) -> str:
        """A function, exact for decimals, by SQLite's name for it."""
        name = func.name.lower()
        exact = _decimal_function(func)
        if exact is None and not _is_decimal_choice(func) and name not in _RENAMED:
            return str(super().visit_function(func, add_to_result_map=add_to_result_map, **kw))
        if add_to_result_map is not None:
            add_to_result_map(func.name, func.name, (func.name,), func.type)
        if name in _RENAMED:
            return f"{_RENAMED[name]}{self.function_argspec(func, **kw)}"
        if exact is not None:
            return f"{exact}{self.function_argspec(func, **kw)}{COLLATE}"
        arguments = ", ".join(self._decimal_text(each, **kw) for each in func.clauses)
        return f"{_CHOICES[name]}({arguments}){COLLATE}"

    def _decimal_text(self, element: Any, **kw: Any) -> str:
        text: str = self.process(element, **kw)
        return text if _is_decimal(element) else f"CAST({text} AS TEXT)"

    def visit_over(self, over: Any, **kw: Any) -> str:
        """A window; the collation of its value stands behind it."""
        return _collate_last(super().visit_over(over, **kw), "OVER (")

    def visit_funcfilter(self, funcfilter: Any, **kw: Any) -> str:
        """A filtered aggregate; the collation of its value stands behind it."""
        return _collate_last(super().visit_funcfilter(funcfilter, **kw), "FILTER (")

    def visit_now_func(self, fn: Any, **kw: Any) -> str:
        """This moment, with a zone unless it meets a column without."""
        naive = kw.get("naive_moment") or moments.is_for_naive_column(fn, self.stack)
        return f"({spellings.NOW if naive else spellings.NOW_ZONED})"

    visit_current_timestamp_func = visit_now_func
    visit_transaction_timestamp_func = visit_now_func
    visit_statement_timestamp_func = visit_now_func
    visit_clock_timestamp_func = visit_now_func

    def visit_localtimestamp_func(self, func: Any, **kw: Any) -> str:
        """This moment in UTC, without zone."""
        return f"({spellings.NOW})"

    def visit_current_date_func(self, fn: Any, **kw: Any) -> str:
        """Today in UTC."""
        return spellings.TODAY

    def visit_current_time_func(self, fn: Any, **kw: Any) -> str:
        """This time of day in UTC."""
        return spellings.TIME_NOW

    visit_localtime_func = visit_current_time_func

    def visit_gen_random_uuid_func(self, fn: Any, **kw: Any) -> str:
        """A random UUID."""
        return spellings.RANDOM_UUID

    def visit_random_func(self, fn: Any, **kw: Any) -> str:
        """A random number from 0 to 1."""
        return spellings.RANDOM

    def visit_left_func(self, fn: Any, **kw: Any) -> str:
        """The first letters of a text."""
        text, count = (self.process(each, **kw) for each in fn.clauses)
        return f"substr({text}, 1, {count})"

    def visit_right_func(self, fn: Any, **kw: Any) -> str:
        """The last letters of a text."""
        text, count = (self.process(each, **kw) for each in fn.clauses)
        return f"substr({text}, -({count}))"

    def visit_extract(self, extract: Any, **kw: Any) -> str:
        """A part of a moment, in UTC."""
        if extract.field in _PARTS:
            return _PARTS[extract.field].format(self.process(extract.expr, **kw))
        return str(super().visit_extract(extract, **kw))

    # Values --------------------------------------------------------------------------------------------------

    def visit_case(self, clause: Any, **kw: Any) -> str:
        """CASE; its branches may mix decimals with whole numbers."""
        text: str = super().visit_case(clause, **kw)
        return f"CAST({text} AS TEXT){COLLATE}" if _is_decimal(clause) else text

    def visit_cast(self, cast: Any, **kw: Any) -> str:
        """A cast that refuses what PostgreSQL refuses."""
        target, source = cast.type, _affinity(cast.clause)
        affinity, value = target._type_affinity, self.process(cast.clause, **kw)
        if affinity is sqltypes.Numeric:
            precision = "" if target.precision is None else f", {target.precision}, {target.scale or 0}"
            return f"decimal_cast({value}{precision}){COLLATE}"
        if affinity is sqltypes.Integer:
            value = f"decimal_round({value})" if source is sqltypes.Numeric else value
            return f"cast_integer({value}, {_bits(target)})"
        if affinity is sqltypes.DateTime:
            zoned = getattr(target.dialect_impl(self.dialect), "timezone", False)
            return f"cast_timestamp{'tz' if zoned else ''}({value})"
        if affinity in _CASTS:
            return f"{_CASTS[affinity]}({value})"
        if affinity is sqltypes.String:
            return self._text_of(value, source, target)
        return str(super().visit_cast(cast, **kw))

    def _text_of(self, value: str, source: Any, target: Any) -> str:
        if source is sqltypes.Boolean:
            return f"CASE {value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
        if source is sqltypes.Interval:
            return f"interval_text({value})"
        if source in (sqltypes.LargeBinary, sqltypes._Binary):
            return f"CASE WHEN {value} IS NOT NULL THEN '\\x' || lower(hex({value})) END"
        if source is sqltypes.DateTime:
            return f"replace(replace({value}, 'T', ' '), '+00:00', '+00')"
        if source is sqltypes.ARRAY:
            return f"array_text({value})"
        text = f"CAST({value} AS TEXT)"
        length = None if isinstance(target, sqltypes.Enum) else target.length
        return text if length is None else f"substr({text}, 1, {length})"

    def visit_bindparam(self, bindparam: Any, **kw: Any) -> str:
        """A parameter; one that is written to a column is fitted to the column's size."""
        text: str = super().visit_bindparam(bindparam, **kw)
        if not bindparam._is_crud:
            return text
        stored = bindparam.type._unwrapped_dialect_impl(self.dialect)
        if isinstance(stored, sqltypes.Numeric) and stored.precision is not None:
            return f"decimal_cast({text}, {stored.precision}, {stored.scale or 0})"
        if isinstance(stored, sqltypes.Integer) and not isinstance(stored, sqltypes.BigInteger):
            return f"fit_integer({text}, {_bits(stored)})"
        if isinstance(stored, sqltypes.String) and stored.length and not isinstance(stored, sqltypes.Enum):
            return f"fit_text({text}, {stored.length})"
        return text

    def _add_to_result_map(self, keyname: str, name: str, objects: Any, type_: Any) -> None:
        if type_._isnull:
            type_ = next((known for known in map(_result_type, objects) if known is not None), type_)
        super()._add_to_result_map(keyname, name, objects, type_)

    # Clauses -------------------------------------------------------------------------------------------------

    def limit_clause(self, select: Any, **kw: Any) -> str:
        """LIMIT and OFFSET, each only where asked."""
        limit, offset = select._limit_clause, select._offset_clause
        text = "" if limit is None and offset is None else "\n LIMIT "
        if text:
            text += "-1" if limit is None else self.process(limit, **kw)
        return text if offset is None else f"{text} OFFSET {self.process(offset, **kw)}"

    def order_by_clause(self, select: Any, **kw: Any) -> str:
        """ORDER BY, with NULL last when ascending and first when descending unless said otherwise."""
        terms = [self._ordered(each, self.process(each, **kw)) for each in select._order_by_clauses]
        return " ORDER BY " + ", ".join(terms) if terms else ""

    def _ordered(self, term: Any, text: str) -> str:
        modifier, element = None, term
        while isinstance(element, elements.UnaryExpression | elements._label_reference | elements.Grouping):
            if isinstance(element, elements.UnaryExpression):
                if element.modifier in (operators.nulls_first_op, operators.nulls_last_op):
                    return text
                modifier = modifier or element.modifier
            element = element.element
        if isinstance(element, sa.Column) and not element.nullable:
            return text
        return f"{text} NULLS {'FIRST' if modifier is operators.desc_op else 'LAST'}"


def _is_decimal_choice(function: Any) -> bool:
    """Whether a function picks one of its arguments, and one of those is a decimal."""
    chooses = getattr(function, "name", "").lower() in _CHOICES
    return chooses and (_is_decimal(function) or any(_is_decimal(each) for each in function.clauses))


def _result_type(element: Any) -> Any:
    """What a function gives of which SQLAlchemy does not know it: PostgreSQL's driver tells, SQLite's texts do not."""
    while isinstance(element, elements.Label | elements.Over | elements.FunctionFilter):
        element = element.func if isinstance(element, elements.FunctionFilter) else element.element
    if not isinstance(element, functions.FunctionElement):
        return None
    if _decimal_function(element) is not None or _is_decimal_choice(element):
        return sqltypes.Numeric()
    name = str(getattr(element, "name", "")).lower()
    if name == "date_trunc":
        return list(element.clauses)[-1].type
    return _RESULTS.get(name)


def _collated(element: Any) -> Any:
    """An expression that compares by value. SQLAlchemy's own ``collate`` warns of what is no text."""
    return elements.CollationClause._create_collation_expression(element, "decimal")


def _collate_last(text: str, word: str) -> str:
    marker = f"{COLLATE} {word}"
    return text.replace(marker, f" {word}", 1) + COLLATE if marker in text else text
