"""Ways by which a stranger came, or stayed, where they have no business: each was tried, and worked once."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import pytest

from backstay import OIDC
from granting import Granting
from issuer import CLIENT, SECRET, Issuer, sign
from signing_in import Club, fragment, path_of


def test_a_program_links_no_identity_to_the_user_it_acts_for(database_url: str) -> None:
    with Issuer() as issuer:
        words = {"providers": [OIDC("keycloak", issuer.url, CLIENT, SECRET)], "manual_linking": True}
        with Granting(database_url, **words) as granting:
            ada = granting.sign_up("ada@agency.example")
            program = granting.tokens(granting.public_client(), ada)["access_token"]
            body = {"provider": "keycloak", "id_token": sign(issuer.claims({})), "link_identity": True}
            answer = granting.ask("POST", "/auth/v1/token?grant_type=id_token", body, key=program)
            assert (answer.status, answer.json["error_code"]) == (403, "api_key_not_allowed")
            user = granting.ask("GET", "/auth/v1/user", key=ada).json
            assert [each["provider"] for each in user["identities"]] == ["email"]
            taken = granting.ask("POST", "/auth/v1/token?grant_type=id_token", body, key=ada)
            assert taken.status == 200, "the user themselves may"


@pytest.mark.asvs("3.7.2")
@pytest.mark.parametrize(
    "asked", ["https://3232235777\u4e2d.club.example/", "https://www.club.example/\u4e2d?a=\u00fc"]
)
def test_no_letter_of_an_address_ends_its_host(database_url: str, asked: str) -> None:
    # As `https://3232235777?.club.example/` a browser took it for 192.168.1.1, and left the tokens there.
    with Club(database_url, redirect_urls=("https://*.club.example/**",)) as club:
        answer = club.ask("GET", f"/verify?token=none&type=signup&redirect_to={quote(asked, safe='')}", key=None)
        sent = answer.headers["location"].partition("#")[0]
        assert sent == quote(asked, safe=":/?=")
        assert (urlsplit(sent).hostname or "").endswith(".club.example")


STRANGERS, OWNERS = "the stranger's own one", "the owner's own one"
PHONE = "+491701234567"


def enters(club: Club, password: str, **address: str) -> bool:
    """Whether a password signs in."""
    return club.ask("POST", "/token?grant_type=password", {**address, "password": password}).status == 200


def type_code(club: Club) -> None:
    """Prove the phone by the code that came last."""
    shown = {"type": "sms", "phone": PHONE, "token": club.text(PHONE)}
    assert club.ask("POST", "/verify", shown).status == 200


def test_who_proves_a_phone_by_a_code_drops_the_password_that_a_stranger_chose(club: Club) -> None:
    club.ask("POST", "/signup", {"phone": PHONE, "password": STRANGERS})
    club.ask("POST", "/otp", {"phone": PHONE})
    club.settle()
    club.ask("POST", "/resend", {"type": "sms", "phone": PHONE})
    type_code(club)
    assert not enters(club, STRANGERS, phone=PHONE)


def test_a_code_that_is_texted_again_brings_the_password_of_the_only_sign_up(club: Club) -> None:
    club.ask("POST", "/signup", {"phone": PHONE, "password": OWNERS})
    club.ask("POST", "/resend", {"type": "sms", "phone": PHONE})
    type_code(club)
    assert enters(club, OWNERS, phone=PHONE)
    club.ask("POST", "/otp", {"phone": PHONE})
    type_code(club)
    assert enters(club, OWNERS, phone=PHONE), "a proven phone keeps its password"


@pytest.mark.parametrize("passwords", [(STRANGERS, OWNERS), (OWNERS, STRANGERS)])
def test_a_code_that_is_sent_again_brings_neither_of_two_passwords(club: Club, passwords: tuple[str, str]) -> None:
    for each in passwords:
        club.sign_up(password=each)
        club.ask("POST", "/signup", {"phone": PHONE, "password": each})
    club.ask("POST", "/resend", {"type": "signup", "email": "ada@example.com"})
    club.ask("POST", "/resend", {"type": "sms", "phone": PHONE})
    assert "access_token" in fragment(club.ask("GET", path_of(club.mail("ada@example.com").link)))
    type_code(club)
    for each in passwords:
        assert not enters(club, each, email="ada@example.com")
        assert not enters(club, each, phone=PHONE)


def test_a_link_that_is_sent_again_brings_the_password_of_the_only_sign_up(club: Club) -> None:
    club.sign_up(password=OWNERS)
    club.ask("POST", "/resend", {"type": "signup", "email": "ada@example.com"})
    assert "access_token" in fragment(club.ask("GET", path_of(club.mail("ada@example.com").link)))
    assert enters(club, OWNERS, email="ada@example.com")
