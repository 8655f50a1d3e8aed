"""In a caller's session their rules hold, whatever the code in it asks and however it asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, contains_eager, joinedload, selectinload, subqueryload

from backstay import Backstay, signed_in, system
from backstay.errors import (
    Conflict,
    ForeignKeyViolation,
    InvalidClaims,
    NotFound,
    PermissionDenied,
    RowRefused,
    UniqueViolation,
)
from backstay.schema.caller import Caller, Role
from behaviour.door import Door
from fixtures.rows import ACME, ADA, BOB, CALLERS, CYD, ZETA, fill, uid
from fixtures.workspace import Draft, Level, Like, Note, NoteTag, Org, Tag, User, build, me

ADAS = {1, 2, 3}
"""The numbers of the notes that Ada may see: her own, and what is public in her organisation."""

Acting = Callable[[str], AbstractAsyncContextManager[AsyncSession]]


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[Backstay]:
    app = build(database_url)
    await app.start()
    await fill(app)
    yield app
    await app.stop()


@pytest.fixture
def acting(app: Backstay) -> Acting:
    """Opens a session of one of CALLERS."""
    return lambda name: app.session(CALLERS[name])


async def numbers(session: AsyncSession, statement: Any) -> set[int]:
    return {note.number for note in (await session.scalars(statement)).unique().all()}


def as_ada(door: Door, statement: Any) -> list[Any]:
    """What a statement yields in a session of Ada's, on a database that no test changes."""

    async def ask() -> list[Any]:
        async with door.app.session(CALLERS["ada"]) as db:
            return list((await db.scalars(statement)).all())

    return door.run(ask())


async def stored(app: Backstay, number: int) -> Note | None:
    async with app.session(system) as db:
        return (await db.scalars(select(Note).where(Note.number == number))).one_or_none()


async def column(app: Backstay, attribute: Any) -> list[Any]:
    """The values of an attribute of all notes, by their numbers."""
    async with app.session(system) as db:
        return list((await db.scalars(select(attribute).order_by(Note.number))).all())


# Reading -----------------------------------------------------------------------------------------------------


async def test_select_finds_the_rows_the_rule_lets(acting: Acting) -> None:
    async with acting("ada") as db:
        assert await numbers(db, select(Note)) == ADAS
    async with acting("bob") as db:
        assert await numbers(db, select(Note)) == {2, 3, 4}
    async with acting("cyd") as db:
        assert await numbers(db, select(Note)) == {5, 6}


async def test_attributes_of_the_caller_come_from_the_users_table_where_the_token_lacks_them(acting: Acting) -> None:
    async with acting("bare-ada") as db:
        assert await numbers(db, select(Note)) == ADAS


async def test_user_who_is_not_in_the_users_table_is_in_no_tenant(app: Backstay) -> None:
    async with app.session(Caller(str(uid(99)), {}, Role.AUTHENTICATED)) as db:
        assert await numbers(db, select(Note)) == set()


async def test_claim_of_a_wrong_type_is_refused(app: Backstay) -> None:
    with pytest.raises(InvalidClaims):
        async with app.session(Caller(str(ADA), {"org_id": "acme"}, Role.AUTHENTICATED)) as db:
            await db.scalars(select(Note))


async def test_session_of_a_users_row_is_theirs(app: Backstay) -> None:
    async with app.session(system) as db:
        ada = await db.get_one(User, ADA)
    async with app.session(ada) as db:
        assert await numbers(db, select(Note)) == ADAS


async def test_system_sees_everything(app: Backstay) -> None:
    async with app.session(system) as db:
        assert await numbers(db, select(Note)) == {1, 2, 3, 4, 5, 6}
        assert await db.scalar(text("select 1")) == 1


async def test_nobody_is_the_caller_in_a_session_of_the_system(app: Backstay) -> None:
    async with app.session(system) as db:
        assert await numbers(db, select(Note).where(Note.author_id == me.id)) == set()
        assert await numbers(db, select(Note).where(signed_in)) == set()


