"""Payloads that are too long to be held: read from a file, batch by batch."""
