"""The front door: one ASGI application, and the server that runs it."""
