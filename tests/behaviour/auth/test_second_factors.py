"""Second factors over the wire: had, asked for, shown once, and not to be got around."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pyotp
import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Auth, AuthUser, Backstay, current, system
from backstay.auth.factors.seal import is_current, seal, sealing_keys
from backstay.schema.post.mail import Mail
from backstay.testing import Answer, Client, client

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW_KEY, OLD_KEY = "the newer key of thirty-two bytes or more", "the older key of thirty-two bytes or more"
PASSWORD = "correct horse battery staple"


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


me = current(User)


class Paper(Base):
    __tablename__ = "papers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    text: Mapped[str]


class Phones:
    """Takes texts; knows the last code sent to each number."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}

    async def send(self, phone: str, text: str) -> None:
        (code,) = re.findall("[0-9]{6}", text)
        self.codes[phone.lstrip("+")] = code


class Mails:
    """Takes mails."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.sent.append(mail)

    async def to(self, address: str, count: int) -> list[Mail]:
        """The mails to an address, when there are so many."""
        for _ in range(3000):
            found = [mail for mail in self.sent if mail.to == address]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.02)
        raise AssertionError(f"{count} mails were not sent")


class Clock:
    """The time, which a test may move."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._real = time.time

    def __call__(self) -> float:
        return self._real() + self.ahead

    def wait(self, seconds: float) -> None:
        self.ahead += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(time, "time", found)
    return found


@pytest.fixture(scope="module")
def phones() -> Phones:
    return Phones()


@pytest.fixture(scope="module")
def mails() -> Mails:
    return Mails()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(module_database_url: str, phones: Phones, mails: Mails) -> AsyncIterator[Client]:
    app = Backstay(module_database_url, auth=Auth(User, mfa=True, sms=phones, mail=mails))
    app.configure(
        confirm_email=False,
        sign_in_limit=0,
        verify_limit=0,
        site_url="https://app.example.com",
        encryption_key=f"{NEW_KEY}, {OLD_KEY}",
    )
    app.resource(Paper, select=me.aal >= 1, insert=me.aal >= 2)
    async with client(app, database=module_database_url) as asking:
        yield asking


@dataclass
class Person:
    """A user with one session, as a client of theirs keeps it."""

    backend: Client
    clock: Clock
    session: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def email(self) -> str:
        return str(self.session["user"]["email"])

    @property
    def id(self) -> str:
        return str(self.session["user"]["id"])

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        shown = {"authorization": f"Bearer {self.session['access_token']}", **headers}
        return await self.backend.request(method, f"/auth/v1{path}", json=body, headers=shown)

    async def paper(self) -> int:
        shown = {"authorization": f"Bearer {self.session['access_token']}"}
        return (await self.backend.request("POST", "/rest/v1/papers", json={"text": ""}, headers=shown)).status

    async def enroll(self, name: str = "phone") -> str:
        answer = await self.ask("POST", "/factors", {"factor_type": "totp", "friendly_name": name})
        assert answer.status == 200, answer.text
        found = answer.json()
        self.secrets[found["id"]] = found["totp"]["secret"]
        return str(found["id"])

    async def challenge(self, factor: str) -> str:
        answer = await self.ask("POST", f"/factors/{factor}/challenge", {})
        assert answer.status == 200, answer.text
        return str(answer.json()["id"])

    def code(self, factor: str) -> str:
        return pyotp.TOTP(self.secrets[factor]).at(self.clock())

    async def verify(self, factor: str, challenge: str, code: str) -> Answer:
        answer = await self.ask("POST", f"/factors/{factor}/verify", {"challenge_id": challenge, "code": code})
        if answer.status == 200:
            self.session = answer.json()
        return answer

    async def show(self, factor: str) -> Answer:
        """Answer a new challenge with the code of now."""
        return await self.verify(factor, await self.challenge(factor), self.code(factor))

    async def strengthen(self) -> str:
        """Have an authenticator app, and show it."""
        factor = await self.enroll()
        answer = await self.show(factor)
        assert answer.status == 200, answer.text
        self.clock.wait(60)  # the next code is another one
        return factor

    @property
    def claims(self) -> dict[str, Any]:
        part = self.session["access_token"].split(".")[1]
        found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return found


