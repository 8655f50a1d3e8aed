"""``collect(declarations) -> Schema``: what a program declares, made one frozen Schema, with what is wrong in it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from functools import partial
from types import GenericAlias
from typing import Any, get_type_hints

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.exc import NoReferenceError, SQLAlchemyError
from sqlalchemy.orm import Mapper, RelationshipProperty

from backstay.errors import DeclarationError
from backstay.schema.caller import CallerAttribute
from backstay.schema.check.finding import Finding
from backstay.schema.check.origin import place_of
from backstay.schema.column import Column
from backstay.schema.declaration import (
    KNOWN,
    Declarations,
    FunctionDeclaration,
    Reflection,
    Resource,
    Search,
    Tenancy,
    declare_search,
)
from backstay.schema.describe import describe
from backstay.schema.expression.join import Report, name_by_attribute
from backstay.schema.expression.refuse import refuse
from backstay.schema.expression.weave import Tenants, narrow, weave
from backstay.schema.naming import name_constraints
from backstay.schema.relate import relate, uniques_of
from backstay.schema.relation import Cardinality, Name, Relation
from backstay.schema.rule import Place, Rule, Rules, Using
from backstay.schema.scope.held import limit
from backstay.schema.served import Argument, Function, Reflected, Schema, Served, SQLFunction

_SESSION_PARAMETERS = 1


def collect(
    declarations: Declarations,
    *,
    user: type[Any] | None = None,
    tenancy: Tenancy[Any] | None = None,
    schemas: Sequence[str] = ("public",),
    reflected: Sequence[Reflected] = (),
    search_language: str = "english",
) -> Schema:
    """Make one Schema of everything declared.

    What is wrong is noted in ``Schema.findings`` and left out; :func:`backstay.schema.check.check` adds what is wrong
    with the whole.

    Arguments:
        declarations: the resources and functions.
        user: the mapped class of the users' table.
        tenancy: what keeps tenants apart.
        schemas: the database schemas on the wire, the default one first.
        reflected: what each ``app.reflect(...)`` found in the database.
        search_language: the text-search configuration of searches that name none.

    Raises:
        DeclarationError: where the models cannot be mapped at all.
    """
    return _Collection(declarations, user, tenancy, tuple(schemas), tuple(reflected), search_language).schema()


def name_of(table: sa.Table) -> Name:
    """A table's schema and name on the wire."""
    # Plain text: SQLAlchemy's names are of a subclass, which orjson does not take for keys.
    return (str(table.schema or "public"), str(table.name))


def tables_of(declarations: Declarations, user: type[Any] | None) -> Mapping[Name, sa.Table]:
    """Every table that a model declares, served or not."""
    models = [each.model for each in declarations.resources] + ([user] if user is not None else [])
    mapped = [model for model in models if isinstance(model, sa.Table) or sa.inspect(model, raiseerr=False) is not None]
    return {name_of(table): table for model in mapped for table in table_of(model).metadata.tables.values()}