async def test_statement_may_speak_of_the_caller(acting: Acting) -> None:
    async with acting("ada") as db:
        assert await numbers(db, select(Note).where(Note.author_id == me.id)) == {1, 2}
        assert await numbers(db, select(Note).where(signed_in)) == ADAS
    async with acting("bob") as db:
        assert await numbers(db, select(Note).where(Note.author_id == me.id)) == {3, 4}


async def test_anonymous_caller_is_in_no_tenant(acting: Acting) -> None:
    async with acting("anon") as db:
        assert await numbers(db, select(Note)) == set()
        assert len((await db.scalars(select(Tag))).all()) == 3


async def test_resource_that_refuses_the_caller_altogether_is_denied(acting: Acting) -> None:
    with pytest.raises(PermissionDenied, match="permission denied for table users"):
        async with acting("anon") as db:
            await db.scalars(select(User))


async def test_resource_without_rules_is_denied(acting: Acting) -> None:
    with pytest.raises(PermissionDenied, match="permission denied for table drafts"):
        async with acting("bob") as db:
            await db.scalars(select(Draft))


def ways_of_asking() -> dict[str, Any]:
    """Statements that, were there no rules, would yield the numbers of all notes."""
    other, third, table = aliased(Note), aliased(Note, name="third"), Note.__table__
    inner = select(Note.number.label("n")).subquery()
    within = aliased(Note, select(Note).order_by(Note.number).limit(10).subquery())
    cte = select(Note.number.label("n")).cte("some")
    return {
        "column": select(Note.number),
        "alias": select(other.number),
        "named alias": select(third.number),
        "two of them": select(other.number).join(Note, Note.id == other.id),
        "core table": select(table.c.number),
        "core alias": select(table.alias("t").c.number),
        "join": select(Note.number).join(User, User.id == Note.author_id),
        "join from the other side": select(Note.number).select_from(User).join(Note, User.id == Note.author_id),
        "optional side": select(Note.number).select_from(Org).outerjoin(Note, Note.org_id == Org.id),
        "optional side, aliased": select(other.number).select_from(Org).outerjoin(other, other.org_id == Org.id),
        "kept side": select(Note.number).outerjoin(Tag, Tag.id == 99),
        "join in an outer join": select(Note.number)
        .select_from(Org)
        .outerjoin(sa.join(Note, User, User.id == Note.author_id), Note.org_id == Org.id),
        "outer join in an outer join": select(Note.number)
        .select_from(Tag)
        .outerjoin(sa.outerjoin(User, Note, User.id == Note.author_id), Tag.id == 1),
        "full join": select(Note.number).select_from(User).join(Note, User.id == Note.author_id, full=True),
        "full join, aliased": select(other.number).select_from(User).join(other, User.id == other.author_id, full=True),
        "comma": select(Note.number).select_from(Note, Org).where(Note.org_id == Org.id),
        "sub-select": select(inner.c.n),
        "entity of a sub-select": select(within.number),
        "in": select(other.number).where(other.id.in_(select(Note.id))),
        "exists": select(Note.number).where(sa.exists().where(other.id == Note.id)),
        "cte": select(cte.c.n),
        "union": sa.union(select(Note.number), select(other.number)),
        "entities of a union": select(Note.number).where(Note.number < 3).union_all(select(Note.number)),
        "from statement": select(Note.number).from_statement(select(Note.number)),
        "from a core statement": select(Note.number).from_statement(select(table)),
        "other columns": select(Note).with_only_columns(Note.number),
        "distinct": select(Note.number).distinct(),
        "or at the top": select(Note.number).where((Note.number > 0) | (Note.number < 0)),
        "not": select(Note.number).where(~(Note.number < 0)),
        "locked": select(Note.number).with_for_update(),
        "locked, aliased": select(other.number).with_for_update(of=other),
        "grouped by the key": select(Note.number).group_by(Note.id),
        "aggregate over groups": select(func.max(Note.number)).group_by(Note.id),
        "window": select(func.max(Note.number).over(partition_by=Note.id)),
        "ordered and paged": select(Note.number).order_by(Note.number.desc()).limit(100).offset(0),
    }


