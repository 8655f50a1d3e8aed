"""``collect(declarations) -> Schema``: what a program declares, made one frozen Schema."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_type_hints

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.ext.hybrid import HybridExtensionType
from sqlalchemy.orm import Mapper

from backstay.errors import DeclarationError
from backstay.schema.caller import CallerAttribute
from backstay.schema.column import Column, Expressed, Filling, Fixed, Made
from backstay.schema.declaration import Declarations, FunctionDeclaration, Resource
from backstay.schema.kind import kind_of
from backstay.schema.naming import name_constraints
from backstay.schema.relate import name_by_attribute, relate, uniques_of
from backstay.schema.relation import Name, Relation
from backstay.schema.rule import Place, Rule, Rules, Using
from backstay.schema.served import Argument, Function, Schema, Served
from backstay.schema.tenancy import Tenancy
from backstay.schema.weave import plain, weave

_SESSION_PARAMETERS = 1


def collect(
    declarations: Declarations,
    *,
    user: type[Any] | None = None,
    tenancy: Tenancy[Any] | None = None,
    schemas: Sequence[str] = ("public",),
) -> Schema:
    """Make one Schema of everything declared.

    Arguments:
        declarations: the resources and functions.
        user: the mapped class of the users' table.
        tenancy: what keeps tenants apart.
        schemas: the database schemas on the wire, the default one first.

    Raises:
        DeclarationError: where a declaration makes no sense at all. What is merely wrong is found, all of it at once,
            by :func:`backstay.schema.check.check`.
    """
    metadata = _metadata(declarations, user)
    for each in metadata:
        name_constraints(each)
    tenants = _tenant_columns(metadata, declarations, tenancy)
    tenant = _tenant(tenancy)
    links = _relations(declarations, metadata)
    resources: dict[Name, Served] = {}
    for declared in declarations.resources:
        served = _served(declared, links, tenants, tenant)
        if served.name in resources:
            first = resources[served.name].place
            raise DeclarationError(f"{declared.place}: {served.name[1]!r} is already a resource, declared at {first}")
        resources[served.name] = served
    functions = (_function(each, schemas[0]) for each in declarations.functions)
    return Schema(
        resources=resources,
        functions={function.name: function for function in functions},
        schemas=tuple(schemas),
        metadata=_merged(metadata),
        user=sa.inspect(user).local_table if user is not None else None,
        tenant=tenant,
    )


def _metadata(declarations: Declarations, user: type[Any] | None) -> list[sa.MetaData]:
    models = [declared.model for declared in declarations.resources]
    found = [_table(model).metadata for model in [*models, *([user] if user is not None else [])]]
    return list(dict.fromkeys(found))


def _merged(metadata: Sequence[sa.MetaData]) -> sa.MetaData:
    if len(metadata) == 1:
        return metadata[0]
    merged = sa.MetaData()
    for each in metadata:
        for table in each.sorted_tables:
            table.to_metadata(merged)
    return merged


def _table(model: Any) -> sa.Table:
    if isinstance(model, sa.Table):
        return model
    mapper = sa.inspect(model, raiseerr=False)
    if not isinstance(mapper, Mapper):
        raise DeclarationError(f"{model!r} is neither a mapped class nor a table.")
    if not isinstance(mapper.local_table, sa.Table):
        raise DeclarationError(f"{model.__name__} is not mapped to a table.")
    return mapper.local_table


def name_of(table: sa.Table) -> Name:
    """A table's schema and name on the wire."""
    return (str(table.schema or "public"), str(table.name))


# Tenants -----------------------------------------------------------------------------------------------------


def _tenant(tenancy: Tenancy[Any] | None) -> CallerAttribute | None:
    if tenancy is None:
        return None
    if not isinstance(tenancy.current, CallerAttribute):
        raise DeclarationError("Tenancy(current=...) must be an attribute of the caller, such as me.org_id.")
    return tenancy.current


