"""Second factors: codes of an authenticator app, codes by phone, passkeys, recovery codes."""