@pytest.mark.parametrize("way", ways_of_asking())
def test_no_way_of_asking_passes_the_rule(module_workspace: Door, way: str) -> None:
    found = as_ada(module_workspace, ways_of_asking()[way])
    assert {number for number in found if number is not None} == ADAS


def ways_of_counting() -> dict[str, Any]:
    """Statements that, were there no rules, would count six notes."""
    other, rows = aliased(Note), select(Note).subquery()
    return {
        "select_from": select(func.count()).select_from(Note),
        "column": select(func.count(Note.id)),
        "alias": select(func.count()).select_from(other),
        "sub-select": select(func.count()).select_from(rows),
        "core": select(func.count()).select_from(Note.__table__),
        "scalar sub-select": select(select(func.count()).select_from(Note).scalar_subquery()),
        "distinct": select(func.count(Note.number.distinct())),
        "filtered aggregate": select(func.count(Note.id).filter(Note.number > 0)),
        "exists": select(sa.case((select(Note).where(Note.number > 3).exists(), 6), else_=3)),
    }


@pytest.mark.parametrize("way", ways_of_counting())
def test_no_way_of_counting_passes_the_rule(module_workspace: Door, way: str) -> None:
    assert as_ada(module_workspace, ways_of_counting()[way]) == [len(ADAS)]


async def test_get_does_not_find_what_may_not_be_seen(acting: Acting) -> None:
    async with acting("ada") as db:
        assert await db.get(Note, uid(104)) is None
        assert await db.get(Note, uid(104), populate_existing=True) is None
        assert (await db.get_one(Note, uid(101))).number == 1


async def test_row_that_code_insists_on_is_not_found(acting: Acting) -> None:
    with pytest.raises(NotFound):
        async with acting("ada") as db:
            await db.get_one(Note, uid(104))
    with pytest.raises(NotFound):
        async with acting("ada") as db:
            (await db.scalars(select(Note).where(Note.number == 4))).one()


async def test_row_that_goes_out_of_sight_cannot_be_refreshed(app: Backstay, acting: Acting) -> None:
    async with acting("ada") as db:
        note = await db.get_one(Note, uid(103))
        async with app.session(system) as hand:
            (await hand.get_one(Note, uid(103))).public = False
        assert await db.get(Note, uid(103), populate_existing=True) is None
        with pytest.raises(sa.exc.InvalidRequestError):
            await db.refresh(note)


async def test_expired_row_out_of_sight_is_not_found(app: Backstay, acting: Acting) -> None:
    with pytest.raises(NotFound):
        async with acting("ada") as db:
            note = await db.get_one(Note, uid(103))
            async with app.session(system) as hand:
                (await hand.get_one(Note, uid(103))).public = False
            db.expire(note)
            await db.run_sync(lambda _: note.text)


LOADS = {
    "joined": joinedload(Note.replies),
    "select in": selectinload(Note.replies),
    "sub-select": subqueryload(Note.replies),
}


@pytest.mark.parametrize("load", LOADS)
async def test_eager_loads_bring_only_what_may_be_seen(acting: Acting, load: str) -> None:
    async with acting("ada") as db:
        notes = (await db.scalars(select(Note).options(LOADS[load]))).unique().all()
        assert {note.number: {reply.number for reply in note.replies} for note in notes} == {
            1: {2, 3},
            2: set(),
            3: set(),
        }


async def test_lazy_loads_bring_only_what_may_be_seen(acting: Acting) -> None:
    async with acting("bob") as db:
        note = await db.get_one(Note, uid(103))
        assert await db.run_sync(lambda _: [reply.number for reply in note.replies]) == [4]
        assert await db.run_sync(lambda _: note.parent) is None
    async with acting("ada") as db:
        note = await db.get_one(Note, uid(103))
        assert await db.run_sync(lambda _: note.replies) == []


