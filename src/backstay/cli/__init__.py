"""The command line. A command's module is imported when the command is run, so that ``--help`` answers at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_FILE = (
    "FILE is path.py, path.py:name or package.module:name. It may be left out where BACKSTAY_APP names it, or where "
    "one file of the working directory makes an application."
)


@dataclass(frozen=True, slots=True)
class _Command:
    """A command: where its function is, what it does, and an example."""

    name: str
    place: str
    help: str
    example: str


_COMMANDS = (
    _Command(
        "dev",
        "backstay.cli.dev.command:dev",
        "Serve an application for development: keys, tables and reloading by themselves.",
        "backstay dev notes.py",
    ),
    _Command(
        "serve",
        "backstay.cli.serve:serve",
        "Serve an application in production.",
        "backstay serve notes.py --host 0.0.0.0 --workers 4 --database postgresql://app@db/notes",
    ),
    _Command("check", "backstay.cli.check:check", "Find what is wrong with an application.", "backstay check notes.py"),
    _Command(
        "plan",
        "backstay.cli.plan:plan",
        "Explain a request: its plan, its SQL, which rule lets or refuses it, and what it costs.",
        'backstay plan notes.py "GET /rest/v1/notes?select=*" --as anon',
    ),
    _Command(
        "schema",
        "backstay.cli.schema:schema",
        "Print what an application serves: resources, columns, relations, rules, functions.",
        "backstay schema notes.py notes",
    ),
    _Command(
        "inspect",
        "backstay.cli.inspect:inspect",
        "Write models and resources for an existing database.",
        "backstay inspect postgresql://app@db/shop > shop.py",
    ),
    _Command(
        "config",
        "backstay.cli.config:config",
        "Print every setting: its value, its default, and where it comes from.",
        "backstay config notes.py",
    ),
)

_MIGRATIONS = (
    _Command(
        "new",
        "backstay.cli.migrate:new",
        "Write a migration of what the models have and the migrations do not.",
        'backstay migrate new "add tags" notes.py',
    ),
    _Command(
        "apply",
        "backstay.cli.migrate:apply",
        "Apply the migrations that the database has not had.",
        "backstay migrate apply notes.py --database postgresql://app@db/notes",
    ),
    _Command(
        "status",
        "backstay.cli.migrate:status",
        "Tell whether the database is behind (exit code 1 when it is).",
        "backstay migrate status notes.py",
    ),
    _Command(
        "history",
        "backstay.cli.migrate:history",
        "List the migrations, and when each was applied.",
        "backstay migrate history notes.py",
    ),
)

_KEYS = (
    _Command("new", "backstay.cli.keys:new", "Make new keys, as lines for the environment.", "backstay keys new"),
    _Command("show", "backstay.cli.keys:show", "Print the keys that development uses.", "backstay keys show notes.py"),
    _Command(
        "token",
        "backstay.cli.keys:token",
        "Sign a user's token, to try things with.",
        "backstay keys token notes.py --sub 6b0b1c9e-9f5c-4ad6-9d0c-1c1f0a3f6f0e --claim org_id=7",
    ),
    _Command(
        "rotate",
        "backstay.cli.keys:rotate",
        "Make signing keys, or the next one; the old ones verify until their tokens have expired.",
        "backstay keys rotate /etc/backstay/signing-keys.json",
    ),
    _Command(
        "list",
        "backstay.cli.keys:show_signing",
        "List the signing keys and their times.",
        "backstay keys list /etc/backstay/signing-keys.json",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Arguments:
        arguments: the words after ``backstay`` (default: the process's own).

    Returns:
        the exit code: 0 when all is well, 1 when something was found or failed, 2 when the command is used wrongly.
    """
    from cyclopts import CycloptsError

    from backstay.errors import BackstayError

    try:
        code = _assemble()(
            sys.argv[1:] if arguments is None else list(arguments), exit_on_error=False, result_action="return_value"
        )
    except CycloptsError:
        return 2
    except BackstayError as error:
        from backstay.cli.report import complain

        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130
    return code if isinstance(code, int) else 0


def _version() -> str:
    from backstay.about import __version__

    return __version__


def _assemble() -> Callable[..., object]:
    from cyclopts import App

    app = App(
        name="backstay",
        help="A backend from one typed Python file.",
        help_epilogue=_FILE,
        version=_version,
        help_format="plaintext",
    )
    migrate = App(name="migrate", help="Keep the tables of a database in step with the models.")
    keys = App(name="keys", help="Make and print keys and tokens.")
    for owner, commands in ((app, _COMMANDS), (migrate, _MIGRATIONS), (keys, _KEYS)):
        for command in commands:
            owner.command(
                command.place, name=command.name, help=command.help, help_epilogue=f"Example: {command.example}"
            )
    app.command(migrate)
    app.command(keys)
    return app
