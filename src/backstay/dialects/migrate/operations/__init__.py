"""What migrations can do beside what Alembic has: ``op.create_enum``, ``op.create_search`` and their like."""
