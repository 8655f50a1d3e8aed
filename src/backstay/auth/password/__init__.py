"""Passwords: how they are kept, and which ones may be chosen."""
