"""Sessions in which a caller's rules hold, whatever the code in them asks."""

from backstay.dialects.guarded.session import guarded_session, trusted, value_in

__all__ = ["guarded_session", "trusted", "value_in"]