async def test_relationship_filled_by_the_statement_holds_only_what_may_be_seen(acting: Acting) -> None:
    reply = aliased(Note)
    async with acting("ada") as db:
        statement = (
            select(Note).outerjoin(Note.replies.of_type(reply)).options(contains_eager(Note.replies.of_type(reply)))
        )
        notes = (await db.scalars(statement)).unique().all()
        assert {note.number for note in notes} == ADAS
        assert {each.number for note in notes for each in note.replies} == {2, 3}


async def test_relationships_any_and_has_ask_only_of_what_may_be_seen(acting: Acting) -> None:
    async with acting("ada") as db:
        assert await numbers(db, select(Note).where(Note.replies.any(Note.number > 3))) == set()
        assert await numbers(db, select(Note).where(Note.parent.has(Note.number == 1))) == {2, 3}


async def test_related_rows_through_a_resource_between_keep_to_its_rule(acting: Acting) -> None:
    async with acting("ada") as db:
        note = (await db.scalars(select(Note).where(Note.number == 1).options(selectinload(Note.tags)))).one()
        assert {tag.name for tag in note.tags} == {"red", "green"}


async def test_streamed_rows_keep_to_the_rule(acting: Acting) -> None:
    async with acting("ada") as db:
        assert {number async for number in await db.stream_scalars(select(Note.number))} == ADAS


async def test_connection_of_the_session_is_guarded_too(acting: Acting) -> None:
    async with acting("ada") as db:
        connection = await db.connection()
        assert set((await connection.scalars(select(Note.__table__.c.number))).all()) == ADAS
    with pytest.raises(PermissionDenied):
        async with acting("ada") as db:
            await (await db.connection()).exec_driver_sql("SELECT number FROM notes")
    with pytest.raises(PermissionDenied):
        async with acting("ada") as db:
            await (await db.connection()).execute(update(Note.__table__).values(text="mine"))


async def test_two_callers_share_statements_but_not_values(app: Backstay) -> None:
    found = []
    for name in ("ada", "bob", "cyd", "ada", "bare-ada", "cyd"):
        async with app.session(CALLERS[name]) as db:
            found.append(await numbers(db, select(Note).where(Note.number > 0)))
    assert found == [ADAS, {2, 3, 4}, {5, 6}, ADAS, ADAS, {5, 6}]


# What cannot be seen through ---------------------------------------------------------------------------------


def refused_statements() -> dict[str, Any]:
    return {
        "text": text("SELECT number FROM notes"),
        "text as a column": select(text("(SELECT max(number) FROM notes)")),
        "text in where": select(Note).where(text("1 = 1")),
        "text as a source": select(sa.literal_column("number")).select_from(text("notes")),
        "text with columns": text("SELECT number FROM notes").columns(Note.number),
        "entity from text": select(Note).from_statement(text("SELECT * FROM notes")),
        "literal column": select(sa.literal_column("(SELECT max(number) FROM notes)")),
        "light table": select(sa.table("notes", sa.column("number"))),
        "prefix": select(Note.number).prefix_with("1,"),
        "suffix": select(Note.number).suffix_with("UNION SELECT number FROM notes"),
        "hint": select(Note.number).with_statement_hint("UNION SELECT number FROM notes"),
        "operator": select(Note.number.op("IN (SELECT number FROM notes) OR 1 =")(1)),
        "cte with the name of a table": select(select(Note.id).cte("notes")),
        "alias with the name of a table": select(aliased(Note, name="users")),
        "insert": insert(Note).values(number=7, text="x"),
        "insert from select": insert(Tag).from_select(["name"], select(Note.text)),
        "core insert": insert(Note.__table__).values(number=7, text="x"),
        "core update": update(Note.__table__).values(text="x"),
        "core delete": delete(Note.__table__),
        "update in a query": select(update(Note).values(text="x").returning(Note.number).cte()),
        "lambda": sa.lambda_stmt(lambda: select(Note.number)),
        "definition": sa.schema.DropTable(Tag.__table__),
    }


