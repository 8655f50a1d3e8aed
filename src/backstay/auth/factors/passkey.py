"""Passkeys and security keys (WebAuthn, level 2), through the library ``webauthn``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from backstay.errors import DeclarationError, PasskeyRefused

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

_LONGEST_WORD: Final = 20
_MOST_WORDS: Final = 8


@dataclass(frozen=True, slots=True)
class Party:
    """For whom keys are made.

    Arguments:
        domain: the domain of the site (WebAuthn's ``rp.id``): keys made for it serve no other one.
        name: of the site, as the browser shows it.
        origins: the addresses of pages that may use its keys (``https://app.example.com``).
    """

    domain: str
    name: str
    origins: tuple[str, ...]

    def covers(self, url: str) -> bool:
        """Whether a browser gives keys to a page at an address: one of the origins, at the domain or below it."""
        page = urlsplit(url)
        host = page.hostname or ""
        near = host == self.domain or host.endswith(f".{self.domain}")
        return near and not _is_number(host) and f"{page.scheme}://{page.netloc}" in self.origins


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What is kept of a key: its public half.

    Arguments:
        id: which the authenticator gave it.
        key: COSE-encoded.
        uses: the authenticator's own count of uses; 0 where it does not count.
        transports: how the browser reaches it (``usb``, ``internal`` ...).
        synchronised: whether the user has it on other devices, too.
    """

    id: bytes
    key: bytes
    uses: int
    transports: tuple[str, ...] = ()
    synchronised: bool = False


def _is_number(host: str) -> bool:
    """Whether a host is an address, for which there are no keys."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def require_passkeys() -> None:
    """Raise where passkeys cannot be had.

    Raises:
        DeclarationError: the extra is not installed.
    """
    if find_spec("webauthn") is None:
        raise DeclarationError(
            "Passkeys need a library that is not installed", hint="Install it: pip install 'backstay[passkeys]'."
        )


def offer_registration(
    party: Party,
    challenge: bytes,
    *,
    user: str,
    name: str,
    known: Iterable[PublicKey] = (),
    discoverable: bool = True,
) -> dict[str, Any]:
    """What a browser needs to make a key: the options for ``navigator.credentials.create``.

    Arguments:
        party: for whom.
        challenge: which the key is to answer: random, and good once.
        user: the id of the user whose it will be.
        name: of the user, as the browser shows it.
        known: keys the user has, of which no second one shall be made on the same device.
        discoverable: whether the key shall be one to sign in with, without a name.
    """
    import webauthn
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    # A second factor is named by the server, so it takes no room on the key; some keys without a PIN have none to give.
    resident = ResidentKeyRequirement.REQUIRED if discoverable else ResidentKeyRequirement.DISCOURAGED
    # A key that asks its user for a finger or a PIN is two factors at once; sign-in by key alone rests on that.
    verification = UserVerificationRequirement.REQUIRED if discoverable else UserVerificationRequirement.PREFERRED
    options = webauthn.generate_registration_options(
        rp_id=party.domain,
        rp_name=party.name,
        user_id=user.encode(),
        user_name=name,
        challenge=challenge,
        exclude_credentials=_described(known),
        authenticator_selection=AuthenticatorSelectionCriteria(resident_key=resident, user_verification=verification),
    )
    return options_to_json_dict(options)


def offer_authentication(
    party: Party, challenge: bytes, *, known: Iterable[PublicKey] = (), verification: bool = True
) -> dict[str, Any]:
    """What a browser needs to prove that it has a key: the options for ``navigator.credentials.get``.

    Arguments:
        party: for whom.
        challenge: which the key is to answer: random, and good once.
        known: the keys that will do; none: any that the user chooses.
        verification: whether the key must ask its user for a finger or a PIN.
    """
    import webauthn
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import UserVerificationRequirement

    wanted = UserVerificationRequirement.REQUIRED if verification else UserVerificationRequirement.PREFERRED
    options = webauthn.generate_authentication_options(
        rp_id=party.domain, challenge=challenge, allow_credentials=_described(known), user_verification=wanted
    )
    return options_to_json_dict(options)


def _described(known: Iterable[PublicKey]) -> list[PublicKeyCredentialDescriptor]:
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    ways = {each.value: each for each in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(id=key.id, transports=[ways[each] for each in key.transports if each in ways])
        for key in known
    ]


def verify_registration(party: Party, answer: Mapping[str, Any], challenge: bytes, *, verification: bool) -> PublicKey:
    """The key that a browser made.

    Arguments:
        party: for whom.
        answer: of the browser: the credential in JSON.
        challenge: which it was given.
        verification: whether the key must have asked its user for a finger or a PIN.

    Raises:
        PasskeyRefused: the answer is not one to this challenge, from these pages.
    """
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException
    from webauthn.helpers.structs import CredentialDeviceType

    try:
        made = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.domain,
            expected_origin=list(party.origins),
            require_user_verification=verification,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise PasskeyRefused from error
    return PublicKey(
        made.credential_id,
        made.credential_public_key,
        made.sign_count,
        _transports(answer),
        made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
    )


def _transports(answer: Mapping[str, Any]) -> tuple[str, ...]:
    response = answer.get("response")
    told = response.get("transports") if isinstance(response, Mapping) else None
    if not isinstance(told, list):
        return ()
    return tuple(each for each in told if isinstance(each, str) and len(each) <= _LONGEST_WORD)[:_MOST_WORDS]


def key_id(answer: Mapping[str, Any]) -> bytes:
    """Which key an answer says it comes from.

    Raises:
        PasskeyRefused: it does not say.
    """
    from webauthn.helpers import base64url_to_bytes

    named = answer.get("rawId", answer.get("id"))
    if not isinstance(named, str) or not named:
        raise PasskeyRefused
    try:
        return base64url_to_bytes(named)
    except ValueError as error:
        raise PasskeyRefused from error


def user_of(answer: Mapping[str, Any]) -> str | None:
    """Whose key an answer says it is by; None where it does not say (WebAuthn, 7.2)."""
    from webauthn.helpers import base64url_to_bytes

    response = answer.get("response")
    told = response.get("userHandle") if isinstance(response, Mapping) else None
    try:
        return base64url_to_bytes(told).decode("utf-8", "replace") if isinstance(told, str) and told else None
    except ValueError as error:
        raise PasskeyRefused from error


def verify_authentication(
    party: Party, answer: Mapping[str, Any], challenge: bytes, key: PublicKey, *, verification: bool
) -> int:
    """Whether a browser has a key.

    Arguments:
        party: for whom.
        answer: of the browser: the assertion in JSON.
        challenge: which it was given.
        key: that :func:`key_id` names.
        verification: whether the key must have asked its user for a finger or a PIN.

    Returns:
        the authenticator's new count of uses.

    Raises:
        PasskeyRefused: the answer is not one to this challenge, by this key; or its count went back, which a copy of a
            key would do (WebAuthn, 6.1.1).
    """
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        shown = webauthn.verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.domain,
            expected_origin=list(party.origins),
            credential_public_key=key.key,
            credential_current_sign_count=key.uses,
            require_user_verification=verification,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise PasskeyRefused from error
    return shown.new_sign_count
