"""Sign-in behind the front door."""
