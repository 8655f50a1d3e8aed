"""The table of endpoints (WIRE B.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backstay.auth.admin import delete, links, trail, users
from backstay.auth.flows.about import (
    refuse_custom_providers,
    refuse_saml,
    show_configuration,
    show_health,
    show_keys,
    show_server,
    show_settings,
)
from backstay.auth.flows.code import ask_again, ask_code, ask_recovery
from backstay.auth.flows.provider.ask import authorize, authorize_linking
from backstay.auth.flows.provider.come_back import come_back
from backstay.auth.flows.provider.link import unlink
from backstay.auth.flows.session import end_other_sessions, end_session, list_sessions
from backstay.auth.flows.sign_up import sign_up
from backstay.auth.flows.token import grant_token
from backstay.auth.flows.user import change_user, log_out, reauthenticate, show_user
from backstay.auth.flows.verify import follow, verify
from backstay.auth.limits.limit import by_proof, by_sign_in
from backstay.auth.programs import flows as programs
from backstay.auth.protocol.factor_routes import FACTOR_ROUTES
from backstay.auth.protocol.grant_routes import GRANT_ROUTES
from backstay.auth.protocol.route import Flow, Route, Routes, Who


def _kept(path: str, flow: Flow) -> Iterator[Route]:
    """The routes by which the secret key would keep what there is not here."""
    for method in ("GET", "POST"):
        yield Route(method, path, flow, Who.ADMIN)
    for method in ("GET", "PUT", "DELETE"):
        yield Route(method, f"{path}/{{id}}", flow, Who.ADMIN)


ROUTES: Final = Routes(
    (
        Route("GET", "/health", show_health),
        Route("GET", "/settings", show_settings),
        Route("GET", "/.well-known/jwks.json", show_keys),
        Route("GET", "/.well-known/openid-configuration", show_configuration),
        Route("GET", "/.well-known/oauth-authorization-server", show_server),
        Route("POST", "/signup", sign_up, limit=by_sign_in),
        Route("POST", "/token", grant_token),
        Route("POST", "/otp", ask_code, limit=by_sign_in),
        Route("POST", "/magiclink", ask_code, limit=by_sign_in),
        Route("POST", "/recover", ask_recovery, limit=by_sign_in),
        Route("POST", "/resend", ask_again, limit=by_sign_in),
        Route("POST", "/verify", verify, limit=by_proof),
        Route("GET", "/verify", follow),
        Route("GET", "/authorize", authorize, limit=by_sign_in),
        Route("GET", "/callback", come_back, limit=by_proof),
        Route("POST", "/callback", come_back, limit=by_proof),
        Route("GET", "/user/identities/authorize", authorize_linking, Who.USER),
        Route("DELETE", "/user/identities/{identity_id}", unlink, Who.USER),
        Route("POST", "/logout", log_out, Who.USER),
        Route("GET", "/user", show_user, Who.USER),
        Route("PUT", "/user", change_user, Who.USER),
        Route("GET", "/reauthenticate", reauthenticate, Who.USER),
        Route("GET", "/sessions", list_sessions, Who.USER),
        Route("DELETE", "/sessions", end_other_sessions, Who.USER),
        Route("DELETE", "/sessions/{session_id}", end_session, Who.USER),
        Route("GET", "/user/keys", programs.show_keys, Who.USER),
        Route("POST", "/user/keys", programs.make_key, Who.USER),
        Route("PATCH", "/user/keys/{key_id}", programs.change_key, Who.USER),
        Route("POST", "/user/keys/{key_id}/rotate", programs.rotate_key, Who.USER),
        Route("DELETE", "/user/keys/{key_id}", programs.revoke_key, Who.USER),
        Route("GET", "/admin/keys", programs.show_all_keys, Who.ADMIN),
        Route("POST", "/admin/keys", programs.make_any_key, Who.ADMIN),
        Route("PATCH", "/admin/keys/{key_id}", programs.change_any_key, Who.ADMIN),
        Route("POST", "/admin/keys/{key_id}/rotate", programs.rotate_any_key, Who.ADMIN),
        Route("DELETE", "/admin/keys/{key_id}", programs.revoke_any_key, Who.ADMIN),
        *FACTOR_ROUTES,
        *GRANT_ROUTES,
        Route("POST", "/sso", refuse_saml),
        Route("GET", "/sso/saml/metadata", refuse_saml),
        Route("POST", "/sso/saml/acs", refuse_saml),
        *_kept("/admin/sso/providers", refuse_saml),
        *_kept("/admin/custom-providers", refuse_custom_providers),
        Route("GET", "/admin/users", users.list_users, Who.ADMIN),
        Route("POST", "/admin/users", users.create, Who.ADMIN),
        Route("GET", "/admin/users/{user_id}", users.show, Who.ADMIN),
        Route("PUT", "/admin/users/{user_id}", users.change_user, Who.ADMIN),
        Route("DELETE", "/admin/users/{user_id}", delete.delete_user, Who.ADMIN),
        Route("POST", "/admin/generate_link", links.generate_link, Who.ADMIN),
        Route("GET", "/admin/audit", trail.show_trail, Who.ADMIN),
        Route("POST", "/invite", links.invite, Who.ADMIN),
    )
)
