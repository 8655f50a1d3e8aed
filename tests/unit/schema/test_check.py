"""``check`` finds everything at once, each with its line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backstay.errors import DeclarationError
from backstay.schema.check import CODES, check
from fixtures import billing, notes
from fixtures.programs import HEAD, findings_of, found, load, marked, note

RULES = {
    "a program without faults": note("app.resource(Note, select=Note.public, write=Note.author_id == me.id)"),
    "outside of the subset": note("app.resource(Note, select=Note.title.op('~')('a'), write=sa.text('1'))  # BS101"),
    "pairs every row with every": note("app.resource(Note, select=User.id == me.id)  # BS102"),
    "values of Python": note("app.resource(Note, select=True, write=1 == 2)  # BS103"),
    "`and`, `or`": note(
        """
app.resource(
    Note,
    select=Note.public or Note.author_id == me.id,  # BS104
    write=(Note.author_id == me.id) and Note.public,  # BS104
)
"""
    ),
    "`and` under a name": note(
        """
mine = (Note.author_id == me.id) and Note.public  # BS104
app.resource(Note, select=mine | Note.public, write=mine)
"""
    ),
    "`not`, which is a value, too": note("app.resource(Note, select=not Note.public)  # BS103 BS104"),
    "a chained comparison": note("app.resource(Note, select=Note.stars == Note.id == 3)  # BS104"),
    "`or` inside of a call": note(
        "app.resource(Note, select=sa.and_(Note.public, Note.stars == 1 or Note.stars == 2))  # BS104"
    ),
    "Python inside of a call": note(
        """
words: list[str] = []
limit = None
app.resource(Note, select=Note.title.in_(words or ["x"]) & (Note.stars < (3 if not limit else int(limit))))
"""
    ),
    "`or` of something that may be missing": note(
        """
def serve(rule: Any) -> None:
    app.resource(Note, select=rule or anyone)  # BS104

serve(None)
"""
    ),
    "what Python may decide": note("app.resource(Note, select=anyone if 1 < 2 < 3 and not False else signed_in)"),
    "me of another class": note(
        """
class Robot(AuthUser, Base):
    __tablename__ = "robots"

app.resource(Note, select=Note.author_id == current(Robot).id)  # BS105
"""
    ),
    "me without users": note(
        "app.resource(Note, select=(Note.author_id == me.id) | signed_in)  # BS106",
        auth="",
        author_id='Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)',
    ),
    "a default of me without users": note("app.resource(Note, select=anyone)  # BS106", auth=""),
    "types that do not fit": note("app.resource(Note, select=Note.stars == 'five')  # BS107"),
    "never true": note("app.resource(Note, select=sa.false(), insert=Note.public & sa.false())  # BS108"),
    "Using that asks the same twice": note(
        "app.resource(Note, select=anyone, update=Using(Note.public, check=Note.public))  # BS109"
    ),
    "Using that asks two things": note(
        "app.resource(Note, select=anyone, update=Using(Note.public, check=~Note.public))"
    ),
    "Using where there is no old row": note(
        "app.resource(Note, select=anyone, insert=Using(Note.public, check=Note.public))  # BS110"
    ),
    "changed but not seen": note("app.resource(Note, update=anyone)  # BS111"),
    "inserted only": note("app.resource(Note, insert=anyone)"),
    "a time that stands still": note(
        "app.resource(Note, select=Note.at > datetime.now())  # BS112", at="Mapped[datetime]"
    ),
    "a day that stands still": note("app.resource(Note, select=Note.on == date.today())  # BS112", on="Mapped[date]"),
    "a time long ago": note("app.resource(Note, select=Note.at > datetime(2020, 1, 1))", at="Mapped[datetime]"),
    "no rule": note("app.resource(Note)  # BS121"),
}

RESOURCES = {
    "one name twice": note(
        """
app.resource(Note, select=anyone)
app.resource(Note, select=anyone)  # BS123
"""
    ),
    "inherited tables": note(
        """
class Special(Note):
    __tablename__ = "specials"
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"), primary_key=True)

class Plain(Base):
    __tablename__ = "plains"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "plain"}
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]

class Fancy(Plain):
    __mapper_args__ = {"polymorphic_identity": "fancy"}
    extra: Mapped[str | None]

app.resource(Note, select=anyone)
app.resource(Special, select=anyone)  # BS124
app.resource(Plain, select=anyone)
app.resource(Fancy, select=anyone)  # BS124
"""
    ),
    "names of no column": note(
        """
class Other(Base):
    __tablename__ = "others"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]

