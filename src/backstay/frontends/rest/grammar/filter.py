"""Filters: ``field=[not.]operator.value`` and the logic trees of ``and=(…)`` and ``or=(…)``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from backstay.errors import InvalidLiteral, ParseError
from backstay.frontends.rest.grammar.scan import Budget, Scanner
from backstay.query.nodes import Comparison, Connective, Field, Filter, Literal, Logic, Quantifier
from backstay.query.operators import OPERATORS, WORDS, Operator, Takes
from backstay.schema.kind import TEXT, array

_PLAIN: Final = frozenset(
    operator.name for operator in OPERATORS.values() if operator.takes not in (Takes.LIST, Takes.WORD)
)
_OPERATOR: Final = re.compile(r"[a-z]+")
_WORD: Final = re.compile(r"[A-Za-z_]+")
_RUN: Final = re.compile(r"[^,)]*")
_BRACES: Final = re.compile(r"\{[^{}]*\}")
_NEST: Final = re.compile(r"(not\.)?(and|or)[ \t]*(?=\()")
_TEXTS: Final = array(TEXT)
_EXPECTED: Final = '"not" or operator (eq, gt, ...)'


# Where a filter applies --------------------------------------------------------------------------------------


def read_key(key: str, budget: Budget) -> tuple[tuple[str, ...], Field]:
    """The embed path and the field that a parameter's key names: ``a.b.field->path``.

    Raises:
        ParseError, TooComplex.
    """
    if key.isidentifier():
        return (), Field(key)
    scanner = Scanner(key, "tree path", budget)
    names = [scanner.name()]
    while scanner.take("."):
        names.append(scanner.name())
    steps = scanner.path()
    scanner.finish('"->>", "->", delimiter (.) or end of input')
    return tuple(names[:-1]), Field(names[-1], steps)


def read_logic_key(key: str, budget: Budget) -> tuple[tuple[str, ...], Connective, bool]:
    """The embed path, the connective and whether it is negated, of a key like ``a.b.not.or``.

    Raises:
        ParseError, TooComplex.
    """
    scanner = Scanner(key, "logic path", budget)
    path: list[str] = []
    negated = False
    while True:
        if scanner.take("not."):
            negated = True
        path.append(scanner.name())
        if not scanner.take("."):
            break
    scanner.finish("delimiter (.) or end of input")
    return tuple(path[:-1]), Connective(path[-1]), negated


# What it says ------------------------------------------------------------------------------------------------


def read_filter(field: Field, text: str, budget: Budget) -> Comparison:
    """The comparison that a parameter's whole value makes with a field.

    Raises:
        ParseError, InvalidLiteral (a list that is not one).
    """
    budget.spend()
    operator, dot, rest = text.partition(".")
    if dot and operator in _PLAIN:
        return Comparison(field, operator, rest)
    scanner = Scanner(text, "filter", budget)
    comparison = _comparison(scanner, field, _rest)
    scanner.finish()
    return comparison


def is_filter(text: str, budget: Budget) -> bool:
    """Whether a parameter's value reads as an operator expression, not as an argument of a function."""
    operator, dot, _ = text.partition(".")
    if dot and operator in _PLAIN:
        return True
    try:
        read_filter(Field("argument"), text, Budget(budget.deepest, 1))
    except ParseError:
        return False
    except InvalidLiteral:
        return True
    return True


def read_logic(text: str, connective: Connective, negated: bool, budget: Budget) -> Logic:
    """The logic tree of a parameter's whole value: ``(a.eq.1,or(b.is.null,c.gt.2))``.

    Raises:
        ParseError, InvalidLiteral, TooComplex.
    """
    scanner = Scanner(text, "logic tree", budget)
    tree = _tree(scanner, connective, negated, 1)
    scanner.finish()
    return tree


def _tree(scanner: Scanner, connective: Connective, negated: bool, depth: int) -> Logic:
    scanner.budget.descend(depth)
    scanner.budget.spend()
    scanner.skip()
    scanner.expect("(")
    items = [_branch(scanner, depth)]
    while scanner.take(","):
        items.append(_branch(scanner, depth))
    scanner.expect(")")
    scanner.skip()
    return Logic(connective, tuple(items), negated)


