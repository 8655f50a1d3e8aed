"""Whoever deletes a user's row, and however, turns the user out of every door of every worker within a second."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Auth, AuthUser, Backstay, current, system
from backstay.dialects.migrate.run import run
from backstay.dialects.sqlite.emit import SQLiteEmission
from backstay.errors import DatabaseFault, DeclarationError
from behaviour.door import call
from databases import sqlite_url
from fixtures import club as fixture
from in_time import Watch, in_time
from signing_in import Club, Person


def build(url: str, post: fixture.Post, *, schema: str | None = None, **settings: Any) -> Backstay:
    """A club with branches, whose members are called otherwise, and may leave by REST."""

    class Base(DeclarativeBase): ...

    class Branch(Base):
        __tablename__ = "branches"

        id: Mapped[int] = mapped_column(primary_key=True)

    class Member(AuthUser, Base):
        __tablename__ = "Members"
        __table_args__ = {"schema": schema}  # noqa: RUF012

        branch_id: Mapped[int | None] = mapped_column(ForeignKey(Branch.id, ondelete="CASCADE"))

    me = current(Member)

    class Note(Base):
        __tablename__ = "notes"

        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]

    app = Backstay(url, auth=Auth(Member, mail=post.mailer))
    app.resource(Member, select=Member.id == me.id, delete=Member.id == me.id)
    app.resource(Note, select=me.id.is_not(None), write=me.id.is_not(None))
    app.mount("/guest", fixture.guest())
    app.configure(
        jwt_secret=fixture.SECRET,
        publishable_key=fixture.PUBLISHABLE,
        secret_key=fixture.SECRET_KEY,
        public_url=fixture.PUBLIC_URL,
        site_url=fixture.SITE_URL,
        mail_pause=timedelta(0),
        **settings,
    )
    return app


class Workers:
    """Two workers of one club, in one event loop."""

    def __init__(self, url: str, **words: Any) -> None:
        self.url = url
        self.one, self.two = Club(url, build=build, **words), Club(url, build=build, **words)
        self.two._runner.close()
        self.two._runner = self.one._runner
        self.users = self.one.app.schema.metadata.tables
        self.users = next(table for name, table in self.users.items() if name.endswith("Members"))

    def __enter__(self) -> Workers:
        for each in (self.one, self.two):
            each.run(each.app.start())
        if self.users.schema is not None:
            self.one.execute(sa.schema.CreateSchema(self.users.schema))
        self.one.run(fixture.make_tables(self.one.app))
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self.one, self.two):
            each.settle()
            each.run(each.app.stop())
        self.one._runner.close()

    def statuses(self, worker: Club, token: str) -> list[int]:
        """What a worker answers to a token: sign-in, a guest, reads that are prepared and not, a write."""
        headers = [(b"host", b"club.example"), (b"authorization", f"Bearer {token}".encode())]
        return [
            worker.ask("GET", "/user", token=token).status,
            worker.run(call(worker.app, "GET", b"/guest/", b"", headers, b"")).status,
            worker.ask("GET", "/rest/v1/notes?select=id", token=token).status,
            worker.ask("GET", "/rest/v1/notes?select=id,text&order=id&limit=3", token=token).status,
            worker.ask("POST", "/rest/v1/notes", {"text": "Hi"}, token=token).status,
        ]

    def assert_in(self, *people: Person) -> None:
        for person in people:
            for worker in (self.one, self.two):
                for _ in range(2):
                    assert self.statuses(worker, person.token) == [200, 200, 200, 200, 201]

    def tries(self) -> Iterator[Watch]:
        """Who is out within a second is seen with new people each time."""
        for watch in in_time(1.0):
            self.two.settle()
            self.one.restore()
            yield watch

    def assert_out(self, watch: Watch, *people: Person) -> None:
        pairs = [(worker, person.token) for worker in (self.one, self.two) for person in people]
        with watch:
            while any(set(self.statuses(*pair)[1:]) != {401} for pair in pairs):
                watch.check()
                self.one.run(asyncio.sleep(0.02))
        for pair in pairs:
            assert self.statuses(*pair) == [403, 401, 401, 401, 401]
        for person in people:
            body = {"refresh_token": person.refresh_token}
            assert self.two.ask("POST", "/token?grant_type=refresh_token", body).status == 400

    def sql(self, *statements: str, keys: bool = True) -> None:
        """Run statements in a transaction as a tool beside would, on a connection of its own."""
        if self.url.startswith("sqlite"):
            connection = sqlite3.connect(self.url.removeprefix("sqlite:///"))
            connection.execute(f"PRAGMA foreign_keys = {'ON' if keys else 'OFF'}")
            with connection:
                for statement in statements:
                    connection.execute(statement)
            connection.close()
        else:
            self.one.run(run(self.url, partial(_execute, statements=statements), writing=True))

    def revoked(self) -> int:
        """How many rows say that something is revoked."""
        ((count,),) = self.one.rows(sa.select(sa.func.count()).select_from(self.one.tables.revocations))
        return int(count)


def _execute(connection: sa.Connection, *, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


@pytest.fixture
def workers(database_url: str) -> Iterator[Workers]:
    with Workers(database_url) as workers:
        yield workers


def by_rest(workers: Workers, person: Person) -> None:
    answer = workers.one.ask("DELETE", f"/rest/v1/Members?id=eq.{person.id}", token=person.token)
    assert answer.status == 204, answer.body


def by_rest_with_the_secret_key(workers: Workers, person: Person) -> None:
    answer = workers.two.ask("DELETE", f"/rest/v1/Members?id=eq.{person.id}", key=fixture.SECRET_KEY)
    assert answer.status == 204, answer.body


def by_the_admin(workers: Workers, person: Person) -> None:
    assert workers.one.ask("DELETE", f"/admin/users/{person.id}", key=fixture.SECRET_KEY).status == 200


def by_a_session(workers: Workers, person: Person) -> None:
    model = workers.one.sign_in.user

    async def delete() -> None:
        async with workers.one.app.session(system) as db:
            await db.delete(await db.get_one(model, UUID(person.id)))

    workers.one.run(delete())


def by_a_statement(workers: Workers, person: Person) -> None:
    workers.one.execute(sa.delete(workers.users).where(workers.users.c.id == UUID(person.id)))


def by_sql(workers: Workers, person: Person) -> None:
    workers.sql(f"""DELETE FROM "Members" WHERE id = '{person.id}'""")


def by_sql_without_foreign_keys(workers: Workers, person: Person) -> None:
    workers.sql(f"""DELETE FROM "Members" WHERE id = '{person.id}'""", keys=False)


def by_a_cascade(workers: Workers, person: Person) -> None:
    workers.sql("INSERT INTO branches (id) VALUES (1)")
    workers.sql(f"""UPDATE "Members" SET branch_id = 1 WHERE id = '{person.id}'""")
    workers.sql("DELETE FROM branches")


@pytest.mark.invariant("I23")
@pytest.mark.asvs("7.4.2")
@pytest.mark.parametrize(
    "delete",
    [
        by_rest,
        by_rest_with_the_secret_key,
        by_the_admin,
        by_a_session,
        by_a_statement,
        by_sql,
        by_sql_without_foreign_keys,
        by_a_cascade,
    ],
)
def test_a_row_that_is_deleted(workers: Workers, delete: Callable[[Workers, Person], None]) -> None:
    for watch in workers.tries():
        ada, eve = workers.one.member("ada@example.com"), workers.two.member("eve@example.com")
        also = workers.two.enter("eve@example.com")
        workers.assert_in(ada, eve, also)
        delete(workers, eve)
        workers.assert_out(watch, eve, also)
        workers.assert_in(ada)


@pytest.mark.invariant("I23")
def test_all_rows_are_deleted(workers: Workers) -> None:
    for watch in workers.tries():
        people = [workers.one.member("ada@example.com"), workers.two.member("eve@example.com")]
        workers.assert_in(*people)
        workers.sql('DELETE FROM "Members"')
        workers.assert_out(watch, *people)


@pytest.mark.invariant("I23")
def test_a_session_that_is_deleted(workers: Workers) -> None:
    for watch in workers.tries():
        workers.one.member()
        one, two = workers.one.enter(), workers.two.enter()
        workers.assert_in(one, two)
        sessions = workers.one.tables.sessions
        ((latest,),) = workers.one.rows(sa.select(sessions.c.id).order_by(sessions.c.created_at.desc()).limit(1))
        workers.one.execute(sa.delete(sessions).where(sessions.c.id == latest))
        with watch:
            while workers.statuses(workers.one, two.token)[1:] != [401] * 4:
                watch.check()
                workers.one.run(asyncio.sleep(0.02))
        workers.assert_in(one)


def test_what_is_rolled_back_turns_nobody_out(workers: Workers) -> None:
    ada = workers.one.member()

    async def delete() -> None:
        async with workers.one.app.session(system) as db:
            await db.execute(sa.delete(workers.users))
            await db.rollback()

    workers.one.run(delete())
    assert workers.revoked() == 0
    workers.one.run(asyncio.sleep(0.7))
    workers.assert_in(ada)


def test_of_users_who_left_long_ago_nothing_is_kept(workers: Workers) -> None:
    """Thousands who have left are deleted, and one who has not; and one who is signed out."""
    for watch in workers.tries():
        ada, eve = workers.one.member("ada@example.com"), workers.one.member("eve@example.com")
        assert workers.one.ask("POST", "/logout?scope=global", token=ada.token).status == 204
        told = workers.revoked()
        tables, ids = workers.one.tables, [UUID(int=number) for number in range(2000)]
        workers.one.execute(sa.insert(workers.users).values([{"id": each, "email": str(each)} for each in ids]))
        old = workers.one.run(_old_session(workers))
        workers.one.execute(
            sa.insert(tables.sessions).values([{**old, "id": each, "user_id": each, "amr": []} for each in ids])
        )
        workers.sql('DELETE FROM "Members"')
        assert workers.revoked() == told + 1
        workers.assert_out(watch, ada, eve)


async def _old_session(workers: Workers) -> dict[str, Any]:
    async with workers.one.app.session(system) as db:
        row = (await db.execute(sa.select(workers.one.tables.sessions).limit(1))).mappings().one()
    long_ago = row["refreshed_at"] - timedelta(days=9)
    return {**row, "refreshed_at": long_ago, "created_at": long_ago, "ended_at": None, "ended_by": None}


def test_an_id_that_comes_again_may_sign_in(workers: Workers) -> None:
    """As where a backup is read back in."""
    for watch in workers.tries():
        eve = workers.one.member()
        kept = workers.one.rows(sa.select(workers.users))
        credentials = workers.one.rows(sa.select(workers.one.tables.credentials))
        workers.one.execute(sa.delete(workers.users))
        workers.assert_out(watch, eve)
        for table, rows in ((workers.users, kept), (workers.one.tables.credentials, credentials)):
            workers.one.execute(sa.insert(table).values([row._asdict() for row in rows]))
        workers.assert_in(workers.two.enter())


@pytest.mark.invariant("I23")
def test_nobody_who_enters_meanwhile_stays(workers: Workers) -> None:
    for watch in workers.tries():
        ada = workers.one.member()

        async def race(token: str) -> list[Any]:
            body = {"email": "ada@example.com", "password": "seven brown horses"}
            signing_in = [workers.two.asking("POST", "/token?grant_type=password", body) for _ in range(4)]
            refresh = {"refresh_token": token}
            renewing = [workers.two.asking("POST", "/token?grant_type=refresh_token", refresh) for _ in range(2)]
            tasks: list[Awaitable[Any]] = [asyncio.create_task(each) for each in (*signing_in, *renewing)]
            while not await deleted():
                pass
            return list(await asyncio.gather(*tasks))

        async def deleted() -> bool:
            try:
                async with workers.one.app.session(system) as db:
                    await asyncio.sleep(0.15)
                    await db.execute(sa.delete(workers.users))
                    await asyncio.sleep(0.3)
            except DatabaseFault as fault:
                # PostgreSQL chose the one that deletes, of two that wait for each other: it is done again.
                assert fault.state == "40P01"
                return False
            return True

        entered = [Person(answer.json) for answer in workers.one.run(race(ada.refresh_token)) if answer.status == 200]
        workers.assert_out(watch, ada, *entered)


# PostgreSQL ----------------------------------------------------------------------------------------------------


@pytest.mark.invariant("I23")
def test_tables_that_are_truncated(postgresql_url: str) -> None:
    with Workers(postgresql_url) as workers:
        for watch in workers.tries():
            people = [workers.one.member("ada@example.com"), workers.two.member("eve@example.com")]
            workers.assert_in(*people)
            workers.sql('TRUNCATE "Members" CASCADE')
            workers.assert_out(watch, *people)


@pytest.mark.invariant("I23")
def test_users_in_a_schema_of_their_own(postgresql_url: str) -> None:
    with Workers(postgresql_url, schema="people") as workers:
        for watch in workers.tries():
            ada, eve = workers.one.member("ada@example.com"), workers.two.member("eve@example.com")
            workers.assert_in(ada, eve)
            workers.sql(f"""DELETE FROM people."Members" WHERE id = '{eve.id}'""")
            workers.assert_out(watch, eve)
            workers.assert_in(ada)


@pytest.mark.invariant("I23")
@pytest.mark.parametrize("rights", ["DELETE", "TRUNCATE"])
def test_a_role_that_may_write_nothing_of_sign_in(postgresql_url: str, rights: str) -> None:
    role = f"gone_{postgresql_url.rpartition('/')[2]}_{rights.lower()}"
    with Workers(postgresql_url) as workers:
        for watch in workers.tries():
            eve = workers.one.member()
            workers.assert_in(eve)
            workers.sql(f"CREATE ROLE {role}")
            try:
                if rights == "DELETE":
                    workers.sql(f'GRANT SELECT, DELETE ON "Members" TO {role}')
                    workers.sql(f"SET LOCAL ROLE {role}", 'DELETE FROM "Members"')
                else:
                    workers.sql(f"GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO {role}")
                    # What it puts in the way is not what is written to.
                    decoy = "CREATE TEMP TABLE auth_revocations (kind text, subject text, at text, until text)"
                    path = "SET LOCAL search_path = pg_temp, public"
                    workers.sql(decoy, f"SET LOCAL ROLE {role}", path, 'TRUNCATE public."Members" CASCADE')
                workers.assert_out(watch, eve)
            finally:
                workers.sql(f"DROP OWNED BY {role}")
                workers.sql(f"DROP ROLE {role}")


def test_nobody_else_may_use_the_function(postgresql_url: str) -> None:
    """It writes with its owner's rights, wherever its trigger is."""
    role = f"gone_{postgresql_url.rpartition('/')[2]}"
    with Workers(postgresql_url) as workers:
        workers.sql(f"CREATE ROLE {role}")
        try:
            own = "CREATE TEMP TABLE auth_sessions (id text)"
            trigger = "AFTER DELETE ON auth_sessions FOR EACH ROW EXECUTE FUNCTION _backstay_revoke_sessions()"
            with pytest.raises(Exception, match="permission denied for function"):
                workers.sql(f"SET LOCAL ROLE {role}", own, f"CREATE TRIGGER mine {trigger}")
        finally:
            workers.sql(f"DROP ROLE {role}")


# Settings ------------------------------------------------------------------------------------------------------


def test_no_token_is_good_for_longer_than_is_remembered() -> None:
    with pytest.raises(DeclarationError, match="access_token_life"):
        _ = build("sqlite://", fixture.Post(), access_token_life=timedelta(days=8)).assembly


def test_an_insert_of_a_user_still_tells_of_its_row(tmp_path: Path) -> None:
    """SQLite's trigger on the users' table is none that could change what was inserted."""
    with Workers(sqlite_url(tmp_path)) as workers:
        served = next(each for each in workers.one.app.schema.resources.values() if each.table is workers.users)
        emission: Any = None
        assert workers.one.rows(sa.select(SQLiteEmission.alone(emission, served, ()))) == [(True,)]
        workers.sql('CREATE TRIGGER other AFTER INSERT ON "Members" BEGIN SELECT 1; END')
        assert workers.one.rows(sa.select(SQLiteEmission.alone(emission, served, ()))) == [(False,)]