def _tenant_columns(
    metadata: Sequence[sa.MetaData], declarations: Declarations, tenancy: Tenancy[Any] | None
) -> dict[sa.Table, sa.Column[Any]]:
    if tenancy is None:
        return {}
    mappers = _mappers(declarations, metadata)
    found: dict[sa.Table, sa.Column[Any]] = {}
    for mapper in mappers:
        attribute = tenancy.covers(mapper.class_)
        if attribute is not None and isinstance(mapper.local_table, sa.Table):
            found[mapper.local_table] = mapper.local_table.c[mapper.columns[attribute].name]
    if not found:
        raise DeclarationError("No model has the column that Tenancy(...) names.")
    return found


def _mappers(declarations: Declarations, metadata: Sequence[sa.MetaData]) -> list[Mapper[Any]]:
    declared = [sa.inspect(each.model) for each in declarations.resources if not isinstance(each.model, sa.Table)]
    registries = {mapper.registry for mapper in declared}
    return [mapper for registry in registries for mapper in registry.mappers]


# Relations ---------------------------------------------------------------------------------------------------


def _relations(declarations: Declarations, metadata: Sequence[sa.MetaData]) -> Mapping[Name, tuple[Relation, ...]]:
    served = {_table(each.model): name_of(_table(each.model)) for each in declarations.resources}
    mappers = _mappers(declarations, metadata)
    mapped = {mapper.local_table for mapper in mappers}
    secondary = {link.secondary for mapper in mappers for link in mapper.relationships if link.secondary is not None}
    tables = [table for each in metadata for table in each.sorted_tables]
    junctions = [table for table in tables if table in served or table in secondary or table not in mapped]
    by_name = {
        name_of(mapper.local_table): mapper
        for mapper in mappers
        if isinstance(mapper.local_table, sa.Table) and mapper.local_table in served
    }
    found: dict[Name, list[Relation]] = {}
    for relation in name_by_attribute(relate(served, junctions), by_name):
        found.setdefault(relation.origin, []).append(relation)
    return {name: tuple(relations) for name, relations in found.items()}


# Resources ---------------------------------------------------------------------------------------------------


def _served(
    declared: Resource[Any],
    links: Mapping[Name, tuple[Relation, ...]],
    tenants: Mapping[sa.Table, sa.Column[Any]],
    tenant: CallerAttribute | None,
) -> Served:
    table = _table(declared.model)
    name = name_of(table)
    mapper = None if isinstance(declared.model, sa.Table) else sa.inspect(declared.model)
    key = tuple(column.name for column in table.primary_key)
    return Served(
        name=name,
        table=table,
        model=None if mapper is None else declared.model,
        columns=_columns(table, mapper, declared, tenants.get(table), tenant),
        relations=links.get(name, ()),
        key=key,
        uniques=uniques_of(table),
        rules=_rules(declared, name, table, tenants, tenant),
        hooks={kind: tuple(hooks) for kind, hooks in declared.hooks.items()},
        search=tuple(_column_name(each, table, mapper, declared.place) for each in declared.asked.search),
        view=bool(table.info.get("view")),
        place=declared.place,
        comment=table.comment,
    )


def _columns(
    table: sa.Table,
    mapper: Mapper[Any] | None,
    declared: Resource[Any],
    tenant_column: sa.Column[Any] | None,
    tenant: CallerAttribute | None,
) -> Mapping[str, Column]:
    hidden = {_column_name(each, table, mapper, declared.place) for each in declared.asked.hidden}
    readonly = {_column_name(each, table, mapper, declared.place) for each in declared.asked.readonly}
    columns: dict[str, Column] = {}
    for column in table.columns:
        default = _filling(column, column.default)
        if column is tenant_column and default is None and tenant is not None:
            default = Expressed(tenant)
        columns[column.name] = Column(
            name=column.name,
            attribute=mapper.get_property_by_column(column).key if mapper else column.name,
            kind=kind_of(column.type),
            expression=column,
            nullable=bool(column.nullable),
            primary=column.primary_key,
            hidden=column.name in hidden,
            readonly=column.name in readonly,
            generated=column.computed is not None or _always(column),
            default=default,
            onupdate=_filling(column, column.onupdate),
            server_default=column.server_default is not None or column is table.autoincrement_column,
            comment=column.comment or column.doc,
        )
    for attribute, expression, starred in _computed(mapper):
        columns[attribute] = Column(
            name=attribute,
            attribute=attribute,
            kind=kind_of(expression.type),
            expression=plain(expression),
            stored=False,
            starred=starred,
            generated=True,
            hidden=attribute in hidden,
        )
    return columns


