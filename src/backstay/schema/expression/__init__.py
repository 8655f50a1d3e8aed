"""Expressions: what rules, defaults and computed columns may say, and how they are made ready for a statement."""
