"""Backstay's program: the hiring example as it is, and beside it what only the bench asks for."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backstay import anyone
from hiring import Base, User, app, me


class Room(Base):
    """A chat room."""

    __tablename__ = "rooms"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    members: Mapped[list[Member]] = relationship(back_populates="room")


class Member(Base):
    """A user who may read and write in a room."""

    __tablename__ = "members"

    room_id: Mapped[int] = mapped_column(ForeignKey(Room.id), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), primary_key=True, index=True)
    room: Mapped[Room] = relationship(back_populates="members")


class Message(Base):
    """What one member says in a room."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey(Room.id), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), default=me.id, index=True)
    text: Mapped[str]
    room: Mapped[Room] = relationship()


class Document(Base):
    """A text of 10 KB."""

    __tablename__ = "documents"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]


in_the_room = Message.room.has(Room.members.any(Member.user_id == me.id))

app.resource(Message, select=in_the_room, insert=in_the_room & (Message.author_id == me.id))
app.resource(Document, select=anyone)

__all__ = ["app"]
