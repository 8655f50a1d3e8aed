"""Logging in through other providers: the way there, the way back, and what is believed of it."""
