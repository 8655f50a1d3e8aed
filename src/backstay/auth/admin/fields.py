"""What the secret key says of a user: the body of the requests that make and change one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.password.hashes import is_known
from backstay.auth.protocol.incoming import Body, Metadata
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.address import read_email, read_number
from backstay.auth.steps.choose import choose_password
from backstay.auth.steps.users import check_told
from backstay.auth.store.user_row import find_by_email, find_by_phone
from backstay.errors import EmailExists, PhoneExists, ValidationFailed

_PART: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(ns|us|µs|μs|ms|s|m|h)")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_LONGEST: Final = timedelta(days=106_751)
_ROLE: Final = "authenticated"


class Fields(Body):
    """The body of ``POST /admin/users`` and ``PUT /admin/users/{user_id}``."""

    id: str | None = None
    email: str | None = None
    phone: str | None = None
    password: str | None = None
    password_hash: str | None = None
    email_confirm: bool | None = None
    phone_confirm: bool | None = None
    user_metadata: Metadata | None = None
    app_metadata: Metadata | None = None
    ban_duration: str | None = None
    role: str | None = None

    @property
    def named(self) -> list[str]:
        """Which of them are said, as the trail tells it: no values, which may be secrets."""
        return sorted(name for name in self.__struct_fields__ if getattr(self, name) is not None)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Wanted:
    """The same, read: addresses in the form they are kept in, the password as its hash.

    Arguments:
        email, phone: None: nothing is said of them.
        password: the hash to keep.
        ban: how long the user may not sign in; zero lifts a ban.
    """

    email: str | None
    phone: str | None
    password: str | None
    ban: timedelta | None

    def banned_until(self, now: datetime) -> datetime | None:
        """When the ban ends."""
        return now + self.ban if self.ban else None


async def read_wanted(sign_in: SignIn, asked: Fields) -> Wanted:
    """Read what is said of a user. No transaction may be open meanwhile: a password takes its time.

    Raises:
        ValidationFailed, WeakPassword: some of it does not do.
    """
    if asked.role not in (None, "", _ROLE):
        raise ValidationFailed(
            f"role: every user has the role {_ROLE}; what else a user may be is for your own columns"
        )
    check_told(asked.app_metadata or {})
    email = read_email(asked.email) if asked.email else None
    phone = read_number(asked.phone) if asked.phone else None
    ban = None if asked.ban_duration is None else read_ban(asked.ban_duration)
    password = await _read_password(sign_in, asked, [each for each in (email, phone) if each])
    return Wanted(email=email, phone=phone, password=password, ban=ban)


async def _read_password(sign_in: SignIn, asked: Fields, context: list[str]) -> str | None:
    if asked.password and asked.password_hash:
        raise ValidationFailed("Only a password or a password hash should be provided")
    if asked.password:
        return await choose_password(sign_in, asked.password, context=context)
    if asked.password_hash and not is_known(asked.password_hash):
        raise ValidationFailed("password_hash: only hashes by bcrypt and Argon2, of bearable cost, can be taken over")
    return asked.password_hash or None


def read_ban(text: str) -> timedelta:
    """How long a ban lasts (``24h``, ``1h30m``); ``none`` is no time at all.

    Raises:
        ValidationFailed: it is no such duration.
    """
    if text in ("none", "0"):
        return timedelta()
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValidationFailed(f"invalid format for ban duration: {text[:40]!r} is no duration such as 24h or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > _LONGEST.total_seconds():
        raise ValidationFailed("invalid format for ban duration: it is longer than 292 years")
    return timedelta(seconds=seconds)


async def check_free(db: AsyncSession, sign_in: SignIn, wanted: Wanted, user_id: Any = None) -> None:
    """Refuse addresses that are somebody else's: the secret key may know whose.

    Raises:
        EmailExists, PhoneExists: one is.
    """
    if wanted.email is not None:
        known = await find_by_email(db, sign_in.tables, wanted.email)
        if known is not None and known.id != user_id:
            raise EmailExists
    if wanted.phone is not None:
        known = await find_by_phone(db, sign_in.tables, wanted.phone)
        if known is not None and known.id != user_id:
            raise PhoneExists