@pytest.mark.parametrize("what", refused_statements())
def test_statement_that_cannot_be_seen_through_is_refused(module_workspace: Door, what: str) -> None:
    with pytest.raises(PermissionDenied) as refused:
        as_ada(module_workspace, refused_statements()[what])
    assert refused.value.hint
    assert sorted(as_ada(module_workspace, select(Note.number))) == sorted(ADAS)


async def test_update_by_lists_of_keys_is_refused(acting: Acting) -> None:
    with pytest.raises(PermissionDenied):
        async with acting("ada") as db:
            await db.execute(update(Note), [{"id": uid(101), "text": "x"}])


async def test_bulk_operations_of_the_old_kind_are_refused(acting: Acting) -> None:
    with pytest.raises(PermissionDenied):
        async with acting("ada") as db:
            await db.run_sync(lambda session: session.bulk_insert_mappings(Tag, [{"name": "x"}]))


async def test_bulk_operation_after_a_failed_flush_is_refused(acting: Acting) -> None:
    with pytest.raises(PermissionDenied):
        async with acting("ada") as db:
            with pytest.raises(RowRefused):
                async with db.begin_nested():
                    db.add(Note(number=7, text="x", author_id=BOB))
            await db.run_sync(
                lambda session: session.bulk_insert_mappings(Note, [{"number": 8, "text": "x", "author_id": BOB}])
            )


# Inserts -----------------------------------------------------------------------------------------------------


async def test_new_object_belongs_to_the_caller_and_their_tenant(app: Backstay, acting: Acting) -> None:
    async with acting("ada") as db:
        note = Note(number=7, text="new")
        db.add(note)
        await db.flush()
        assert (note.author_id, note.org_id) == (ADA, ACME)
    saved = await stored(app, 7)
    assert saved is not None and (saved.author_id, saved.org_id) == (ADA, ACME)


async def test_new_object_is_given_what_only_the_users_table_knows(acting: Acting) -> None:
    async with acting("bare-ada") as db:
        note = Note(number=7, text="new")
        db.add(note)
        await db.flush()
        assert note.org_id == ACME


async def test_new_object_of_another_author_is_refused(app: Backstay, acting: Acting) -> None:
    with pytest.raises(RowRefused, match='new row violates row-level security policy for table "notes"'):
        async with acting("ada") as db:
            db.add(Note(number=7, text="new", author_id=BOB))
    assert await stored(app, 7) is None


async def test_new_object_of_another_tenant_is_refused(app: Backstay, acting: Acting) -> None:
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            db.add(Note(number=7, text="new", org_id=ZETA))
    assert await stored(app, 7) is None


async def test_one_bad_object_undoes_all_of_them(app: Backstay, acting: Acting) -> None:
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            db.add_all([Note(number=n, text="new", author_id=BOB if n == 9 else ADA) for n in range(7, 12)])
    assert [await stored(app, n) for n in range(7, 12)] == [None] * 5


async def test_insert_without_a_rule_is_denied(acting: Acting) -> None:
    with pytest.raises(PermissionDenied, match="permission denied for table orgs"):
        async with acting("ada") as db:
            db.add(Org(name="mine"))


async def test_insert_that_the_rule_refuses_to_this_caller_is_denied(acting: Acting) -> None:
    with pytest.raises(PermissionDenied, match="permission denied for table tags"):
        async with acting("ada") as db:
            db.add(Tag(id=9, name="mine"))
    async with acting("bob") as db:
        db.add(Tag(id=9, name="mine"))


async def test_object_is_refused_when_it_is_flushed_on_the_way(acting: Acting) -> None:
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            db.add(Note(number=7, text="new", author_id=BOB))
            await db.scalars(select(Note))