async def sign_in(backend: Client, clock: Clock, email: str) -> Person:
    body = {"email": email, "password": PASSWORD}
    answer = await backend.request("POST", "/auth/v1/token?grant_type=password", json=body)
    assert answer.status == 200, answer.text
    return Person(backend, clock, answer.json())


async def sign_up(backend: Client, clock: Clock) -> Person:
    """Somebody new: the tests share a database."""
    body = {"email": f"{uuid4()}@example.com", "password": PASSWORD}
    answer = await backend.request("POST", "/auth/v1/signup", json=body)
    assert answer.status == 200, answer.text
    return Person(backend, clock, answer.json())


@pytest_asyncio.fixture(loop_scope="module")
async def ada(backend: Client, clock: Clock) -> Person:
    return await sign_up(backend, clock)


async def sign_in_again(person: Person) -> Person:
    """The same user, in another session."""
    found = await sign_in(person.backend, person.clock, person.email)
    found.secrets = person.secrets
    return found


def refused(answer: Answer, status: int, name: str) -> None:
    told = (answer.status, answer.json()["error_code"])
    assert told == (status, name), answer.text


# An authenticator app ------------------------------------------------------------------------------------------


async def test_a_factor_is_enrolled_challenged_and_verified(ada: Person) -> None:
    answer = await ada.ask("POST", "/factors", {"factor_type": "totp", "friendly_name": "My phone", "issuer": "Hiring"})
    found = answer.json()
    assert (found["type"], found["friendly_name"]) == ("totp", "My phone")
    assert found["totp"]["qr_code"].startswith("<svg ")
    assert found["totp"]["uri"].startswith(f"otpauth://totp/Hiring:{ada.email.replace('@', '%40')}?")
    ada.secrets[found["id"]] = found["totp"]["secret"]
    assert ada.claims["aal"] == "aal1"
    answer = await ada.ask("POST", f"/factors/{found['id']}/challenge")
    told = answer.json()
    assert told["type"] == "totp"
    assert 290 <= told["expires_at"] - ada.clock() <= 300
    verified = (await ada.verify(found["id"], told["id"], ada.code(found["id"]))).json()
    assert {"access_token", "refresh_token", "expires_in", "expires_at", "token_type", "user"} <= set(verified)
    assert ada.claims["aal"] == "aal2"
    assert [each["method"] for each in ada.claims["amr"]] == ["password", "totp"]
    (factor,) = verified["user"]["factors"]
    assert (factor["id"], factor["status"], factor["factor_type"]) == (found["id"], "verified", "totp")


async def test_a_rule_that_asks_for_a_second_factor_gets_it(ada: Person) -> None:
    assert await ada.paper() == 403
    await ada.strengthen()
    assert await ada.paper() == 201


async def test_a_second_factor_stays_with_the_session_when_tokens_are_refreshed(ada: Person) -> None:
    await ada.strengthen()
    body = {"refresh_token": ada.session["refresh_token"]}
    ada.session = (await ada.ask("POST", "/token?grant_type=refresh_token", body)).json()
    assert ada.claims["aal"] == "aal2"
    assert await ada.paper() == 201


@pytest.mark.asvs("6.3.4")
async def test_the_next_sign_in_begins_with_one_factor(ada: Person) -> None:
    factor = await ada.strengthen()
    again = await sign_in_again(ada)
    assert again.claims["aal"] == "aal1"
    assert [each["id"] for each in again.session["user"]["factors"]] == [factor]
    assert (await again.show(factor)).status == 200
    assert again.claims["aal"] == "aal2"


@pytest.mark.invariant("I22")
@pytest.mark.asvs("6.5.1")
async def test_a_code_is_good_once(ada: Person) -> None:
    factor = await ada.enroll()
    code = ada.code(factor)
    assert (await ada.verify(factor, await ada.challenge(factor), code)).status == 200
    refused(await ada.verify(factor, await ada.challenge(factor), code), 422, "mfa_verification_failed")


