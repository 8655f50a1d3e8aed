"""Migrations: scripts beside the application, applied in order, each in a transaction of its own.

``read_scripts`` and ``behind`` need no Alembic, which takes a second to import; the other modules do.
"""
