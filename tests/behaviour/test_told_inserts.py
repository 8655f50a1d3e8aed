"""An insert tells of its rows while it writes them; where one would see others afterwards, they are asked for again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column, relationship

from backstay import Auth, AuthUser, Backstay, anyone, current, signed_in, system
from behaviour.door import Door
from fixtures.rows import ADA, BOB


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


me = current(User)


class Club(Base):
    __tablename__ = "clubs"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    members: Mapped[list[Member]] = relationship()


class Member(Base):
    """It has an ``id`` like all the others: in a sub-select of a sub-select a bare name would be the wrong one."""

    __tablename__ = "members"

    id: Mapped[int] = mapped_column(primary_key=True)
    club_id: Mapped[int] = mapped_column(ForeignKey(Club.id), index=True)
    user_id: Mapped[UUID]


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    club_id: Mapped[int] = mapped_column(ForeignKey(Club.id), index=True)
    user_id: Mapped[UUID] = mapped_column(default=me.id, index=True)
    text: Mapped[str | None]
    club: Mapped[Club] = relationship()


class Echo(Base):
    __tablename__ = "echoes"

    id: Mapped[int] = mapped_column(primary_key=True)


class Heard(Base):
    """A view of the echoes."""

    __tablename__ = "heard"

    id: Mapped[int] = mapped_column(primary_key=True)


class Link(Base):
    __tablename__ = "links"

    id: Mapped[int] = mapped_column(primary_key=True)


async def fill(app: Backstay) -> None:
    """Ada is in the second club, Bob in the first: each has the number that the other's club has."""
    tables: list[sa.Table] = [model.__table__ for model in (User, Club, Member, Post, Echo, Link)]  # type: ignore[misc]
    async with app.session(system) as session:
        connection = await session.connection()
        await connection.run_sync(lambda sync: Base.metadata.create_all(sync, tables))
        await session.execute(sa.text("CREATE VIEW heard AS SELECT id FROM echoes"))
        session.add_all([Club(id=1, name="One"), Club(id=2, name="Two")])
        await session.flush()
        session.add_all([Member(id=1, club_id=2, user_id=ADA), Member(id=2, club_id=1, user_id=BOB)])


@pytest.fixture
def door(database_url: str) -> Iterator[Door]:
    app = Backstay(database_url, auth=Auth(User))
    theirs = Post.club.has(Club.members.any(Member.user_id == me.id))
    other = aliased(Link)
    app.resource(Club, select=anyone)
    app.resource(Post, select=theirs, insert=theirs & (Post.user_id == me.id))
    app.resource(Echo, select=signed_in, insert=sa.select(Heard.id).where(Heard.id == Echo.id).exists())
    app.resource(Link, select=signed_in, insert=sa.select(other.id).where(other.id == Link.id).exists())
    with Door(app, fill) as opened:
        yield opened


def insert(door: Door, table: str, body: object, caller: str = "ada") -> tuple[int, object]:
    """What an insert answers: the status, and the rows or the error's code."""
    answer = door.ask("POST", table, body, caller=caller, prefer="return=representation")
    return answer.status, answer.json if answer.status == 201 else answer.code


async def run(app: Backstay, statements: Sequence[str]) -> None:
    """Run statements as whoever owns the database does."""
    async with app.session(system) as session:
        for each in statements:
            await session.execute(sa.text(each))


def on_insert(door: Door, change: str) -> list[str]:
    """The statements that make a trigger, which changes posts after they were inserted."""
    if door.app.settings.database.startswith("sqlite"):
        return [f"CREATE TRIGGER meddle AFTER INSERT ON posts BEGIN UPDATE posts SET {change} WHERE id = new.id; END"]
    body = f"BEGIN UPDATE posts SET {change} WHERE id = new.id; RETURN NULL; END"
    return [
        f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS '{body}'",
        "CREATE TRIGGER meddle AFTER INSERT ON posts FOR EACH ROW EXECUTE FUNCTION meddle()",
    ]


def test_a_rule_that_asks_other_tables_is_asked_of_the_new_row(door: Door) -> None:
    row = {"id": 1, "club_id": 2, "text": None}
    assert insert(door, "/posts?select=id,text,club(name)", row) == (
        201,
        [{"id": 1, "text": None, "club": {"name": "Two"}}],
    )
    assert insert(door, "/posts", {"id": 2, "club_id": 1}) == (403, "42501")
    assert insert(door, "/posts", [{"id": 2, "club_id": 2}, {"id": 3, "club_id": 1}]) == (403, "42501")
    assert insert(door, "/posts", {"id": 2, "club_id": 2}, "bob") == (403, "42501")
    assert [each["id"] for each in door.rows("/posts?select=id")] == [1]


def test_an_answer_that_looks_at_the_written_table_has_the_new_row(door: Door) -> None:
    row = {"id": 1, "club_id": 2}
    expected = [{"club": {"posts": [{"id": 1}]}}]
    assert insert(door, "/posts?select=club(posts(id))", row) == (201, expected)


def test_many_rows_come_back_in_their_order(door: Door) -> None:
    rows = [{"id": number, "club_id": 2, "text": f"{number}"} for number in (3, 1, 2)]
    status, found = insert(door, "/posts?select=id,text", rows)
    assert (status, found) == (201, [{"id": each["id"], "text": each["text"]} for each in rows])


def test_what_a_trigger_makes_of_a_row_is_answered(door: Door) -> None:
    assert insert(door, "/posts?select=text", {"id": 1, "club_id": 2, "text": "a"}) == (201, [{"text": "a"}])
    door.run(run(door.app, on_insert(door, "text = text || text")))
    assert insert(door, "/posts?select=text", {"id": 2, "club_id": 2, "text": "b"}) == (201, [{"text": "bb"}])


def test_a_rule_holds_for_what_a_trigger_makes_of_a_row(door: Door) -> None:
    door.run(run(door.app, on_insert(door, "club_id = 1")))
    assert insert(door, "/posts", {"id": 1, "club_id": 2}) == (403, "42501")
    assert insert(door, "/posts", {"id": 1, "club_id": 1}, "bob")[0] == 201
    assert [each["id"] for each in door.rows("/posts?select=id", "bob")] == [1]


@pytest.mark.parametrize("table", ["/echoes", "/links"])
def test_a_rule_that_looks_for_the_new_row_finds_it(door: Door, table: str) -> None:
    """Through a view, or in the table itself."""
    assert insert(door, table, {"id": 1}) == (201, [{"id": 1}])
