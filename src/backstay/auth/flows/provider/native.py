"""``POST /token?grant_type=id_token``: a session for an ID token that an app got from a provider by itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.flows.provider.account import find_account
from backstay.auth.flows.provider.ask import find_remote
from backstay.auth.flows.provider.come_back import note_refusal, settle_twice
from backstay.auth.flows.provider.link import check_linking, link
from backstay.auth.oidc.finish import read_native
from backstay.auth.oidc.profile import Profile
from backstay.auth.oidc.refused import Refused, Unreachable
from backstay.auth.oidc.remote import Remote
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import enter
from backstay.auth.steps.mailing import post_when_committed
from backstay.auth.steps.present import check_aal, find_present
from backstay.auth.steps.redirect import site_of
from backstay.errors import (
    BackstayError,
    EmailNeedsVerification,
    InvalidIdToken,
    ProviderNotSupported,
    ProviderUnreachable,
    ValidationFailed,
)


class ByIdToken(Body):
    """The body of ``grant_type=id_token``."""

    id_token: str | None = None
    provider: str | None = None
    access_token: str | None = None
    nonce: str | None = None
    client_id: str | None = None
    issuer: str | None = None
    link_identity: bool | None = None


async def grant_by_id_token(sign_in: SignIn, incoming: Incoming) -> Answer:
    """A session for an ID token; with ``link_identity`` for the user who sends it, who gets the identity linked.

    Raises:
        ValidationFailed, ProviderNotSupported: no such provider is declared.
        InvalidIdToken: the token is not to be believed.
        ProviderUnreachable: the provider does not answer.
        EmailNeedsVerification: the address has to be proven first.
    """
    asked = incoming.read(ByIdToken)
    if not asked.id_token:
        raise ValidationFailed("id_token required")
    if not asked.provider and not (asked.client_id and asked.issuer):
        raise ValidationFailed("provider or client_id and issuer required")
    remote = find_remote(sign_in, asked.provider) if asked.provider else _find_by_issuer(sign_in, asked)
    user_id = await _read_linking(sign_in, incoming) if asked.link_identity else None
    profile = await _read(sign_in, incoming, remote, asked.id_token, asked)
    return Answer(await _enter(sign_in, incoming, profile, user_id))


def _find_by_issuer(sign_in: SignIn, asked: ByIdToken) -> Remote:
    for remote in sign_in.remotes.values():
        facts = remote.facts
        if asked.issuer in (facts.issuer, *facts.issuers) and asked.client_id in facts.clients:
            return remote
    raise ProviderNotSupported("Unsupported provider: no provider of this issuer is enabled")


async def _read_linking(sign_in: SignIn, incoming: Incoming) -> Any:
    check_linking(sign_in)
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        await check_aal(db, sign_in, incoming, present)
        return present.user.id


async def _read(sign_in: SignIn, incoming: Incoming, remote: Remote, token: str, asked: ByIdToken) -> Profile:
    try:
        return await read_native(
            remote, token, nonce=asked.nonce, access_token=asked.access_token or "", now=incoming.now
        )
    except Unreachable as refused:
        await note_refusal(sign_in, incoming, remote, refused)
        raise ProviderUnreachable from None
    except Refused as refused:
        await note_refusal(sign_in, incoming, remote, refused)
        raise InvalidIdToken(detail=refused.why) from None


async def _enter(sign_in: SignIn, incoming: Incoming, profile: Profile, user_id: Any) -> dict[str, Any]:
    async def work(db: AsyncSession) -> dict[str, Any] | BackstayError:
        if user_id is not None:
            linked = await link(db, sign_in, incoming, user_id, profile)
            if isinstance(linked, BackstayError):
                return linked
            user, letter = linked
        else:
            found = await find_account(db, sign_in, incoming, profile, site_of(sign_in))
            if isinstance(found, BackstayError):
                return found
            user, letter = found.user, found.letter
            if found.waits:
                post_when_committed(db, sign_in, letter)
                return EmailNeedsVerification()
        post_when_committed(db, sign_in, letter)
        by_change, provider = user_id is not None, profile.provider
        return await enter(db, sign_in, incoming, user, "oauth", provider=provider, by_change=by_change)

    return await settle_twice(sign_in, work)
