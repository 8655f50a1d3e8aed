"""The endpoints of the authorisation server."""

from __future__ import annotations

from typing import Final

from backstay.auth.grants import clients
from backstay.auth.grants.authorize import authorize
from backstay.auth.grants.consent import decide, revoke_grant, show_authorization, show_grants
from backstay.auth.grants.device import begin_device, meet_device
from backstay.auth.grants.shown import introspect, revoke, show_person
from backstay.auth.grants.token import grant_token
from backstay.auth.protocol.route import Route, Who

GRANT_ROUTES: Final = (
    Route("GET", "/oauth/authorize", authorize),
    Route("POST", "/oauth/token", grant_token),
    Route("POST", "/oauth/revoke", revoke),
    Route("POST", "/oauth/introspect", introspect),
    Route("POST", "/oauth/device_authorization", begin_device),
    Route("GET", "/oauth/userinfo", show_person),
    Route("POST", "/oauth/userinfo", show_person),
    Route("POST", "/oauth/clients/register", clients.register),
    Route("POST", "/oauth/device", meet_device, Who.USER),
    Route("GET", "/oauth/authorizations/{authorization_id}", show_authorization, Who.USER),
    Route("POST", "/oauth/authorizations/{authorization_id}/consent", decide, Who.USER),
    Route("GET", "/user/oauth/grants", show_grants, Who.USER),
    Route("DELETE", "/user/oauth/grants", revoke_grant, Who.USER),
    Route("GET", "/admin/oauth/clients", clients.list_clients, Who.ADMIN),
    Route("POST", "/admin/oauth/clients", clients.create, Who.ADMIN),
    Route("GET", "/admin/oauth/clients/{client_id}", clients.show, Who.ADMIN),
    Route("PUT", "/admin/oauth/clients/{client_id}", clients.change, Who.ADMIN),
    Route("DELETE", "/admin/oauth/clients/{client_id}", clients.delete, Who.ADMIN),
    Route("POST", "/admin/oauth/clients/{client_id}/regenerate_secret", clients.regenerate_secret, Who.ADMIN),
)
