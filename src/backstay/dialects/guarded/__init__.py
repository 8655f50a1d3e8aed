"""Sessions in which a caller's rules hold, whatever the code in them asks."""

from backstay.dialects.guarded.session import attributes_of, guarded_session, trusted_transaction

__all__ = ["attributes_of", "guarded_session", "trusted_transaction"]