def _always(column: sa.Column[Any]) -> bool:
    return column.identity is not None and bool(column.identity.always)


def _computed(mapper: Mapper[Any] | None) -> Iterable[tuple[str, ColumnElement[Any], bool]]:
    if mapper is None:
        return
    for attribute in mapper.column_attrs:
        expression = attribute.columns[0]
        if not isinstance(expression, sa.Column):
            yield attribute.key, expression, True
    for name, descriptor in mapper.all_orm_descriptors.items():
        if descriptor.extension_type is HybridExtensionType.HYBRID_PROPERTY:
            element = sa.sql.coercions.expect(sa.sql.roles.ColumnsClauseRole, getattr(mapper.class_, name))
            if isinstance(element, ColumnElement) and not isinstance(element.type, sa.types.NullType):
                yield name, element, False


def _filling(column: sa.Column[Any], default: Any) -> Filling | None:
    if default is None:
        return None
    if default.is_scalar:
        return Fixed(kind_of(column.type).dump(default.arg))
    if default.is_callable:
        call = default.arg
        return Made(lambda: call(None))
    if default.is_clause_element:
        return Expressed(plain(default.arg))
    raise DeclarationError(f"{column}: a {type(default).__name__} default is not supported.")


def _column_name(expression: Any, table: sa.Table, mapper: Mapper[Any] | None, place: Place) -> str:
    key = getattr(expression, "key", None)
    if mapper is not None and isinstance(key, str) and key in mapper.all_orm_descriptors:
        column = mapper.columns.get(key)
        return column.name if isinstance(column, sa.Column) else key
    if isinstance(key, str) and key in table.columns:
        return key
    for owner in mapper.class_.__mro__ if mapper else ():
        for name, value in vars(owner).items():
            if value is expression:
                return mapper.columns[name].name if mapper else name
    raise DeclarationError(f"{place}: {expression} is not a column of {table.name}.")


# Rules -------------------------------------------------------------------------------------------------------


def _rules(
    declared: Resource[Any],
    name: Name,
    table: sa.Table,
    tenants: Mapping[sa.Table, sa.Column[Any]],
    tenant: CallerAttribute | None,
) -> Rules:
    asked = declared.asked

    def rule(operation: str, expression: Any) -> Rule | None:
        if expression is None:
            return None
        element = sa.sql.coercions.expect(sa.sql.roles.WhereHavingRole, expression)
        return Rule(f"{operation} of {name[1]}", weave(element, table, tenants, tenant), declared.place)

    old, check = asked.update, asked.update
    if isinstance(asked.update, Using):
        old, check = asked.update.old, asked.update.check
    return Rules(
        select=rule("select", asked.select),
        insert=rule("insert", asked.insert),
        update=rule("update", old),
        update_check=rule("update", check),
        delete=rule("delete", asked.delete),
    )


# Functions ---------------------------------------------------------------------------------------------------


def _function(declared: FunctionDeclaration, schema: str) -> Function:
    call = declared.call
    try:
        hints = get_type_hints(call, include_extras=True)
    except NameError as error:
        raise DeclarationError(f"{declared.place}: {call.__name__}: {error}") from error
    parameters = list(inspect.signature(call).parameters.values())[_SESSION_PARAMETERS:]
    arguments = tuple(
        Argument(
            parameter.name,
            hints.get(parameter.name, Any),
            parameter.default is parameter.empty,
            None if parameter.default is parameter.empty else parameter.default,
        )
        for parameter in parameters
    )
    return Function(
        name=(schema, call.__name__),
        call=call,
        arguments=arguments,
        returns=hints.get("return"),
        place=declared.place,
        description=inspect.getdoc(call) or "",
    )