@pytest.mark.invariant("I22")
async def test_a_challenge_is_answered_once(ada: Person) -> None:
    factor = await ada.enroll()
    challenge = await ada.challenge(factor)
    assert (await ada.verify(factor, challenge, ada.code(factor))).status == 200
    ada.clock.wait(60)
    refused(await ada.verify(factor, challenge, ada.code(factor)), 422, "mfa_challenge_expired")


@pytest.mark.asvs("6.5.5")
async def test_a_challenge_lasts_five_minutes(ada: Person) -> None:
    factor = await ada.enroll()
    challenge = await ada.challenge(factor)
    ada.clock.wait(301)
    answer = await ada.verify(factor, challenge, ada.code(factor))
    refused(answer, 422, "mfa_challenge_expired")
    assert answer.json()["message"].startswith(f"MFA challenge {challenge} has expired")


@pytest.mark.asvs("6.6.2")
async def test_a_challenge_is_of_one_factor_of_one_user(ada: Person, backend: Client, clock: Clock) -> None:
    ben = await sign_up(backend, clock)
    hers, other, his = await ada.enroll("a"), await ada.enroll("b"), await ben.enroll()
    challenge = await ada.challenge(hers)
    refused(await ada.verify(other, challenge, ada.code(other)), 422, "mfa_factor_not_found")
    refused(await ben.verify(his, challenge, ben.code(his)), 422, "mfa_factor_not_found")
    ben.secrets |= ada.secrets
    refused(await ben.verify(hers, challenge, ben.code(hers)), 404, "mfa_factor_not_found")
    for path in (f"/factors/{hers}/challenge", f"/factors/{uuid4()}/challenge", "/factors/nonsense/challenge"):
        refused(await ben.ask("POST", path, {}), 404, "mfa_factor_not_found")
    refused(await ben.ask("DELETE", f"/factors/{hers}"), 404, "mfa_factor_not_found")


@pytest.mark.asvs("6.6.2")
async def test_a_challenge_is_answered_from_where_it_was_asked_for(ada: Person) -> None:
    factor = await ada.enroll()
    challenge, kept = await ada.challenge(factor), Base.metadata.tables["auth_challenges"]
    async with ada.backend.app.session(system) as db:
        await db.execute(sa.update(kept).where(kept.c.id == UUID(challenge)).values(address="192.0.2.7"))
    refused(await ada.verify(factor, challenge, ada.code(factor)), 422, "mfa_ip_address_mismatch")


@pytest.mark.asvs("6.6.3")
async def test_codes_cannot_be_tried_out(ada: Person) -> None:
    factor = await ada.strengthen()
    guesses = []
    for _ in range(3):
        challenge = await ada.challenge(factor)
        guesses += [await ada.verify(factor, challenge, f"{n:06}") for n in range(4)]
    assert [answer.status for answer in guesses].count(422) <= 6
    refused(guesses[-1], 429, "over_request_rate_limit")
    assert int(guesses[-1].headers["retry-after"]) > 0
    # Not even the right one gets through meanwhile; afterwards it does.
    refused(await ada.show(factor), 429, "over_request_rate_limit")
    ada.clock.wait(3600)
    ada = await sign_in_again(ada)
    assert (await ada.show(factor)).status == 200


async def test_a_challenge_takes_few_answers(ada: Person) -> None:
    factor = await ada.enroll()
    challenge = await ada.challenge(factor)
    tables = await rows(ada, "auth_challenges")
    assert [row["attempts"] for row in tables] == [0]
    refused(await ada.verify(factor, challenge, "000000"), 422, "mfa_verification_failed")
    assert [row["attempts"] for row in await rows(ada, "auth_challenges")] == [1]


async def test_sessions_with_one_factor_end_when_another_shows_two(ada: Person, backend: Client) -> None:
    stolen = await sign_in_again(ada)
    await ada.strengthen()
    refused(await stolen.ask("GET", "/user"), 403, "session_not_found")
    refresh = {"refresh_token": stolen.session["refresh_token"]}
    answer = await backend.request("POST", "/auth/v1/token?grant_type=refresh_token", json=refresh)
    refused(answer, 400, "refresh_token_not_found")
    assert (await ada.ask("GET", "/user")).status == 200


