"""Scopes: what the keys of programs may be let do, in the language of rules."""
