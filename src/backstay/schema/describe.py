"""``describe(resource, table) -> columns``: the columns of a resource, from its table and its mapped class."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args, get_type_hints
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.hybrid import HybridExtensionType
from sqlalchemy.orm import Mapper, QueryableAttribute
from sqlalchemy.sql import visitors
from sqlalchemy.types import TypeEngine

from backstay.errors import BackstayError, DeclarationError
from backstay.schema.caller import CallerAttribute, SignedIn
from backstay.schema.column import Column, Expressed, Filling, Fixed, Made
from backstay.schema.declaration import Resource
from backstay.schema.expression.refuse import refuse_value
from backstay.schema.expression.weave import Tenants, plain, weave
from backstay.schema.kind import Kind, kind_of, other
from backstay.schema.kind.symbols import random_uuids

Report: TypeAlias = Callable[..., None]
"""Notes a finding: its code, message and hint, and the ``attribute`` of the mapped class that it is about."""


def describe(
    declared: Resource[Any], table: sa.Table, mapper: Mapper[Any] | None, tenants: Tenants | None, report: Report
) -> tuple[Mapping[str, Column], tuple[str, ...]]:
    """The columns of a resource by name, and the names of those that full-text operators read.

    Arguments:
        declared: the resource.
        table: where its rows are.
        mapper: of its class, if it has one.
        tenants: what computed columns are narrowed to.
        report: notes what is wrong; what cannot be served is left out.
    """
    description = _Description(table, mapper, tenants, report)
    hidden, readonly, search = (
        description.named(word, getattr(declared.asked, word)) for word in ("hidden", "readonly", "search")
    )
    columns = description.stored(hidden, readonly) | description.computed(hidden)
    return columns, tuple(search)


@dataclass(frozen=True, slots=True)
class _Description:
    table: sa.Table
    mapper: Mapper[Any] | None
    tenants: Tenants | None
    report: Report

    # Columns of the table ------------------------------------------------------------------------------------

    def stored(self, hidden: Collection[str], readonly: Collection[str]) -> dict[str, Column]:
        """The columns that the table holds."""
        attributes = self.attributes()
        found: dict[str, Column] = {}
        for column in self.table.columns:
            # Plain text: SQLAlchemy's names are of a subclass.
            name = str(column.name)
            attribute = attributes.get(column, name)
            found[name] = Column(
                name=name,
                attribute=attribute,
                kind=self.kind(column.type, name, attribute),
                expression=column,
                nullable=bool(column.nullable),
                primary=column.primary_key,
                hidden=name in hidden,
                readonly=name in readonly,
                generated=column.computed is not None or _always(column),
                default=self.default(column, attribute),
                onupdate=self.filling(column, column.onupdate, attribute),
                server_default=column.server_default is not None or column is self.table.autoincrement_column,
                comment=column.comment or column.doc,
            )
            if column.key != column.name:
                hint = "Rename the attribute, not the key: mapped_column(name)."
                self.report(
                    "BS136", f"`{column.key}` is the key of the column `{column.name}`", hint, attribute=attribute
                )
        return found

    def attributes(self) -> dict[sa.Column[Any], str]:
        """The attribute of the mapped class for each column that has one."""
        if self.mapper is None:
            return {}
        return {
            column: attribute.key
            for attribute in self.mapper.column_attrs
            for column in attribute.columns
            if isinstance(column, sa.Column)
        }

    def kind(self, type_: Any, name: str, attribute: str) -> Kind:
        """A type on the wire; text as it comes from the database where there is none."""
        try:
            return kind_of(type_)
        except DeclarationError as error:
            message, hint = error.message, error.hint or "Give the column another type."
            if isinstance(type_, sa.types.NullType):
                message, hint = "it has no type", "Say the type: sa.func.name(..., type_=sa.String)."
            self.report("BS129", f"`{name}` of {self.table.name}: {message}", hint, attribute=attribute)
            return other("text")

    # Defaults ------------------------------------------------------------------------------------------------

    def default(self, column: sa.Column[Any], attribute: str) -> Filling | None:
        """What a new row gets; a tenant's column is the caller's tenant."""
        if column.default is None and self.tenants is not None and self.tenants.columns.get(self.table) is column:
            return Expressed(self.tenants.current)
        return self.filling(column, column.default, attribute)

    def filling(self, column: sa.Column[Any], default: Any, attribute: str) -> Filling | None:
        """What Python or the statement fills in."""
        if default is None:
            return None
        try:
            return _filling(column, default)
        except BackstayError as error:
            message = f"the default of `{column.name}` of {self.table.name}: {error.message}"
            self.report("BS132", message, error.hint or "Give it a value of the column's type.", attribute=attribute)
            return None

    # Computed columns ----------------------------------------------------------------------------------------

    def computed(self, hidden: Collection[str]) -> dict[str, Column]:
        """What is computed when it is read: ``column_property`` and hybrid expressions."""
        found: dict[str, Column] = {}
        for attribute, expression, type_, starred in self.expressions():
            if attribute in self.table.columns:
                continue
            try:
                woven = weave(expression, self.table)
                narrowed = weave(expression, self.table, self.tenants) if self.tenants is not None else None
            except DeclarationError as error:
                self.report("BS133", f"`{attribute}`: {error.message}", error.hint, attribute=attribute)
                continue
            if not self.is_sound(attribute, woven):
                continue
            found[attribute] = Column(
                name=attribute,
                attribute=attribute,
                kind=self.kind(type_, attribute, attribute),
                expression=woven,
                narrowed=narrowed,
                stored=False,
                starred=starred,
                generated=True,
                hidden=attribute in hidden,
            )
        return found

    def expressions(self) -> Iterator[tuple[str, ColumnElement[Any], TypeEngine[Any], bool]]:
        """The attributes that are no columns of the table, their types, and whether ``*`` means them, too."""
        if self.mapper is None:
            return
        for attribute in self.mapper.column_attrs:
            if not isinstance(attribute.columns[0], sa.Column):
                yield attribute.key, attribute.columns[0], attribute.columns[0].type, True
        for name, descriptor in self.mapper.all_orm_descriptors.items():
            # An expression that is given `inplace` has a name of its own, private by convention.
            if descriptor.extension_type is HybridExtensionType.HYBRID_PROPERTY and not name.startswith("_"):
                element = _hybrid(self.mapper.class_, name)
                type_ = None if element is None else _type_of(element, descriptor, self.mapper)
                if element is not None and type_ is not None:
                    yield name, element, type_, False

    def is_sound(self, attribute: str, expression: ColumnElement[Any]) -> bool:
        """Whether a computed column can be served; what is merely unwise is reported and served."""
        if any(isinstance(element, CallerAttribute | SignedIn) for element in visitors.iterate(expression)):
            hint = "Let a rule or a filter speak of the caller, or embed the rows that are theirs."
            self.report("BS134", f"`{attribute}` of {self.table.name} speaks of the caller", hint, attribute=attribute)
            return False
        for refusal in refuse_value(expression, self.table):
            self.report(
                "BS133", f"`{attribute}` of {self.table.name}: {refusal.message}", refusal.hint, attribute=attribute
            )
        return True

    # What app.resource(...) names ----------------------------------------------------------------------------

    def named(self, word: str, expressions: Collection[Any]) -> list[str]:
        """The names of the columns that ``hidden=`` and its like name."""
        found = []
        for expression in expressions:
            name = self.name(expression)
            if name is None:
                message = f"`{word}=` names {_shown(expression)}, which is no column of {self.table.name}"
                self.report("BS125", message, "Name the model's own attributes: `Note.title`.")
            else:
                found.append(name)
        return found

    def name(self, expression: Any) -> str | None:
        """The name on the wire of what an expression of the program names."""
        if isinstance(expression, sa.Column) and expression.table is self.table:
            return expression.name
        if self.mapper is None:
            return None
        for owner in self.mapper.class_.__mro__:
            for key, value in vars(owner).items():
                if value is expression:
                    return self.name_of_attribute(key)
        if not isinstance(expression, QueryableAttribute) or expression.class_ not in self.mapper.class_.__mro__:
            return None
        return self.name_of_attribute(str(expression.key))

    def name_of_attribute(self, key: str) -> str | None:
        """The name on the wire of an attribute of the mapped class; None where it is no column."""
        assert self.mapper is not None
        column = self.mapper.columns.get(key)
        if isinstance(column, sa.Column):
            return column.name
        return key if key in {name for name, *_ in self.expressions()} else None


def _shown(expression: Any) -> str:
    return f"`{expression}`" if isinstance(expression, QueryableAttribute | sa.Column) else repr(expression)


def _always(column: sa.Column[Any]) -> bool:
    return column.identity is not None and bool(column.identity.always)


def _hybrid(model: type[Any], name: str) -> ColumnElement[Any] | None:
    """The SQL side of a hybrid property; None where it has none."""
    try:
        attribute = getattr(model, name)
    except (TypeError, AttributeError, ValueError, NotImplementedError, SQLAlchemyError):
        # Python's side of it does something that an SQL expression cannot do.
        return None
    element = getattr(attribute, "expression", attribute)
    return element if isinstance(element, ColumnElement) else None


def _type_of(element: ColumnElement[Any], hybrid: Any, mapper: Mapper[Any]) -> TypeEngine[Any] | None:
    """The type of a hybrid property: that of its expression, else of what it says it returns; None where none is."""
    if not isinstance(element.type, sa.types.NullType):
        return element.type
    try:
        returned = get_type_hints(hybrid.fget).get("return")
    except (NameError, TypeError, AttributeError):
        return None
    named = [each for each in get_args(returned) or (returned,) if isinstance(each, type) and each is not type(None)]
    return mapper.registry._resolve_type(named[0]) if len(named) == 1 else None


def _filling(column: sa.Column[Any], default: Any) -> Filling:
    if default.is_scalar:
        return Fixed(kind_of(column.type).dump(default.arg))
    if default.is_sequence:
        return Expressed(default.next_value())
    if default.is_callable:
        call = default.arg
        if _takes_context(call):
            raise DeclarationError(
                "it is a function of SQLAlchemy's context, which is not there when rows are written in bulk",
                hint="Use a function without parameters, or fill the column in a hook.",
            )
        random = isinstance(column.type, sa.Uuid) and getattr(call, "__wrapped__", None) is uuid4
        return Made(lambda: call(None), random_uuids if random else None)
    if default.is_clause_element:
        return Expressed(plain(default.arg))
    raise DeclarationError(f"a {type(default).__name__} is not supported", hint="Use a value, a function or `me`.")


def _takes_context(call: Callable[..., Any]) -> bool:
    """Whether a default's function has a parameter: SQLAlchemy wraps those that have none."""
    code = getattr(call, "__code__", None)
    return code is not None and code.co_filename != sa.sql.schema.__file__
