"""The rules of the house: sizes, names, doors, and what must be documented.

Rules about rooms and doors that are still to be built hold from the day their file appears.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from backstay import errors
from backstay.settings import SETTINGS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "backstay"
MODULE_LINES = 600
FUNCTION_LINES = 60
FOLDER_MODULES = 12
SUFFIXES = re.compile(r".(Manager|Handler|Helper|Service|Util|Utils|Base|Impl)$")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
PURE_ROOMS = ("schema", "query", "plan")
INPUT_OUTPUT = {"asyncio", "socket", "sqlite3", "apsw", "asyncpg"}

# Spelt in two parts, so that this file passes its own test.
MACHINE_PLACES = [f"/{folder}/" for folder in ("work", "root", "tmp", "home")]
REGISTRY_HOSTS = ["pypi" + ".org", "python" + "hosted.org", "registry." + "npm", "deb." + "debian.org"]

DOORS = {
    "__init__": """
        Apple Auth AuthUser Backstay Caller Console Discord Event Facebook GitHub GitLab Google Hook Kind LinkedIn
        Mail Mailer Microsoft OIDC Provider Request Resource Response Scope Slack Tenancy Texter Twilio Undeliverable
        Using __version__ anyone current signed_in system
    """,
    "app": "Backstay",
    "django": "CallerMiddleware CallerRequest CallerUserMiddleware caller_required caller_session",
    "fastapi": "CallerSession CurrentCaller",
    "flask": "caller_required caller_session current_caller",
    "observe": """
        AccessDenied CallerLeft DatabaseConnected DatabaseLost MailDelayed MailFailed MailMissing MailSent
        MigrationApplied Observation OBSERVATIONS PoolExhausted RepetitionFailed RequestFailed RequestFinished
        RequestRefused RevocationsFound RevocationsLost SchemaBehind ServerInformed ServerWarned Severity
        SheddingBegan SheddingEnded SigningKeysChanged SigningKeysUnreadable Started StartFailed StatementCompiled
        StatementSlow StopFailed Stopped Subscriber
        TokenRefused
        describe escape is_observed observe redact start_logging subscribe
    """,
    "settings": "SETTINGS Settings load",
    "testing": "Answer Client Mailbox client",
}
"""The names that each door exports: whoever adds one says so here."""


def modules(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*.py") if ".venv" not in path.parts)


def sources() -> Iterator[Path]:
    return modules(PACKAGE, ROOT / "tools", ROOT / "examples", ROOT / "bench")


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def repository() -> Iterator[tuple[Path, str]]:
    """Every text file that is, or is about to be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def test_modules_are_short() -> None:
    lengths = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_functions_are_short() -> None:
    long = {
        f"{place(path)}:{node.lineno} {node.name}": lines
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}


def test_folders_hold_few_modules() -> None:
    counts = Counter(place(path.parent) for path in modules(PACKAGE) if path.name != "__init__.py")
    assert {folder: count for folder, count in counts.items() if count > FOLDER_MODULES} == {}


def test_classes_are_nouns_without_suffix() -> None:
    named = [
        f"{place(path)}:{node.lineno} {node.name}"
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and SUFFIXES.search(node.name)
    ]
    assert named == []


def test_nothing_is_left_unfinished() -> None:
    marked = [
        f"{place(path)}:{number}"
        for path, text in repository()
        if path != Path(__file__)
        for number, line in enumerate(text.splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert marked == []


def test_text_names_no_place_of_one_machine() -> None:
    named = [
        f"{place(path)}:{number} {word}"
        for path, text in repository()
        for number, line in enumerate(text.splitlines(), 1)
        for word in [*MACHINE_PLACES, *REGISTRY_HOSTS]
        if re.search(rf"(?<![\w.\-/}}]){re.escape(word)}" if word.startswith("/") else re.escape(word), line)
    ]
    assert named == []


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_the_room_does_no_input_or_output(room: str) -> None:
    found = [
        f"{place(path)}: {name}"
        for path in modules(PACKAGE / room)
        for node in ast.walk(tree(path))
        for name in imported(node)
        if name.partition(".")[0] in INPUT_OUTPUT
    ]
    assert found == []


def imported(node: ast.AST) -> list[str]:
    """The absolute names of modules that a node imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module]
    return []


def test_only_guard_makes_a_plan() -> None:
    made = [
        f"{place(path)}:{node.lineno}"
        for path in modules(PACKAGE)
        if place(path) != "src/backstay/plan/guard.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and called(node) == "Plan"
    ]
    assert made == []


def called(node: ast.Call) -> str:
    """The last name of what a call calls."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def doors() -> list[Path]:
    """The package itself, the modules that stand directly in it, and the errors."""
    return sorted([*(path for path in PACKAGE.glob("*.py") if path.stem != "__main__"), PACKAGE / "errors"])


@pytest.mark.parametrize("door", doors(), ids=place)
def test_the_door_exports_the_names_that_are_listed(door: Path) -> None:
    if door.stem == "errors":
        listed = {kind.__name__ for kind in all_errors()} | {"BackstayError", "Detail"}
    else:
        listed = set(DOORS.get(door.stem, "").split())
    assert exported(door) == listed


def exported(path: Path) -> set[str]:
    """A module's ``__all__``, or else the public names that it defines itself."""
    if path.is_dir():
        path = path / "__init__.py"
    defined: set[str] = set()
    for node in tree(path).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=names):
                return set(ast.literal_eval(names))
            case ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar" | "ParamSpec"))):
                continue
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                defined.add(name)
            case ast.Assign(targets=targets):
                defined.update(target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                defined.add(name)
            case _:
                pass
    return {name for name in defined if not name.startswith("_")}


def all_errors(kind: type[errors.BackstayError] = errors.BackstayError) -> Iterator[type[errors.BackstayError]]:
    for below in kind.__subclasses__():
        if below.__module__.startswith("backstay."):
            yield below
            yield from all_errors(below)


def test_every_error_is_defined_where_the_tree_is_drawn() -> None:
    for path in modules(PACKAGE):
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and path.parent != PACKAGE / "errors":
                bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
                assert not bases & {kind.__name__ for kind in all_errors()}, f"{place(path)}:{node.lineno} {node.name}"


def test_codes_of_errors_are_unique() -> None:
    codes = Counter(kind.code for kind in all_errors())
    assert [code for code, count in codes.items() if count > 1] == []


def test_every_error_says_its_default_message() -> None:
    assert [kind.__name__ for kind in all_errors() if not (kind.__doc__ or "").partition("\n")[0]] == []


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert [entry.name for entry in SETTINGS if f"`{entry.name}`" not in page or not entry.metadata["help"]] == []


def test_every_error_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    assert [kind.__name__ for kind in all_errors() if f"| `{kind.__name__}` |" not in page] == []