async def test_the_refresh_token_of_before_is_worth_nothing(ada: Person) -> None:
    before = ada.session["refresh_token"]
    factor = await ada.enroll()
    await ada.show(factor)
    answer = await ada.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": before})
    refused(answer, 400, "refresh_token_already_used")


async def test_a_factor_that_was_never_verified_counts_for_nothing(ada: Person) -> None:
    factor = await ada.enroll()
    assert (await ada.ask("PUT", "/user", {"data": {"a": 1}})).status == 200
    assert (await ada.ask("DELETE", f"/factors/{factor}")).json() == {"id": factor}
    assert "factors" not in (await ada.ask("GET", "/user")).json()


# What a second factor guards -----------------------------------------------------------------------------------


@pytest.mark.asvs("7.5.1")
async def test_password_and_address_change_only_after_a_second_factor(ada: Person) -> None:
    factor = await ada.strengthen()
    hasty = await sign_in_again(ada)
    for body in ({"password": "another horse altogether"}, {"email": "eve@example.com"}):
        refused(await hasty.ask("PUT", "/user", body), 401, "insufficient_aal")
    assert (await hasty.show(factor)).status == 200
    assert (await hasty.ask("PUT", "/user", {"password": "another horse altogether"})).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/user", {"password": "another horse altogether"}),
        ("PUT", "/user", {"email": "eve@example.com"}),
        ("PUT", "/user", {"phone": "+4915100000001"}),
        ("POST", "/factors", {"factor_type": "totp"}),
        ("POST", "/factors/recovery-codes", None),
        ("DELETE", "/factors/{factor}", None),
        ("DELETE", "/user/identities/{factor}", None),
    ],
)
@pytest.mark.asvs("6.3.3", "7.5.1")
async def test_a_token_from_before_the_second_factor_does_not_grow_with_its_session(
    ada: Person, method: str, path: str, body: Any
) -> None:
    factor = await ada.strengthen()
    hasty = await sign_in_again(ada)
    taken = Person(ada.backend, ada.clock, dict(hasty.session), ada.secrets)
    assert (await hasty.show(factor)).status == 200
    answer = await taken.ask(method, path.format(factor=factor), body)
    assert (answer.status in (401, 403, 422), answer.json()["error_code"]) == (True, "insufficient_aal"), answer.text


@pytest.mark.asvs("6.4.3")
async def test_resetting_the_password_does_not_get_around_a_second_factor(ada: Person, mails: Mails) -> None:
    factor = await ada.strengthen()
    assert (await ada.backend.request("POST", "/auth/v1/recover", json={"email": ada.email})).status == 200
    code = (await mails.to(ada.email, 2))[-1].code
    body = {"type": "recovery", "email": ada.email, "token": code}
    answer = await ada.backend.request("POST", "/auth/v1/verify", json=body)
    assert answer.status == 200, answer.text
    reset = Person(ada.backend, ada.clock, answer.json(), ada.secrets)
    assert reset.claims["aal"] == "aal1"
    assert await reset.paper() == 403
    refused(await reset.ask("PUT", "/user", {"password": "another horse altogether"}), 401, "insufficient_aal")
    refused(await reset.ask("DELETE", f"/factors/{factor}"), 422, "insufficient_aal")
    assert (await reset.show(factor)).status == 200
    assert (await reset.ask("PUT", "/user", {"password": "another horse altogether"})).status == 200


async def test_a_factor_is_added_or_removed_only_after_one_was_shown(ada: Person) -> None:
    factor = await ada.strengthen()
    hasty = await sign_in_again(ada)
    refused(await hasty.ask("POST", "/factors", {"factor_type": "totp"}), 403, "insufficient_aal")
    refused(await hasty.ask("DELETE", f"/factors/{factor}"), 422, "insufficient_aal")
    assert (await ada.ask("DELETE", f"/factors/{factor}")).json() == {"id": factor}


