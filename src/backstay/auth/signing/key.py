"""A signing key, and the text that keeps several of them.

The text is a JSON Web Key Set (RFC 7517) whose members hold private parts and, beside ``kid`` and ``alg``, two members
of our own, both in seconds since 1970: ``not_before``, from when on the key may sign, and ``retires_at``, from when on
what it signed is refused. A key in the set verifies from the moment that it is there.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from backstay.auth.public import PublicKey

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ALGORITHMS: Final = ("ES256", "RS256", "EdDSA")
"""What keys sign by; the first is what new ones do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key of our own. ``not_before`` and ``retires_at`` are seconds since 1970."""

    kid: str
    algorithm: str
    not_before: float = 0.0
    retires_at: float = math.inf
    private: PublicKey = field(repr=False)
    public: PublicKey = field(repr=False)

    def verifies(self, now: float) -> bool:
        """Whether what it signed is to be trusted."""
        return now < self.retires_at

    def signs(self, now: float) -> bool:
        """Whether its time to sign has come, and is not over."""
        return self.not_before <= now < self.retires_at


def is_text(setting: str) -> bool:
    """Whether the setting ``signing_keys`` holds the keys themselves, and not the name of a file."""
    return setting.lstrip().startswith("{")


def read_members(text: str) -> list[dict[str, Any]]:
    """The members of a key set.

    Raises:
        ValueError: it is none.
    """
    document = json.loads(text)
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise ValueError('it is not an object with "keys"')
    return members


def read_keys_that_sign(text: str) -> tuple[SigningKey, ...]:
    """The keys of a key set, the newest first.

    Raises:
        ValueError: saying which key cannot be used, and never showing it.
    """
    found: list[SigningKey] = []
    for place, member in enumerate(read_members(text)):
        try:
            found.append(_read_key(member))
        except (ValueError, TypeError) as error:
            raise ValueError(f"key {place + 1} cannot be used: {error}") from None
    if not found:
        raise ValueError("it holds no key")
    if len({key.kid for key in found}) != len(found):
        raise ValueError("two keys have the same kid")
    return tuple(sorted(found, key=lambda key: key.not_before, reverse=True))


def _read_key(member: Mapping[str, Any]) -> SigningKey:
    from backstay.auth.signing.private import read_private_key

    private, public, algorithm = read_private_key(member)
    kid = member.get("kid")
    if not isinstance(kid, str) or not kid:
        raise ValueError("it has no kid")
    return SigningKey(
        kid=kid,
        algorithm=algorithm,
        not_before=_moment(member, "not_before", 0.0),
        retires_at=_moment(member, "retires_at", math.inf),
        private=private,
        public=public,
    )


def _moment(member: Mapping[str, Any], name: str, default: float) -> float:
    value = member.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"its {name} is no number of seconds")
    return float(value)


class KeyFile:
    """A file of keys, which is read again when it has changed.

    Arguments:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: tuple[int, int, int] | None = None

    def has_changed(self) -> bool:
        """Whether it is another than the one that was read last."""
        return self._look() != self._mark

    def read(self) -> tuple[SigningKey, ...]:
        """The keys in it, the newest first.

        Raises:
            OSError, ValueError: it cannot be read; neither shows what is in it.
        """
        # What is written while it is read has another mark, and is read next time.
        self._mark = self._look()
        return read_keys_that_sign(self._path.read_text(encoding="utf-8"))

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


@contextmanager
def only_one(file: Path) -> Iterator[None]:
    """Be the only one who changes a key set, from reading it to writing it; others wait.

    The lock is on a file beside it, since writing puts another file in its place. Windows has no such locks.

    Arguments:
        file: where the key set is, or is to be.
    """
    descriptor = os.open(file.with_name(f".{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_members(file: Path, members: Sequence[Mapping[str, Any]]) -> None:
    """Write a key set where its owner alone may read it. Whoever reads meanwhile gets the old one or the new one."""
    waiting = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(json.dumps({"keys": list(members)}, indent=2) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        waiting.replace(file)
    except BaseException:
        waiting.unlink(missing_ok=True)
        raise
