"""Arrays, and the literals that PostgreSQL writes them in: ``{1,2,"a b",NULL}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from backstay.errors import DatabaseFault, InvalidLiteral
from backstay.schema.kind.document import Document
from backstay.schema.kind.kind import Canonical, Kind
from backstay.schema.kind.texts import TEXT, Domain, Structured, structured

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<mark>[{},])"
    r'|"(?P<quoted>(?:[^"\\]|\\.)*)"'
    r'|(?P<bare>(?:[^{},"\\\s]|\\.|\s+(?![\s{},]|$))+))\s*',
    re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_DIMENSIONS: Final = 6
OTHERWISE: Final = ("box",)
"""Types whose arrays do not have a comma between the elements."""
_NO_BRACE: Final = 'Array value must start with "{" or dimension information.'
_UNEVEN: Final = "Multidimensional arrays must have sub-arrays with matching dimensions."

Nested: TypeAlias = list[Any]
"""A list of values, None and lists of the same."""


@dataclass(frozen=True)
class Array(Kind):
    """An array of values of one kind, of any number of dimensions; canonically a list."""

    of: Kind = TEXT

    def take(self, value: Any) -> Canonical:
        """See :meth:`Kind.take`: a JSON array, or text with PostgreSQL's literal."""
        if isinstance(value, list):
            if isinstance(self.of, Document):
                return _documents(value, _first_depth(value), self.of.take)
            return _convert(_even(value, "malformed JSON array"), self.of.take)
        if value is not None and not isinstance(value, str):
            raise InvalidLiteral("expected JSON array")
        return super().take(value)

    def fit(self, value: Canonical) -> Canonical:
        """Every element as a column stores it."""
        return _convert(value, self.of.fit) if isinstance(value, list) else value

    def key(self, value: Canonical) -> tuple[Any, ...]:
        """Element by element, NULL last; then the shorter array first."""
        assert isinstance(value, list)
        elements = [(True, 0) if each is None else (False, self.of.key(each)) for each in _flat(value)]
        return elements, _dimensions(value)

    def _read(self, text: str) -> Canonical:
        return _convert(_even(_parse(text), f'malformed array literal: "{text}"'), self.of.read)

    def _python(self, value: Any) -> Canonical:
        if isinstance(value, list | tuple | set | frozenset):
            return _convert(_even(list(value), "malformed JSON array"), self.of.dump)
        raise InvalidLiteral(f'malformed array literal: "{value}"', detail=_NO_BRACE)


def _convert(values: Nested, convert: Callable[[Any], Canonical]) -> list[Canonical]:
    return [
        None if each is None else _convert(each, convert) if isinstance(each, list) else convert(each)
        for each in values
    ]


def _documents(values: Nested, depth: int, take: Callable[[Any], Canonical]) -> list[Canonical]:
    """Lists down to a depth; what is below is a document each, lists too."""
    if depth == 1:
        return [take(each) for each in values]
    inner = [_documents(each, depth - 1, take) if isinstance(each, list) else None for each in values]
    if None in inner or len({len(each or ()) for each in inner}) > 1:
        raise InvalidLiteral("malformed JSON array", detail=_UNEVEN)
    return list(inner)


def _first_depth(value: Any) -> int:
    """How many lists the first element is in: as PostgreSQL counts the dimensions of an array of documents."""
    depth = 0
    while isinstance(value, list):
        depth += 1
        if depth > _DIMENSIONS:
            raise _too_many_dimensions()
        value = value[0] if value else None
    return depth


def _flat(values: Nested) -> Iterator[Any]:
    for each in values:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def _dimensions(values: Any) -> int:
    return 1 + _dimensions(values[0]) if isinstance(values, list) and values else 0


def _even(values: Nested, message: str) -> Nested:
    """The values, if all lists side by side are alike; an array without any element is empty, however nested."""
    try:
        shape = _shape(values)
    except ValueError:
        raise InvalidLiteral(message, detail=_UNEVEN) from None
    return [] if 0 in shape else values


def _shape(value: Any, depth: int = 0) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    if depth == _DIMENSIONS:
        raise _too_many_dimensions()
    inner = {_shape(each, depth + 1) for each in value}
    if len(inner) > 1:
        raise ValueError
    return (len(value), *(inner.pop() if inner else ()))


def _too_many_dimensions() -> DatabaseFault:
    return DatabaseFault(
        f"number of array dimensions ({_DIMENSIONS + 1}) exceeds the maximum allowed ({_DIMENSIONS})", state="54000"
    )


# Literals ----------------------------------------------------------------------------------------------------


def _parse(text: str) -> Nested:
    """The nested lists of texts that an array's literal stands for."""
    root: Nested = []
    open_lists = [root]
    separated = True
    """Whether a value may follow: at the start of a list, or after a comma."""
    for token in _tokens(text):
        if len(open_lists) == 1 and (root or token["mark"] != "{"):
            raise _malformed(text, "Junk after closing right brace." if root else _NO_BRACE)
        match token["mark"]:
            case "{" if separated:
                open_lists[-1].append([])
                open_lists.append(open_lists[-1][-1])
                if len(open_lists) > _DIMENSIONS + 1:
                    raise _too_many_dimensions()
            case "}" if not separated or not open_lists[-1]:
                if separated and token.string[: token.start("mark")].rstrip().endswith(","):
                    raise _malformed(text, 'Unexpected "}" character.')
                open_lists.pop()
                separated = False
            case "," if not separated:
                separated = True
            case None if separated:
                open_lists[-1].append(_element(token))
                separated = False
            case mark:
                raise _malformed(text, f'Unexpected "{mark}" character.' if mark else "Unexpected array element.")
    if len(open_lists) > 1 or not root:
        raise _malformed(text, "Unexpected end of input." if root else _NO_BRACE)
    return list(root[0])


def _tokens(text: str) -> Iterator[re.Match[str]]:
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise _malformed(text, "Unexpected end of input." if text[:1] == "{" else _NO_BRACE)
        yield token
        place = token.end()


def _element(token: re.Match[str]) -> str | None:
    if token["quoted"] is not None:
        return _ESCAPE.sub(r"\1", token["quoted"])
    bare = token["bare"]
    return None if bare.upper() == "NULL" else _ESCAPE.sub(r"\1", bare)


def _malformed(text: str, detail: str) -> InvalidLiteral:
    return InvalidLiteral(f'malformed array literal: "{text}"', detail=detail)


def array(of: Kind) -> Kind:
    """An array of that kind; an array of arrays is an array of more dimensions, as in PostgreSQL."""
    if isinstance(of, Array) and not isinstance(of.sql, Domain):
        return of
    if isinstance(of, Structured | Array) or of.name in OTHERWISE:
        return structured(f"{of.name}[]", sa.ARRAY(of.sql))
    return Array(f"{of.name}[]", sa.ARRAY(of.sql), of)
