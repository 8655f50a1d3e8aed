"""What is sent to an address, and what a browser left behind that comes back by a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import sqlalchemy as sa

from backstay.schema.post.mail import Mail
from browser import Browser
from fixtures.one_time import PROVIDER
from one_time.house import SIGN_IN, House, Kind, Thing, Use, noted, post, use, visit
from signing_in import PASSWORD, Person, query

VERIFIER = "v" * 43
CHALLENGE = {"code_challenge": VERIFIER, "code_challenge_method": "plain"}


def _verify(kind: str, **shown: str) -> Use:
    return use("POST", "/verify", {"type": kind, **shown})


def _ways(kind: str, email: str, code: str, link: str) -> Sequence[Use]:
    """The ways to use what a mail brings: its code is typed, its link followed, or sent by a page of the client's."""
    token = dict(parse_qsl(urlsplit(link).query))["token"]
    return (
        _verify(kind, email=email, token=code),
        _verify(kind, token_hash=token),
        visit(f"{SIGN_IN}{link.partition(SIGN_IN)[2]}"),
    )


def mailed(kind: str, mail: Mail) -> Sequence[Use]:
    """The ways to use what a mail brings."""
    return _ways(kind, mail.to, mail.code, mail.link)


def email_of(person: Person) -> str:
    """A person's address."""
    return str(person.session["user"]["email"])


# Mails -------------------------------------------------------------------------------------------------------


def _confirmation(house: House) -> Thing:
    email = house.email()
    user = house.ok("POST", "/signup", {"email": email, "password": PASSWORD})["id"]
    return Thing(user, mailed("signup", house.mail(email)))


def _magic_link(house: House) -> Thing:
    person = house.person()
    house.ok("POST", "/otp", {"email": email_of(person)})
    return Thing(person.id, mailed("magiclink", house.mail(email_of(person))))


def _recovery(house: House) -> Thing:
    person = house.person()
    house.ok("POST", "/recover", {"email": email_of(person)})
    return Thing(person.id, mailed("recovery", house.mail(email_of(person))))


def _invitation(house: House) -> Thing:
    email = house.email()
    user = house.invite(email)
    return Thing(user, mailed("invite", house.mail(email)))


def _made_link(house: House) -> Thing:
    person = house.person()
    made = house.link("recovery", email_of(person))
    return Thing(person.id, _ways("recovery", email_of(person), made["email_otp"], made["action_link"]))


def change_email(house: House) -> tuple[Person, Mail, Mail]:
    """Somebody who asked for a new address, and the mails to the old one and to the new one."""
    person, new = house.person(), house.email()
    house.ok("PUT", "/user", {"email": new}, token=person.token)
    return person, house.mail(email_of(person)), house.mail(new)


def _change_from(house: House) -> Thing:
    person, old, _ = change_email(house)
    return Thing(person.id, mailed("email_change", old))


def _change_to(house: House) -> Thing:
    person, old, new = change_email(house)
    house.ok("POST", "/verify", {"type": "email_change", "email": old.to, "token": old.code})
    return Thing(person.id, mailed("email_change", new))


def _halves(house: House, user: UUID) -> sa.Select[Any]:
    kept = house.tables.credentials.c
    return sa.select(kept.new_email_confirmations).where(kept.user_id == user)


def _nonce(house: House) -> Thing:
    person = house.person()
    house.ok("GET", "/reauthenticate", token=person.token)
    body = {"password": PASSWORD, "nonce": house.mail(email_of(person)).code}
    return Thing(person.id, [use("PUT", "/user", body, token=person.token)])


# Texts -------------------------------------------------------------------------------------------------------


def _phone_code(house: House) -> Thing:
    phone = house.phone()
    house.ok("POST", "/otp", {"phone": phone})
    code, kept = house.text(phone), house.tables.credentials.c
    ((user,),) = house.rows(sa.select(kept.user_id).where(kept.phone == phone.lstrip("+")))
    return Thing(str(user), [_verify("sms", phone=phone, token=code)])


def _phone_change(house: House) -> Thing:
    person, phone = house.person(), house.phone()
    house.ok("PUT", "/user", {"phone": phone}, token=person.token)
    return Thing(person.id, [_verify("phone_change", phone=phone, token=house.text(phone))])


# Flows of PKCE, and pages ------------------------------------------------------------------------------------


def _left(house: House) -> tuple[Person, str]:
    """Somebody whose client left for the mailbox, and the path of the link that leads back."""
    person = house.person()
    house.ok("POST", "/otp", {"email": email_of(person), **CHALLENGE})
    link = house.mail(email_of(person)).link
    return person, f"{SIGN_IN}{link.partition(SIGN_IN)[2]}"


