"""The way to a provider: ``GET /authorize``, and the same for a user who links an identity."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from backstay.auth.flows.provider.link import check_linking
from backstay.auth.flows.provider.mark import set_mark
from backstay.auth.oidc.begin import begin
from backstay.auth.oidc.flow import Seal
from backstay.auth.oidc.refused import Refused
from backstay.auth.oidc.remote import Remote
from backstay.auth.protocol.answer import Answer, redirect
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.present import check_aal, find_present
from backstay.auth.steps.redirect import choose_redirect, own_url
from backstay.auth.store import flow
from backstay.errors import ProviderUnreachable, ValidationFailed

LIFE: Final = timedelta(minutes=10)
"""How long a user may take at the provider."""

_MOST_SCOPES: Final = 2000


async def authorize(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /authorize?provider=...``: send the browser to a provider.

    Raises:
        ValidationFailed: no provider of this name is declared.
        ProviderUnreachable: it does not say where it is.
    """
    return await _leave(sign_in, incoming, None)


async def authorize_linking(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /user/identities/authorize?provider=...``: the same, for a user who wants the identity linked to them.

    Raises:
        LinkingDisabled: by the settings.
        ValidationFailed: neither a mark nor PKCE would tell the browser that comes back from any other's.
        InsufficientAal: the user has a second factor, and did not use it.
    """
    check_linking(sign_in)
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        await check_aal(db, sign_in, incoming, present)
    return await _leave(sign_in, incoming, present.user.id)


def find_remote(sign_in: SignIn, name: str) -> Remote:
    """The provider of a name.

    Raises:
        ValidationFailed: none of this name is declared.
    """
    remote = sign_in.remotes.get(name)
    if remote is None:
        raise ValidationFailed("Unsupported provider: provider is not enabled")
    return remote


def callback_of(sign_in: SignIn) -> str:
    """Where providers send their answers: what is registered with each of them.

    Raises:
        ValidationFailed: nothing says where callers reach the server.
    """
    return f"{own_url(sign_in)}/callback"


def seal_of(sign_in: SignIn) -> Seal:
    """What recognises the logins that began here."""
    return Seal(sign_in.login_key)


async def _leave(sign_in: SignIn, incoming: Incoming, linked_user_id: Any) -> Answer:
    query = incoming.query
    remote = find_remote(sign_in, query.get("provider", ""))
    challenge = flow.check_challenge(query.get("code_challenge"), query.get("code_challenge_method"))
    told = query.get("skip_http_redirect") == "true"
    if linked_user_id is not None and told and challenge is None:
        # Whoever opens the address would have their identity linked to whoever asked for it.
        raise ValidationFailed("Linking takes PKCE: code_challenge is missing", hint='Use flowType: "pkce".')
    try:
        departure = await begin(
            remote,
            seal_of(sign_in),
            redirect_uri=callback_of(sign_in),
            scopes=query.get("scopes", "")[:_MOST_SCOPES].replace(",", " ").split(),
            extra=query,
            # What only tells the address cannot give the browser a mark.
            bound=not told,
            now=incoming.now,
        )
    except Refused as refused:
        raise ProviderUnreachable(detail=refused.why) from None
    # Anyone may begin a login, and need not come back.
    sign_in.tidy(incoming.now)
    async with sign_in.session() as db:
        await flow.leave(
            db,
            sign_in.tables,
            incoming.now,
            method="oauth",
            challenge=challenge,
            life=LIFE,
            provider=remote.facts.name,
            state_digest=departure.state_hash,
            redirect_to=choose_redirect(sign_in, query.get("redirect_to")),
            linked_user_id=linked_user_id,
        )
    if told:
        return Answer({"url": departure.url}, headers=(("cache-control", "no-store"),))
    left = redirect(departure.url, 302)
    mark = set_mark(sign_in, remote.facts, departure.state_hash, departure.mark, LIFE)
    return Answer(None, left.status, (*left.headers, mark, ("cache-control", "no-store")))