async def test_a_factor_begun_before_does_not_get_around_one_that_counts(ada: Person, phones: Phones) -> None:
    answer = await ada.ask("POST", "/factors", {"factor_type": "phone", "phone": "+4915112345679"})
    begun = answer.json()["id"]
    await ada.strengthen()
    hasty = await sign_in_again(ada)
    challenge = (await hasty.ask("POST", f"/factors/{begun}/challenge", {})).json()["id"]
    code = await sent(phones, "4915112345679")
    refused(await hasty.verify(begun, challenge, code), 403, "insufficient_aal")


async def test_removing_the_last_factor_leaves_one_and_ends_other_sessions(ada: Person, clock: Clock) -> None:
    factor = await ada.strengthen()
    other = await sign_in_again(ada)
    assert (await other.show(factor)).status == 200
    ada.clock.wait(60)
    assert (await ada.ask("DELETE", f"/factors/{factor}")).status == 200
    refused(await other.ask("GET", "/user"), 403, "session_not_found")
    body = {"refresh_token": ada.session["refresh_token"]}
    ada.session = (await ada.ask("POST", "/token?grant_type=refresh_token", body)).json()
    assert ada.claims["aal"] == "aal1"
    assert await ada.paper() == 403


async def test_names_are_told_apart_and_factors_are_not_endless(ada: Person) -> None:
    await ada.enroll("mine")
    answer = await ada.ask("POST", "/factors", {"factor_type": "totp", "friendly_name": "mine"})
    refused(answer, 422, "mfa_factor_name_conflict")
    for number in range(9):
        await ada.enroll(f"number {number}")
    answer = await ada.ask("POST", "/factors", {"factor_type": "totp", "friendly_name": "one more"})
    refused(answer, 422, "too_many_enrolled_mfa_factors")


@pytest.mark.parametrize(
    "body",
    [{}, {"factor_type": "carrier pigeon"}, {"factor_type": 5}, {"factor_type": "totp", "friendly_name": "x" * 200}],
)
async def test_nonsense_is_refused(ada: Person, body: dict[str, Any]) -> None:
    refused(await ada.ask("POST", "/factors", body), 400, "validation_failed")


async def test_without_a_user_there_are_no_factors(backend: Client) -> None:
    answer = await backend.request("POST", "/auth/v1/factors", json={"factor_type": "totp"})
    refused(answer, 401, "no_authorization")


# Phones --------------------------------------------------------------------------------------------------------


async def sent(phones: Phones, number: str) -> str:
    for _ in range(3000):
        if number in phones.codes:
            return phones.codes.pop(number)
        await asyncio.sleep(0.02)
    raise AssertionError("no text was sent")


async def test_a_phone_is_a_second_factor(ada: Person, phones: Phones) -> None:
    answer = await ada.ask("POST", "/factors", {"factor_type": "phone", "phone": "+49 151 12345678"})
    found = answer.json()
    assert (found["type"], found["phone"]) == ("phone", "+49 151 12345678")
    challenge = await ada.challenge(found["id"])
    code = await sent(phones, "4915112345678")
    refused(await ada.verify(found["id"], challenge, f"{(int(code) + 1) % 10**6:06}"), 422, "mfa_verification_failed")
    assert (await ada.verify(found["id"], challenge, code)).status == 200
    assert ada.claims["amr"][-1]["method"] == "mfa/phone"
    again = await ada.ask("POST", f"/factors/{found['id']}/challenge", {})
    refused(again, 429, "over_sms_send_rate_limit")
    assert int(again.headers["retry-after"]) <= 60
    answer = await ada.ask("POST", "/factors", {"factor_type": "phone", "phone": "+4915112345678"})
    refused(answer, 422, "mfa_verified_factor_exists")


# Recovery codes ------------------------------------------------------------------------------------------------


async def test_recovery_codes_are_made_after_a_second_factor(ada: Person) -> None:
    refused(await ada.ask("POST", "/factors/recovery-codes"), 403, "insufficient_aal")
    await ada.strengthen()
    refused(await ada.ask("GET", "/factors/recovery-codes"), 404, "mfa_factor_not_found")
    refused(await ada.ask("POST", "/factors/recovery-codes/regenerate"), 404, "mfa_factor_not_found")
    made = (await ada.ask("POST", "/factors/recovery-codes")).json()
    assert (made["type"], made["total"], len(set(made["codes"]))) == ("recovery_code", 10, 10)
    told = (await ada.ask("GET", "/factors/recovery-codes")).json()
    assert told == {"id": made["id"], "type": "recovery_code", "total": 10, "remaining": 10}


