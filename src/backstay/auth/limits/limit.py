"""A limit and a lock, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from backstay.errors import SignInError, TooManyRequests


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
