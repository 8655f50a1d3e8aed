"""The forms of an answer that the database does not make itself: rows as CSV, JSON without its nulls."""