async def test_recovery_codes_alone_are_no_factor(ada: Person) -> None:
    factor = await ada.strengthen()
    assert (await ada.ask("DELETE", f"/factors/{factor}")).status == 200
    refused(await ada.ask("POST", "/factors/recovery-codes"), 403, "insufficient_aal")


async def test_new_recovery_codes_take_the_place_of_the_old_ones_when_one_says_so(ada: Person) -> None:
    await ada.strengthen()
    old = (await ada.ask("POST", "/factors/recovery-codes")).json()["codes"]
    refused(await ada.ask("POST", "/factors/recovery-codes"), 422, "mfa_verified_factor_exists")
    lost = await sign_in_again(ada)
    for path in ("/factors/recovery-codes", "/factors/recovery-codes/regenerate"):
        refused(await lost.ask("POST", path), 403, "insufficient_aal")
    refused(await lost.ask("DELETE", "/factors/recovery-codes"), 422, "insufficient_aal")
    new = (await ada.ask("POST", "/factors/recovery-codes/regenerate")).json()["codes"]
    refused(await lost.ask("POST", "/factors/recovery-codes/verify", {"code": old[0]}), 422, "mfa_verification_failed")
    session = (await lost.ask("POST", "/factors/recovery-codes/verify", {"code": new[0].lower()})).json()
    assert Person(lost.backend, lost.clock, session).claims["aal"] == "aal2"
    assert (await ada.ask("DELETE", "/factors/recovery-codes")).status == 200
    refused(await ada.ask("GET", "/factors/recovery-codes"), 404, "mfa_factor_not_found")


@pytest.mark.asvs("6.3.1")
async def test_recovery_codes_cannot_be_tried_out(ada: Person) -> None:
    await ada.strengthen()
    code = (await ada.ask("POST", "/factors/recovery-codes")).json()["codes"][0]
    lost = await sign_in_again(ada)
    for _ in range(5):
        answer = await lost.ask("POST", "/factors/recovery-codes/verify", {"code": "2222-" * 6})
        refused(answer, 422, "mfa_verification_failed")
    answer = await lost.ask("POST", "/factors/recovery-codes/verify", {"code": code})
    refused(answer, 429, "over_request_rate_limit")


@pytest.mark.invariant("I22")
@pytest.mark.asvs("6.5.1")
async def test_a_recovery_code_does_for_a_lost_factor_once(ada: Person) -> None:
    factor = await ada.strengthen()
    codes = (await ada.ask("POST", "/factors/recovery-codes")).json()["codes"]
    lost = await sign_in_again(ada)
    assert (await lost.verify(factor, await lost.challenge(factor), codes[0].lower())).status == 200
    assert lost.claims["amr"][-1]["method"] == "mfa/recovery_code"
    assert (await lost.ask("GET", "/factors/recovery-codes")).json()["remaining"] == 9
    refused(await lost.verify(factor, await lost.challenge(factor), codes[0]), 422, "mfa_verification_failed")
    assert (await lost.ask("DELETE", f"/factors/{factor}")).status == 200
    refused(await lost.ask("GET", "/factors/recovery-codes"), 404, "mfa_factor_not_found")


async def test_of_many_at_once_one_makes_the_recovery_codes(ada: Person) -> None:
    await ada.strengthen()
    made = await asyncio.gather(*[ada.ask("POST", "/factors/recovery-codes") for _ in range(10)])
    assert sorted(answer.status for answer in made) == [200] + 9 * [422]


# The secret key, and what is kept ------------------------------------------------------------------------------


