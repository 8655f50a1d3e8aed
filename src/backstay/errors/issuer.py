"""The errors between issuers: signing in by another one, and being one for other applications."""

from __future__ import annotations

from typing import ClassVar

from backstay.errors.general import Outage
from backstay.errors.sign_in import SignInError


class ProviderNotSupported(SignInError):
    """Unsupported provider"""

    code = "BS60050"
    name = "oauth_provider_not_supported"


class ProviderDisabled(SignInError):
    """Unsupported provider: provider is not enabled"""

    code = "BS60051"
    name = "provider_disabled"


class BadOAuthState(SignInError):
    """OAuth state is invalid"""

    code = "BS60052"
    name = "bad_oauth_state"


class BadOAuthCallback(SignInError):
    """OAuth callback with missing or wrong parameters"""

    code = "BS60053"
    name = "bad_oauth_callback"


class EmailNeedsVerification(SignInError):
    """Unverified email with this provider."""

    code = "BS60054"
    name = "provider_email_needs_verification"


class IdentityNotFound(SignInError):
    """Identity doesn't exist"""

    code = "BS60055"
    status = 422
    name = "identity_not_found"


class IdentityExists(SignInError):
    """Identity is already linked to another user"""

    code = "BS60056"
    status = 422
    name = "identity_already_exists"


class LastIdentity(SignInError):
    """User must have at least 1 identity after unlinking"""

    code = "BS60057"
    status = 422
    name = "single_identity_not_deletable"


class IdentityKeepsEmail(SignInError):
    """Unable to unlink identity due to email conflict"""

    code = "BS60058"
    status = 422
    name = "email_conflict_identity_not_deletable"


class LinkingDisabled(SignInError):
    """Manual linking is disabled"""

    code = "BS60059"
    status = 404
    name = "manual_linking_disabled"


class InvalidIdToken(SignInError):
    """Bad ID token"""

    code = "BS60095"
    name = "validation_failed"


class ProviderUnreachable(Outage):
    """The provider cannot be reached"""

    code = "BS60096"
    name: ClassVar[str] = "unexpected_failure"


class SamlDisabled(SignInError):
    """SAML 2.0 is disabled"""

    code = "BS60061"
    status = 404
    name = "saml_provider_disabled"


class Web3Disabled(SignInError):
    """Web3 provider is disabled"""

    code = "BS60062"
    status = 422
    name = "web3_provider_disabled"


class OAuthClientNotFound(SignInError):
    """OAuth client not found"""

    code = "BS60085"
    status = 404
    name = "oauth_client_not_found"


class OAuthAuthorizationNotFound(SignInError):
    """OAuth authorization not found"""

    code = "BS60086"
    status = 404
    name = "oauth_authorization_not_found"
