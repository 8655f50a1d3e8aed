"""The text of a program that serves an existing database: its models, and resources without rules."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from backstay.cli.config import mask
from backstay.dialects.migrate.run import run
from backstay.errors import DeclarationError

_INTERNAL: Final = re.compile(r"_backstay_|alembic_version$|sqlite_")

_PARTITIONS: Final = sa.text("SELECT relname FROM pg_catalog.pg_class WHERE relispartition")

_OPTIONS: Final = ("noidsuffix", "nojoined")
"""Each table is a class of its own, and relationships are named by the column without its ``_id``."""


async def write_models(url: str, schema: str | None = None) -> str:
    """The text of a program that serves the tables of a database. It imports, and lacks nothing but its rules.

    Arguments:
        url: the database.
        schema: which one to read; None: the default one.

    Raises:
        DeclarationError: when sqlacodegen is not installed.
        DatabaseUnavailable: when the database cannot be reached.
    """
    models = await run(url, lambda connection: _generate(connection, schema), writing=False)
    return _assemble(models, mask(url))


def _generate(connection: sa.Connection, schema: str | None) -> str:
    try:
        from backstay.cli.inspect.generator import Models
    except ModuleNotFoundError as error:
        raise DeclarationError(
            "This command needs sqlacodegen, which is not installed.", hint="pip install 'backstay[inspect]'"
        ) from error
    left_out = _partitions(connection)
    metadata = sa.MetaData()

    def is_wanted(name: str, _: sa.MetaData) -> bool:
        return not _INTERNAL.match(name) and name not in left_out

    with warnings.catch_warnings():
        # Of types that SQLAlchemy does not know, and of what sqlacodegen asks SQLAlchemy in its own ways.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        warnings.simplefilter("ignore", sa.exc.SADeprecationWarning)
        metadata.reflect(connection, schema=schema, views=True, only=is_wanted, resolve_fks=False)
        for table in metadata.tables.values():
            _mend(table)
        return str(Models(metadata, connection, _OPTIONS).generate())


def _partitions(connection: sa.Connection) -> frozenset[str]:
    """The tables that are parts of others."""
    if connection.dialect.name != "postgresql":
        return frozenset()
    return frozenset(connection.execute(_PARTITIONS).scalars())


def _mend(table: sa.Table) -> None:
    """Have a table say only what a model can say."""
    for constraint in list(table.foreign_key_constraints):
        target = constraint.elements[0].target_fullname.rpartition(".")[0]
        if target not in table.metadata.tables:
            table.constraints.discard(constraint)
            for element in constraint.elements:
                element.parent.foreign_keys.discard(element)
                table.foreign_keys.discard(element)
    for column in table.columns:
        column.type = _known(column.type)
        if column.primary_key:
            # SQLite allows NULL there for the sake of programs of its youth.
            column.nullable = False


def _known(type_: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """A type that means the same in a program: a domain's own, text for one that SQLAlchemy does not know."""
    base = getattr(type_, "data_type", None)
    if isinstance(base, sa.types.TypeEngine):
        return _known(base)
    return sa.Text() if isinstance(type_, sa.types.NullType) else type_


# The program -------------------------------------------------------------------------------------------------


def _assemble(models: str, url: str) -> str:
    module = ast.parse(models)
    tables = [
        node.targets[0].id
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    ]
    lines = [
        '"""Models of an existing database. Fill in the rules: a rule left out means nobody."""',
        "",
        models.strip() or "# There is no table.",
        "",
        "",
        f"app = Backstay({url!r})",
        "",
    ]
    for name in _classes(module):
        lines += [f"app.resource({name})  # no rule yet: nobody. select=anyone, write=...", ""]
    if tables:
        lines += [
            "# Views, tables without a primary key, and tables that link two others:",
            *[f"# - {name}" for name in tables],
            "# app.reflect(select=...) serves them, too.",
        ]
    return _import_backstay("\n".join(lines).rstrip())


def _classes(module: ast.Module) -> Iterator[str]:
    """The names of the models: the classes that inherit from Base."""
    for node in module.body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(base, ast.Name) and base.id == "Base" for base in node.bases
        ):
            yield node.name


def _import_backstay(text: str) -> str:
    """The program, importing what it uses: the line goes behind the last import."""
    lines = text.split("\n")
    module = ast.parse(text)
    last = max(
        (node.end_lineno or 0 for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)), default=1
    )
    lines[last:last] = ["", "from backstay import Backstay"]
    return "\n".join(lines)
