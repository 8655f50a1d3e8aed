"""What both interfaces ask of the models."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import connection
from django.db.models import F, Q, QuerySet

from bench.servers.django_app.models import Posting, User


def visible(user: User) -> Q:
    """The rule on postings."""
    return Q(status="OPEN") | Q(company_id=user.company_id)


def newest(user: User, city: str | None, search: str | None) -> QuerySet[Any]:
    """Open postings, the newest first, with their companies."""
    found = Posting.objects.filter(visible(user), status="OPEN").select_related("company")
    if city is not None:
        found = found.filter(city_id=city)
    if search is not None and connection.vendor == "postgresql":
        query = SearchQuery(search, config="english", search_type="websearch")
        found = found.annotate(search=SearchVector("title", config="english")).filter(search=query)
    elif search is not None:
        found = found.filter(title__icontains=search)
    return found.order_by(F("published_at").desc(), "id")
