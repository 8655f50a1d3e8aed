"""The errors of the authorisation server, each with OAuth's word for it (RFC 6749 5.2, and those that add to it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from backstay.errors.general import Detail
from backstay.errors.sign_in import SignInError


class OAuthError(SignInError):
    """The program's request cannot be answered.

    ``error`` is the word by which programs tell errors apart; ``challenge`` the answer's ``WWW-Authenticate``.
    """

    code = "BS60130"
    error: ClassVar[str] = "invalid_request"
    challenge: ClassVar[str | None] = None

    def __init__(
        self,
        message: str | None = None,
        *,
        detail: Detail = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        shown = {} if self.challenge is None else {"www-authenticate": self.challenge}
        super().__init__(message, detail=detail, hint=hint, headers={**shown, **(headers or {})})


class ClientRequestInvalid(OAuthError):
    """The request lacks something, or says something twice."""

    code = "BS60131"
    error = "invalid_request"


class ClientUnknown(OAuthError):
    """There is no such client, or its secret is wrong."""

    code = "BS60132"
    status = 401
    error = "invalid_client"
    challenge = 'Basic realm="backstay"'


class GrantInvalid(OAuthError):
    """The code or token is not good, or not any more."""

    code = "BS60133"
    error = "invalid_grant"


class GrantNotAllowed(OAuthError):
    """The client may not use this grant."""

    code = "BS60134"
    error = "unauthorized_client"


class GrantUnsupported(OAuthError):
    """There is no such grant_type."""

    code = "BS60135"
    error = "unsupported_grant_type"


class ScopeInvalid(OAuthError):
    """The client may not ask for this scope."""

    code = "BS60136"
    error = "invalid_scope"


class AccessDenied(OAuthError):
    """The user did not allow it."""

    code = "BS60137"
    error = "access_denied"


class ResponseTypeUnsupported(OAuthError):
    """The response_type can only be code."""

    code = "BS60138"
    error = "unsupported_response_type"


class LoginRequired(OAuthError):
    """The user has to sign in."""

    code = "BS60139"
    error = "login_required"


class DecisionPending(OAuthError):
    """The user has not decided yet."""

    code = "BS60140"
    error = "authorization_pending"


class AskedTooSoon(OAuthError):
    """Ask less often: five seconds more between two questions."""

    code = "BS60141"
    error = "slow_down"


class DeviceCodeExpired(OAuthError):
    """The device code is not good any more."""

    code = "BS60142"
    error = "expired_token"


class AccessTokenInvalid(OAuthError):
    """The access token is no good here."""

    code = "BS60143"
    status = 401
    error = "invalid_token"
    challenge = 'Bearer error="invalid_token"'


class RedirectInvalid(OAuthError):
    """A redirect_uri cannot be."""

    code = "BS60144"
    error = "invalid_redirect_uri"


class ClientMetadataInvalid(OAuthError):
    """What is said of the client cannot be."""

    code = "BS60145"
    error = "invalid_client_metadata"


class TooManyFromClient(OAuthError):
    """There were too many requests."""

    code = "BS60146"
    status = 429
    error = "temporarily_unavailable"


class ConsentNotFound(SignInError):
    """The user allows this client nothing."""

    code = "BS60147"
    status = 404
    name = "oauth_consent_not_found"


class FreshSignInNeeded(SignInError):
    """The program asks for a fresh sign-in: sign in again, then decide."""

    code = "BS60148"
    status = 401
    name = "reauthentication_needed"


class ConsentRequired(OAuthError):
    """The user has to be asked whether they allow it."""

    code = "BS60149"
    error = "consent_required"


class InteractionRequired(OAuthError):
    """The user has to be shown a page."""

    code = "BS60152"
    error = "interaction_required"
