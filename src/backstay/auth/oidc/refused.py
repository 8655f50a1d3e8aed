"""What is said of a provider's answer that is not believed."""

from __future__ import annotations


class Refused(Exception):
    """A provider's answer is not believed; nobody is signed in.

    Arguments:
        why: for the log; never a secret, nor text of the provider's own.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class Unreachable(Refused):
    """The provider did not answer in time, or as a server that works would."""


class Declined(Refused):
    """The provider says that the user, or it itself, does not want this.

    Arguments:
        error: its word for it (``access_denied``).
        description: its words for it.
    """

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        self.description = description
        super().__init__(f"the provider answered {error}")
