"""SQLAlchemy's compilers for SQLite, with PostgreSQL's meaning."""
