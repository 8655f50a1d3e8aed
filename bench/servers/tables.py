"""The same tables in plain SQLAlchemy, for FastAPI and Litestar."""

from __future__ import annotations

import os
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy.dialects.postgresql  # noqa: F401  (defines to_tsvector)
from sqlalchemy import JSON, DateTime, ForeignKey, Index, func, literal_column
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """All tables."""


class Location(Base):
    """A place to work."""

    __tablename__ = "locations"

    city: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    market: Mapped[str]
    low: Mapped[int]
    high: Mapped[int]


class Company(Base):
    """A company with its postings."""

    __tablename__ = "companies"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(unique=True)
    industry: Mapped[str] = mapped_column(index=True)
    website: Mapped[str | None]
    postings: Mapped[list[Posting]] = relationship(back_populates="company", order_by="Posting.id")


class User(Base):
    """A candidate, or a recruiter of a company."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    name: Mapped[str]
    company_id: Mapped[UUID | None] = mapped_column(ForeignKey(Company.id), index=True)


class Posting(Base):
    """A job that is offered."""

    __tablename__ = "postings"
    __table_args__ = (Index("ix_postings_city_status_published_at", "city", "status", "published_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    company_id: Mapped[UUID] = mapped_column(ForeignKey(Company.id), index=True)
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    city: Mapped[str] = mapped_column(ForeignKey(Location.city))
    level: Mapped[str]
    status: Mapped[str] = mapped_column(default="DRAFT")
    salary_low: Mapped[int]
    salary_high: Mapped[int]
    closes_on: Mapped[date | None]
    published_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), index=True)
    company: Mapped[Company] = relationship(back_populates="postings")


Index(
    "postings_title_search",
    func.to_tsvector(literal_column("'english'"), Posting.title),
    postgresql_using="gin",
).ddl_if(dialect="postgresql")


class SavedSearch(Base):
    """What a user searches again and again."""

    __tablename__ = "saved_searches"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), index=True)
    name: Mapped[str]
    filters: Mapped[dict[str, Any]] = mapped_column(JSON)


class Room(Base):
    """A chat room."""

    __tablename__ = "rooms"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Member(Base):
    """A user who may read and write in a room."""

    __tablename__ = "members"

    room_id: Mapped[int] = mapped_column(ForeignKey(Room.id), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), primary_key=True, index=True)


class Message(Base):
    """What one member says in a room."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey(Room.id), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), index=True)
    text: Mapped[str]


class Document(Base):
    """A text of 10 KB."""

    __tablename__ = "documents"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]


def engine_of(url: str | None = None) -> AsyncEngine:
    """An engine on a store; without a URL, on the one that the environment names."""
    url = url or os.environ["BENCH_STORE"]
    return create_async_engine(
        url.replace("sqlite:", "sqlite+aiosqlite:").replace("postgresql:", "postgresql+asyncpg:")
    )
