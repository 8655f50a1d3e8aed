"""The tables, views and functions of a PostgreSQL database, from a handful of queries to its catalog."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from backstay.dialects.postgresql.server import Server
from backstay.dialects.reflect import computed, types, views
from backstay.dialects.reflect.computed import read_computed
from backstay.dialects.reflect.functions import ATTRIBUTES, FUNCTIONS, read_functions
from backstay.dialects.reflect.types import Types
from backstay.dialects.reflect.views import Origin, Views
from backstay.schema.declaration import Reflection
from backstay.schema.relation import Name
from backstay.schema.served import Reflected
from backstay.settings import Settings

_RELATIONS: Final = """
SELECT c.oid, n.nspname AS space, c.relname AS name, c.relkind::text AS kind,
  obj_description(c.oid, 'pg_class') AS comment, pg_relation_is_updatable(c.oid, true) <> 0 AS writable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND c.relname NOT LIKE '\\_backstay\\_%' AND c.relname <> 'alembic_version'
  AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
ORDER BY n.nspname, c.relname
"""

_COLUMNS: Final = """
SELECT a.attrelid AS relation, a.attnum::int AS number, a.attname AS name, a.atttypid AS type, a.atttypmod AS modifier,
  a.attnotnull AS required, a.attidentity::text AS identity, a.attgenerated::text AS generated,
  pg_get_expr(d.adbin, d.adrelid) AS default, col_description(a.attrelid, a.attnum) AS comment
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY a.attrelid, a.attnum
"""

_KEYS: Final = """
SELECT k.conrelid AS relation, k.conname AS name, k.contype::text AS kind, k.conkey::int[] AS columns,
  k.confrelid AS target, k.confkey::int[] AS target_columns
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
WHERE k.contype IN ('p', 'u', 'f') AND k.conparentid = 0 AND k.conrelid <> 0
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY k.conrelid, k.conname
"""

_INDEXES: Final = """
SELECT i.indrelid AS relation, c.relname AS name, i.indisunique AS unique, i.indkey::int[] AS columns,
  i.indnkeyatts::int AS used
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY($1) AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))
ORDER BY c.relname
"""


async def reflect(
    url: str, reflections: Sequence[Reflection], *, declared: Mapping[Name, sa.Table], default: str
) -> tuple[Reflected, ...]:
    """See :func:`backstay.dialects.reflect.reflect`."""
    spaces = [reflection.schema or default for reflection in reflections]
    catalog = await _read(url, spaces)
    tables = catalog.tables(declared)
    functions = read_functions(catalog.functions, catalog.attributes, catalog.types)
    found_computed = read_computed(catalog.computed, catalog.types)
    found = []
    for place, (reflection, space) in enumerate(zip(reflections, spaces, strict=True)):
        first = space not in spaces[:place]
        mine = [table for table in tables if first and table.schema == space]
        ours = [each for each in functions if first and each.name[0] == space]
        found.append(
            Reflected(reflection, mine, ours, [each for each in found_computed if first and each.row[0] == space])
        )
    return tuple(found)


async def _read(url: str, spaces: Sequence[str]) -> _Catalog:
    connection = await Server(url, Settings()).open()
    try:
        # So that every type's name comes with its schema.
        await connection.execute("SET search_path TO pg_catalog")
        relations = await connection.fetch(_RELATIONS, list(spaces))
        oids = [row["oid"] for row in relations]
        return _Catalog(
            relations={row["oid"]: row for row in relations},
            columns=_grouped(await connection.fetch(_COLUMNS)),
            keys=_grouped(await connection.fetch(_KEYS)),
            indexes=_grouped(await connection.fetch(_INDEXES, oids)),
            views=Views({row["relation"]: row["tree"] for row in await connection.fetch(views.QUERY)}),
            types=Types(await connection.fetch(types.QUERY)),
            functions=await connection.fetch(FUNCTIONS, list(spaces)),
            attributes=_grouped(await connection.fetch(ATTRIBUTES, list(spaces))),
            computed=await connection.fetch(computed.QUERY, list(spaces)),
        )
    finally:
        await connection.close()


def _grouped(rows: Iterable[Any]) -> Mapping[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["relation"]].append(row)
    return found


@dataclass(slots=True)
class _Catalog:
    """What the catalog says, by object identifiers. ``columns`` and ``keys`` are of all relations, whatever is asked:
    a view may show tables of a schema that is not."""

    relations: Mapping[int, Any]
    columns: Mapping[int, list[Any]]
    keys: Mapping[int, list[Any]]
    indexes: Mapping[int, list[Any]]
    views: Views
    types: Types
    functions: list[Any]
    attributes: Mapping[int, list[Any]]
    computed: list[Any]
    metadata: sa.MetaData = field(default_factory=sa.MetaData)

    def tables(self, declared: Mapping[Name, sa.Table]) -> list[sa.Table]:
        """The tables and views that no model declares, linked to one another and to those of models."""
        models = {oid: declared.get((row["space"], row["name"])) for oid, row in self.relations.items()}
        made = {oid: self.table(self.relations[oid]) for oid, model in models.items() if model is None}
        showing: dict[int, list[_Shown]] = defaultdict(list)
        for oid, model in models.items():
            for relation, names in self.shown(oid).items():
                showing[relation].append(_Shown(made[oid] if model is None else model, model is None, names))
        for key in (key for keys in self.keys.values() for key in keys if key["kind"] == "f"):
            _link(key, showing)
        return list(made.values())

    # One table -----------------------------------------------------------------------------------------------

    def table(self, row: Any) -> sa.Table:
        """A table or view, without its foreign keys."""
        oid = row["oid"]
        is_view = row["kind"] in ("v", "m")
        behind = self.views.columns(oid) if is_view and row["writable"] else {}
        columns = [self.column(each, self.behind(behind.get(each["number"]))) for each in self.columns[oid]]
        table = sa.Table(
            row["name"], self.metadata, *columns, schema=row["space"], comment=row["comment"], info={"view": is_view}
        )
        for constraint in self.constraints(oid, row, table):
            table.append_constraint(constraint)
        for index in self.indexes[oid]:
            names = self.names(oid, index["columns"][: index["used"]])
            sa.Index(index["name"], *[table.c[name] for name in names], unique=index["unique"])
        return table

    def column(self, row: Any, behind: Any) -> sa.Column[Any]:
        """A column; one of a view that can be written has the defaults of the table's column behind it."""
        filled = row if behind is None else behind
        made: list[Any] = []
        default = None
        if filled["identity"]:
            made.append(sa.Identity(always=filled["identity"] == "a"))
        elif filled["generated"]:
            made.append(sa.Computed(filled["default"] or ""))
        elif filled["default"] is not None:
            default = sa.text(filled["default"].replace(":", "\\:"))
        return sa.Column(
            row["name"],
            self.types.make(row["type"], row["modifier"]),
            *made,
            nullable=not filled["required"],
            server_default=default,
            autoincrement="auto" if filled["identity"] else False,
            comment=row["comment"],
        )

    def behind(self, origin: Origin | None) -> Any:
        """The row of the table's column that a view's column is."""
        if origin is None:
            return None
        return next((row for row in self.columns[origin[0]] if row["number"] == origin[1]), None)

    def names(self, oid: int, numbers: Iterable[int]) -> list[str]:
        """The names of columns by their numbers."""
        known = {row["number"]: row["name"] for row in self.columns[oid]}
        return [known[number] for number in numbers]

    # Keys ----------------------------------------------------------------------------------------------------

    def constraints(self, oid: int, row: Any, table: sa.Table) -> Iterator[sa.Constraint]:
        """The primary key and the unique constraints; a view's are those of the table behind it, if it is one."""
        shown = self.shown(oid)
        may_write = row["kind"] not in ("v", "m") or row["writable"]
        for relation, names in shown.items():
            for key in self.keys[relation]:
                found = _all(names, key["columns"])
                if found is None or key["kind"] == "f":
                    continue
                if key["kind"] == "p" and may_write and not table.primary_key.columns:
                    yield sa.PrimaryKeyConstraint(*[table.c[name] for name in found], name=key["name"])
                elif len(shown) == 1:
                    yield sa.UniqueConstraint(*[table.c[name] for name in found], name=key["name"])

    def shown(self, oid: int) -> Mapping[int, Mapping[int, str]]:
        """The tables whose columns a relation has: of each, the name here of each column, by its number there."""
        found: dict[int, dict[int, str]] = defaultdict(dict)
        names = {row["number"]: row["name"] for row in self.columns[oid]}
        origins = self.views.columns(oid)
        for number, name in names.items():
            relation, column = origins.get(number, (oid, number))
            if self.relations[oid]["kind"] not in ("v", "m") or number in origins:
                found[relation].setdefault(column, name)
        return found


@dataclass(frozen=True, slots=True)
class _Shown:
    """A table or view that has columns of a table, by their numbers there; ``made`` where no model declares it."""

    table: sa.Table
    made: bool
    names: Mapping[int, str]


def _link(key: Any, showing: Mapping[int, list[_Shown]]) -> None:
    """A foreign key, of everything that has its columns, to everything that has those it leads to."""
    for origin in showing.get(key["relation"], ()):
        ours = _all(origin.names, key["columns"])
        if ours is None or not origin.made:
            continue
        for target in showing.get(key["target"], ()):
            theirs = _all(target.names, key["target_columns"])
            if theirs is not None and all(name in target.table.c for name in theirs):
                far: list[Any] = [target.table.c[name] for name in theirs]
                origin.table.append_constraint(sa.ForeignKeyConstraint(ours, far, name=key["name"]))


def _all(shown: Mapping[int, str], numbers: Sequence[int]) -> list[str] | None:
    """The names of all these columns; None where one of them is not shown."""
    names = [shown.get(number) for number in numbers]
    return None if None in names else [name for name in names if name is not None]
