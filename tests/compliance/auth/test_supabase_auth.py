"""supabase_auth for Python, through supabase, against the club: the same sessions with either of its two clients."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pyotp
import pytest
import sqlalchemy as sa

from compliance.auth.opened import Opened
from compliance.auth.program import SITE
from fixtures.club import PUBLISHABLE, SECRET_KEY
from signing_in import PASSWORD

with warnings.catch_warnings():
    # What they find wrong with each other is their own affair.
    warnings.simplefilter("ignore")
    import httpx
    from supabase import acreate_client, create_client
    from supabase.lib.client_options import AsyncClientOptions, SyncClientOptions
    from supabase_auth import AsyncMemoryStorage, SyncMemoryStorage
    from supabase_auth.errors import AuthApiError, AuthSessionMissingError, AuthWeakPasswordError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Connect: TypeAlias = Callable[..., Awaitable[Any]]
OTHER = "nine green apples"


@pytest.fixture(params=["sync", "async"])
async def connect(request: pytest.FixtureRequest, opened: Opened) -> AsyncIterator[Connect]:
    """Makes clients of one kind: ``await connect()`` a visitor's, ``await connect(SECRET_KEY)`` a server's."""
    async with contextlib.AsyncExitStack() as closing:

        async def make(key: str = PUBLISHABLE, *, flow: Any = "implicit", **more: Any) -> Any:
            options: dict[str, Any] = {"flow_type": flow, "auto_refresh_token": False, "persist_session": False, **more}
            if request.param == "sync":
                transport = closing.enter_context(httpx.Client())
                return create_client(opened.url, key, SyncClientOptions(httpx_client=transport, **options))
            awaited = await closing.enter_async_context(httpx.AsyncClient())
            return await acreate_client(opened.url, key, AsyncClientOptions(httpx_client=awaited, **options))

        yield make


async def take(answer: Any) -> Any:
    """What a method of either client answers."""
    return await answer if inspect.isawaitable(answer) else answer


async def refused(call: Callable[[], Any], status: int, code: str) -> Any:
    """The error of a call that must be one."""
    with pytest.raises(AuthApiError) as raised:
        await take(call())
    assert (raised.value.status, raised.value.code) == (status, code)
    return raised.value


async def join(connect: Connect, opened: Opened, email: str = "ada@example.com", **options: Any) -> Any:
    """The client of somebody who signed up and proved their address."""
    client = await connect(**options)
    await take(client.auth.sign_up({"email": email, "password": PASSWORD}))
    code = opened.code(email, "confirmation")
    await take(client.auth.verify_otp({"email": email, "token": code, "type": "signup"}))
    return client


async def enter(connect: Connect, email: str = "ada@example.com", password: str = PASSWORD) -> Any:
    """The client of somebody who signs in by password."""
    client = await connect()
    await take(client.auth.sign_in_with_password({"email": email, "password": password}))
    return client


def follow(link: str) -> tuple[dict[str, str], dict[str, str]]:
    """The query string and the fragment of the address that a browser is sent to by a link."""
    answer = httpx.get(link, follow_redirects=False)
    assert answer.status_code == 303
    address = urlsplit(answer.headers["location"])
    query, fragment = (
        {name: values[0] for name, values in parse_qs(part, keep_blank_values=True).items()}
        for part in (address.query, address.fragment)
    )
    return query, fragment


# Entering ----------------------------------------------------------------------------------------------------


async def test_sign_up_and_sign_in_with_password(connect: Connect, opened: Opened) -> None:
    client = await connect()
    email = "ada@example.com"
    data = {"name": "Ada"}
    credentials = {"email": email, "password": PASSWORD}
    made = await take(client.auth.sign_up({**credentials, "options": {"data": data, "email_redirect_to": SITE}}))
    assert made.session is None
    assert (made.user.email, made.user.aud, made.user.user_metadata) == (email, "authenticated", data)
    await refused(lambda: client.auth.sign_in_with_password(credentials), 400, "email_not_confirmed")
    wrong = {"email": email, "token": "abcdef", "type": "signup"}
    await refused(lambda: client.auth.verify_otp(wrong), 403, "otp_expired")
    proof = {"email": email, "token": opened.code(email, "confirmation"), "type": "signup"}
    entered = await take(client.auth.verify_otp(proof))
    assert (entered.user.id, entered.session.token_type) == (made.user.id, "bearer")
    assert entered.user.identities[0].identity_data["email"] == email
    again = await take(client.auth.sign_in_with_password(credentials))
    assert again.user.id == made.user.id
    bad = {**credentials, "password": OTHER}
    error = await refused(lambda: client.auth.sign_in_with_password(bad), 400, "invalid_credentials")
    assert error.message == "Invalid login credentials"


async def test_weak_passwords_say_why(connect: Connect) -> None:
    client = await connect()
    with pytest.raises(AuthWeakPasswordError) as raised:
        await take(client.auth.sign_up({"email": "ada@example.com", "password": "short"}))
    assert (raised.value.reasons, raised.value.status) == (["length"], 422)


async def test_sign_in_with_otp(connect: Connect, opened: Opened) -> None:
    client = await connect()
    email = "ada@example.com"
    sent = await take(client.auth.sign_in_with_otp({"email": email, "options": {"data": {"name": "Ada"}}}))
    assert (sent.user, sent.session) == (None, None)
    proof = {"email": email, "token": opened.code(email, "magic_link"), "type": "email"}
    first = await take(client.auth.verify_otp(proof))
    await take(client.auth.sign_in_with_otp({"email": email}))
    token = parse_qs(urlsplit(opened.link(email, "magic_link", 2)).query)["token"][0]
    second = await take(client.auth.verify_otp({"token_hash": token, "type": "magiclink"}))
    assert second.user.id == first.user.id
    stranger = {"email": "no@example.com", "options": {"should_create_user": False}}
    assert (await take(client.auth.sign_in_with_otp(stranger))).user is None


async def test_by_phone(connect: Connect, opened: Opened) -> None:
    client = await connect()
    phone = "+15551230001"
    made = await take(client.auth.sign_up({"phone": phone, "password": PASSWORD}))
    assert (made.session, made.user.phone) == (None, "15551230001")
    opened.texted("15551230001")
    await take(client.auth.resend({"type": "sms", "phone": phone}))
    await take(client.auth.verify_otp({"phone": phone, "token": opened.texted("15551230001", 2), "type": "sms"}))
    entered = await take(client.auth.sign_in_with_password({"phone": phone, "password": PASSWORD}))
    assert entered.user.id == made.user.id
    assert (await take(client.auth.sign_in_with_otp({"phone": phone}))).user is None
    await take(client.auth.verify_otp({"phone": phone, "token": opened.texted("15551230001", 3), "type": "sms"}))


async def test_sign_in_anonymously(connect: Connect) -> None:
    client = await connect()
    entered = await take(client.auth.sign_in_anonymously({"options": {"data": {"name": "Nemo"}}}))
    assert (entered.user.is_anonymous, entered.user.user_metadata) == (True, {"name": "Nemo"})
    assert (await take(client.auth.get_user())).user.id == entered.user.id


async def test_resend(connect: Connect, opened: Opened) -> None:
    client = await connect()
    await take(client.auth.sign_up({"email": "ada@example.com", "password": PASSWORD}))
    opened.code("ada@example.com", "confirmation")
    await take(client.auth.resend({"type": "signup", "email": "ada@example.com"}))
    proof = {"email": "ada@example.com", "token": opened.code("ada@example.com", "confirmation", 2), "type": "signup"}
    assert (await take(client.auth.verify_otp(proof))).session is not None


async def test_exchange_code_for_session(connect: Connect, opened: Opened) -> None:
    client = await connect(flow="pkce")
    await take(client.auth.sign_up({"email": "ada@example.com", "password": PASSWORD}))
    query, fragment = follow(opened.link("ada@example.com", "confirmation"))
    assert fragment == {}
    entered = await take(client.auth.exchange_code_for_session({"auth_code": query["code"]}))
    assert entered.user.email == "ada@example.com"
    used = {"auth_code": query["code"], "code_verifier": "x" * 43}
    await refused(lambda: client.auth.exchange_code_for_session(used), 404, "flow_state_not_found")


async def test_reset_password_for_email(connect: Connect, opened: Opened) -> None:
    await join(connect, opened)
    client = await connect(flow="pkce")
    await take(client.auth.reset_password_email("ada@example.com"))
    opened.link("ada@example.com", "recovery")
    await take(client.auth.reset_password_for_email("ada@example.com", {"redirect_to": f"{SITE}/account"}))
    query, _ = follow(opened.link("ada@example.com", "recovery", 2))
    entered = await take(client.auth.exchange_code_for_session({"auth_code": query["code"]}))
    await take(client.auth.update_user({"password": OTHER}))
    again = await enter(connect, password=OTHER)
    assert (await take(again.auth.get_user())).user.id == entered.user.id


async def test_initialize_from_a_link(connect: Connect, opened: Opened) -> None:
    client = await connect()
    await take(client.auth.sign_up({"email": "ada@example.com", "password": PASSWORD}))
    answer = httpx.get(opened.link("ada@example.com", "confirmation"), follow_redirects=False)
    events: list[str] = []
    client.auth.on_auth_state_change(lambda event, _: events.append(event))
    await take(client.auth.initialize(url=answer.headers["location"].replace("#", "?")))
    assert events == ["SIGNED_IN"]
    assert (await take(client.auth.get_user())).user.email == "ada@example.com"


async def test_what_there_is_not_is_told_by_name(connect: Connect) -> None:
    client = await connect()
    for whose in ({"domain": "example.com"}, {"provider_id": str(uuid4())}):
        await refused(lambda whose=whose: client.auth.sign_in_with_sso(whose), 404, "saml_provider_disabled")
    wrong = {"provider": "github", "token": "a.b.c"}
    await refused(lambda: client.auth.sign_in_with_id_token(wrong), 400, "validation_failed")
    left = await take(client.auth.sign_in_with_oauth({"provider": "github", "options": {"redirect_to": SITE}}))
    assert httpx.get(left.url, follow_redirects=False).json()["code"] == "validation_failed"


# Staying -----------------------------------------------------------------------------------------------------


async def test_who_one_is(connect: Connect, opened: Opened) -> None:
    client = await join(connect, opened)
    user = (await take(client.auth.get_user())).user
    assert user.email_confirmed_at and user.last_sign_in_at and user.created_at
    identities = (await take(client.auth.get_user_identities())).identities
    assert [each.provider for each in identities] == ["email"]
    claims = (await take(client.auth.get_claims()))["claims"]
    assert (claims["sub"], claims["role"], claims["aal"]) == (user.id, "authenticated", "aal1")
    level = await take(client.auth.mfa.get_authenticator_assurance_level())
    assert (level.current_level, level.next_level) == ("aal1", "aal1")
    assert (await take(client.auth.mfa.list_factors())).all == []
    await refused(lambda: client.auth.get_user("a.b.c"), 403, "bad_jwt")


async def test_refresh_session_and_set_session(connect: Connect, opened: Opened) -> None:
    client = await join(connect, opened)
    first = await take(client.auth.get_session())
    second = (await take(client.auth.refresh_session())).session
    assert first.refresh_token != second.refresh_token
    other = await connect()
    found = await take(other.auth.set_session(second.access_token, second.refresh_token))
    assert found.user.email == "ada@example.com"
    await refused(lambda: other.auth.refresh_session("made up"), 400, "refresh_token_not_found")


async def test_a_session_that_is_nearly_over_is_refreshed(
    connect: Connect, opened: Opened, request: pytest.FixtureRequest
) -> None:
    kinds = {"sync": SyncMemoryStorage, "async": AsyncMemoryStorage}
    storage: Any = kinds[request.node.callspec.params["connect"]]()
    client = await join(connect, opened, storage=storage, persist_session=True)
    first = await take(client.auth.get_session())
    ((key, _),) = storage.storage.items()
    storage.storage[key] = first.model_copy(update={"expires_at": round(time.time()) + 5}).model_dump_json()
    # Being made, a client looks what there is, and refreshes it by itself.
    again = await connect(storage=storage, persist_session=True, auto_refresh_token=True)
    second = await take(again.auth.get_session())
    assert second.refresh_token != first.refresh_token
    assert second.expires_at > time.time() + 60
    assert (await take(again.auth.get_user())).user.id == first.user.id
    await take(again.auth.sign_out())


async def test_update_user(connect: Connect, opened: Opened) -> None:
    client = await join(connect, opened)
    changed = await take(client.auth.update_user({"data": {"name": "Ada"}}))
    assert changed.user.user_metadata == {"name": "Ada"}
    await refused(lambda: client.auth.update_user({"password": PASSWORD}), 422, "same_password")
    pending = await take(client.auth.update_user({"email": "new@example.com"}))
    assert (pending.user.email, pending.user.new_email) == ("ada@example.com", "new@example.com")
    half, whole = [
        await take(
            client.auth.verify_otp({"email": to, "token": opened.code(to, "email_change"), "type": "email_change"})
        )
        for to in ("ada@example.com", "new@example.com")
    ]
    assert (half.session, whole.user.email) == (None, "new@example.com")


async def test_reauthenticate(connect: Connect, opened: Opened) -> None:
    client = await join(connect, opened)
    await take(client.auth.reauthenticate())
    nonce = opened.code("ada@example.com", "reauthentication")
    await take(client.auth.update_user({"password": OTHER, "nonce": nonce}))
    await enter(connect, password=OTHER)


async def test_an_old_session_shows_who_it_is_before_it_has_a_new_phone(connect: Connect, opened: Opened) -> None:
    client, phone = await join(connect, opened), "+15551230003"
    aged = sa.update(opened.club.tables.sessions).values(created_at=datetime.now(UTC) - timedelta(days=2))
    await asyncio.to_thread(opened.club.execute, aged)
    await refused(lambda: client.auth.update_user({"phone": phone}), 400, "reauthentication_needed")
    await take(client.auth.reauthenticate())
    nonce = opened.code("ada@example.com", "reauthentication")
    await take(client.auth.update_user({"phone": phone, "nonce": nonce}))
    changed = await take(
        client.auth.verify_otp({"phone": phone, "token": opened.texted("15551230003"), "type": "phone_change"})
    )
    assert changed.user.phone == "15551230003"


@pytest.mark.parametrize(("scope", "left"), [("global", []), ("local", ["other"]), ("others", ["own"])])
async def test_sign_out(connect: Connect, opened: Opened, scope: str, left: list[str]) -> None:
    clients = {"own": await join(connect, opened), "other": await enter(connect)}
    sessions = {name: await take(client.auth.get_session()) for name, client in clients.items()}
    await take(clients["own"].auth.sign_out({"scope": scope}))
    visitor = await connect()
    for name, session in sessions.items():
        if name in left:
            assert (await take(visitor.auth.get_user(session.access_token))).user.email == "ada@example.com"
            await take(visitor.auth.refresh_session(session.refresh_token))
        else:
            with pytest.raises((AuthApiError, AuthSessionMissingError)):
                await take(visitor.auth.get_user(session.access_token))
            gone = session.refresh_token
            await refused(lambda gone=gone: visitor.auth.refresh_session(gone), 400, "refresh_token_not_found")


async def test_second_factors(connect: Connect, opened: Opened) -> None:
    client = await join(connect, opened)
    mfa = client.auth.mfa
    factor = await take(mfa.enroll({"factor_type": "totp", "friendly_name": "My phone", "issuer": "Club"}))
    app = pyotp.TOTP(factor.totp.secret)
    assert factor.totp.qr_code.startswith("data:image/svg+xml;utf-8,<") and "Club" in factor.totp.uri
    challenge = await take(mfa.challenge({"factor_id": factor.id}))
    shown = {"factor_id": factor.id, "challenge_id": challenge.id, "code": app.now()}
    assert (await take(mfa.verify(shown))).user.email == "ada@example.com"
    level = await take(mfa.get_authenticator_assurance_level())
    assert (level.current_level, level.next_level) == ("aal2", "aal2")
    assert [each.status for each in (await take(mfa.list_factors())).totp] == ["verified"]
    later = await enter(connect)
    await refused(lambda: later.auth.mfa.unenroll({"factor_id": factor.id}), 422, "insufficient_aal")
    code = app.at(int(time.time()) + 30)
    await take(later.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code}))
    assert (await take(later.auth.mfa.unenroll({"factor_id": factor.id}))).id == factor.id


async def test_a_phone_is_a_second_factor(connect: Connect, opened: Opened) -> None:
    client = await join(connect, opened)
    mfa = client.auth.mfa
    factor = await take(mfa.enroll({"factor_type": "phone", "phone": "+15551230009", "friendly_name": "Handset"}))
    challenge = await take(mfa.challenge({"factor_id": factor.id, "channel": "sms"}))
    shown = {"factor_id": factor.id, "challenge_id": challenge.id, "code": opened.texted("15551230009")}
    await take(mfa.verify(shown))
    assert [each.id for each in (await take(mfa.list_factors())).phone] == [factor.id]


async def test_a_recovery_code_does_in_the_place_of_a_factor(connect: Connect, opened: Opened) -> None:
    client = await join(connect, opened)
    mfa = client.auth.mfa
    factor = await take(mfa.enroll({"factor_type": "totp", "friendly_name": "My phone"}))
    code = pyotp.TOTP(factor.totp.secret).now()
    session = await take(mfa.challenge_and_verify({"factor_id": factor.id, "code": code}))
    # The client has no method for it.
    headers = {"apikey": PUBLISHABLE, "authorization": f"Bearer {session.access_token}"}
    codes = httpx.post(f"{opened.url}/auth/v1/factors/recovery-codes", headers=headers).json()["codes"]
    later = await enter(connect)
    lost = later.auth.mfa
    await take(lost.challenge_and_verify({"factor_id": factor.id, "code": codes[0]}))
    level = await take(lost.get_authenticator_assurance_level())
    assert level.current_level == "aal2"
    assert [each.method for each in level.current_authentication_methods] == ["password", "mfa/recovery_code"]
    used = {"factor_id": factor.id, "code": codes[0]}
    await refused(lambda: lost.challenge_and_verify(used), 422, "mfa_verification_failed")
    assert (await take(lost.unenroll({"factor_id": factor.id}))).id == factor.id


async def test_a_factor_of_somebody_else_is_none(connect: Connect, opened: Opened) -> None:
    ada, ben = await join(connect, opened), await join(connect, opened, "ben@example.com")
    factor = await take(ben.auth.mfa.enroll({"factor_type": "totp"}))
    challenge = await take(ben.auth.mfa.challenge({"factor_id": factor.id}))
    code = pyotp.TOTP(factor.totp.secret).now()
    shown = {"factor_id": factor.id, "challenge_id": challenge.id, "code": code}
    await refused(lambda: ada.auth.mfa.challenge({"factor_id": factor.id}), 404, "mfa_factor_not_found")
    await refused(lambda: ada.auth.mfa.verify(shown), 404, "mfa_factor_not_found")
    await refused(lambda: ada.auth.mfa.unenroll({"factor_id": factor.id}), 404, "mfa_factor_not_found")
    assert (await take(ada.auth.mfa.get_authenticator_assurance_level())).next_level == "aal1"


async def test_admin_removes_second_factors(connect: Connect, opened: Opened) -> None:
    client = await join(connect, opened)
    user = (await take(client.auth.get_user())).user
    factor = await take(client.auth.mfa.enroll({"factor_type": "totp"}))
    admin = (await connect(SECRET_KEY)).auth.admin
    listed = await take(admin.mfa.list_factors({"user_id": user.id}))
    assert [each.id for each in getattr(listed, "factors", listed)] == [factor.id]
    removed = await take(admin.mfa.delete_factor({"user_id": user.id, "id": factor.id}))
    assert removed.id == factor.id


# The secret key ----------------------------------------------------------------------------------------------


async def test_admin_makes_shows_changes_and_deletes_users(connect: Connect) -> None:
    admin = (await connect(SECRET_KEY)).auth.admin
    body = {"email": "ada@example.com", "password": PASSWORD, "email_confirm": True, "user_metadata": {"name": "Ada"}}
    made = (await take(admin.create_user(body))).user
    await enter(connect)
    assert [user.id for user in await take(admin.list_users(page=1, per_page=10))] == [made.id]
    assert [user.id for user in await take(admin.list_users())] == [made.id]
    assert (await take(admin.get_user_by_id(made.id))).user.user_metadata == {"name": "Ada"}
    changed = (await take(admin.update_user_by_id(made.id, {"password": OTHER, "app_metadata": {"plan": "gold"}}))).user
    assert changed.app_metadata["plan"] == "gold"
    client = await enter(connect, password=OTHER)
    session = await take(client.auth.get_session())
    await take(admin.update_user_by_id(made.id, {"ban_duration": "24h"}))
    await refused(lambda: client.auth.refresh_session(session.refresh_token), 400, "refresh_token_not_found")
    with pytest.raises((AuthApiError, AuthSessionMissingError)):
        await take(client.auth.get_user())
    await take(admin.delete_user(made.id, True))
    assert (await take(admin.get_user_by_id(made.id))).user.email == ""
    await take(admin.delete_user(made.id))
    await refused(lambda: admin.get_user_by_id(made.id), 404, "user_not_found")
    await refused(lambda: admin.get_user_by_id(str(uuid4())), 404, "user_not_found")


async def test_admin_invites_links_and_signs_out(connect: Connect, opened: Opened) -> None:
    admin = (await connect(SECRET_KEY)).auth.admin
    invited = (await take(admin.invite_user_by_email("ada@example.com", {"redirect_to": f"{SITE}/in"}))).user
    _, fragment = follow(opened.link("ada@example.com", "invite"))
    assert (fragment["type"], bool(invited.invited_at)) == ("invite", True)
    made = await take(admin.generate_link({"type": "magiclink", "email": "ada@example.com"}))
    assert (made.user.id, made.properties.verification_type) == (invited.id, "magiclink")
    visitor = await connect()
    proof = {"token_hash": made.properties.hashed_token, "type": "magiclink"}
    session = (await take(visitor.auth.verify_otp(proof))).session
    await take(admin.sign_out(session.access_token, "global"))
    await refused(lambda: visitor.auth.refresh_session(session.refresh_token), 400, "refresh_token_not_found")
    await refused(lambda: visitor.auth.admin.list_users(), 401, "no_authorization")