app.resource(Note, select=anyone, hidden=[Other.title])  # BS125
app.resource(Other, select=anyone, readonly=["title"], search=[Other.title + "x"])  # BS125
"""
    ),
    "a hidden key": note(
        "app.resource(Note, select=anyone, hidden=[Note.id])",
        id="Mapped[int] = mapped_column(primary_key=True)  # BS126",
    ),
    "a value that nobody can give": note(
        "app.resource(Note, select=anyone, insert=anyone, hidden=[Note.title], readonly=[Note.public])",
        title="Mapped[str]  # BS127",
    ),
    "a value that nobody needs to give": note(
        "app.resource(Note, select=anyone, hidden=[Note.title], readonly=[Note.stars])"
    ),
    "search in numbers": note("app.resource(Note, select=anyone, search=[Note.title, Note.stars])  # BS128"),
    "search in what nobody can search": note(
        """
class Line(Base):
    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column()
    pin: Mapped[str | None]
    loud = column_property(text + "!")

app.resource(Line, select=anyone, hidden=[Line.pin], search=[Line.text, Line.pin, Line.loud])  # BS138 BS138
"""
    ),
    "a type without form on the wire": note(
        """
class Point(sa.types.UserDefinedType):
    cache_ok = True

class Place(Base):
    __tablename__ = "places"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[str] = mapped_column(Point())  # BS129

app.resource(Place, select=anyone)
"""
    ),
    "a name that query strings use": note("app.resource(Note, select=anyone)", order="Mapped[int | None]  # BS130"),
    "no model": note("app.resource(dict, select=anyone)  # BS131"),
    "defaults that cannot be used": note(
        "app.resource(Note, select=anyone)",
        many="Mapped[int] = mapped_column(default='many')  # BS132",
        asks="Mapped[str] = mapped_column(default=lambda context: 'x')  # BS132",
        does="Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)",
    ),
    "computed columns": note(
        """
class Sum(Base):
    __tablename__ = "sums"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column()
    capital = column_property(sa.func.initcap(title, type_=sa.Text))  # BS133
    odd = column_property(sa.func.soundex(title))  # BS129 BS133
    twice = column_property(id * 2)

    @hybrid_property
    def mine(self) -> bool:  # BS134
        return self.title == me.email

    @hybrid_property
    def shouted(self) -> str:
        return self.title.strip().upper()

app.resource(Sum, select=anyone)
"""
    ),
    "a key beside the name": note(
        "app.resource(Note, select=anyone)", odd="Mapped[int] = mapped_column('o', key='k')  # BS136"
    ),
}

RELATIONS = {
    "models that cannot be related": note(
        """
class Lost(Base):  # BS135
    __tablename__ = "losts"
    id: Mapped[int] = mapped_column(primary_key=True)
    user: Mapped["Nobody"] = relationship()

app.resource(Lost, select=anyone)
"""
    ),
    "a relationship to what is not served": note(
        "app.resource(Note, select=anyone)", author="Mapped[User] = relationship()  # BS141"
    ),
    "a foreign key without an index": note(
        "app.resource(Note, select=anyone)",
        author_id='Mapped[UUID] = mapped_column(ForeignKey("users.id"))  # BS142',
    ),
    "foreign keys that are found by something": note(
        """
class Like(Base):
    __tablename__ = "likes"
    __table_args__ = (Index(None, "second_id", "stars"), sa.UniqueConstraint("stars", "third_id"))
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)  # BS142
    second_id: Mapped[int] = mapped_column(ForeignKey("notes.id"))
    third_id: Mapped[int] = mapped_column(ForeignKey("notes.id"))  # BS142
    once_id: Mapped[int] = mapped_column(ForeignKey("notes.id"), unique=True)
    stars: Mapped[int]

app.resource(Note, select=anyone)
app.resource(Like, select=anyone)
"""
    ),
    "a relationship named like another table": note(
        """
class Like(Base):
    __tablename__ = "likes"
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    notes: Mapped[User] = relationship()  # BS143

app.resource(Note, select=anyone)
app.resource(User, select=anyone)
app.resource(Like, select=anyone)
"""
    ),
    "relationships that requests cannot use": note(
        """
from sqlalchemy.orm import foreign

class Reader(Base):
    __tablename__ = "readers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    note_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id"), index=True)

    mine: Mapped[list[Note]] = relationship(  # BS146
        primaryjoin=lambda: (foreign(Note.author_id) == me.id) & (Note.id == Reader.note_id), viewonly=True
    )
    alike: Mapped[list[Note]] = relationship(  # BS146
        primaryjoin=lambda: foreign(Note.title) == sa.func.md5(Reader.name), viewonly=True
    )
    note: Mapped[Note | None] = relationship(order_by=lambda: sa.func.random())  # BS147

app.resource(Note, select=anyone)
app.resource(User, select=anyone)
app.resource(Reader, select=anyone)
"""
    ),
    "names that are used twice": note(
        """
