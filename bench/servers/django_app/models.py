"""The same tables in Django's models, for Django REST framework and Django Ninja."""

from __future__ import annotations

from typing import ClassVar
from uuid import uuid4

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import connection, models


class Location(models.Model):
    """A place to work."""

    city = models.TextField(primary_key=True)
    state = models.TextField()
    market = models.TextField()
    low = models.IntegerField()
    high = models.IntegerField()

    class Meta:
        db_table = "locations"


class Company(models.Model):
    """A company with its postings."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    name = models.TextField(unique=True)
    industry = models.TextField(db_index=True)
    website = models.TextField(null=True)

    class Meta:
        db_table = "companies"


class User(models.Model):
    """A candidate, or a recruiter of a company."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    email = models.TextField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    name = models.TextField()
    company = models.ForeignKey(Company, models.CASCADE, null=True)

    is_authenticated = True

    class Meta:
        db_table = "users"


class Posting(models.Model):
    """A job that is offered."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    company = models.ForeignKey(Company, models.CASCADE, related_name="postings")
    title = models.TextField()
    description = models.TextField(default="")
    city = models.ForeignKey(Location, models.CASCADE, db_column="city", db_index=False)
    level = models.TextField()
    status = models.TextField(default="DRAFT")
    salary_low = models.IntegerField()
    salary_high = models.IntegerField()
    closes_on = models.DateField(null=True)
    published_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        db_table = "postings"
        indexes: ClassVar = [
            models.Index(fields=["city", "status", "published_at"], name="postings_city_status_published"),
            *(
                [GinIndex(SearchVector("title", config="english"), name="postings_title_search")]
                if connection.vendor == "postgresql"
                else []
            ),
        ]


class SavedSearch(models.Model):
    """What a user searches again and again."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    user = models.ForeignKey(User, models.CASCADE)
    name = models.TextField()
    filters = models.JSONField()

    class Meta:
        db_table = "saved_searches"


class Room(models.Model):
    """A chat room."""

    id = models.IntegerField(primary_key=True)
    name = models.TextField()

    class Meta:
        db_table = "rooms"


class Member(models.Model):
    """A user who may read and write in a room."""

    room = models.ForeignKey(Room, models.CASCADE)
    user = models.ForeignKey(User, models.CASCADE)

    class Meta:
        db_table = "members"
        unique_together = ("room", "user")


class Message(models.Model):
    """What one member says in a room."""

    id = models.AutoField(primary_key=True)
    room = models.ForeignKey(Room, models.CASCADE)
    author = models.ForeignKey(User, models.CASCADE)
    text = models.TextField()

    class Meta:
        db_table = "messages"


class Document(models.Model):
    """A text of 10 KB."""

    id = models.IntegerField(primary_key=True)
    body = models.TextField()

    class Meta:
        db_table = "documents"
