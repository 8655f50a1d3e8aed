"""Signing in by a passkey alone: it is something one has, and asks for a finger or a PIN, so it counts as two."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.factors.passkeys import (
    Answering,
    challenge_of,
    check_on,
    find_open,
    key_of,
    party_of,
    read_credential,
    tell_options,
)
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import enter
from backstay.auth.store import factors
from backstay.auth.store.factors import Kind
from backstay.auth.store.user_row import UserRow, find_by_id
from backstay.errors import (
    EmailNotConfirmed,
    PasskeyChallengeNotFound,
    PasskeyRefused,
    PhoneNotConfirmed,
)


async def offer_sign_in(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /passkeys/authentication/options``: the browser offers whatever keys it has for the site.

    Raises:
        PasskeyDisabled: there are none here.
        TooManyRequests: too many were asked for from there.
    """
    check_on(sign_in)
    from backstay.auth.factors.passkey import offer_authentication

    # Anyone may ask, and need not answer.
    sign_in.tidy(incoming.now)
    async with sign_in.session() as db:
        made = await factors.challenge(db, sign_in.tables, incoming.now, kind=Kind.PASSKEY, address=incoming.address)
    return tell_options(made, offer_authentication(party_of(sign_in), challenge_of(sign_in, made["id"])))


async def enter_by_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /passkeys/authentication/verify``: a session for a key.

    Raises:
        PasskeyChallengeNotFound, PasskeyChallengeExpired: the options were answered, or are too old.
        PasskeyRefused: the key is not known, or the answer is not its.
        UserBanned, EmailNotConfirmed, PhoneNotConfirmed: it is, but its user may not sign in.
    """
    check_on(sign_in)
    from webauthn.helpers import bytes_to_base64url

    from backstay.auth.factors.passkey import key_id, user_of, verify_authentication

    asked = incoming.read(Answering)
    answer = read_credential(asked)

    async def work(db: AsyncSession) -> Answer:
        challenge = await find_open(db, sign_in, incoming, asked.challenge_id)
        row = await factors.find_key(db, sign_in.tables, bytes_to_base64url(key_id(answer)))
        if row is None or row["kind"] != Kind.PASSKEY.value:
            raise PasskeyRefused
        if user_of(answer) not in (None, str(row["user_id"])):
            raise PasskeyRefused
        shown = challenge_of(sign_in, challenge["id"])
        uses = verify_authentication(party_of(sign_in), answer, shown, key_of(row), verification=True)
        user = await _find_user(db, sign_in, row["user_id"])
        # Used up in the transaction in which the session begins: of many at once one succeeds.
        if not await factors.use(db, sign_in.tables, challenge["id"], incoming.now):
            raise PasskeyChallengeNotFound
        kept = {**row["passkey"], "uses": uses}
        await factors.change(db, sign_in.tables, row["id"], incoming.now, passkey=kept, last_challenged_at=incoming.now)
        await note(db, sign_in, incoming, "passkey_used", user.id, {"passkey_id": str(row["id"])})
        return Answer(await enter(db, sign_in, incoming, user, "passkey", aal=2))

    return await sign_in.settle(work)


async def _find_user(db: AsyncSession, sign_in: SignIn, user_id: object) -> UserRow:
    user = await find_by_id(db, sign_in.tables, user_id)
    if user is None or user.deleted_at is not None:
        raise PasskeyRefused
    if user.email is not None and not user.email_is_confirmed:
        raise EmailNotConfirmed().of(user.id)
    if user.phone is not None and not user.phone_is_confirmed:
        raise PhoneNotConfirmed().of(user.id)
    return user
