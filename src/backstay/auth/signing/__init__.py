"""The keys that sign tokens: one signs, those before it still verify, and the next is known before it signs."""

from backstay.auth.signing.key import SigningKey
from backstay.auth.signing.signer import Signer, read_signer

__all__ = ["Signer", "SigningKey", "read_signer"]