async def test_code_that_goes_on_after_a_refusal_commits_nothing(app: Backstay, acting: Acting) -> None:
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            db.add(Note(number=7, text="new"))
            await db.flush()
            db.add(Note(number=8, text="new", author_id=BOB))
            with pytest.raises(RowRefused):
                await db.flush()
    assert await stored(app, 7) is None


async def test_refusal_in_a_savepoint_undoes_only_that(app: Backstay, acting: Acting) -> None:
    async with acting("ada") as db:
        db.add(Note(number=7, text="new"))
        with pytest.raises(RowRefused):
            async with db.begin_nested():
                db.add(Note(number=8, text="new", author_id=BOB))
    assert await stored(app, 7) is not None
    assert await stored(app, 8) is None


async def test_rows_linked_through_a_relationship_keep_to_the_rule_of_the_table_between(
    app: Backstay, acting: Acting
) -> None:
    async with acting("ada") as db:
        note = (await db.scalars(select(Note).where(Note.number == 2).options(selectinload(Note.tags)))).one()
        note.tags.append(await db.get_one(Tag, 3))
        note.tags.remove(await db.get_one(Tag, 2))
    async with app.session(system) as db:
        links = (await db.scalars(select(NoteTag.tag_id).where(NoteTag.note_id == uid(102)))).all()
    assert links == [3]


@pytest.mark.parametrize("author", [ADA, BOB])
async def test_rows_that_listeners_insert_in_a_flush_are_checked(app: Backstay, acting: Acting, author: UUID) -> None:
    def like(_mapper: Any, connection: sa.Connection, note: Note) -> None:
        connection.execute(insert(Like.__table__), {"note_id": note.id, "user_id": author})

    sa.event.listen(Note, "after_insert", like)
    try:
        async with acting("ada") as db:
            db.add(Note(number=7, text="new"))
            if author == BOB:
                with pytest.raises(RowRefused, match="likes"):
                    await db.flush()
                await db.rollback()
    finally:
        sa.event.remove(Note, "after_insert", like)
    assert (await stored(app, 7) is not None) == (author == ADA)


async def test_row_that_a_listener_inserts_without_saying_its_key_is_refused(acting: Acting) -> None:
    def like(_mapper: Any, connection: sa.Connection, note: Note) -> None:
        connection.execute(insert(Like.__table__).values(note_id=note.id, user_id=BOB))

    sa.event.listen(Note, "after_insert", like)
    try:
        with pytest.raises(PermissionDenied):
            async with acting("ada") as db:
                db.add(Note(number=7, text="new"))
    finally:
        sa.event.remove(Note, "after_insert", like)


# Updates -----------------------------------------------------------------------------------------------------


async def test_object_of_ones_own_may_be_changed(app: Backstay, acting: Acting) -> None:
    async with acting("ada") as db:
        (await db.get_one(Note, uid(101))).text = "changed"
    note = await stored(app, 1)
    assert note is not None and note.text == "changed"


async def test_object_that_may_only_be_seen_cannot_be_changed(app: Backstay, acting: Acting) -> None:
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            (await db.get_one(Note, uid(103))).text = "hers now"
    note = await stored(app, 3)
    assert note is not None and note.text == "note 3 of Acme"


async def test_changing_many_at_once_changes_none_if_one_may_not_be(app: Backstay, acting: Acting) -> None:
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            for note in (await db.scalars(select(Note))).all():
                note.text = "hers now"
    assert (await column(app, Note.text))[:3] == [f"note {n} of Acme" for n in (1, 2, 3)]


async def test_change_to_what_the_check_refuses_is_refused(app: Backstay, acting: Acting) -> None:
    for change in ({"number": -1}, {"author_id": BOB}, {"org_id": ZETA}):
        with pytest.raises(RowRefused, match="new row violates"):
            async with acting("ada") as db:
                note = await db.get_one(Note, uid(101))
                for name, value in change.items():
                    setattr(note, name, value)
    note = await stored(app, 1)
    assert note is not None and (note.number, note.author_id, note.org_id) == (1, ADA, ACME)