async def test_the_secret_key_sees_and_removes_factors(ada: Person, backend: Client) -> None:
    factor = await ada.strengthen()
    admin, place = backend.as_(system), f"/auth/v1/admin/users/{ada.id}/factors"
    (told,) = (await admin.request("GET", place)).json()
    assert (told["id"], told["status"]) == (factor, "verified")
    assert (await admin.request("DELETE", f"{place}/{factor}")).json()["id"] == factor
    assert (await admin.request("GET", place)).json() == []
    assert (await ada.ask("GET", "/user")).status in (401, 403)
    assert (await backend.request("GET", place)).status == 401


async def rows(person: Person, table: str) -> list[Any]:
    """What the database keeps of a user in a table."""
    found = Base.metadata.tables[table]
    async with person.backend.app.session(system) as db:
        kept = (await db.execute(sa.select(found))).mappings().all()
    return [row for row in kept if str(row.get("user_id", person.id)) == person.id]


@pytest.mark.asvs("6.5.2")
@pytest.mark.invariant("I24")
async def test_a_copy_of_the_database_yields_no_factor(ada: Person) -> None:
    factor = await ada.strengthen()
    codes = (await ada.ask("POST", "/factors/recovery-codes")).json()["codes"]
    kept = []
    for name in Base.metadata.tables:
        kept += [str(dict(row)) for row in await rows(ada, name)]
    text = "\n".join(kept)
    secrets = [ada.secrets[factor], *codes, *[code.replace("-", "") for code in codes]]
    assert not [secret for secret in secrets if secret.lower() in text.lower()]
    (row,) = await rows(ada, "auth_factors")
    assert row["sealed"].startswith("v1.")


async def test_a_new_encryption_key_takes_over_with_the_next_code(ada: Person) -> None:
    factor = await ada.strengthen()
    kept, old = Base.metadata.tables["auth_factors"], sealing_keys(OLD_KEY, "")
    before = seal(ada.secrets[factor], old, f"{ada.id}:{factor}")
    async with ada.backend.app.session(system) as db:
        await db.execute(sa.update(kept).where(kept.c.id == UUID(factor)).values(sealed=before))
    assert (await ada.show(factor)).status == 200
    (after,) = await rows(ada, "auth_factors")
    assert is_current(after["sealed"], sealing_keys(NEW_KEY, ""))


@pytest.mark.asvs("16.3.1")
async def test_everything_about_factors_is_on_the_trail(ada: Person) -> None:
    factor = await ada.enroll()
    await ada.verify(factor, await ada.challenge(factor), "000000")
    await ada.show(factor)
    await ada.ask("DELETE", f"/factors/{factor}")
    actions = [row["action"] for row in await rows(ada, "auth_audit")]
    for action in ("factor_enrolled", "factor_challenged", "factor_refused", "factor_verified", "factor_removed"):
        assert action in actions


async def test_a_user_is_told_of_factors_that_come_and_go(ada: Person, mails: Mails) -> None:
    factor = await ada.strengthen()
    await ada.ask("DELETE", f"/factors/{factor}")
    assert [mail.kind for mail in await mails.to(ada.email, 2)] == ["factor_enrolled", "factor_removed"]


async def test_without_mfa_nobody_has_factors(database_url: str) -> None:
    app = Backstay(database_url, auth=Auth(User))
    app.configure(confirm_email=False, sign_in_limit=0, verify_limit=0)
    async with client(app, database=database_url) as asking:
        ada = await sign_up(asking, Clock())
        refused(await ada.ask("POST", "/factors", {"factor_type": "totp"}), 422, "mfa_totp_enroll_not_enabled")
        refused(await ada.ask("POST", "/factors", {"factor_type": "phone"}), 422, "mfa_phone_enroll_not_enabled")
        refused(await ada.ask("POST", "/factors", {"factor_type": "webauthn"}), 422, "mfa_webauthn_enroll_not_enabled")
        refused(await ada.ask("POST", "/factors/recovery-codes"), 404, "feature_disabled")
        for method, path in (("GET", "/passkeys"), ("POST", "/passkeys/registration/options")):
            refused(await ada.ask(method, path), 404, "passkey_disabled")
        refused(await asking.request("POST", "/auth/v1/passkeys/authentication/options"), 404, "passkey_disabled")
