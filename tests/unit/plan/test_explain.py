"""Explanations: the plan as a tree, rules and what they came to, SQL that can be read."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from backstay import Auth, AuthUser, Backstay, anyone, current
from backstay.plan.explain import Ruling, describe, explain, rule_on, show_expression
from backstay.plan.pretty import pretty
from backstay.plan.resolve import resolve
from backstay.plan.trace import trace
from backstay.query.nodes import (
    Comparison,
    Connective,
    Count,
    Delete,
    Embed,
    Everything,
    Field,
    Insert,
    Join,
    Logic,
    Missing,
    Nulls,
    Order,
    Page,
    Pick,
    Query,
    Resolution,
    Select,
    Step,
    Update,
)
from backstay.query.shape import slotted, split
from backstay.schema.caller import ANONYMOUS, SERVICE, Caller, Role
from backstay.schema.served import Schema


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"

    role: Mapped[str]


me = current(User)


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    public: Mapped[bool]
    author_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), default=me.id, index=True)
    author: Mapped[User] = relationship()


class Draft(Base):
    __tablename__ = "drafts"

    id: Mapped[int] = mapped_column(primary_key=True)


ADA = Caller("6b0b1c9e-9f5c-4ad6-9d0c-1c1f0a3f6f0e", {}, Role.AUTHENTICATED)


@pytest.fixture(scope="module")
def schema() -> Schema:
    app = Backstay("sqlite:///x.db", auth=Auth(User))
    mine = Note.author_id == me.id
    app.resource(User, select=User.id == me.id)
    app.resource(Note, select=Note.public | mine, insert=mine, update=mine & (me.role == "editor"))
    app.resource(Draft, select=anyone)
    return app.collected


def tree(schema: Schema, query: Any) -> str:
    resolved = resolve(slotted(query), schema, may_know=lambda served: True, aggregates=True)
    return describe(resolved, split(query)[1])


def rulings(schema: Schema, query: Any, caller: Caller) -> list[Ruling]:
    return rule_on(resolve(slotted(query), schema, may_know=lambda served: True), caller)


def test_a_select_is_a_tree(schema: Schema) -> None:
    query: Query = Select(
        "notes",
        items=(
            Pick(Field("text"), alias="words"),
            Pick(Field("id"), cast="text"),
            Embed(
                "author",
                (Everything(),),
                join=Join.INNER,
                where=(Comparison(Field("email"), "ilike", "a*"),),
                page=Page(limit=3, limited=True),
            ),
        ),
        where=(
            Comparison(Field("public"), "is", None, word="true"),
            Logic(
                Connective.OR,
                (Comparison(Field("id"), "in", ("1", "2")), Comparison(Field("text"), "eq", "x", negated=True)),
            ),
        ),
        order=(Order(Field("text"), descending=True, nulls=Nulls.LAST),),
        page=Page(limit=10, offset=20, limited=True, skipping=True),
        count=Count.EXACT,
    )
    assert (
        tree(schema, query)
        == dedent("""
        select notes
        ├─ columns: words = text, id = id::text
        ├─ filter: public is true
        ├─ filter: (id in ('1', '2') or text not eq 'x')
        ├─ order: text desc nulls last
        ├─ limit: 10
        ├─ offset: 20
        ├─ author: many-to-one users by notes_author_id_fkey using notes(author_id) and users(id), inner
        │  ├─ columns: role, id, email, created_at
        │  ├─ filter: email ilike 'a*'
        │  └─ limit: 3
        └─ count: exact
        """).strip()
    )


def test_writes_are_trees(schema: Schema) -> None:
    insert = Insert(
        "notes", rows=({"text": "x"},), columns=("text",), resolution=Resolution.MERGE, missing=Missing.NULL
    )
    assert tree(schema, insert) == "insert into notes\n├─ columns: text\n└─ merge-duplicates by id"
    update = Update("notes", row={"text": "x"}, columns=("text",), where=(Comparison(Field("id"), "eq", "1"),))
    assert tree(schema, update) == "update notes\n├─ columns: text\n└─ filter: id eq '1'"
    delete = Delete("notes", where=(Comparison(Field("id"), "gt", "1"),), returning=Select("notes"))
    assert tree(schema, delete) == (
        "delete from notes\n├─ filter: id gt '1'\n└─ answer with\n   └─ columns: id, text, public, author_id"
    )


def test_json_paths_are_written_as_they_were_asked(schema: Schema) -> None:
    query = Select("drafts", where=(Comparison(Field("id", (Step("a"), Step(0), Step("b", text=True))), "eq", "1"),))
    assert "filter: id->a->0->>b eq '1'" in tree(schema, query)


def test_a_rule_that_is_woven_in_is_shown(schema: Schema) -> None:
    (ruling,) = rulings(schema, Select("notes"), ADA)
    assert not ruling.refuses
    place = f"{__file__}:{ruling.rule.place.line}" if ruling.rule else ""
    assert str(ruling) == (
        f"select of notes  {place}\n"
        "  notes.public OR notes.author_id = me.id\n"
        "  -> woven in: notes.public OR notes.author_id = me.id"
    )


def test_what_the_caller_decides_is_decided(schema: Schema) -> None:
    assert "woven in: notes.public" in str(rulings(schema, Select("notes"), ANONYMOUS)[0]).splitlines()[-1]
    assert "lets every row" in str(rulings(schema, Select("drafts"), ANONYMOUS)[0])
    assert "no row can satisfy it" in str(rulings(schema, Select("users"), ANONYMOUS)[0])
    assert "passes all rules" in str(rulings(schema, Select("notes"), SERVICE)[0])


def test_a_rule_that_refuses_is_named(schema: Schema) -> None:
    query = Update("notes", row={"text": "x"}, columns=("text",))
    found = rulings(schema, query, Caller(ADA.id, {"role": "reader"}, Role.AUTHENTICATED))
    assert [(ruling.operation, ruling.refuses) for ruling in found] == [
        ("update", True),
        ("update check", True),
        ("select", False),
    ]


def test_no_rule_means_nobody(schema: Schema) -> None:
    (ruling, _) = rulings(schema, Delete("drafts"), ADA)
    assert ruling.refuses
    assert str(ruling) == "delete of drafts: no rule, so nobody may (but the secret key)"


def test_rules_of_embeds_are_asked_too(schema: Schema) -> None:
    found = rulings(schema, Select("notes", items=(Embed("author", (Everything(),)),)), ADA)
    assert [(ruling.operation, ruling.resource) for ruling in found] == [("select", "notes"), ("select", "users")]


@dataclass(frozen=True)
class Statement:
    text: str
    parameters: tuple[Any, ...] = ()


def test_parameters_are_named_by_what_they_are_read_from(schema: Schema) -> None:
    query = Select("notes", where=(Comparison(Field("text"), "eq", "x"),), page=Page(limit=5, limited=True))
    resolved = resolve(slotted(query), schema, may_know=lambda served: True)
    values = split(query)[1]
    by_name = {name: index for index, name in enumerate(values)}
    statement = Statement(
        "SELECT 1 WHERE a = $1 AND b = $2 AND c = $3 LIMIT $4",
        (
            lambda values, caller: values[by_name["x"]],
            lambda values, caller: caller.id,
            lambda values, caller: True,
            lambda values, caller: values[by_name[5]],
        ),
    )
    text = explain(resolved, ADA, values, [("SQL", statement)])
    assert (
        f"$1 = 'x'  (text eq)\n    $2 = '{ADA.id}'  (me.id)\n    $3 = True  (a constant)\n    $4 = 5  (limit)" in text
    )


def test_the_rows_of_an_insert_are_not_taken_for_its_values(schema: Schema) -> None:
    query = Insert("notes", rows=({"text": "x"},), columns=("text",))
    resolved = resolve(slotted(query), schema, may_know=lambda served: True)
    statement = Statement("INSERT INTO notes SELECT ?", (lambda values, caller: values[0],))
    assert "?1  (the rows of the request)" in explain(resolved, ADA, split(query)[1], [("SQL", statement)])


def test_a_refused_query_says_by_what(schema: Schema) -> None:
    resolved = resolve(slotted(Delete("drafts")), schema, may_know=lambda served: True)
    assert "Refused\n  by the rule on delete of drafts" in explain(resolved, ADA, [])


def test_a_claim_that_was_read_is_noted() -> None:
    caller = Caller("1", {"org_id": 7}, Role.AUTHENTICATED)
    found = trace(lambda values, caller: caller.claims.get("org_id"), [], caller)
    assert (found.attributes, found.indexes, found.value) == (("org_id",), (), 7)


def test_what_only_a_write_knows_is_not_shown() -> None:
    found = trace(lambda values, caller: [row["x"] for row in values[-1]], [1], ANONYMOUS)
    assert (found.readable, found.indexes) == (False, (-1,))


def test_sub_selects_in_rules_speak_of_the_enclosing_row(schema: Schema) -> None:
    rule = Note.author.has(User.role == "editor")
    assert show_expression(rule, Note.__table__) == (  # type: ignore[arg-type]
        "EXISTS (SELECT 1 FROM users WHERE users.id = notes.author_id AND users.role = 'editor')"
    )


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT a, b FROM t WHERE a = 1 AND b = 2", "SELECT a, b\nFROM t\nWHERE a = 1\n  AND b = 2"),
        ("SELECT a FROM t WHERE a = ? OR b = ?", "SELECT a\nFROM t\nWHERE a = ?1\n  OR b = ?2"),
        ("SELECT (SELECT 1 FROM u) AS x FROM t", "SELECT (\n  SELECT 1\n  FROM u\n) AS x\nFROM t"),
        ("SELECT 'FROM ? (SELECT', \"AND\" FROM t", "SELECT 'FROM ? (SELECT', \"AND\"\nFROM t"),
        ("SELECT a FROM t WHERE (a = 1 OR b = 2)", "SELECT a\nFROM t\nWHERE (a = 1 OR b = 2)"),
        ("SELECT a FROM t WHERE a BETWEEN 1 AND 2", "SELECT a\nFROM t\nWHERE a BETWEEN 1 AND 2"),
        (
            "INSERT INTO t (a) SELECT $1 ON CONFLICT (a) DO UPDATE SET b = 1 RETURNING a",
            "INSERT INTO t (a)\nSELECT $1\nON CONFLICT (a) DO UPDATE SET b = 1\nRETURNING a",
        ),
        ("DELETE FROM t WHERE a IS DISTINCT FROM 1", "DELETE FROM t\nWHERE a IS DISTINCT FROM 1"),
        ("SELECT a FROM t \n\n LEFT  OUTER JOIN u ON 1", "SELECT a\nFROM t\nLEFT OUTER JOIN u ON 1"),
    ],
)
def test_sql_is_laid_out(sql: str, shown: str) -> None:
    assert pretty(sql) == shown
