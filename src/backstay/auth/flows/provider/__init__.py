"""Signing in by another provider's word: the way there and back, and the identities that come of it."""
