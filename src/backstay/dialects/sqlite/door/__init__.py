"""The door through which SQLAlchemy's engines and sessions reach SQLite: PEP 249 on apsw."""
