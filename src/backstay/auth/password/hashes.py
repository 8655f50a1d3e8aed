"""What is kept of a password: an Argon2id hash, or the bcrypt hash that came with an imported user.

Both libraries are imported where they are needed: an application that signs nobody in does not load them. They let go
of the interpreter's lock while they work.
"""

from __future__ import annotations

import base64
import re
import secrets
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MEMORY: Final = 19 * 1024
"""How much memory one hash takes, in KiB: OWASP's first profile for Argon2id, with ``PASSES`` and ``LANES``."""

PASSES: Final = 2
LANES: Final = 1
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32

BCRYPT_BYTES: Final = 72
"""What bcrypt reads of a password. Of a longer one it would not see the rest, so no such password matches."""

_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_ARGON2: Final = re.compile(
    r"\$argon2(?:id|i|d)\$v=(?:16|19)\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)

# An imported hash is worked out at every sign-in: no one may cost seconds.
_MOST_ROUNDS: Final = range(4, 15)
_MOST_MEMORY: Final = 256 * 1024
_MOST_PASSES: Final = 20
_MOST_LANES: Final = 16


def make_hash(password: str) -> str:
    """The hash to keep of a password, in PHC's text form; each call makes another one."""
    return _argon2().hash(normalize(password))


def is_match(password: str, kept: str) -> bool:
    """Whether a password is the one that a hash was made of.

    A hash of no known form matches nothing, and takes as long as any.
    """
    if is_bcrypt(kept):
        return _is_bcrypt_match(password, kept)
    return _is_argon2_match(password, kept if is_known(kept) else decoy())


def decoy() -> str:
    """A hash that no password matches, to be checked where an account has none, so that both take the same time."""
    return _decoy()


def is_bcrypt(kept: str) -> bool:
    """Whether this is a hash by bcrypt (``$2a$``, ``$2b$``, ``$2y$``) of bearable cost."""
    found = _BCRYPT.fullmatch(kept)
    return found is not None and int(found[1]) in _MOST_ROUNDS


def is_known(kept: str) -> bool:
    """Whether passwords can be checked by this hash: bcrypt or Argon2, of bearable cost. Others are not imported."""
    found = _ARGON2.fullmatch(kept)
    if found is None:
        return is_bcrypt(kept)
    memory, passes, lanes = (int(each) for each in found.groups())
    return 8 * lanes <= memory <= _MOST_MEMORY and 1 <= passes <= _MOST_PASSES and 1 <= lanes <= _MOST_LANES


def is_outdated(kept: str) -> bool:
    """Whether a hash should be made anew at the next chance: it is bcrypt's, or of other parameters than ours."""
    return not is_known(kept) or is_bcrypt(kept) or _argon2().check_needs_rehash(kept)


def normalize(password: str) -> str:
    """A password in Unicode's composed form (NFC), since keyboards differ in how they send one letter.

    Nothing else is changed: not case, not spaces (ASVS 6.2.8; NIST SP 800-63B asks for one normal form).
    """
    return unicodedata.normalize("NFC", password)


@cache
def _argon2() -> PasswordHasher:
    from argon2 import PasswordHasher, Type

    return PasswordHasher(
        time_cost=PASSES,
        memory_cost=MEMORY,
        parallelism=LANES,
        hash_len=HASH_BYTES,
        salt_len=SALT_BYTES,
        type=Type.ID,
    )


@cache
def _decoy() -> str:
    salt, digest = (_encode(secrets.token_bytes(size)) for size in (SALT_BYTES, HASH_BYTES))
    return f"$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${salt}${digest}"


def _encode(content: bytes) -> str:
    return base64.b64encode(content).rstrip(b"=").decode()


def _is_argon2_match(password: str, kept: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _argon2().verify(kept, normalize(password))
    except (VerificationError, InvalidHashError):
        return False


def _is_bcrypt_match(password: str, kept: str) -> bool:
    """Compare as received: who made the hash did not normalise."""
    import bcrypt

    content = password.encode()
    matches = bcrypt.checkpw(content[:BCRYPT_BYTES], kept.encode())
    return matches and len(content) <= BCRYPT_BYTES
