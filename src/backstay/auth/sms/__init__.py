"""Texts to users' phones: who sends them."""
