"""The store of Django REST framework and Django Ninja."""

from __future__ import annotations

import os
import sys

os.environ["BENCH_STORE"] = sys.argv[1]
os.environ["DJANGO_SETTINGS_MODULE"] = "bench.servers.django_app.settings"

import django
from django.apps import apps
from django.db import connection, transaction

from bench.data import Row, chunks, rows
from bench.stores.make import asked_size


def main() -> None:
    """Make the tables and fill them."""
    _, size = asked_size()
    django.setup()
    models = {model._meta.db_table: model for model in apps.get_models()}
    with connection.schema_editor() as editor:
        for model in models.values():
            editor.create_model(model)
    with transaction.atomic():
        for name, made in rows(size):
            for chunk in chunks(made):
                models[name].objects.bulk_create([models[name](**_keys(row)) for row in chunk])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _keys(row: Row) -> Row:
    """A row with its city as the key that Django takes it for."""
    if "published_at" not in row:
        return row
    return {("city_id" if name == "city" else name): value for name, value in row.items()}


if __name__ == "__main__":
    main()