class One(Base):
    __tablename__ = "ones"
    __table_args__ = (Index("by_stars", "stars"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    stars: Mapped[int]

class Two(Base):
    __tablename__ = "twos"
    __table_args__ = (Index("by_stars", "stars"), Index("x" * 64, "stars"))
    id: Mapped[int] = mapped_column(primary_key=True)
    stars: Mapped[int]

app.resource(One, select=anyone)  # BS144
app.resource(Two, select=anyone)  # BS144
"""
    ),
    "a table with the name of a search index": note(
        """
class Finder(Base):
    __tablename__ = "notes_search"
    id: Mapped[int] = mapped_column(primary_key=True)

app.resource(Note, select=anyone, search=[Note.title])  # BS144
app.resource(Finder, select=anyone)  # BS144
"""
    ),
    "a foreign key to nowhere": note(
        "app.resource(Note, select=anyone)  # BS145", author_id='Mapped[UUID] = mapped_column(ForeignKey("nobody.id"))'
    ),
}

OTHERS = {
    "users of two keys": note(
        """
class Pair(Base):
    __tablename__ = "pairs"
    one: Mapped[int] = mapped_column(primary_key=True)
    two: Mapped[int] = mapped_column(primary_key=True)

app = Backstay("sqlite://", auth=Auth(Pair))
app.resource(Pair, select=anyone)  # BS161
"""
    ),
    "what users sign in by": note(
        """
app.resource(User, select=signed_in, update=User.id == me.id, readonly=[User.id])  # BS166
app.resource(Note, select=anyone)
"""
    ),
    "tenants": note(
        """
class Owned:
    org_id: Mapped[int | None] = mapped_column(default=me.org_id)  # BS164 BS165

class Thing(Owned, Base):
    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)

app = Backstay("sqlite://", auth=Auth(User), tenancy=Tenancy(Owned.org_id, current=me.org_id))
app.resource(Thing, select=anyone)
"""
    ),
    "a tenant's table that is not served": note(
        """
class Owned:
    org_id: Mapped[int] = mapped_column(index=True)

class Hidden(Owned, Base):
    __tablename__ = "hiddens"
    id: Mapped[int] = mapped_column(primary_key=True)

app = Backstay("sqlite://", auth=Auth(User), tenancy=Tenancy(Owned.org_id, current=me.org_id))
app.resource(Note, select=anyone)
"""
    ),
    "tenants of no model": note(
        """
class Owned:
    org_id: Mapped[int] = mapped_column()

app = Backstay("sqlite://", auth=Auth(User), tenancy=Tenancy(Owned.org_id, current=me.org_id))
app.resource(Note, select=anyone)  # BS162
"""
    ),
    "a tenant that is not the caller's": note(
        """
app = Backstay("sqlite://", auth=Auth(User), tenancy=Tenancy(Note.stars, current=7))
app.resource(Note, select=anyone)  # BS163
"""
    ),
    "a tenant of another type": note(
        """
app = Backstay("sqlite://", auth=Auth(User), tenancy=Tenancy(Note.title, current=me.org_id))
app.resource(Note, select=anyone)
""",
        title="Mapped[str] = mapped_column(index=True)  # BS163",
    ),
    "hooks": note(
        """
notes = app.resource(Note, select=anyone)

@notes.before_insert
async def right(db: AsyncSession, note: Note) -> None: ...

@notes.before_insert  # BS181
def sync(db: AsyncSession, note: Note) -> None: ...

@notes.before_update  # BS181
async def short(note: Note) -> None: ...

@notes.before_delete  # BS181
async def other(db: AsyncSession, user: User) -> None: ...
"""
    ),
    "functions": note(
        """
@app.function
async def right(db: AsyncSession, days: int = 30, *, name: str) -> str: ...

app.function(lambda db: None)  # BS183 BS182

@app.function  # BS182
def sync(db: AsyncSession) -> None: ...

@app.function  # BS182
async def unsaid(db: AsyncSession): ...

@app.function  # BS182
async def untyped(db: AsyncSession, days) -> None: ...

@app.function
async def many(db: AsyncSession, *days: int, last: int = 1) -> None: ...

@app.function
async def whole(db: AsyncSession, body: bytes, /) -> None: ...

@app.function  # BS182
async def both(db: AsyncSession, body: bytes, /, days: int) -> None: ...

@app.function  # BS182
async def any_name(db: AsyncSession, **days: int) -> None: ...

@app.function  # BS182
async def alone() -> None: ...

@app.function  # BS182
async def without(days: int) -> None: ...

@app.function  # BS182
async def lost(db: AsyncSession, days: "Nowhere") -> None: ...

@app.function  # BS184
async def right(db: AsyncSession) -> None: ...

@app.function  # BS183
async def _hidden(db: AsyncSession) -> None: ...
"""
    ),
    "scopes": note(
        """
notes = app.resource(Note, select=Note.public, write=Note.author_id == me.id)

@app.function
async def count(db: AsyncSession) -> int: ...

async def unknown(db: AsyncSession) -> int: ...

fine = app.scope("notes:read", "Read notes.")
fine.allow(notes, select=anyone)
fine.allow_call(count)
app.scope("*")
app.scope("empty")  # BS172

stranger = app.scope("stranger")  # BS171
stranger.allow_call(unknown)
stranger.allow(Resource(Note, notes.asked, notes.place), select=anyone)  # BS171

ruled = app.scope("ruled")
ruled.allow(notes, select=User.id == me.id)  # BS102
ruled.allow(notes, write=True)  # BS103
ruled.allow(notes, delete=Note.public and Note.public)  # BS104
ruled.allow(notes, insert=Using(anyone, check=anyone))  # BS110
"""
    ),
    "a scope of what nobody may": note(
        """
notes = app.resource(Note, select=Note.public)
app.scope("notes").allow(notes, write=anyone)  # BS172
"""
    ),
}


@pytest.mark.parametrize(
    "program", [RULES, RESOURCES, RELATIONS, OTHERS], ids=["rules", "resources", "relations", "others"]
)
def test_every_finding_is_told_with_its_line(program: dict[str, str], tmp_path: Path) -> None:
    told = {name: found(load(tmp_path, text)) for name, text in program.items()}
    assert told == {name: marked(text) for name, text in program.items()}


def test_every_code_has_a_program() -> None:
    programs = "\n".join([*RULES.values(), *RESOURCES.values(), *RELATIONS.values(), *OTHERS.values()])
    without = {code for code in CODES if code not in programs}
    assert without == {"BS122", "BS137"}, "these are about tables that no model declares, and about the database"


def test_a_table_without_primary_key_can_only_be_read(tmp_path: Path) -> None:
    module = load(
        tmp_path, note('app.resource(sa.Table("logs", Base.metadata, sa.Column("line", sa.Text)), select=anyone)')
    )
    assert [finding.code for finding in findings_of(module)] == ["BS122"]


def test_a_finding_prints_its_place_its_code_and_what_to_do(tmp_path: Path) -> None:
    module = load(tmp_path, note("app.resource(Note)"))
    (finding,) = findings_of(module)
    assert str(finding) == (
        f"{module.__file__}:{finding.place.line}: BS121 Note has no rule, so nobody may use it\n"
        "    Say who may do what: select=anyone, select=signed_in, write=Note.author_id == me.id ..."
    )


def test_an_application_with_an_error_does_not_start(tmp_path: Path) -> None:
    module = load(tmp_path, note("app.resource(Note, select=sa.text('1'), write=Note.stars == 'x')"))
    with pytest.raises(DeclarationError) as raised:
        _ = module.app.schema
    assert [finding.code for finding in raised.value.findings] == ["BS101", *["BS107"] * 3]


def test_an_application_with_warnings_starts(tmp_path: Path) -> None:
    module = load(tmp_path, note("app.resource(Note)"))
    assert list(module.app.schema.resources) == [("public", "notes")]


def test_a_rule_that_is_refused_lets_nobody(tmp_path: Path) -> None:
    module = load(tmp_path, note("app.resource(Note, select=sa.text('1'))"))
    assert module.app.collected.resources["public", "notes"].rules.select is None


def test_every_finding_says_what_to_do(tmp_path: Path) -> None:
    for text in [*RULES.values(), *RESOURCES.values(), *RELATIONS.values(), *OTHERS.values()]:
        for finding in findings_of(load(tmp_path, text)):
            assert finding.hint, str(finding)
            assert finding.hint.endswith((".", ")", "...")), str(finding)


@pytest.mark.parametrize("sample", [notes, billing])
def test_the_samples_have_no_errors(sample: object) -> None:
    app = sample.app  # type: ignore[attr-defined]
    assert {finding.code for finding in check(app.collected, app.declarations)} == {"BS142"}


def test_users_may_have_relationships_to_classes_that_come_later(tmp_path: Path) -> None:
    """``me`` is used while the models are still being declared."""
    text = HEAD.replace(
        "    org_id: Mapped[int] = mapped_column(index=True)", '    notes: Mapped[list["Note"]] = relationship()'
    )
    file = tmp_path / "early.py"
    file.write_text(text + note("app.resource(Note, select=Note.author_id == me.id)"))
    subprocess.run([sys.executable, "-W", "error", str(file)], check=True)
