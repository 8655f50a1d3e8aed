"""Keys for development: made once, and remembered beside the application."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from backstay.auth.keys import generate_jwt_secret, generate_publishable_key, generate_secret_key
from backstay.cli.load import Loaded
from backstay.errors import DeclarationError

PLACE: Final = Path(".backstay") / "dev.toml"

_MADE: Final[Mapping[str, Callable[[], str]]] = {
    "publishable_key": generate_publishable_key,
    "secret_key": generate_secret_key,
    "jwt_secret": generate_jwt_secret,
}


def remember_keys(loaded: Loaded) -> None:
    """Give an application the keys that its settings lack: those remembered, or new ones.

    An application that takes the tokens of another issuer (``jwks``) gets no secret of its own.

    Raises:
        DeclarationError: when the file of keys cannot be read.
    """
    settings = loaded.app.settings
    lacking = [name for name in _MADE if not getattr(settings, name)]
    if settings.jwks and "jwt_secret" in lacking:
        lacking.remove("jwt_secret")
    if not lacking:
        return
    file = loaded.folder / PLACE
    known = _read(file)
    new = {name: _MADE[name]() for name in lacking if name not in known}
    if new:
        _write(file, {**known, **new})
    loaded.app.configure(**{name: {**known, **new}[name] for name in lacking})


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DeclarationError(f"{file}: {error}", hint="Delete it: new keys will be made.") from error
    return {name: value for name, value in document.items() if name in _MADE and isinstance(value, str)}


def _write(file: Path, keys: Mapping[str, str]) -> None:
    file.parent.mkdir(exist_ok=True)
    # It holds secrets: neither other users of this machine nor a repository should get them.
    ignore = file.parent / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    text = "# Keys for development, made by `backstay dev`.\n" + "".join(
        f'{name} = "{value}"\n' for name, value in keys.items()
    )
    waiting = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    waiting.replace(file)