def _branch(scanner: Scanner, depth: int) -> Filter:
    scanner.skip()
    item: Filter
    nest = _NEST.match(scanner.text, scanner.at)
    if nest:
        scanner.at = nest.end()
        item = _tree(scanner, Connective(nest.group(2)), nest.group(1) is not None, depth + 1)
    else:
        scanner.budget.spend()
        field = scanner.field()
        scanner.skip()
        if not scanner.take("."):
            raise scanner.fault("delimiter (.), negation operator (not) or logic operator (and, or)")
        item = _comparison(scanner, field, _single)
    scanner.skip()
    return item


# Operator and value ------------------------------------------------------------------------------------------


def _comparison(scanner: Scanner, field: Field, read: Callable[[Scanner], str]) -> Comparison:
    negated = scanner.take("not.")
    start = scanner.at
    operator = OPERATORS.get(scanner.match(_OPERATOR) or "")
    if operator is None:
        scanner.at = start
        raise scanner.fault("operator (eq, gt, ...)" if negated else _EXPECTED)
    quantifier, language = _qualifier(scanner, operator)
    if not scanner.take("."):
        raise scanner.fault("operator (eq, gt, ...)")
    if operator.takes is Takes.WORD:
        return Comparison(field, operator.name, None, negated, word=_word(scanner))
    value: Literal
    if operator.takes is Takes.LIST:
        value = _list(scanner)
    else:
        value = read_array(read(scanner)) if quantifier else read(scanner)
    return Comparison(field, operator.name, value, negated, quantifier, language=language)


def _qualifier(scanner: Scanner, operator: Operator) -> tuple[Quantifier | None, str | None]:
    if operator.quantified:
        for quantifier in Quantifier:
            if scanner.take(f"({quantifier.value})"):
                return quantifier, None
    elif operator.language and scanner.take("("):
        language = scanner.identifier()
        scanner.expect(")")
        return None, language
    return None, None


def _word(scanner: Scanner) -> str:
    start = scanner.at
    word = (scanner.match(_WORD) or "").lower()
    if word not in WORDS:
        scanner.at = start
        raise scanner.fault("isVal: (null, not_null, true, false, unknown)")
    return word


def _rest(scanner: Scanner) -> str:
    text = scanner.text[scanner.at :]
    scanner.at = len(scanner.text)
    return text


def _single(scanner: Scanner) -> str:
    """A value inside a logic tree: quoted, in braces, or up to the next comma or parenthesis."""
    quoted = _element(scanner, scanner.quoted)
    if quoted is not None:
        return quoted
    braced = _element(scanner, lambda: scanner.match(_BRACES))
    return braced if braced is not None else scanner.match(_RUN) or ""


def _list(scanner: Scanner) -> tuple[str, ...]:
    scanner.skip()
    scanner.expect("(")
    scanner.skip()
    if scanner.take(")"):
        scanner.skip()
        return ()
    elements = [_listed(scanner)]
    while scanner.take(","):
        elements.append(_listed(scanner))
    scanner.expect(")")
    scanner.skip()
    return tuple(elements)


def _listed(scanner: Scanner) -> str:
    quoted = _element(scanner, scanner.quoted)
    return quoted if quoted is not None else scanner.match(_RUN) or ""


def _element(scanner: Scanner, read: Callable[[], str | None]) -> str | None:
    """What ``read`` reads, if it ends where an element may end; None, unmoved, otherwise."""
    start = scanner.at
    element = read()
    if element is not None and (scanner.done or scanner.text[scanner.at] in ",)"):
        return element
    scanner.at = start
    return None


def read_array(text: str) -> tuple[str | None, ...]:
    """The elements of a PostgreSQL array literal, whatever its dimensions: ``{a,"b c",NULL}``; None is NULL.

    Raises:
        InvalidLiteral: it is no such literal.
    """
    found = _TEXTS.read(text)
    assert isinstance(found, list)
    return tuple(_elements(found))


def _elements(values: list[Any]) -> Iterator[str | None]:
    for each in values:
        if isinstance(each, list):
            yield from _elements(each)
        else:
            yield each
