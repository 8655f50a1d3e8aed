"""The errors of sign-in, each with GoTrue's name for it (its ``error_code``).

The class says which error it is; how it is worded on the wire is for the front end of sign-in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from backstay.errors.general import Detail, Forbidden, Outage, RequestError


class SignInError(RequestError):
    """The request cannot be answered.

    ``name`` is GoTrue's ``error_code``, by which clients tell errors apart. ``user_id`` tells the trail whom it is
    about, where that is known; an answer never does.
    """

    code = "BS60000"
    name: ClassVar[str] = "validation_failed"
    user_id: object = None

    def of(self, user_id: object) -> Self:
        """The same error, about a user."""
        self.user_id = user_id
        return self


class WeakPassword(SignInError):
    """Password is known to be weak and easy to guess, please choose a different one.

    ``reasons`` say why: ``length``, ``characters``, ``pwned``.
    """

    code = "BS60001"
    status = 422
    name = "weak_password"

    def __init__(
        self,
        message: str | None = None,
        *,
        reasons: Sequence[str] = (),
        detail: Detail = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.reasons = tuple(reasons)
        super().__init__(message, detail=detail, hint=hint, headers=headers)


class MailUnavailable(Outage):
    """Error sending email

    Nothing says how mail is sent (the setting ``smtp_url``).
    """

    code = "BS60002"
    status = 500
    name: ClassVar[str] = "unexpected_failure"


# The request is not one that sign-in understands ----------------------------------------------------------------------


class ValidationFailed(SignInError):
    """The request is not valid."""

    code = "BS60003"
    name = "validation_failed"


class BadJson(SignInError):
    """Could not parse request body as JSON"""

    code = "BS60004"
    name = "bad_json"


class UnsupportedGrant(SignInError):
    """unsupported_grant_type"""

    code = "BS60005"
    name = "invalid_credentials"


class NotThere(SignInError):
    """There is no such endpoint."""

    code = "BS60006"
    status = 404
    name = "validation_failed"


class FeatureDisabled(SignInError):
    """This feature is switched off."""

    code = "BS60007"
    status = 404
    name = "feature_disabled"


# Signing in -----------------------------------------------------------------------------------------------------------


class InvalidCredentials(SignInError):
    """Invalid login credentials"""

    code = "BS60009"
    name = "invalid_credentials"


class EmailNotConfirmed(SignInError):
    """Email not confirmed"""

    code = "BS60010"
    name = "email_not_confirmed"


class PhoneNotConfirmed(SignInError):
    """Phone not confirmed"""

    code = "BS60011"
    name = "phone_not_confirmed"


class UserBanned(SignInError):
    """User is banned"""

    code = "BS60012"
    name = "user_banned"


class SignUpDisabled(SignInError):
    """Signups not allowed for this instance"""

    code = "BS60013"
    status = 422
    name = "signup_disabled"


class UserExists(SignInError):
    """User already registered"""

    code = "BS60014"
    status = 422
    name = "user_already_exists"


class EmailExists(SignInError):
    """A user with this email address has already been registered"""

    code = "BS60015"
    status = 422
    name = "email_exists"


class PhoneExists(SignInError):
    """A user with this phone number has already been registered"""

    code = "BS60016"
    status = 422
    name = "phone_exists"


class EmailProviderDisabled(SignInError):
    """Email logins are disabled"""

    code = "BS60017"
    name = "email_provider_disabled"


class PhoneProviderDisabled(SignInError):
    """Phone logins are disabled"""

    code = "BS60018"
    name = "phone_provider_disabled"


class AnonymousProviderDisabled(SignInError):
    """Anonymous sign-ins are disabled"""

    code = "BS60019"
    status = 422
    name = "anonymous_provider_disabled"


# Passwords ------------------------------------------------------------------------------------------------------------


class SamePassword(SignInError):
    """New password should be different from the old password."""

    code = "BS60024"
    status = 422
    name = "same_password"


class ReauthenticationNeeded(SignInError):
    """Password update requires reauthentication"""

    code = "BS60025"
    name = "reauthentication_needed"


class ReauthenticationNotValid(SignInError):
    """Nonce has expired or is invalid"""

    code = "BS60026"
    status = 422
    name = "reauthentication_not_valid"


class CurrentPasswordInvalid(SignInError):
    """Current password required when setting new password."""

    code = "BS60028"
    name = "current_password_invalid"


# Codes, links and flows -----------------------------------------------------------------------------------------------


class CodeExpired(SignInError):
    """Token has expired or is invalid"""

    code = "BS60029"
    status = 403
    name = "otp_expired"


class BadCodeVerifier(SignInError):
    """code challenge does not match previously saved code verifier"""

    code = "BS60031"
    name = "bad_code_verifier"


class FlowStateNotFound(SignInError):
    """invalid flow state, no valid flow state found"""

    code = "BS60032"
    status = 404
    name = "flow_state_not_found"


class FlowStateExpired(SignInError):
    """invalid flow state, flow state has expired"""

    code = "BS60033"
    status = 422
    name = "flow_state_expired"


# Sessions and their tokens --------------------------------------------------------------------------------------------


class NoAuthorization(SignInError):
    """This endpoint requires a valid Bearer token"""

    code = "BS60036"
    status = 401
    name = "no_authorization"


class NotAdmin(SignInError):
    """User not allowed"""

    code = "BS60038"
    status = 403
    name = "not_admin"


class TokenUserNotFound(SignInError):
    """User from sub claim in JWT does not exist"""

    code = "BS60039"
    status = 403
    name = "user_not_found"


class TokenSessionNotFound(SignInError):
    """Session from session_id claim in JWT does not exist"""

    code = "BS60040"
    status = 403
    name = "session_not_found"


class AnonymousNotAllowed(SignInError):
    """Anonymous user not allowed to perform these actions"""

    code = "BS60041"
    status = 403
    name = "no_authorization"


class InsufficientAal(SignInError):
    """AAL2 session is required to update email or password when MFA is enabled."""

    code = "BS60042"
    status = 401
    name = "insufficient_aal"


class RefreshTokenNotFound(SignInError):
    """Invalid Refresh Token: Refresh Token Not Found"""

    code = "BS60043"
    name = "refresh_token_not_found"


class RefreshTokenUsed(SignInError):
    """Invalid Refresh Token: Already Used"""

    code = "BS60044"
    name = "refresh_token_already_used"


class RefreshSessionExpired(SignInError):
    """Invalid Refresh Token: Session Expired"""

    code = "BS60046"
    name = "session_expired"


# Users ----------------------------------------------------------------------------------------------------------------


class UserNotFound(SignInError):
    """User not found"""

    code = "BS60047"
    status = 404
    name = "user_not_found"


class UserNotUuid(SignInError):
    """user_id must be an UUID"""

    code = "BS60048"
    status = 404
    name = "validation_failed"


# Limits ---------------------------------------------------------------------------------------------------------------


class TooManyRequests(SignInError):
    """Request rate limit reached"""

    code = "BS60081"
    status = 429
    name = "over_request_rate_limit"


class TooManyMails(SignInError):
    """For security purposes, you can only request this after 60 seconds."""

    code = "BS60082"
    status = 429
    name = "over_email_send_rate_limit"


class TooManyTexts(SignInError):
    """For security purposes, you can only request this after 60 seconds."""

    code = "BS60083"
    status = 429
    name = "over_sms_send_rate_limit"


class TextNotSent(SignInError):
    """The message could not be sent."""

    code = "BS60084"
    status = 422
    name = "sms_send_failed"


# The browser --------------------------------------------------------------------------------------------------------


class CrossSite(Forbidden):
    """Another site made this request.

    It carries the cookies of a session, and would change something; pages of the same origin alone may do that.
    """

    code = "BS40304"
