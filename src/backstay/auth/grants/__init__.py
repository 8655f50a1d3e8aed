"""The authorisation server: programs of others act for users who allow it (OAuth 2.1)."""
