"""How SQLite goes about the rows of a change: it finds each by its key, whatever else their rules ask."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Auth, Backstay, current
from backstay.dialects.dialect import Statement
from backstay.dialects.sqlite.dialect import engine
from backstay.dialects.sqlite.emit import SQLiteEmission
from backstay.dialects.sqlite.features import FEATURES
from backstay.dialects.sqlite.open import connect_file
from backstay.dialects.write import Altering, Deleting, Inserting, Writing, compile_write
from backstay.plan.cache import Cache
from backstay.query.nodes import Delete, Insert, Resolution, Select, Update
from backstay.schema.caller import Caller, Role


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), index=True)
    text: Mapped[str]


app = Backstay("sqlite://", auth=Auth(User))
me = current(User)
owns = Note.user_id == me.id
app.resource(Note, select=owns, insert=owns, update=owns, delete=owns)
ADA = Caller(id=str(UUID(int=1)), role=Role.AUTHENTICATED)
BACK = Select("notes")
QUERIES = {
    "insert": Insert("notes", columns=("text",), returning=BACK),
    "upsert": Insert("notes", columns=("text",), resolution=Resolution.MERGE, returning=BACK),
    "update": Update("notes", columns=("text",), returning=BACK),
    "delete": Delete("notes", returning=BACK),
}


def statements(name: str) -> list[Statement]:
    """Those statements of a write that begin with the keys of its rows."""
    cache: Cache[Writing] = Cache(app.schema, lambda plan: compile_write(plan, SQLiteEmission, FEATURES), size=9)
    writing, _ = cache.find(QUERIES[name], ADA)  # type: ignore[arg-type]
    match writing:
        case Inserting():
            found = [writing.check_new, writing.check_merged, writing.answer]
        case Altering():
            found = [writing.check, writing.answer]
        case Deleting():
            found = [writing.by_keys, writing.answer]
    return [each for each in found if each is not None]


@pytest.mark.parametrize("name", list(QUERIES))
def test_rows_of_a_change_are_found_by_their_keys(tmp_path: Path, name: str) -> None:
    made = engine(f"sqlite:///{tmp_path}/notes.db")
    Base.metadata.create_all(made)
    made.dispose()
    connection = connect_file(f"{tmp_path}/notes.db")
    found = statements(name)
    assert len(found) >= 2
    for each in found:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {each.text}", [None] * len(each.parameters)).fetchall()
        steps = [step for *_, step in plan if "notes" in step]
        assert len(steps) == 1
        assert "(id=?)" in steps[0]
        first = next(step for *_, step in plan if "VIRTUAL TABLE" in step or "notes" in step)
        assert ("VIRTUAL TABLE" in first) or name == "delete"