async def test_row_that_was_smuggled_in_cannot_be_changed(app: Backstay, acting: Acting) -> None:
    async with app.session(system) as db:
        note = await db.get_one(Note, uid(104))
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            db.add(note)
            note.text = "hers now"


async def test_change_of_the_key_is_checked_on_the_new_row(app: Backstay, acting: Acting) -> None:
    async with acting("ada") as db:
        note = Note(number=7, text="x")
        db.add(note)
        await db.flush()
        note.id = uid(777)
    saved = await stored(app, 7)
    assert saved is not None and saved.id == uid(777)
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            note = await db.get_one(Note, uid(777))
            note.id, note.number = uid(778), -5


async def test_child_that_is_moved_through_its_parent_is_checked(acting: Acting) -> None:
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            note = (await db.scalars(select(Note).where(Note.number == 1).options(selectinload(Note.replies)))).one()
            note.replies = []


async def test_rows_without_a_rule_for_updates_are_denied(acting: Acting) -> None:
    with pytest.raises(PermissionDenied, match="permission denied for table users"):
        async with acting("ada") as db:
            (await db.get_one(User, ADA)).role = "admin"


async def test_sql_in_a_change_is_kept_to_the_rules(app: Backstay, acting: Acting) -> None:
    async with acting("ada") as db:
        note: Any = await db.get_one(Note, uid(101))
        note.number = select(func.max(Note.number) + 10).scalar_subquery()
        await db.flush()
        await db.refresh(note)
        assert note.number == 13


async def test_update_of_many_rows_changes_only_those_that_may_be(app: Backstay, acting: Acting) -> None:
    async with acting("ada") as db:
        seen = (await db.scalars(select(Note).order_by(Note.number))).all()
        result: Any = await db.execute(update(Note).values(likes=5))
        assert result.rowcount == 2
        assert [note.likes for note in seen] == [5, 5, 0]
    assert await column(app, Note.likes) == [5, 5, 0, 0, 0, 0]


async def test_update_of_many_rows_returns_what_was_asked_for(acting: Acting) -> None:
    async with acting("ada") as db:
        rows = (await db.execute(update(Note).values(likes=5).returning(Note.number, Note.likes))).all()
        assert sorted(rows) == [(1, 5), (2, 5)]
        notes = (await db.scalars(update(Note).values(likes=6).returning(Note))).all()
        assert {(note.number, note.likes) for note in notes} == {(1, 6), (2, 6)}


async def test_update_of_many_rows_is_checked_on_the_new_rows(app: Backstay, acting: Acting) -> None:
    async with acting("ada") as db:
        with pytest.raises(RowRefused):
            await db.execute(update(Note).values(number=-Note.number))
        with pytest.raises(RowRefused):
            await db.execute(update(Note).where(Note.number == 1).values(org_id=ZETA))
    assert await column(app, Note.number) == [1, 2, 3, 4, 5, 6]
    assert (await column(app, Note.org_id))[:2] == [ACME, ACME]


async def test_update_from_another_table_sees_only_what_may_be_seen(app: Backstay, acting: Acting) -> None:
    other = aliased(Note)
    async with acting("ada") as db:
        await db.execute(update(Note).where(other.parent_id == Note.id, Note.number == 1).values(likes=other.number))
    note = await stored(app, 1)
    assert note is not None and note.likes in (2, 3)
    async with acting("ada") as db:
        await db.execute(
            update(Note).values(likes=select(func.count()).select_from(other).scalar_subquery()).where(Note.number == 2)
        )
    note = await stored(app, 2)
    assert note is not None and note.likes == len(ADAS)


# Deletes -----------------------------------------------------------------------------------------------------


async def test_object_of_ones_own_may_be_deleted(app: Backstay, acting: Acting) -> None:
    async with acting("ada") as db:
        await db.delete(await db.get_one(Note, uid(102)))
    assert await stored(app, 2) is None