@dataclass(slots=True)
class _Collection:
    """One collection under way, and what was found wrong so far."""

    declarations: Declarations
    user: type[Any] | None
    tenancy: Tenancy[Any] | None
    schemas: tuple[str, ...]
    reflected: tuple[Reflected, ...]
    search_language: str
    findings: list[Finding] = field(default_factory=list)

    def schema(self) -> Schema:
        """Everything together."""
        declared = [each for each in self.declarations.resources if self.is_mapped(each)]
        models = [each.model for each in declared] + ([self.user] if self.user is not None else [])
        mappers = _mappers(models)
        metadata = list(dict.fromkeys(table_of(model).metadata for model in models))
        self.check_keys(metadata, declared)
        for each in metadata:
            name_constraints(each)
        tenants = self.tenants(mappers)
        resources = self.resources([*declared, *self.found()], metadata, mappers, tenants)
        functions = self.functions()
        return Schema(
            resources=resources,
            functions=functions,
            schemas=self.spaces(),
            metadata=_merged(metadata),
            user=table_of(self.user) if self.user is not None else None,
            tenants=tenants,
            sql_functions=self.sql_functions(functions),
            search_language=self.search_language,
            scopes={each.name: each for each in self.declarations.scopes},
            findings=tuple(self.findings),
        )

    def report(
        self,
        place: Place,
        model: Any,
        code: str,
        message: str,
        hint: str | None = None,
        *,
        attribute: str | None = None,
    ) -> None:
        """Note a finding, where the attribute of the class is written if it is about one."""
        where = place if attribute is None else place_of(model, attribute) or place
        self.findings.append(Finding(code, message, hint or "", where))

    def report_link(self, link: RelationshipProperty[Any], code: str, error: DeclarationError) -> None:
        """Note what is wrong with a relationship."""
        model = link.parent.class_
        message = f"`{link.key}` of {model.__name__}: {error.message}"
        self.report(Place("?", 0), model, code, message, error.hint, attribute=link.key)

    def spaces(self) -> tuple[str, ...]:
        """The schemas on the wire, those of what was found in the database behind the others."""
        found = [name_of(table)[0] for each in self.reflected for table in each.tables]
        return tuple(dict.fromkeys([*self.schemas, *found]))

    # What was declared ---------------------------------------------------------------------------------------

    def is_mapped(self, declared: Resource[Any]) -> bool:
        """Whether a resource is a mapped class or a table of its own."""
        model = declared.model
        if isinstance(model, sa.Table):
            return True
        mapper = sa.inspect(model, raiseerr=False)
        if isinstance(mapper, Mapper) and isinstance(mapper.local_table, sa.Table):
            return self.is_whole(mapper, declared)
        hint = "Give app.resource(...) a class that is mapped to a table."
        name = getattr(model, "__name__", repr(model))
        self.report(declared.place, model, "BS131", f"{name} is not mapped to a table", hint)
        return False

    def is_whole(self, mapper: Mapper[Any], declared: Resource[Any]) -> bool:
        """Whether a mapped class has its table for itself."""
        if mapper.inherits is None or mapper.concrete:
            return True
        name, base = mapper.class_.__name__, mapper.base_mapper.class_.__name__
        if mapper.local_table is mapper.inherits.local_table:
            message = f"{name} shares its table with {base}, so it cannot be served apart from it"
            hint = f"Serve {base}, which holds the rows of both."
        else:
            message = f"the rows of {name} are spread over its own table and that of {base}"
            hint = f"Give {name} a table of its own, with a foreign key and a relationship to {base}."
        self.report(declared.place, declared.model, "BS124", message, hint)
        return False

    def found(self) -> list[Resource[Any]]:
        """The tables that the database has and no model declares, as resources."""
        return [
            Resource(table, each.reflection.asked, each.reflection.place)  # type: ignore[arg-type]
            for each in self.reflected
            for table in each.tables
        ]

    def check_keys(self, metadata: Sequence[sa.MetaData], declared: Sequence[Resource[Any]]) -> None:
        """Foreign keys that lead nowhere: nothing more can be said of the models then."""
        places = {table_of(each.model): each for each in declared}
        broken = []
        for table in (table for each in metadata for table in each.tables.values()):
            for key in table.foreign_keys:
                try:
                    assert key.column is not None
                except (NoReferenceError, SQLAlchemyError) as error:
                    resource = places.get(table)
                    place = resource.place if resource else Place("?", 0)
                    broken.append(Finding("BS145", f"{key.parent}: {error}", "Correct the foreign key.", place))
        if broken:
            raise DeclarationError(findings=broken)

    # Tenants -------------------------------------------------------------------------------------------------

    def tenants(self, mappers: Sequence[Mapper[Any]]) -> Tenants | None:
        """Whose rows are whose."""
        if self.tenancy is None:
            return None
        place = next((each.place for each in self.declarations.resources), Place("?", 0))
        current = self.tenancy.current
        if not isinstance(current, CallerAttribute):
            hint = "Write Tenancy(Owned.org_id, current=me.org_id)."
            self.report(place, None, "BS163", "Tenancy(current=...) is not an attribute of the caller", hint)
            return None
        columns = dict(self.tenant_columns(mappers, self.tenancy))
        if not columns:
            hint = "Name the column of a mixin that models inherit, or of a model: Tenancy(Owned.org_id, ...)."
            self.report(place, None, "BS162", "no model has the column that Tenancy(...) names", hint)
        return Tenants(columns, current)

    def tenant_columns(
        self, mappers: Sequence[Mapper[Any]], tenancy: Tenancy[Any]
    ) -> Iterable[tuple[sa.Table, sa.Column[Any]]]:
        """Each table with the column that says whose a row is."""
        for mapper in mappers:
            attribute = tenancy.covers(mapper.class_)
            column = None if attribute is None else mapper.columns.get(attribute)
            if isinstance(column, sa.Column) and column.table is mapper.local_table:
                yield mapper.local_table, column

    # Resources -----------------------------------------------------------------------------------------------

    def resources(
        self,
        declared: Sequence[Resource[Any]],
        metadata: Sequence[sa.MetaData],
        mappers: Sequence[Mapper[Any]],
        tenants: Tenants | None,
    ) -> Mapping[Name, Served]:
        """Every resource by its name; of two with one name the first."""
        first: dict[Name, Resource[Any]] = {}
        for each in declared:
            name = name_of(table_of(each.model))
            if name not in first:
                first[name] = each
            elif not isinstance(each.model, sa.Table):
                message = f"{name[1]!r} is already a resource, declared at {first[name].place}"
                self.report(each.place, each.model, "BS123", message, "Serve a model once.")
        links = _relations(list(first.values()), metadata, mappers, tenants, self.report_link)
        computed = self.computed_relations(first)
        return {
            name: self.served(each, (*links.get(name, ()), *computed.get(name, ())), tenants)
            for name, each in first.items()
        }

    def computed_columns(self, table: sa.Table) -> Mapping[str, Column]:
        """What functions of the database compute of a row of a table."""
        found: dict[str, Column] = {}
        for computed in (computed for each in self.reflected for computed in each.computed):
            if computed.row == name_of(table) and computed.kind is not None:
                name = computed.function.name[1]
                expression = computed.function.of(table, computed.kind.sql)
                found[name] = Column(
                    name,
                    name,
                    computed.kind,
                    expression,
                    stored=False,
                    starred=False,
                    generated=True,
                    comment=computed.description or None,
                )
        return found

    def computed_relations(self, resources: Collection[Name]) -> Mapping[Name, tuple[Relation, ...]]:
        """The rows that functions of the database lead to from a row, by the resource of that row."""
        found: dict[Name, tuple[Relation, ...]] = {}
        for computed in (computed for each in self.reflected for computed in each.computed):
            if computed.target is not None and computed.target in resources:
                cardinality = Cardinality.ONE_TO_MANY if computed.many else Cardinality.MANY_TO_ONE
                function = computed.function
                relation = Relation(
                    computed.row, computed.target, cardinality, attribute=function.name[1], function=function
                )
                found[computed.row] = (*found.get(computed.row, ()), relation)
        return found

    def served(self, declared: Resource[Any], relations: tuple[Relation, ...], tenants: Tenants | None) -> Served:
        """One resource."""
        model, table = declared.model, table_of(declared.model)
        mapper = None if isinstance(model, sa.Table) else sa.inspect(model)
        columns, search = describe(declared, table, mapper, tenants, partial(self.report, declared.place, model))
        columns = {**self.computed_columns(table), **columns}
        kept = tuple(name for name in search if name in columns and columns[name].stored)
        declare_search(table, Search(kept, self.search_language))
        return Served(
            name=name_of(table),
            table=table,
            model=None if mapper is None else model,
            columns=columns,
            relations=relations,
            key=tuple(str(column.name) for column in table.primary_key),
            uniques=uniques_of(table),
            rules=self.rules(declared, table, tenants),
            hooks={kind: tuple(hooks) for kind, hooks in declared.hooks.items()},
            search=search,
            view=bool(table.info.get("view")),
            place=declared.place,
            comment=table.comment or _doc(model),
        )

    # Rules ---------------------------------------------------------------------------------------------------

    def rules(self, declared: Resource[Any], table: sa.Table, tenants: Tenants | None) -> Rules:
        """The rules of a resource. One that is refused is as if it were not there: nobody."""

        def rule(operation: str) -> Rule | None:
            return self.rule(declared, table, tenants, operation)

        return Rules(
            select=rule("select"),
            insert=rule("insert"),
            update=rule("update"),
            update_check=rule("update_check"),
            delete=rule("delete"),
        )

    def rule(self, declared: Resource[Any], table: sa.Table, tenants: Tenants | None, operation: str) -> Rule | None:
        """One rule, woven."""
        is_reflected = any(declared.place == each.reflection.place for each in self.reflected)
        name = f"{operation.removesuffix('_check')} of {'app.reflect()' if is_reflected else table.name}"
        woven = self.woven(declared, declared.asked.rule(operation), (name, declared.place), table, tenants)
        if woven is None:
            return None
        rule = narrow(woven, table, tenants)
        if self.declarations.scopes:
            rule = limit(rule, dict(self.extents(declared, table, tenants, operation)))
        return Rule(name, rule, declared.place)

    def extents(
        self, declared: Resource[Any], table: sa.Table, tenants: Tenants | None, operation: str
    ) -> Iterator[tuple[str, ColumnElement[Any]]]:
        """How far each scope lets keys do something with a resource, by the scope's name."""
        for scope in self.declarations.scopes:
            name = f"{operation.removesuffix('_check')} of {table.name} in the scope {scope.name}"
            asked = [(each.asked.rule(operation), each.place) for each in scope.grants if each.resource is declared]
            found = [self.woven(declared, rule, (name, place), table, tenants) for rule, place in asked]
            ways = [each for each in found if each is not None]
            if ways:
                yield scope.name, sa.or_(*ways)

    def woven(
        self,
        declared: Resource[Any],
        expression: Any,
        said: tuple[str, Place],
        table: sa.Table,
        tenants: Tenants | None,
    ) -> ColumnElement[Any] | None:
        """An expression that is said by a name, at a place, of the rows of a table; None where it is refused."""
        name, place = said
        element = None if expression is None else self.element(declared, name, place, expression)
        if element is None:
            return None
        try:
            woven = weave(element, table, tenants)
        except DeclarationError as error:
            self.report(place, declared.model, "BS101", f"{name}: {error.message}", error.hint)
            return None
        refusals = refuse(woven, table)
        for refusal in refusals:
            self.report(place, declared.model, refusal.code, f"{name}: {refusal.message}", refusal.hint)
        return None if refusals else woven

    def element(self, declared: Resource[Any], name: str, place: Place, expression: Any) -> ColumnElement[Any] | None:
        """A rule as an SQL expression; None for what is none."""
        if isinstance(expression, Using):
            message, hint = f"{name}: Using(...) is for update= alone", "Give insert= and delete= one expression each."
            self.report(place, declared.model, "BS110", message, hint)
            return None
        if isinstance(expression, bool) or not hasattr(expression, "__clause_element__") | isinstance(
            expression, sa.ClauseElement
        ):
            hint = "Write `anyone`, `signed_in`, or a comparison of columns. To let nobody, leave the rule out."
            message = f"{name}: {expression!r} is a value of Python, not an SQL expression"
            self.report(place, declared.model, "BS103", message, hint)
            return None
        return sa.sql.coercions.expect(sa.sql.roles.WhereHavingRole, expression)  # type: ignore[no-any-return]

    # Functions -----------------------------------------------------------------------------------------------

    def functions(self) -> Mapping[Name, Function]:
        """Every function of Python by its name; of two with one name the first."""
        found: dict[Name, Function] = {}
        for declared in self.declarations.functions:
            scopes = {each.name for each in self.declarations.scopes if declared.call in each.functions}
            function = _function(declared, self.schemas[0], frozenset(scopes))
            if function.name in found:
                message = f"`{function.name[1]}` is already a function, declared at {found[function.name].place}"
                self.findings.append(Finding("BS184", message, "Give it another name.", function.place))
            else:
                found[function.name] = function
        return found

    def sql_functions(self, functions: Mapping[Name, Function]) -> Mapping[Name, tuple[SQLFunction, ...]]:
        """The database's own functions by name, but for those that a function of Python stands before."""
        found: dict[Name, list[SQLFunction]] = {}
        for each in self.reflected:
            reading, writing = (self.caller_rule(each.reflection, word) for word in ("select", "insert"))
            for function in each.functions:
                if function.name not in functions:
                    rule = writing if function.volatile else reading
                    found.setdefault(function.name, []).append(replace(function, rule=rule))
        return {name: tuple(overloads) for name, overloads in found.items()}

    def caller_rule(self, reflection: Reflection, word: str) -> Rule | None:
        """Who may call the functions of the database: a rule that speaks of the caller alone."""
        nothing = Resource(sa.Table("functions", sa.MetaData()), reflection.asked, reflection.place)  # type: ignore[arg-type, var-annotated]
        return self.rule(nothing, table_of(nothing.model), None, word)


