"""Ways by which a stranger came, or stayed, where they have no business: each was tried, and worked once."""

from __future__ import annotations

from backstay import OIDC
from granting import Granting
from issuer import CLIENT, SECRET, Issuer, sign


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
