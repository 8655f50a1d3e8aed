"""The errors of second factors and passkeys, with GoTrue's names for them."""

from __future__ import annotations

from typing import ClassVar

from backstay.errors.general import Outage
from backstay.errors.sign_in import SignInError


class FactorNotFound(SignInError):
    """Factor not found"""

    code = "BS60064"
    status = 404
    name = "mfa_factor_not_found"


class FactorNameConflict(SignInError):
    """A factor with the friendly name for this user already exists"""

    code = "BS60065"
    status = 422
    name = "mfa_factor_name_conflict"


class TooManyFactors(SignInError):
    """Maximum number of verified factors reached, unenroll to continue"""

    code = "BS60066"
    status = 422
    name = "too_many_enrolled_mfa_factors"


class ChallengeExpired(SignInError):
    """MFA challenge has expired, verify against another challenge or create a new challenge."""

    code = "BS60067"
    status = 422
    name = "mfa_challenge_expired"


class FactorCodeWrong(SignInError):
    """Invalid TOTP code entered"""

    code = "BS60068"
    status = 422
    name = "mfa_verification_failed"


class FactorAddressMismatch(SignInError):
    """Challenge and verify IP addresses mismatch."""

    code = "BS60070"
    status = 422
    name = "mfa_ip_address_mismatch"


class TotpEnrollDisabled(SignInError):
    """MFA enroll is disabled for TOTP"""

    code = "BS60071"
    status = 422
    name = "mfa_totp_enroll_not_enabled"


class TotpVerifyDisabled(SignInError):
    """MFA verification is disabled for TOTP"""

    code = "BS60072"
    status = 422
    name = "mfa_totp_verify_not_enabled"


class PhoneEnrollDisabled(SignInError):
    """MFA enroll is disabled for Phone"""

    code = "BS60073"
    status = 422
    name = "mfa_phone_enroll_not_enabled"


class PhoneVerifyDisabled(SignInError):
    """MFA verification is disabled for Phone"""

    code = "BS60074"
    status = 422
    name = "mfa_phone_verify_not_enabled"


class PasskeyDisabled(SignInError):
    """Passkeys are disabled"""

    code = "BS60075"
    status = 404
    name = "passkey_disabled"


class PasskeyExists(SignInError):
    """This passkey is registered already."""

    code = "BS60076"
    status = 422
    name = "webauthn_credential_exists"


class TooManyPasskeys(SignInError):
    """Maximum number of passkeys reached"""

    code = "BS60077"
    status = 422
    name = "too_many_passkeys"


class PasskeyChallengeNotFound(SignInError):
    """Challenge not found"""

    code = "BS60078"
    name = "webauthn_challenge_not_found"


class PasskeyChallengeExpired(SignInError):
    """Challenge has expired"""

    code = "BS60079"
    name = "webauthn_challenge_expired"


class PasskeyRefused(SignInError):
    """The passkey could not be verified."""

    code = "BS60080"
    name = "webauthn_verification_failed"


class SecretUnreadable(Outage):
    """A secret cannot be decrypted

    It was encrypted under another ``encryption_key``, or changed.
    """

    code = "BS60090"
    status = 500
    name: ClassVar[str] = "unexpected_failure"


class WebauthnEnrollDisabled(SignInError):
    """MFA enroll is disabled for WebAuthn"""

    code = "BS60091"
    status = 422
    name = "mfa_webauthn_enroll_not_enabled"


class WebauthnVerifyDisabled(SignInError):
    """MFA verification is disabled for WebAuthn"""

    code = "BS60092"
    status = 422
    name = "mfa_webauthn_verify_not_enabled"


class PhoneFactorExists(SignInError):
    """A verified phone factor already exists, unenroll the existing factor to continue"""

    code = "BS60093"
    status = 422
    name = "mfa_verified_factor_exists"


class EnrollingNeedsAal2(SignInError):
    """AAL2 required to enroll a new factor"""

    code = "BS60094"
    status = 403
    name = "insufficient_aal"


class RemovingNeedsAal2(SignInError):
    """AAL2 required to unenroll verified factor"""

    code = "BS60115"
    status = 422
    name = "insufficient_aal"


class ChallengeNotFound(SignInError):
    """MFA factor with the provided challenge ID not found"""

    code = "BS60116"
    status = 422
    name = "mfa_factor_not_found"


class PasskeyNeedsAal2(SignInError):
    """AAL2 required to manage passkeys"""

    code = "BS60097"
    status = 403
    name = "insufficient_aal"


class PasskeyNotFound(SignInError):
    """Passkey not found"""

    code = "BS60098"
    status = 404
    name = "validation_failed"


class RecoveryCodesExist(SignInError):
    """There are recovery codes already, regenerate them to have new ones"""

    code = "BS60150"
    status = 422
    name = "mfa_verified_factor_exists"


class RecoveryCodesAlone(SignInError):
    """Recovery codes need a verified factor beside them"""

    code = "BS60151"
    status = 422
    name = "mfa_recovery_codes_sole_factor"