def _way_back(house: House) -> Thing:
    person, link = _left(house)
    return Thing(person.id, [visit(link)])


def _redeem(code: str) -> Use:
    return use("POST", "/token?grant_type=pkce", {"auth_code": code, "code_verifier": VERIFIER})


def _flow_code(house: House) -> Thing:
    person, link = _left(house)
    code = query(house.ask("GET", link.removeprefix(SIGN_IN), key=None))["code"]
    return Thing(person.id, [_redeem(code)])


def _asking(house: House) -> tuple[Person, Browser, Mail]:
    """Somebody who forgot their password, the browser in which they said so, and what they were mailed."""
    person, browser = house.person(), Browser(house)
    browser.get("/auth/reset")
    browser.fill("/auth/reset", email=email_of(person))
    return person, browser, house.mail(email_of(person), "recovery")


def _cookies(browser: Browser) -> str:
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def _typed_on_a_page(house: House) -> Thing:
    person, browser, mail = _asking(house)
    fields = {**browser.form("/auth/verify").fields, "code": mail.code}
    headers = {"cookie": _cookies(browser), "sec-fetch-site": "same-origin"}
    return Thing(person.id, [post("/auth/verify", fields, headers)])


def _arrival(house: House) -> Thing:
    person, browser, mail = _asking(house)
    browser.get(mail.link)
    assert browser.last is not None
    return Thing(person.id, [visit(browser.last.headers["location"].removeprefix(browser.home), _cookies(browser))])


# Providers ---------------------------------------------------------------------------------------------------


def _state(house: House, **challenge: str) -> Thing:
    person = house.person()
    left = house.ask("GET", f"/authorize?{urlencode({'provider': PROVIDER, **challenge})}", key=None)
    return Thing(person.id, [_come_back(house, person, left.headers["location"], left.headers["set-cookie"])])


def _come_back(house: House, person: Person, url: str, cookie: str = "") -> Use:
    house.introduce(dict(parse_qsl(urlsplit(url).query))["nonce"], person)
    return visit(f"{SIGN_IN}/callback?{house.issuer.log_in(url)}", cookie.partition(";")[0])


def _state_of_a_flow(house: House) -> Thing:
    return _state(house, **CHALLENGE)


def _provider_code(house: House) -> Thing:
    thing = _state(house, **CHALLENGE)
    return Thing(thing.user, [_redeem(_code_of(house, thing.uses[0]))])


def _code_of(house: House, way: Use) -> str:
    answer = house.ask("GET", way.path.removeprefix(SIGN_IN), key=None, **dict(_cookie(way.headers)))
    return query(answer)["code"]


def _cookie(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name == "cookie"}


def _linking(house: House) -> Thing:
    person = house.person()
    asked = urlencode({"provider": PROVIDER, "skip_http_redirect": "true", **CHALLENGE})
    url = house.ok("GET", f"/user/identities/authorize?{asked}", token=person.token)["url"]
    return Thing(person.id, [_redeem(_code_of(house, _come_back(house, person, url)))])


def _codes_given(house: House, user: UUID) -> sa.Select[Any]:
    flows = house.tables.flows
    return sa.select(sa.func.count()).where(flows.c.user_id == user, flows.c.code_digest.is_not(None))


PROOFS = (
    Kind("confirmation", _confirmation, {"otp_expired"}),
    Kind("magic link", _magic_link, {"otp_expired"}),
    Kind("recovery", _recovery, {"otp_expired"}),
    Kind("invitation", _invitation, {"otp_expired"}),
    Kind("link of the secret key", _made_link, {"otp_expired"}),
    Kind("e-mail change, old address", _change_from, {"otp_expired"}, _halves, 0),
    Kind("e-mail change, new address", _change_to, {"otp_expired"}, noted("email_changed")),
    Kind("reauthentication", _nonce, {"reauthentication_not_valid"}, noted("password_changed"), 0, whole=False),
    Kind("code to a phone", _phone_code, {"otp_expired"}),
    Kind("phone change", _phone_change, {"otp_expired"}, noted("phone_changed")),
    Kind("link of a flow", _way_back, {"otp_expired"}, _codes_given, 0),
    Kind("code of a flow", _flow_code, {"flow_state_not_found"}),
    Kind("code typed on a page", _typed_on_a_page, {"page 403"}),
    Kind("arrival at a page", _arrival, {"page 400"}),
    Kind("state of a login", _state, {"bad_oauth_state"}, whole=False),
    Kind("state of a flow", _state_of_a_flow, {"bad_oauth_state"}, _codes_given, 0, whole=False),
    Kind("code of a login", _provider_code, {"flow_state_not_found"}),
    Kind("code of a linking", _linking, {"flow_state_not_found"}, noted("identity_linked")),
)
