"""The endpoints of second factors and passkeys."""

from __future__ import annotations

from typing import Final

from backstay.auth.factors.challenge import challenge_factor
from backstay.auth.factors.enroll import enroll_factor
from backstay.auth.factors.enter_by_key import enter_by_key, offer_sign_in
from backstay.auth.factors.passkeys import (
    list_keys,
    list_keys_of,
    offer_key,
    register_key,
    remove_key,
    remove_key_of,
    rename_key,
)
from backstay.auth.factors.recovery_codes import (
    count_recovery_codes,
    make_recovery_codes,
    remove_recovery_codes,
    renew_recovery_codes,
    verify_recovery_code,
)
from backstay.auth.factors.remove import list_factors, remove_factor, remove_factor_of
from backstay.auth.factors.verify import verify_factor
from backstay.auth.limits.limit import by_proof, by_sign_in
from backstay.auth.protocol.route import Route, Who

FACTOR_ROUTES: Final = (
    Route("POST", "/factors", enroll_factor, Who.USER),
    Route("GET", "/factors/recovery-codes", count_recovery_codes, Who.USER),
    Route("POST", "/factors/recovery-codes", make_recovery_codes, Who.USER),
    Route("DELETE", "/factors/recovery-codes", remove_recovery_codes, Who.USER),
    Route("POST", "/factors/recovery-codes/verify", verify_recovery_code, Who.USER),
    Route("POST", "/factors/recovery-codes/regenerate", renew_recovery_codes, Who.USER),
    Route("DELETE", "/factors/{factor_id}", remove_factor, Who.USER),
    Route("POST", "/factors/{factor_id}/challenge", challenge_factor, Who.USER),
    Route("POST", "/factors/{factor_id}/verify", verify_factor, Who.USER),
    Route("GET", "/passkeys", list_keys, Who.USER),
    Route("POST", "/passkeys/registration/options", offer_key, Who.USER),
    Route("POST", "/passkeys/registration/verify", register_key, Who.USER),
    Route("POST", "/passkeys/authentication/options", offer_sign_in, limit=by_sign_in),
    Route("POST", "/passkeys/authentication/verify", enter_by_key, limit=by_proof),
    Route("PATCH", "/passkeys/{passkey_id}", rename_key, Who.USER),
    Route("DELETE", "/passkeys/{passkey_id}", remove_key, Who.USER),
    Route("GET", "/admin/users/{user_id}/factors", list_factors, Who.ADMIN),
    Route("DELETE", "/admin/users/{user_id}/factors/{factor_id}", remove_factor_of, Who.ADMIN),
    Route("GET", "/admin/users/{user_id}/passkeys", list_keys_of, Who.ADMIN),
    Route("DELETE", "/admin/users/{user_id}/passkeys/{passkey_id}", remove_key_of, Who.ADMIN),
)