# Models ------------------------------------------------------------------------------------------------------


def table_of(model: Any) -> sa.Table:
    """The table of a mapped class, or a table itself."""
    table = model if isinstance(model, sa.Table) else sa.inspect(model).local_table
    assert isinstance(table, sa.Table)
    return table


def _mappers(models: Sequence[Any]) -> list[Mapper[Any]]:
    """All mappers of the registries that the models belong to, related to one another."""
    declared = [sa.inspect(model) for model in models if not isinstance(model, sa.Table)]
    registries = dict.fromkeys(mapper.registry for mapper in declared)
    try:
        for registry in registries:
            registry.configure()
    except SQLAlchemyError as error:
        place = next((found for model in models if (found := place_of(model))), Place("?", 0))
        finding = Finding("BS135", str(error), "Correct the models; SQLAlchemy cannot relate them.", place)
        raise DeclarationError(findings=[finding]) from error
    return [mapper for registry in registries for mapper in registry.mappers]


def _merged(metadata: Sequence[sa.MetaData]) -> sa.MetaData:
    if len(metadata) == 1:
        return metadata[0]
    merged = sa.MetaData()
    for each in metadata:
        for table in each.tables.values():
            table.to_metadata(merged)
    return merged


def _relations(
    declared: Sequence[Resource[Any]],
    metadata: Sequence[sa.MetaData],
    mappers: Sequence[Mapper[Any]],
    tenants: Tenants | None,
    report: Report,
) -> Mapping[Name, tuple[Relation, ...]]:
    served = {table_of(each.model): name_of(table_of(each.model)) for each in declared}
    mapped = {mapper.local_table for mapper in mappers}
    linked = {link.secondary for mapper in mappers for link in mapper.relationships if link.secondary is not None}
    tables = [table for each in metadata for table in each.tables.values()]
    junctions = [table for table in tables if table in served or table in linked or table not in mapped]
    junctions += [table for table in served if table not in tables]
    by_name = {served[table_of(each.model)]: sa.inspect(each.model) for each in declared if _is_class(each.model)}
    found: dict[Name, list[Relation]] = {}
    for relation in name_by_attribute(relate(served, junctions, linked), served, by_name, tenants, report):
        found.setdefault(relation.origin, []).append(relation)
    return {name: tuple(relations) for name, relations in found.items()}


