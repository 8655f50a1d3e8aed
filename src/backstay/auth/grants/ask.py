"""What requests of programs say: forms and query strings in which nothing stands twice (RFC 6749 3.1 and 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import wraps
from typing import Final
from urllib.parse import parse_qsl

from backstay.auth.limits.admit import admit_refresh
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.protocol.route import Flow
from backstay.auth.sign_in import SignIn
from backstay.errors import (
    ClientRequestInvalid,
    FeatureDisabled,
    OAuthError,
    SignInError,
    TooManyFromClient,
    ValidationFailed,
)

NO_STORE: Final = ("cache-control", "no-store")
_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 50
_LONGEST: Final = 4096


def check_enabled(sign_in: SignIn) -> None:
    """Answer nothing where programs of others have no business.

    Raises:
        FeatureDisabled: the setting ``oauth_server`` is off.
    """
    if not sign_in.settings.oauth_server:
        raise FeatureDisabled


def for_users(flow: Flow) -> Flow:
    """A flow that a user's front end asks for, or the secret key: only where there is an authorisation server.

    They are told every error in the words of sign-in, as clients know it.
    """

    @wraps(flow)
    async def answer(sign_in: SignIn, incoming: Incoming) -> Answer:
        check_enabled(sign_in)
        try:
            found = await flow(sign_in, incoming)
        except OAuthError as error:
            raise ValidationFailed(error.message) from None
        return replace(found, headers=(*found.headers, NO_STORE))

    return answer


def for_programs(flow: Flow) -> Flow:
    """A flow that a program asks for, which is told every error in OAuth's words."""

    @wraps(flow)
    async def answer(sign_in: SignIn, incoming: Incoming) -> Answer:
        check_enabled(sign_in)
        try:
            found = await _counting(flow, sign_in, incoming)
        except (OAuthError, FeatureDisabled):
            raise
        except SignInError as error:
            if error.status == TooManyFromClient.status:
                raise TooManyFromClient(headers=error.headers) from None
            raise ClientRequestInvalid(error.message) from None
        return replace(found, headers=(*found.headers, NO_STORE))

    return answer


async def _counting(flow: Flow, sign_in: SignIn, incoming: Incoming) -> Answer:
    try:
        return await flow(sign_in, incoming)
    except OAuthError:
        # Also what cannot be read, or comes from nobody who is known, is counted for where it comes from.
        if not incoming.counted:
            await admit_refresh(sign_in, incoming)
        raise


def read_form(incoming: Incoming) -> Mapping[str, str]:
    """The form in the body; what is empty counts as left out.

    Raises:
        ClientRequestInvalid: it is no form, or says something twice.
    """
    kind = incoming.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise ClientRequestInvalid(f"The body has to be {_FORM}")
    return _read(incoming.request.body.decode("ascii", "replace"))


def read_query(incoming: Incoming) -> Mapping[str, str]:
    """The query string, in the same way."""
    return _read(incoming.request.query)


def require(asked: Mapping[str, str], name: str) -> str:
    """A parameter that has to be there.

    Raises:
        ClientRequestInvalid: it is not.
    """
    value = asked.get(name)
    if value is None:
        raise ClientRequestInvalid(f"{name} is missing")
    return value


def _read(text: str) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise ClientRequestInvalid("There are too many parameters") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise ClientRequestInvalid(f"{name[:40]} is there twice")
        if "\0" in value or len(value) > _LONGEST:
            raise ClientRequestInvalid(f"{name[:40]} cannot be this")
        found[name] = value
    return {name: value for name, value in found.items() if value}
