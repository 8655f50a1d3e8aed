"""The filter operators, said once: grammar, SQL, OpenAPI and docs are derived from this table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Takes(Enum):
    """What kind of value an operator takes."""

    SCALAR = "a value of the column's type"
    PATTERN = "a pattern (text)"
    LIST = "a list of values of the column's type"
    WORD = "one of the words null, not_null, true, false, unknown"
    CONTAINER = "an array, a JSON document or a range"
    RANGE = "a range"
    TERMS = "a full-text query"


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the wire.

    ``name`` as written in a filter; ``sql`` the PostgreSQL operator it stands for; ``takes`` its kind of value;
    ``quantified`` whether ``(any)`` and ``(all)`` may follow; ``language`` whether ``(english)`` may;
    ``meaning`` one line for the documentation.
    """

    name: str
    sql: str
    takes: Takes
    meaning: str
    quantified: bool = False
    language: bool = False


_TABLE = (
    Operator("eq", "=", Takes.SCALAR, "equals", quantified=True),
    Operator("neq", "<>", Takes.SCALAR, "does not equal"),
    Operator("gt", ">", Takes.SCALAR, "is greater than", quantified=True),
    Operator("gte", ">=", Takes.SCALAR, "is greater than or equal to", quantified=True),
    Operator("lt", "<", Takes.SCALAR, "is less than", quantified=True),
    Operator("lte", "<=", Takes.SCALAR, "is less than or equal to", quantified=True),
    Operator("like", "LIKE", Takes.PATTERN, "matches a pattern, * standing for any text", quantified=True),
    Operator("ilike", "ILIKE", Takes.PATTERN, "matches a pattern, whatever the case", quantified=True),
    Operator("match", "~", Takes.PATTERN, "matches a regular expression", quantified=True),
    Operator("imatch", "~*", Takes.PATTERN, "matches a regular expression, whatever the case", quantified=True),
    Operator("in", "IN", Takes.LIST, "is one of a list"),
    Operator("is", "IS", Takes.WORD, "is null, not_null, true, false or unknown"),
    Operator("isdistinct", "IS DISTINCT FROM", Takes.SCALAR, "differs, NULL counting as a value"),
    Operator("cs", "@>", Takes.CONTAINER, "contains"),
    Operator("cd", "<@", Takes.CONTAINER, "is contained in"),
    Operator("ov", "&&", Takes.CONTAINER, "overlaps"),
    Operator("sl", "<<", Takes.RANGE, "lies strictly left of"),
    Operator("sr", ">>", Takes.RANGE, "lies strictly right of"),
    Operator("nxr", "&<", Takes.RANGE, "does not extend right of"),
    Operator("nxl", "&>", Takes.RANGE, "does not extend left of"),
    Operator("adj", "-|-", Takes.RANGE, "is adjacent to"),
    Operator("fts", "@@ to_tsquery", Takes.TERMS, "matches a full-text query", language=True),
    Operator("plfts", "@@ plainto_tsquery", Takes.TERMS, "matches plain words", language=True),
    Operator("phfts", "@@ phraseto_tsquery", Takes.TERMS, "matches a phrase", language=True),
    Operator("wfts", "@@ websearch_to_tsquery", Takes.TERMS, "matches a web-search query", language=True),
)

OPERATORS: dict[str, Operator] = {operator.name: operator for operator in _TABLE}
"""Every operator by its name on the wire."""

WORDS = ("null", "not_null", "true", "false", "unknown")
"""What may follow ``is.``"""
