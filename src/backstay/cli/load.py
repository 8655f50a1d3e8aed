"""``load(FILE) -> Loaded``: the application that a command is about."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from backstay.errors import DeclarationError

if TYPE_CHECKING:
    from backstay.app import Backstay

CHOSEN = "BACKSTAY_APP"
"""Environment variable: the FILE of a command that is given none."""

CONFIG = "backstay.toml"
_HINT = "FILE is path.py, path.py:name or package.module:name."


@dataclass(frozen=True, slots=True)
class Loaded:
    """An application, and where it was found.

    ``target`` names it to another process, whatever that one's working directory: ``/srv/notes.py:app``; ``shown`` as
    its user does. ``folder`` is where its ``migrations/`` and ``.backstay/`` are.
    """

    app: Backstay
    target: str
    shown: str
    file: Path

    @property
    def folder(self) -> Path:
        """The folder of the application's file."""
        return self.file.parent


def load(target: str | None = None) -> Loaded:
    """Load the application of a file or module.

    Its folder goes to the front of ``sys.path``, as Python does for a script, so that files beside it can be
    imported; ``backstay.toml`` beside it is read, unless ``BACKSTAY_CONFIG`` names another file.

    Arguments:
        target: ``path.py``, ``path.py:name`` or ``package.module:name``; None: what ``BACKSTAY_APP`` says, else the
            one file of the working directory that makes an application.

    Raises:
        DeclarationError: with file and line where the program itself is wrong.
    """
    target = target if target is not None else choose()
    module, name = _import(target)
    file = Path(str(module.__file__)).resolve()
    _configure(file.parent)
    found = _named(module, name) if name else _only(module)
    return Loaded(found[1], f"{file}:{found[0]}", target, file)


def choose(folder: Path | None = None) -> str:
    """The FILE that is meant where none is given.

    Raises:
        DeclarationError: when that is not one file.
    """
    chosen = os.environ.get(CHOSEN)
    if chosen:
        return chosen
    places = sorted(path for path in (folder or Path()).glob("*.py") if _makes_application(path))
    if len(places) == 1:
        return str(places[0])
    if places:
        names = ", ".join(path.name for path in places)
        raise DeclarationError(f"Several files here make an application: {names}.", hint="Name the one you mean.")
    raise DeclarationError("No file here makes an application.", hint=f"Name one. {_HINT}")


def _makes_application(path: Path) -> bool:
    try:
        return "Backstay(" in path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _named(module: ModuleType, name: str) -> tuple[str, Backstay]:
    apps = _apps(module)
    if name not in apps:
        what = "has something else than an application called" if hasattr(module, name) else "has no"
        raise DeclarationError(f"{show_path(str(module.__file__))} {what} {name!r}.", hint=_hint(module))
    return name, apps[name]


def _only(module: ModuleType) -> tuple[str, Backstay]:
    apps = _apps(module)
    if "app" in apps:
        return "app", apps["app"]
    distinct = {id(app): (name, app) for name, app in apps.items()}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    file = show_path(str(module.__file__))
    if not apps:
        raise DeclarationError(f"{file} makes no application.", hint='Write: app = Backstay("sqlite:///app.db")')
    raise DeclarationError(f"{file} makes several applications.", hint=_hint(module))


def _apps(module: ModuleType) -> dict[str, Backstay]:
    # Here, so that the process which only watches stays small.
    from backstay.app import Backstay

    return {name: value for name, value in vars(module).items() if isinstance(value, Backstay)}


def _hint(module: ModuleType) -> str | None:
    file = show_path(str(module.__file__))
    names = " or ".join(f"{file}:{name}" for name in _apps(module))
    return f"Say {names}." if names else None


def locate(target: str) -> Path:
    """The folder of an application, without running its code."""
    place = _split(target)[0]
    if _is_path(place):
        return Path(place).resolve().parent
    try:
        spec = importlib.util.find_spec(place.partition(".")[0])
    except (ImportError, ValueError):
        spec = None
    origin = spec.origin if spec is not None else None
    return Path(origin).resolve().parent if origin else Path.cwd()


def configure_beside(target: str) -> None:
    """Read the ``backstay.toml`` beside an application, unless ``BACKSTAY_CONFIG`` names another file."""
    _configure(locate(target))


def _split(target: str) -> tuple[str, str]:
    place, _, name = target.rpartition(":")
    return (place, name) if place and name.isidentifier() else (target, "")


def _is_path(place: str) -> bool:
    return place.endswith(".py") or os.sep in place


# Importing ---------------------------------------------------------------------------------------------------


def _import(target: str) -> tuple[ModuleType, str]:
    place, name = _split(target)
    return (_import_file(Path(place)) if _is_path(place) else _import_module(place)), name


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise DeclarationError(f"There is no file {path}.", hint=_HINT)
    path = path.resolve()
    # By whatever name: package.module, too, may have been imported before this process was forked.
    there = next((module for module in list(sys.modules.values()) if _is_file(module, path)), None)
    if there is not None:
        return there
    if path.stem in sys.modules or path.stem in sys.stdlib_module_names:
        raise DeclarationError(f"{path.stem!r} is already the name of another module.", hint=f"Rename {path.name}.")
    _prepare(path.parent)
    _configure(path.parent)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[path.stem]
        if isinstance(error, Exception):
            raise _wrong(error, path.parent) from error
        raise
    return module


def _is_file(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and os.path.basename(file) == path.name and Path(file).resolve() == path


def _import_module(name: str) -> ModuleType:
    folder = Path.cwd()
    _prepare(folder)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise DeclarationError(f"There is no module {name}.", hint=_HINT) from error
        raise _wrong(error, folder) from error
    except Exception as error:
        raise _wrong(error, folder) from error
    if module.__file__ is None:
        raise DeclarationError(f"{name} is a folder, not a module.", hint=_HINT)
    return module


def _prepare(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _configure(folder: Path) -> None:
    config = folder / CONFIG
    if config.is_file():
        os.environ.setdefault("BACKSTAY_CONFIG", str(config))


# What is wrong with a program --------------------------------------------------------------------------------


def _wrong(error: Exception, folder: Path) -> DeclarationError:
    """The error with the line of the user's program that it comes from."""
    if isinstance(error, SyntaxError) and error.filename:
        text = (error.text or "").strip()
        return DeclarationError(
            f"{show_path(error.filename)}:{error.lineno}: {error.msg}" + (f": {text}" if text else ""),
        )
    where = _deepest(traceback.extract_tb(error.__traceback__), folder)
    if isinstance(error, DeclarationError):
        if error.findings or not where or ".py:" in error.message:
            return error
        return DeclarationError(f"{where}: {error.message}", hint=error.hint)
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return DeclarationError(f"{where}: {words}" if where else words)


def _deepest(frames: Sequence[traceback.FrameSummary], folder: Path) -> str:
    ours = [frame for frame in frames if _is_under(Path(frame.filename), folder)]
    return f"{show_path(ours[-1].filename)}:{ours[-1].lineno}" if ours else ""


def _is_under(file: Path, folder: Path) -> bool:
    return file.is_relative_to(folder) and "site-packages" not in file.parts


def show_path(file: str) -> str:
    """A path as short as it can be from here."""
    path = Path(file)
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else str(path)