def _is_class(model: Any) -> bool:
    return not isinstance(model, sa.Table)


def _doc(model: type[Any] | sa.Table) -> str | None:
    """What a class says of itself; not what its bases say, and not the signature that a dataclass is given."""
    text = vars(model).get("__doc__") if isinstance(model, type) else None
    if not isinstance(text, str) or (is_dataclass(model) and text.startswith(f"{model.__name__}(")):
        return None
    return inspect.cleandoc(text) or None


# Functions ---------------------------------------------------------------------------------------------------


def _function(declared: FunctionDeclaration, schema: str, scopes: frozenset[str]) -> Function:
    call = declared.call
    parameters = tuple(inspect.signature(call).parameters.values())[_SESSION_PARAMETERS:]
    hints = hints_of(call)
    known = {each.name: hint for each in parameters if (hint := hints.get(each.name)) in KNOWN}
    given = [(each, _argument(each, hints)) for each in parameters if each.name not in known]
    return Function(
        name=(schema, call.__name__),
        call=call,
        parameters=parameters,
        arguments=tuple(argument for each, argument in given if each.kind is not each.POSITIONAL_ONLY),
        body=next((argument for each, argument in given if each.kind is each.POSITIONAL_ONLY), None),
        known=known,
        returns=hints.get("return"),
        place=declared.place,
        description=inspect.getdoc(call) or "",
        scopes=scopes,
    )


def _argument(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Argument:
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    annotation = hints.get(parameter.name, Any)
    if parameter.kind is parameter.VAR_POSITIONAL:
        return Argument(parameter.name, GenericAlias(tuple, (annotation, ...)), False, (), variadic=True)
    return Argument(parameter.name, annotation, required, default)


def hints_of(call: Callable[..., Any]) -> Mapping[str, Any]:
    """A function's annotations; none where a name in them is unknown."""
    try:
        return get_type_hints(call, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}
