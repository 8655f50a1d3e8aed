"""``backstay inspect``: an existing database, written down as models and resources."""

from __future__ import annotations

import ast
import asyncio
import re

import sqlalchemy as sa

from backstay.cli.config import mask
from backstay.cli.report import say
from backstay.dialects.migrate.run import run
from backstay.errors import DeclarationError

_INTERNAL = re.compile(r"_backstay_|alembic_version$|sqlite_")


def inspect(url: str, /, *, schema: str | None = None) -> int:
    """Write models and resources for an existing database, to be redirected into a file.

    Every rule is left for you to fill in: until then only the secret key sees anything.

    Parameters
    ----------
    url
        The database's URL.
    schema
        The schema to read; without it, the default one.
    """
    say(asyncio.run(write_models(url, schema)))
    return 0


async def write_models(url: str, schema: str | None = None) -> str:
    """The text of a program that serves the tables of a database.

    Raises:
        DeclarationError: when sqlacodegen is not installed.
    """
    models = await run(url, lambda connection: _generate(connection, schema), writing=False)
    return _assemble(models, mask(url))


def _generate(connection: sa.Connection, schema: str | None) -> str:
    try:
        from sqlacodegen.generators import DeclarativeGenerator
    except ModuleNotFoundError as error:
        raise DeclarationError(
            "This command needs sqlacodegen, which is not installed.", hint="pip install 'backstay[inspect]'"
        ) from error
    metadata = sa.MetaData()
    metadata.reflect(connection, schema=schema, views=True, only=lambda name, _: not _INTERNAL.match(name))
    return str(DeclarativeGenerator(metadata, connection, ["noidsuffix"]).generate())


def _assemble(models: str, url: str) -> str:
    module = ast.parse(models)
    classes = [node.name for node in module.body if isinstance(node, ast.ClassDef) and node.name != "Base"]
    tables = [
        node.targets[0].id
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    ]
    lines = [
        '"""Models of an existing database. Fill in the rules: a rule left out means nobody."""',
        "",
        models.strip(),
        "",
        "",
        f"app = Backstay({url!r})",
        "",
    ]
    for name in classes:
        lines += [f"app.resource({name})  # select=anyone, write=...", ""]
    if tables:
        lines += [
            f"# Without a primary key, or a link between two others: {', '.join(tables)}.",
            "# app.reflect(select=...) serves them, too.",
        ]
    text = "\n".join(lines).rstrip()
    return _import_backstay(text)


def _import_backstay(text: str) -> str:
    """The program, importing what it uses: the line goes behind the last import."""
    lines = text.split("\n")
    module = ast.parse(text)
    last = max(
        (node.end_lineno or 0 for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)), default=1
    )
    lines[last:last] = ["", "from backstay import Backstay"]
    return "\n".join(lines)
