"""What is wrong with a request is told before it costs anybody a mail, and is counted for where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from asking import Agency
from backstay.auth.protocol.route import Who
from backstay.auth.protocol.routes import ROUTES
from behaviour.door import Answer
from granting import Granting
from signing_in import PASSWORD, Club

pytestmark = pytest.mark.asvs("2.4.1", "6.3.1")

HERE, THERE = "192.0.2.7", "198.51.100.9"
LIMITS: Final = dict.fromkeys(("sign_in_limit", "verify_limit", "refresh_limit", "registration_limit"), 2)
ADDRESS: Final = {"email": "ada@example.com"}
PHONE: Final = {"phone": "+4930123456"}

BAD: Final[Mapping[str, list[Any]]] = {
    "POST /signup": [
        {**ADDRESS, "password": "short"},
        {**ADDRESS, "password": "qwerty123"},
        {**ADDRESS},
        {**ADDRESS, "password": "x" * 2000},
        {"email": "no address", "password": PASSWORD},
        {**ADDRESS, **PHONE, "password": PASSWORD},
        {**PHONE, "password": "short"},
        {"phone": "no number", "password": PASSWORD},
        {**ADDRESS, "password": PASSWORD, "data": {"name": "\0"}},
        {**ADDRESS, "password": PASSWORD, "code_challenge": "short", "code_challenge_method": "s256"},
        {**ADDRESS, "password": 7},
        [],
    ],
    "POST /token?grant_type=password": [{**ADDRESS, **PHONE, "password": "x"}, {"password": "x"}, {"email": 7}, []],
    "POST /token?grant_type=refresh_token": [{}, {"refresh_token": 7}, {"refresh_token": "none"}],
    "POST /token?grant_type=pkce": [{}, {"auth_code": 7}, {"auth_code": "x", "code_verifier": ""}],
    "POST /token?grant_type=id_token": [{}, {"id_token": "x"}, {"id_token": "x", "provider": "none"}],
    "POST /token?grant_type=web3": [{}],
    "POST /token?grant_type=none": [{}],
    "POST /token": [{}],
    "POST /otp": [
        {},
        {**ADDRESS, **PHONE},
        {"email": "no address"},
        {"phone": "no number"},
        {**ADDRESS, "data": {"name": "\0"}},
        {**ADDRESS, "code_challenge": "short"},
        {**ADDRESS, "create_user": "perhaps"},
    ],
    "POST /magiclink": [{}, {"email": "no address"}, {**ADDRESS, "code_challenge": "short"}],
    "POST /recover": [{}, {"email": "no address"}, {**ADDRESS, "code_challenge": "short"}],
    "POST /resend": [{}, {"type": "none", **ADDRESS}, {"type": "signup"}, {"type": "sms"}, {"type": "signup", **PHONE}],
    "POST /verify": [{}, {"type": "none", "token": "1"}, {"type": "signup"}, {"type": "signup", "token": "1"}],
    "GET /verify": [None],
    "GET /authorize": [None],
    "GET /callback": [None],
    "POST /callback": [{}],
    "POST /passkeys/authentication/options": [{}],
    "POST /passkeys/authentication/verify": [{}, {"challenge_id": "none"}],
}
OF_PROGRAMS: Final[Mapping[str, list[Any]]] = {
    "GET /oauth/authorize": [None],
    "POST /oauth/token": [{}, {"grant_type": "none"}, {"grant_type": "authorization_code", "client_id": "none"}],
    "POST /oauth/revoke": [{}, {"client_id": "none"}],
    "POST /oauth/introspect": [{}, {"client_id": "none"}],
    "POST /oauth/device_authorization": [{}, {"client_id": "none"}],
    "POST /oauth/clients/register": [{}, {"redirect_uris": "none"}],
}
FREE: Final = {
    *("GET /health", "GET /settings", "GET /.well-known/jwks.json"),
    *("GET /.well-known/openid-configuration", "GET /.well-known/oauth-authorization-server"),
    *("POST /sso", "GET /sso/saml/metadata", "POST /sso/saml/acs"),
    # Whoever asks shows a token.
    *("GET /oauth/userinfo", "POST /oauth/userinfo"),
}
"""What costs nothing and tells everybody the same."""


def test_every_open_endpoint_is_tried_or_costs_nothing() -> None:
    open_ones = {f"{each.method} {each.pattern}" for each in ROUTES if each.who is Who.ANYONE}
    tried = {each.partition("?")[0] for each in (*BAD, *OF_PROGRAMS)}
    assert open_ones == tried | FREE
    assert not tried & FREE


def is_limited(answer: Answer) -> bool:
    """Whether an answer says in some way that there were too many."""
    return answer.status == 429 or "over_request_rate_limit" in answer.headers.get("location", "")


@pytest.mark.parametrize("where", BAD)
def test_bad_input_costs_no_mail_and_is_counted(opened: Callable[..., Club], where: str) -> None:
    club = opened(mail_limit=1, **LIMITS)
    method, _, path = where.partition(" ")
    for body in BAD[where]:
        club.restore()
        club.sign_in.gate._refused._until.clear()
        answers = [club.ask(method, path, body, address=HERE) for _ in range(3)]
        assert [is_limited(each) for each in answers] == [False, False, True], [each.body for each in answers]
        assert {each.status for each in answers} <= {303, 302, 400, 403, 404, 405, 422, 429}, body
        club.settle()
        assert (club.post.mails, club.post.texts) == ([], [])
        for asked in (ADDRESS, PHONE):
            assert club.ask("POST", "/otp", asked, address=THERE).status == 200, "its mail has been counted"
            club.sign_in.gate._refused._until.clear()


@pytest.mark.parametrize("where", OF_PROGRAMS)
def test_bad_input_of_programs_is_counted(database_url: str, where: str) -> None:
    with Granting(database_url, oauth_registration=True, **LIMITS) as granting:
        method, _, path = where.partition(" ")
        for body in OF_PROGRAMS[where]:
            granting.restore()
            sign_in_of(granting).gate._refused._until.clear()
            answers = [granting.ask(method, f"/auth/v1{path}", body, address=HERE) for _ in range(3)]
            assert [is_limited(each) for each in answers] == [False, False, True], [each.body for each in answers]


def sign_in_of(agency: Agency) -> Any:
    """The sign-in of an agency."""
    front = agency.app.assembly.sign_in
    assert front is not None
    return front.sign_in


@pytest.mark.parametrize(
    "body",
    [
        {"email": "no address"},
        {"phone": "no number"},
        {"email": "eve@example.com", "data": {"name": "\0"}},
        {"email": "eve@example.com", "code_challenge": "short"},
        {"email": "eve@example.com", "app_metadata": {}},
        {"email": "eve@example.com", "password": "short"},
        {"email": "eve@example.com", "password": PASSWORD},
        {"phone": "+4930123456", "password": "another horse altogether", "nonce": "000000"},
    ],
)
def test_a_user_who_changes_nothing_costs_no_mail(opened: Callable[..., Club], body: dict[str, Any]) -> None:
    club = opened(mail_limit=1)
    ada = club.member()
    club.settle()
    club.post.mails.clear()
    club.execute(club.tables.attempts.delete())
    answer = club.ask("PUT", "/user", body, token=ada.token)
    assert 400 <= answer.status < 500, answer.body
    club.settle()
    assert (club.post.mails, club.post.texts) == ([], [])
    for asked in ({"email": "eve@example.com"}, {"phone": "+4930123456"}):
        assert club.ask("PUT", "/user", asked, token=ada.token).status == 200, "its mail has been counted"


def test_a_session_is_no_way_to_mail_the_world(opened: Callable[..., Club]) -> None:
    club = opened(sign_in_limit=3)
    guest = club.ask("POST", "/signup", {}, address=HERE).json["access_token"]
    asked = [
        club.ask("PUT", "/user", {"email": f"victim{number}@example.com"}, token=guest, address=HERE).status
        for number in range(4)
    ]
    assert asked == [200, 200, 429, 429]
    club.settle()
    assert len(club.post.mails) == 2
