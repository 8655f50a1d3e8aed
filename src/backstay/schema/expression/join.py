"""What a ``relationship()`` says: the name of a relation, the order of its rows, a condition beside foreign keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapper, RelationshipProperty
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BooleanClauseList, UnaryExpression
from sqlalchemy.sql.selectable import FromClause

from backstay.errors import DeclarationError
from backstay.schema.caller import CallerAttribute, SignedIn
from backstay.schema.column import Column
from backstay.schema.expression.refuse import refuse, refuse_value
from backstay.schema.expression.weave import Tenants, weave, weave_between
from backstay.schema.kind import kind_of
from backstay.schema.relation import Cardinality, Condition, Junction, Name, Ordering, Relation

Report: TypeAlias = Callable[[RelationshipProperty[Any], str, DeclarationError], None]

_CALLER = DeclarationError(
    "it speaks of the caller", hint="Let a rule speak of the caller, or filter the embed in the request."
)


def condition_of(
    link: RelationshipProperty[Any], origin: sa.Table, target: sa.Table, tenants: Tenants | None
) -> Condition:
    """What makes rows related by a ``relationship()``.

    Arguments:
        link: the relationship.
        origin: the table of the class that has it.
        target: the table of the class that it leads to.
        tenants: what its sub-selects are narrowed to.

    Raises:
        DeclarationError: it says what has not one meaning on every database.
    """
    there = target.alias("related")
    between = link.secondary.alias("between") if isinstance(link.secondary, sa.Table) else None
    sides = _Sides(origin, target, there, link.secondary, between)
    joined = sides.told(link.primaryjoin, far=False)
    if link.secondaryjoin is not None:
        joined = sa.and_(joined, sides.told(link.secondaryjoin, far=True))
    tables = [origin, there, *([between] if between is not None else [])]
    woven = weave_between(joined, tables)
    _verify(woven)
    for refusal in refuse(woven, *tables):
        raise DeclarationError(refusal.message, hint=refusal.hint)
    narrowed = None if tenants is None else weave_between(joined, tables, tenants)
    return Condition(woven, narrowed, origin, there, between)


@dataclass(frozen=True, slots=True)
class _Sides:
    origin: sa.Table
    target: sa.Table
    there: FromClause
    secondary: Any
    between: FromClause | None

    def told(self, condition: Any, *, far: bool) -> ColumnElement[Any]:
        """A condition in which each column belongs to the side that it is meant of.

        Arguments:
            condition: SQLAlchemy's, whose columns are annotated.
            far: whether it is that of the junction with the target.
        """

        def replace(element: Any, **_: Any) -> Any:
            if not isinstance(element, sa.Column):
                return None
            table, name = element.table._deannotate(), element.key
            if self.between is not None and table is self.secondary:
                return self.between.c[name]
            is_there = far if self.between is not None else "remote" in element._annotations
            if table is self.target and (is_there or table is not self.origin):
                return self.there.c[name]
            return None

        return visitors.replacement_traverse(condition, {}, replace)  # type: ignore[no-any-return]


def order_of(link: RelationshipProperty[Any], target: sa.Table, tenants: Tenants | None) -> Iterator[Ordering]:
    """The order of the rows that a ``relationship()`` leads to.

    Raises:
        DeclarationError: it says what has not one meaning on every database, or is of another table.
    """
    for term in link.order_by or ():
        descending, nulls_first, value = _term(term)
        woven = weave(value, target)
        _verify(woven)
        for refusal in refuse_value(woven, target):
            raise DeclarationError(refusal.message, hint=refusal.hint)
        stored = isinstance(woven, sa.Column)
        narrowed = None if stored or tenants is None else weave(value, target, tenants)
        name = str(woven.name) if stored else "order"
        column = Column(name, name, kind_of(woven.type), woven, narrowed, stored=stored)
        yield Ordering(column, descending, descending if nulls_first is None else nulls_first)


def _term(term: Any) -> tuple[bool, bool | None, Any]:
    """Which way a term of an order goes, where it puts NULL, and of what it is."""
    descending, nulls_first = False, None
    while isinstance(term, UnaryExpression) and term.modifier is not None:
        if term.modifier in (operators.nulls_first_op, operators.nulls_last_op):
            nulls_first = term.modifier is operators.nulls_first_op
        descending = descending or term.modifier is operators.desc_op
        term = term.element
    return descending, nulls_first, term


def _verify(expression: ColumnElement[Any]) -> None:
    if any(isinstance(element, CallerAttribute | SignedIn) for element in visitors.iterate(expression)):
        raise _CALLER


# Relations by the names of attributes -------------------------------------------------------------------------


def name_by_attribute(
    relations: Iterable[Relation],
    served: Mapping[sa.Table, Name],
    mappers: Mapping[Name, Mapper[Any]],
    tenants: Tenants | None,
    report: Report,
) -> list[Relation]:
    """Tell each relation the ``relationship()`` that maps it, so that it can be embedded by that name too.

    A relationship that says more than a foreign key, or something else, is a relation of its own.

    Arguments:
        relations: those that foreign keys make.
        served: the tables that are resources, by name.
        mappers: of the served classes, by the names of their resources.
        tenants: what sub-selects in conditions are narrowed to.
        report: notes what is wrong with a relationship: its class, its name, and why.
    """
    named: list[Relation] = []
    mapped: set[RelationshipProperty[Any]] = set()
    for relation in relations:
        mapper = mappers.get(relation.origin)
        found = next((p for p in mapper.relationships if maps(p, relation)), None) if mapper else None
        if found is None:
            named.append(relation)
            continue
        mapped.add(found)
        order = _order(found, tenants, report)
        named.append(replace(relation, attribute=found.key, order=order))
    for mapper in mappers.values():
        for link in mapper.relationships:
            if link not in mapped and link.mapper.local_table in served:
                named.extend(_computed(link, served, tenants, report))
    return named


def _computed(
    link: RelationshipProperty[Any], served: Mapping[sa.Table, Name], tenants: Tenants | None, report: Report
) -> Iterator[Relation]:
    origin, target = link.parent.local_table, link.mapper.local_table
    assert isinstance(origin, sa.Table)
    assert isinstance(target, sa.Table)
    try:
        condition = condition_of(link, origin, target, tenants)
    except DeclarationError as error:
        report(link, "BS146", error)
        return
    junction = None
    cardinality = Cardinality.ONE_TO_MANY if link.uselist else Cardinality.MANY_TO_ONE
    if isinstance(link.secondary, sa.Table):
        junction = Junction(link.secondary, served.get(link.secondary), (), (), "", "")
        cardinality = Cardinality.MANY_TO_MANY if link.uselist else cardinality
    yield Relation(
        served[origin],
        served[target],
        cardinality,
        junction=junction,
        attribute=link.key,
        condition=condition,
        order=_order(link, tenants, report),
    )


def _order(link: RelationshipProperty[Any], tenants: Tenants | None, report: Report) -> tuple[Ordering, ...]:
    """The order of the rows that a relationship leads to; none where it cannot be used."""
    target = link.mapper.local_table
    assert isinstance(target, sa.Table)
    try:
        return tuple(order_of(link, target, tenants))
    except DeclarationError as error:
        report(link, "BS147", error)
        return ()


def maps(attribute: RelationshipProperty[Any], relation: Relation) -> bool:
    """Whether a ``relationship()`` leads to the same rows as a relation."""
    target = attribute.mapper.local_table
    if not isinstance(target, sa.Table) or (target.schema or "public", target.name) != relation.target:
        return False
    if relation.junction is None:
        pairs = {(local.name, remote.name) for local, remote in attribute.local_remote_pairs or ()}
        return attribute.secondary is None and pairs == set(relation.pairs) and _says_no_more(attribute)
    if attribute.secondary is not relation.junction.table or attribute.secondary_synchronize_pairs is None:
        return False
    near = {(local.name, remote.name) for local, remote in attribute.synchronize_pairs}
    far = {(remote.name, local.name) for local, remote in attribute.secondary_synchronize_pairs}
    return near == set(relation.junction.near) and far == set(relation.junction.far) and _says_no_more(attribute)


def _says_no_more(attribute: RelationshipProperty[Any]) -> bool:
    """Whether a relationship's conditions are its foreign keys' alone, and no filter beside."""
    for condition, pairs in (
        (attribute.primaryjoin, attribute.synchronize_pairs),
        (attribute.secondaryjoin, attribute.secondary_synchronize_pairs or ()),
    ):
        terms = condition.clauses if isinstance(condition, BooleanClauseList) else [condition]
        if condition is not None and len(list(terms)) != len(pairs):
            return False
    return True
