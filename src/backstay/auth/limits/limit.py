"""A limit and a lock, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from backstay.errors import SignInError, TooManyMails, TooManyRequests, TooManyTexts
from backstay.settings import Settings

_WHILE: Final = timedelta(minutes=5)
_HOUR: Final = timedelta(hours=1)
KNOWN: Final = timedelta(days=30)
"""How long the network is known that a user signed in from."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many times in a while, which begins with the first of them.

    Arguments:
        name: what is limited; counts of different names do not mix.
        most: how many; 0: any number.
        per: in which time.
        refusal: the error that tells of it.
    """

    name: str
    most: int
    per: timedelta
    refusal: type[SignInError] = TooManyRequests


@dataclass(frozen=True, slots=True)
class Lock:
    """So many failures in a row, then a pause that doubles with each further one.

    Arguments:
        name: what is tried.
        after: with which failure the first pause begins; 0: there is none.
        first, longest: the pauses.
        memory: how long the last failure must be past for all to be forgotten.
        refusal: the error that tells of it.
    """

    name: str
    after: int
    first: timedelta
    longest: timedelta
    memory: timedelta = timedelta(days=1)
    refusal: type[SignInError] = TooManyRequests

    def pauses(self) -> Sequence[timedelta]:
        """The pauses after the failures from ``after`` on; the last one holds for all that follow."""
        pauses = [min(self.first, self.longest)]
        while pauses[-1] < self.longest and pauses[-1]:
            pauses.append(min(pauses[-1] * 2, self.longest))
        return pauses


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What sign-in limits.

    Arguments:
        sign_in: sign-ins, sign-ups and requests for a mail or a message, by network.
        verify: codes and links that are tried, by network.
        refresh: refreshed sessions, by network.
        anonymous: anonymous users, by network.
        registration: programs that register themselves, by network.
        api_keys: wrong API keys, by network.
        mail_pause, mails: mails to one mailbox.
        notices: changes of one user that a mail tells them of, by kind.
        text_pause, texts: messages to one telephone.
        lock: passwords tried for one account.
    """

    sign_in: Limit
    verify: Limit
    refresh: Limit
    anonymous: Limit
    registration: Limit
    api_keys: Limit
    mail_pause: Limit
    mails: Limit
    notices: Limit
    text_pause: Limit
    texts: Limit
    lock: Lock


def read_limits(settings: Settings) -> Limits:
    """The limits that settings give."""
    pause = settings.mail_pause
    return Limits(
        sign_in=Limit("sign_in", settings.sign_in_limit, _WHILE),
        verify=Limit("verify", settings.verify_limit, _WHILE),
        refresh=Limit("refresh", settings.refresh_limit, _WHILE),
        anonymous=Limit("anonymous", settings.anonymous_limit, _HOUR),
        registration=Limit("registration", settings.registration_limit, _HOUR),
        api_keys=Limit("api_keys", settings.api_key_limit, _WHILE),
        mail_pause=Limit("mail_pause", 1 if pause else 0, pause, TooManyMails),
        mails=Limit("mails", settings.mail_limit, _HOUR, TooManyMails),
        notices=Limit("notices", settings.mail_limit, _HOUR),
        text_pause=Limit("text_pause", 1 if pause else 0, pause, TooManyTexts),
        texts=Limit("texts", settings.mail_limit, _HOUR, TooManyTexts),
        lock=Lock("password", settings.lock_after, settings.lock_pause, settings.lock_longest),
    )


def by_sign_in(limits: Limits) -> Limit:
    """Counted with sign-ins, sign-ups and requests for a mail."""
    return limits.sign_in


def by_proof(limits: Limits) -> Limit:
    """Counted with codes and links."""
    return limits.verify


def by_refresh(limits: Limits) -> Limit:
    """Counted with refreshed sessions."""
    return limits.refresh
