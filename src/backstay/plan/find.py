"""Finding what a name means: columns and relations, and the answers when it means nothing or too much."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from backstay.errors import AmbiguousRelation, UnknownColumn, UnknownRelation, UnknownResource
from backstay.schema.column import Column
from backstay.schema.relation import Cardinality, Relation
from backstay.schema.served import Schema, Served

_SIMILAR = 0.75


def closest(name: str, known: Iterable[str], *, similarity: float = _SIMILAR) -> str | None:
    """The known name most like an unknown one, if one is like it."""
    from difflib import get_close_matches  # most applications never meet a name that they do not know

    found = get_close_matches(name, list(known), n=1, cutoff=similarity)
    return found[0] if found else None


def find_resource(schema: Schema, space: str, name: str, may_know: Callable[[Served], bool]) -> Served:
    """The resource of that name.

    Raises:
        UnknownResource: with the closest name among those the caller may know.
    """
    served = schema.resources.get((space, name))
    if served is not None:
        return served
    known = (each.name[1] for each in schema.resources.values() if each.name[0] == space and may_know(each))
    like = closest(name, known)
    raise UnknownResource(
        f"Could not find the table '{space}.{name}' in the schema cache",
        hint=f"Perhaps you meant the table '{space}.{like}'" if like else None,
    )


def find_column(served: Served, name: str) -> Column:
    """The column of that name; a hidden one is as if it did not exist.

    Raises:
        UnknownColumn: with the closest name on the wire (SQLSTATE 42703).
    """
    column = served.visible.get(name)
    if column is not None:
        return column
    table = served.name[1]
    like = closest(name, served.visible)
    raise UnknownColumn(
        f"column {table}.{name} does not exist",
        hint=f'Perhaps you meant to reference the column "{table}.{like}".' if like else None,
    )


def find_relation(
    schema: Schema, origin: Served, name: str, hint: str | None, may_know: Callable[[Served], bool]
) -> Relation:
    """The relation that an embed names, by PostgREST's rules and by the name of the model's ``relationship()``.

    Raises:
        UnknownRelation, AmbiguousRelation.
    """
    found = candidates(origin, name, hint)
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous(origin, name, found)
    space, ours = origin.name
    known = {each[1] for each in origin.embeddable if may_know(schema.resources[each])}
    # Where the name is known, it is the hint that is wrong.
    like = None if name in known else closest(name, known, similarity=0.5)
    using = f" using the hint '{hint}'" if hint else ""
    raise UnknownRelation(
        f"Could not find a relationship between '{ours}' and '{name}' in the schema cache",
        detail=f"Searched for a foreign key relationship between '{ours}' and '{name}'{using} "
        f"in the schema '{space}', but no matches were found.",
        hint=f"Perhaps you meant '{like}' instead of '{name}'." if like else None,
    )


def candidates(origin: Served, name: str, hint: str | None) -> list[Relation]:
    """Every relation of a resource that an embed's name and hint may mean.

    Tables of one name in two schemas: the one that is in the resource's own schema is meant.
    """
    found = _candidates(origin, name, hint)
    if len(found) == 1:
        return found
    return [relation for relation in found if relation.target[0] == origin.name[0]] or found


def _candidates(origin: Served, name: str, hint: str | None) -> list[Relation]:
    declared = [relation for relation in origin.relations if relation.attribute == name]
    computed = [relation for relation in declared if relation.computed]
    if computed:
        return computed
    if hint is None:
        return declared or [relation for relation in origin.relations if _named(relation, name)]
    return [
        relation
        for relation in origin.relations
        if not relation.computed and name in (relation.target[1], relation.attribute) and _hinted(relation, hint)
    ]


def _is_self(relation: Relation) -> bool:
    return relation.origin == relation.target


def _single(relation: Relation) -> tuple[str, str] | None:
    return relation.pairs[0] if len(relation.pairs) == 1 else None


def _named(relation: Relation, name: str) -> bool:
    """Whether a name alone means a relation: a table's, a foreign key's, or that of its one column.

    Of a table with itself, the table's name means the rows that refer to this one, the column's the row that this one
    refers to; what leads through a junction is told by a hint alone.
    """
    if relation.computed:
        return False
    by_table = relation.target[1] == name
    if relation.to_view and not _is_self(relation):
        return by_table
    single = _single(relation)
    by_column = single is not None and relation.owning and single[0] == name
    if _is_self(relation):
        return by_column or (by_table and not relation.owning and relation.junction is None)
    return by_table or by_column or (bool(relation.constraint) and relation.constraint == name)


def _hinted(relation: Relation, hint: str) -> bool:
    """Whether a hint means a relation: a foreign key, its one column on either side, or a junction."""
    junction = relation.junction
    if junction is not None:
        if _is_self(relation):
            # There are two, one from each side: the junction's name alone would mean both.
            near = [ours for _, ours in junction.near]
            return hint == junction.near_constraint or [hint] == near
        return hint in (junction.table.name, junction.near_constraint, junction.far_constraint)
    single = _single(relation) or ("", "")
    if _is_self(relation):
        return not relation.owning and hint in (relation.constraint, single[1])
    return hint == relation.constraint or hint in single


def _ambiguous(origin: Served, name: str, found: list[Relation]) -> AmbiguousRelation:
    ours = origin.name[1]
    found = sorted(found, key=lambda relation: (_ORDER.index(relation.cardinality), _hint_for(relation)))
    hints = [f"'{relation.target[1]}!{_hint_for(relation)}'" for relation in found]
    return AmbiguousRelation(
        f"Could not embed because more than one relationship was found for '{ours}' and '{name}'",
        detail=[
            {
                "cardinality": relation.cardinality.value,
                "embedding": f"{ours} with {relation.target[1]}",
                "relationship": relation.describe(),
            }
            for relation in found
        ],
        hint=f"Try changing '{name}' to one of the following: {', '.join(hints)}. "
        "Find the desired relationship in the 'details' key.",
    )


_ORDER: Final = (Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_ONE, Cardinality.ONE_TO_MANY, Cardinality.MANY_TO_MANY)


def _hint_for(relation: Relation) -> str:
    return relation.junction.table.name if relation.junction is not None else relation.constraint