async def test_object_that_may_only_be_seen_cannot_be_deleted(app: Backstay, acting: Acting) -> None:
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            await db.delete(await db.get_one(Note, uid(103)))
    assert await stored(app, 3) is not None


async def test_delete_of_many_rows_deletes_only_those_that_may_be(app: Backstay, acting: Acting) -> None:
    async with acting("cyd") as db:
        result: Any = await db.execute(delete(Note).where(Note.number != 5))
        assert result.rowcount == 1
    assert await column(app, Note.number) == [1, 2, 3, 4, 5]


async def test_delete_of_many_rows_returns_what_was_deleted(acting: Acting) -> None:
    async with acting("cyd") as db:
        assert (await db.scalars(delete(Note).where(Note.number == 6).returning(Note.number))).all() == [6]


async def test_rule_that_looks_at_the_users_table_is_decided_there(app: Backstay) -> None:
    bob = Caller(str(BOB), {}, Role.AUTHENTICATED)
    async with app.session(bob) as db:
        await db.execute(delete(NoteTag))
        await db.delete(await db.get_one(Tag, 3))
    with pytest.raises(RowRefused):
        async with app.session(Caller(str(ADA), {}, Role.AUTHENTICATED)) as db:
            await db.delete(await db.get_one(Tag, 1))


# Errors and transactions -------------------------------------------------------------------------------------


async def test_errors_of_the_database_are_translated(acting: Acting) -> None:
    with pytest.raises(UniqueViolation):
        async with acting("ada") as db:
            db.add(Note(number=1, text="again"))
    with pytest.raises(ForeignKeyViolation):
        async with acting("ada") as db:
            db.add(Note(number=8, text="x", parent_id=uid(404)))


async def test_error_rolls_everything_back(app: Backstay, acting: Acting) -> None:
    with pytest.raises(Conflict, match="no"):
        async with acting("ada") as db:
            db.add(Note(number=7, text="new"))
            await db.flush()
            raise Conflict("no")
    assert await stored(app, 7) is None


async def test_other_errors_are_left_alone(acting: Acting) -> None:
    with pytest.raises(ZeroDivisionError):
        async with acting("ada") as db:
            await db.scalars(select(Note))
            raise ZeroDivisionError


async def test_transaction_that_would_not_undo_is_refused(acting: Acting) -> None:
    # A database whose session is on a connection from its start takes no such option at all.
    with pytest.raises((PermissionDenied, sa.exc.SAWarning)):
        async with acting("ada") as db:
            await db.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            await db.scalars(select(Note))


async def test_new_object_in_the_place_of_a_deleted_one_is_an_update(app: Backstay, acting: Acting) -> None:
    async with acting("ada") as db:
        await db.delete(await db.get_one(Note, uid(102)))
        db.add(Note(id=uid(102), number=2, text="again"))
    note = await stored(app, 2)
    assert note is not None and note.text == "again"
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            await db.delete(await db.get_one(Note, uid(103)))
            db.add(Note(id=uid(103), number=3, text="hers"))


async def test_composite_keys_are_checked_too(app: Backstay, acting: Acting) -> None:
    async with acting("ada") as db:
        db.add(Like(note_id=uid(102)))
    with pytest.raises(RowRefused):
        async with acting("ada") as db:
            db.add_all([Like(note_id=uid(101)), Like(note_id=uid(101), user_id=CYD)])
    async with app.session(system) as db:
        assert await db.scalar(select(func.count()).select_from(Like)) == 4


async def test_values_of_every_kind_come_through(acting: Acting) -> None:
    async with acting("ada") as db:
        note = await db.get_one(Note, uid(101))
        assert note.level is Level.HIGH
        assert note.extra == {"a": {"b": [1, 2]}, "s": "x"}
        assert isinstance(note.id, UUID)
        found = await numbers(db, select(Note).where(Note.level == Level.HIGH, Note.price > 10))
        assert found == {1}
