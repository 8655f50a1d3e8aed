"""Ways by which a stranger came, or stayed, where they have no business: each was tried, and worked once."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import pytest

from backstay import OIDC
from granting import Granting
from issuer import CLIENT, SECRET, Issuer, sign
from signing_in import Club


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
