"""Embeds: every kind of relation and hint, with filters, orders and pages of their own."""

from __future__ import annotations

from typing import Any

import pytest

from behaviour.door import Door


def titles(rows: list[dict[str, Any]]) -> list[str]:
    return [row["title"] for row in rows]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        # many-to-one: by the relationship's name, the foreign key's, its column's, and the table's with a hint
        ("/paintings?select=id,artist(name)&id=eq.2", [{"id": 2, "artist": {"name": "Rembrandt"}}]),
        (
            "/paintings?select=id,paintings_owner_id_fkey(name)&id=eq.2",
            [{"id": 2, "paintings_owner_id_fkey": {"name": "Vermeer"}}],
        ),
        ("/paintings?select=id,owner_id(name)&id=eq.2", [{"id": 2, "owner_id": {"name": "Vermeer"}}]),
        ("/paintings?select=id,artists!artist_id(name)&id=eq.2", [{"id": 2, "artists": {"name": "Rembrandt"}}]),
        (
            "/paintings?select=id,artists!paintings_owner_id_fkey(name)&id=eq.2",
            [{"id": 2, "artists": {"name": "Vermeer"}}],
        ),
        ("/paintings?select=id,painter:artist(name)&id=eq.2", [{"id": 2, "painter": {"name": "Rembrandt"}}]),
        (
            "/paintings?select=by:artists!artist_id(name),of:artists!owner_id(name)&id=eq.2",
            [{"by": {"name": "Rembrandt"}, "of": {"name": "Vermeer"}}],
        ),
        ("/paintings?select=id,owner(name)&id=eq.1", [{"id": 1, "owner": None}]),
        # through two columns
        (
            "/paintings?select=id,rooms(label)&id=in.(1,5)&order=id",
            [{"id": 1, "rooms": {"label": "Hall"}}, {"id": 5, "rooms": None}],
        ),
        ("/paintings?select=id,shown_in(label)&id=eq.4", [{"id": 4, "shown_in": {"label": "Attic"}}]),
        # one-to-many
        (
            "/rooms?select=label,paintings(id)&order=building,number&paintings.order=id",
            [
                {"label": "Attic", "paintings": [{"id": 4}]},
                {"label": "Hall", "paintings": [{"id": 1}, {"id": 3}]},
                {"label": None, "paintings": [{"id": 2}]},
            ],
        ),
        (
            "/artists?select=name,paintings!paintings_owner_id_fkey(id)&order=id&paintings.order=id",
            [
                {"name": "Rembrandt", "paintings": [{"id": 3}]},
                {"name": "Dou", "paintings": []},
                {"name": "Flinck", "paintings": []},
                {"name": "Vermeer", "paintings": [{"id": 2}, {"id": 5}]},
            ],
        ),
        ("/artists?select=paintings!artist_id(id)&id=eq.2", [{"paintings": [{"id": 3}]}]),
        # one-to-one, from either side
        (
            "/artists?select=id,profiles(bio)&order=id&id=lt.3",
            [{"id": 1, "profiles": {"bio": "of Leiden"}}, {"id": 2, "profiles": None}],
        ),
        ("/artists?select=profile(bio)&id=eq.4", [{"profile": {"bio": "of Delft"}}]),
        (
            "/profiles?select=bio,artists(name)&order=bio",
            [
                {"bio": "of Delft", "artists": {"name": "Vermeer"}},
                {"bio": "of Leiden", "artists": {"name": "Rembrandt"}},
            ],
        ),
        ("/profiles?select=artist(name)&artist_id=eq.1", [{"artist": {"name": "Rembrandt"}}]),
        # many-to-many, through a table that is not served itself
        (
            "/paintings?select=id,styles(name)&order=id&styles.order=id&id=gte.3",
            [
                {"id": 3, "styles": [{"name": "genre"}]},
                {"id": 4, "styles": [{"name": "baroque"}, {"name": "genre"}]},
                {"id": 5, "styles": []},
            ],
        ),
        (
            "/styles?select=name,paintings(id)&id=eq.2&paintings.order=id",
            [{"name": "genre", "paintings": [{"id": 3}, {"id": 4}]}],
        ),
        ("/styles?select=paintings!painting_styles(id)&id=eq.3", [{"paintings": []}]),
        # of a table with itself
        ("/artists?select=name,mentor(name)&id=eq.2", [{"name": "Dou", "mentor": {"name": "Rembrandt"}}]),
        ("/artists?select=name,mentor_id(name)&id=eq.2", [{"name": "Dou", "mentor_id": {"name": "Rembrandt"}}]),
        (
            "/artists?select=name,students(name)&id=eq.1&students.order=name",
            [{"name": "Rembrandt", "students": [{"name": "Dou"}, {"name": "Flinck"}]}],
        ),
        ("/artists?select=artists(id)&id=eq.1&artists.order=id", [{"artists": [{"id": 2}, {"id": 3}]}]),
        ("/artists?select=artists!mentor_id(id)&id=eq.1&artists.order=id", [{"artists": [{"id": 2}, {"id": 3}]}]),
        # deep
        (
            "/styles?select=name,paintings(title,artist(name,mentor(name,profile(bio))))&id=eq.2&paintings.order=id",
            [
                {
                    "name": "genre",
                    "paintings": [
                        {
                            "title": "The Quack",
                            "artist": {"name": "Dou", "mentor": {"name": "Rembrandt", "profile": {"bio": "of Leiden"}}},
                        },
                        {"title": "Milkmaid", "artist": {"name": "Vermeer", "mentor": None}},
                    ],
                }
            ],
        ),
        # columns of the embed as of the root: aliases, casts, everything
        ("/paintings?select=artist(n:name,id::text)&id=eq.1", [{"artist": {"n": "Rembrandt", "id": "1"}}]),
        ("/paintings?select=shown_in(*)&id=eq.2", [{"shown_in": {"building": "main", "number": 2, "label": None}}]),
        # counted
        (
            "/artists?select=id,paintings!artist_id(count)&order=id",
            [{"id": n, "paintings": [{"count": c}]} for n, c in ((1, 2), (2, 1), (3, 0), (4, 2))],
        ),
        (
            "/styles?select=id,paintings(count)&order=id",
            [{"id": n, "paintings": [{"count": c}]} for n, c in ((1, 3), (2, 2), (3, 0))],
        ),
        ("/styles?select=paintings(n:count)&id=eq.1&paintings.year=gt.1650", [{"paintings": [{"n": 2}]}]),
        # an embed that shows nothing
        ("/paintings?select=id,artist()&id=eq.1", [{"id": 1}]),
        ("/paintings?select=artist()&id=eq.1", [{}]),
    ],
)
def test_embed(art: Door, url: str, found: Any) -> None:
    assert art.rows(url) == found


# Joins, filters, orders and pages of embeds ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("select=title,owner!inner(name)", ["Self-Portrait", "The Quack", "Untitled"]),
        ("select=title,owner!inner(name)&owner.name=eq.Vermeer", ["Self-Portrait", "Untitled"]),
        ("select=title,artists!owner_id!inner(name)&artists.name=eq.Vermeer", ["Self-Portrait", "Untitled"]),
        ("select=title,artists!inner!owner_id(name)&artists.name=eq.Vermeer", ["Self-Portrait", "Untitled"]),
        ("select=title,o:owner!inner()&o.name=eq.Vermeer", ["Self-Portrait", "Untitled"]),
        ("select=title,styles!inner(name)&styles.name=eq.genre", ["The Quack", "Milkmaid"]),
        ("select=title,styles!inner()&styles.id=in.(1,2)", ["Night Watch", "Self-Portrait", "The Quack", "Milkmaid"]),
        ("select=title,artist!inner(mentor!inner(name))&artist.mentor.name=eq.Rembrandt", ["The Quack"]),
        ("select=title,artist!inner(profile!inner(bio))&artist.profile.bio=like.*Delft", ["Milkmaid", "Untitled"]),
        # a left embed is filtered, the root is not
        (
            "select=title,owner!left(name)&owner.name=eq.Vermeer",
            ["Night Watch", "Self-Portrait", "The Quack", "Milkmaid", "Untitled"],
        ),
        # an embed that has no match, or has one
        ("select=title,owner()&owner=is.null", ["Night Watch", "Milkmaid"]),
        ("select=title,owner()&owner=not.is.null", ["Self-Portrait", "The Quack", "Untitled"]),
        ("select=title,owner(name)&owner.name=eq.Vermeer&owner=not.is.null", ["Self-Portrait", "Untitled"]),
        ("select=title,styles()&styles=is.null", ["Untitled"]),
        (
            "select=title,owner(),styles()&owner.name=eq.Vermeer&styles.name=eq.genre&or=(owner.not.is.null,styles.not.is.null)",
            ["Self-Portrait", "The Quack", "Milkmaid", "Untitled"],
        ),
        # logic trees on embeds
        ("select=title,artist!inner()&artist.or=(name.eq.Dou,name.eq.Vermeer)", ["The Quack", "Milkmaid", "Untitled"]),
        ("select=title,artist!inner()&artist.not.or=(name.eq.Dou,name.eq.Vermeer)", ["Night Watch", "Self-Portrait"]),
        (
            "select=title,artist!inner(profile!inner())&artist.profile.and=(bio.like.of*,bio.not.like.*Delft)",
            ["Night Watch", "Self-Portrait"],
        ),
    ],
)
def test_embeds_keep_and_drop_rows(art: Door, query: str, found: list[str]) -> None:
    answer = art.get(f"/paintings?{query}&order=id", prefer="count=exact")
    assert titles(answer.json) == found
    assert answer.range == f"0-{len(found) - 1}/{len(found)}"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("paintings.order=year", [3, 1, 5]),
        ("paintings.order=year.desc.nullslast", [1, 3, 5]),
        ("paintings.order=id.desc&paintings.limit=2", [5, 3]),
        ("paintings.order=id&paintings.limit=1&paintings.offset=1", [3]),
        ("paintings.order=id&paintings.offset=2", [5]),
        ("paintings.order=id&paintings.limit=0", []),
        ("paintings.order=id&paintings.year=is.null", [5]),
        ("paintings.order=id&paintings.year=gt.1650&paintings.limit=5", [3]),
        ("paintings.order=id&paintings.or=(year.is.null,id.eq.1)", [1, 5]),
    ],
)
def test_rows_of_an_embed_are_filtered_ordered_and_cut(art: Door, query: str, found: list[int]) -> None:
    art.ask("PATCH", "/paintings?id=in.(1,3,5)", {"building": "main", "room": 1})
    art.ask("PATCH", "/paintings?id=eq.3", {"year": 1630})
    art.ask("PATCH", "/paintings?id=in.(3)&year=eq.1630", {"year": 1630 if "gt.1650" not in query else 1652})
    (room,) = art.rows(f"/rooms?select=paintings(id)&label=eq.Hall&{query}")
    assert [row["id"] for row in room["paintings"]] == found


def test_limit_of_an_embed_is_for_each_row(art: Door) -> None:
    rows = art.rows("/artists?select=id,paintings!artist_id(id)&order=id&paintings.order=id.desc&paintings.limit=1")
    assert [[each["id"] for each in row["paintings"]] for row in rows] == [[2], [3], [], [5]]


def test_deep_embeds_are_filtered_ordered_and_cut(art: Door) -> None:
    (room,) = art.rows(
        "/rooms?select=paintings(id,artist(name,students(name)))&label=eq.Hall&paintings.order=id"
        "&paintings.artist.students.order=name.desc&paintings.artist.students.limit=1"
    )
    assert room == {
        "paintings": [
            {"id": 1, "artist": {"name": "Rembrandt", "students": [{"name": "Flinck"}]}},
            {"id": 3, "artist": {"name": "Dou", "students": []}},
        ]
    }


def test_embed_can_be_filtered_by_its_alias(art: Door) -> None:
    rows = art.rows("/paintings?select=id,painter:artist!inner(name)&painter.name=eq.Dou")
    assert rows == [{"id": 3, "painter": {"name": "Dou"}}]


DEPRECATED = (
    "Embedded resource was referenced by relation name even though it has an alias. This is deprecated and will stop "
    "working in a future release. Update {} in query string filters, orders or limits."
)


def test_embed_that_has_an_alias_may_be_named_by_its_relation_with_a_warning(art: Door) -> None:
    url = "/paintings?select=id,painter:artist!inner(name)&id=eq.3"
    answer = art.get(f"{url}&artist.name=eq.Dou&artist.limit=1")
    assert answer.json == [{"id": 3, "painter": {"name": "Dou"}}]
    assert answer.headers["warning"] == f'299 PostgRESTv16 "{DEPRECATED.format("`artist` to `painter`")}"'
    assert "warning" not in art.get(f"{url}&painter.name=eq.Dou").headers


def test_alias_cannot_break_out_of_the_warning(art: Door) -> None:
    answer = art.get('/paintings?select=id,"a\r\n\\"b":artist(name)&artist.name=eq.Dou&id=eq.3')
    assert answer.status == 200
    assert '`artist` to `a??\\"b`' in answer.headers["warning"]


def test_two_embeds_of_one_relation_are_told_apart(art: Door) -> None:
    rows = art.rows(
        "/artists?select=id,early:paintings!artist_id(id),late:paintings!artist_id(id)&id=eq.1"
        "&early.year=lt.1650&late.year=gt.1650&late.order=id"
    )
    assert rows == [{"id": 1, "early": [{"id": 1}], "late": [{"id": 2}]}]
    # the one whose key it is goes before the one that has an alias
    rows = art.rows(
        "/artists?select=early:paintings!artist_id(id),paintings!artist_id(id)&id=eq.1&paintings.id=eq.2&early.order=id"
    )
    assert rows == [{"early": [{"id": 1}, {"id": 2}], "paintings": [{"id": 2}]}]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("artist(name),id", [3, 1, 2, 4, 5]),
        ("artist(name).desc,id.desc", [5, 4, 2, 1, 3]),
        ("owner(name),id", [3, 2, 5, 1, 4]),
        ("owner(name).nullsfirst,id", [1, 4, 3, 2, 5]),
        ("owner(name).desc,id", [1, 4, 2, 5, 3]),
        ("shown_in(label).asc.nullslast,id", [4, 1, 3, 2, 5]),
    ],
)
def test_rows_are_ordered_by_an_embed(art: Door, order: str, found: list[int]) -> None:
    rows = art.rows(f"/paintings?select=id,artist(name),owner(),shown_in(label)&order={order}")
    assert [row["id"] for row in rows] == found


def test_decimals_of_an_embed_order_as_numbers(work: Door) -> None:
    rows = work.rows("/notes?select=number,parent(price)&parent=not.is.null&order=parent(price),number", "service")
    # The parents of 2 and 3 cost 10.50, that of 4 costs 9.99, that of 6 costs 0.10.
    assert [row["number"] for row in rows] == [6, 4, 2, 3]


# Spreads -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("/paintings?select=title,...artist(name)&id=eq.1", [{"title": "Night Watch", "name": "Rembrandt"}]),
        ("/paintings?select=title,...artist(painter:name)&id=eq.1", [{"title": "Night Watch", "painter": "Rembrandt"}]),
        ("/paintings?select=id,...owner(name)&id=eq.1", [{"id": 1, "name": None}]),
        ("/paintings?select=id,...owner!inner(name)&order=id&id=lt.3", [{"id": 2, "name": "Vermeer"}]),
        (
            "/paintings?select=id,...artist(name,mentor(name))&id=eq.3",
            [{"id": 3, "name": "Dou", "mentor": {"name": "Rembrandt"}}],
        ),
        (
            "/paintings?select=id,...artist(name,...mentor(of:name))&id=eq.3",
            [{"id": 3, "name": "Dou", "of": "Rembrandt"}],
        ),
        ("/paintings?select=id,...artist(students(name))&id=eq.3", [{"id": 3, "students": []}]),
        (
            "/artists?select=id,...paintings!artist_id(title,year)&id=eq.4&paintings.order=id",
            [{"id": 4, "title": ["Milkmaid", "Untitled"], "year": [1658, None]}],
        ),
        ("/artists?select=id,...paintings!artist_id(title)&id=eq.3", [{"id": 3, "title": []}]),
        (
            "/paintings?select=id,...styles(style:name)&id=eq.4&styles.order=name.desc",
            [{"id": 4, "style": ["genre", "baroque"]}],
        ),
        (
            "/artists?select=id,...paintings!artist_id(title)&id=eq.1&paintings.order=id&paintings.limit=1",
            [{"id": 1, "title": ["Night Watch"]}],
        ),
        ("/paintings?select=...artist(born),...shown_in(label)&id=eq.2", [{"born": "1606-07-15", "label": None}]),
    ],
)
def test_spread(art: Door, url: str, found: Any) -> None:
    assert art.rows(url) == found


# What cannot be ----------------------------------------------------------------------------------------------


def test_ambiguous_embed_names_the_choices(art: Door) -> None:
    answer = art.get("/paintings?select=id,artists(name)")
    assert answer.status == 300
    assert answer.headers["proxy-status"] == "PostgREST; error=PGRST201"
    assert answer.json == {
        "code": "PGRST201",
        "message": "Could not embed because more than one relationship was found for 'paintings' and 'artists'",
        "details": [
            {
                "cardinality": "many-to-one",
                "embedding": "paintings with artists",
                "relationship": "paintings_artist_id_fkey using paintings(artist_id) and artists(id)",
            },
            {
                "cardinality": "many-to-one",
                "embedding": "paintings with artists",
                "relationship": "paintings_owner_id_fkey using paintings(owner_id) and artists(id)",
            },
        ],
        "hint": "Try changing 'artists' to one of the following: 'artists!paintings_artist_id_fkey', "
        "'artists!paintings_owner_id_fkey'. Find the desired relationship in the 'details' key.",
    }


def test_ambiguous_embed_of_many(art: Door) -> None:
    answer = art.get("/artists?select=paintings(id)")
    assert answer.status == 300
    assert [each["cardinality"] for each in answer.json["details"]] == ["one-to-many", "one-to-many"]
    assert (
        answer.json["details"][0]["relationship"]
        == "paintings_artist_id_fkey using artists(id) and paintings(artist_id)"
    )


def test_unknown_relation(art: Door) -> None:
    answer = art.get("/paintings?select=id,styls(name)")
    assert (answer.status, answer.json) == (
        400,
        {
            "code": "PGRST200",
            "message": "Could not find a relationship between 'paintings' and 'styls' in the schema cache",
            "details": "Searched for a foreign key relationship between 'paintings' and 'styls' in the schema "
            "'public', but no matches were found.",
            "hint": "Perhaps you meant 'styles' instead of 'styls'.",
        },
    )


def test_unknown_hint(art: Door) -> None:
    answer = art.get("/paintings?select=id,artists!buyer_id(name)")
    assert (answer.status, answer.code) == (400, "PGRST200")
    assert answer.json["details"] == (
        "Searched for a foreign key relationship between 'paintings' and 'artists' using the hint 'buyer_id' in the "
        "schema 'public', but no matches were found."
    )


@pytest.mark.parametrize(
    ("query", "status", "code", "message"),
    [
        ("artist.name=eq.Dou", 400, "PGRST108", "'artist' is not an embedded resource in this request"),
        (
            "select=id,artist(name)&owner.order=name",
            400,
            "PGRST108",
            "'owner' is not an embedded resource in this request",
        ),
        (
            "select=id,artist(name)&artist.mentor.limit=1",
            400,
            "PGRST108",
            "'mentor' is not an embedded resource in this request",
        ),
        ("select=id&order=artist(name)", 400, "PGRST108", "'artist' is not an embedded resource in this request"),
        ("select=id,styles(name)&order=styles(name)", 400, "PGRST118", "A related order on 'styles' is not possible"),
        ("select=id,artist(nosuch)", 400, "42703", "column artists.nosuch does not exist"),
        ("select=id,artist(name)&artist.nosuch=eq.1", 400, "42703", "column artists.nosuch does not exist"),
        ("select=id,artist(name)&artist.id=eq.x", 400, "22P02", 'invalid input syntax for type integer: "x"'),
        ("select=id,artist(name)&artist=eq.1", 400, "42703", "column paintings.artist does not exist"),
        ("select=id,artist(name)&artist.limit=-1", 416, "PGRST103", "Requested range not satisfiable"),
        ("select=id,artist!outer(name)", 400, "PGRST200", None),
        ("select=id,artist(name", 400, "PGRST100", None),
        ("select=id,...artist:a(name)", 400, "PGRST100", None),
    ],
)
def test_embed_that_cannot_be_is_refused(art: Door, query: str, status: int, code: str, message: str | None) -> None:
    answer = art.get(f"/paintings?{query}")
    assert (answer.status, answer.code) == (status, code), answer.json
    assert message is None or answer.json["message"] == message


def test_related_order_says_why_not(art: Door) -> None:
    answer = art.get("/paintings?select=id,styles(name)&order=styles(name)")
    assert answer.json["details"] == "'paintings' and 'styles' do not form a many-to-one or one-to-one relationship"


# Rules in embeds ---------------------------------------------------------------------------------------------


def test_rules_hold_in_embeds_of_every_kind(work: Door) -> None:
    # Bob's private note 4 answers 3, which ada may see; she sees that it has no replies.
    (note,) = work.rows("/notes?select=number,replies(number),author(id,role)&number=eq.3", "ada")
    assert note["replies"] == []
    (note,) = work.rows("/notes?select=number,replies(number)&number=eq.3", "bob")
    assert note["replies"] == [{"number": 4}]


def test_counts_through_embeds_heed_the_rules(work: Door) -> None:
    bob = {"id": "00000000-0000-4000-8000-000000000012"}
    assert work.rows(f"/users?select=notes!notes_author_id_fkey(count)&id=eq.{bob['id']}", "ada") == [
        {"notes": [{"count": 1}]}
    ]
    assert work.rows(f"/users?select=notes!notes_author_id_fkey(count)&id=eq.{bob['id']}", "bob") == [
        {"notes": [{"count": 2}]}
    ]


def test_embed_of_what_one_may_not_select_is_denied(work: Door) -> None:
    answer = work.get("/notes?select=number,author(role)", "anon")
    assert (answer.status, answer.json["message"]) == (401, "permission denied for table users")


# Trees, spreads and two embeds of one table -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        # whether there is a match, in trees and under not, of embeds of every kind
        ("select=id,styles()&or=(styles.is.null,id.eq.1)", [1, 5]),
        ("select=id,styles()&not.or=(styles.is.null,id.eq.1)", [2, 3, 4]),
        ("select=id,styles(),owner()&not.and=(styles.not.is.null,owner.not.is.null)", [1, 4, 5]),
        ("select=id,...owner(name)&owner=is.null", [1, 4]),
        ("select=id,...owner(name)&owner.name=eq.Vermeer&or=(owner.not.is.null,id.eq.1)", [1, 2, 5]),
        ("select=id,...styles(name)&styles=is.null", [5]),
        ("select=id,styles(name)&styles.name=eq.genre&styles=not.is.null", [3, 4]),
        ("select=id,artist!inner(mentor())&artist.mentor=not.is.null", [3]),
        # trees on deep embeds
        ("select=id,artist!inner(profile!inner())&artist.profile.or=(bio.like.*Delft,bio.eq.x)", [4, 5]),
        ("select=id,artist!inner(profile!inner())&artist.profile.not.and=(bio.like.*Delft,bio.neq.x)", [1, 2]),
    ],
)
def test_trees_of_embeds(art: Door, query: str, found: list[int]) -> None:
    assert [row["id"] for row in art.rows(f"/paintings?{query}&order=id")] == found


@pytest.mark.parametrize("filter_", ["owner=is.not_null", "owner=is.true", "owner=neq.1", "owner->x=is.null"])
def test_any_other_filter_on_an_embed_is_one_on_a_column(art: Door, filter_: str) -> None:
    answer = art.get(f"/paintings?select=id,owner()&{filter_}")
    assert (answer.status, answer.json["message"]) == (400, "column paintings.owner does not exist")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        # many in many: an array for each row; embeds inside; null where a row has no related one
        (
            "/artists?select=id,...paintings!artist_id(...styles(name),...shown_in(label),owner(name))"
            "&paintings.order=id&paintings.styles.order=id&id=in.(3,4)&order=id",
            [
                {"id": 3, "name": [], "label": [], "owner": []},
                {
                    "id": 4,
                    "name": [["baroque", "genre"], []],
                    "label": ["Attic", None],
                    "owner": [None, {"name": "Vermeer"}],
                },
            ],
        ),
        # in the order of a related row, and cut
        (
            "/styles?select=...paintings(id,artist())&paintings.order=artist(name).desc,id&paintings.limit=2&id=eq.1",
            [{"id": [4, 1]}],
        ),
        # rows that the order does not tell apart are aligned all the same
        (
            "/rooms?select=...paintings(id,title)&paintings.order=status&label=eq.Hall",
            [{"id": [1, 3], "title": ["Night Watch", "The Quack"]}],
        ),
        # an inner one
        (
            "/styles?select=id,...paintings!inner(title)&paintings.year=gt.1657&paintings.order=id&order=id",
            [{"id": 1, "title": ["Self-Portrait", "Milkmaid"]}, {"id": 2, "title": ["Milkmaid"]}],
        ),
        # the page of a to-one embed
        ("/paintings?select=id,artist(name)&artist.limit=0&id=eq.1", [{"id": 1, "artist": None}]),
        ("/paintings?select=id,...artist(name)&artist.offset=1&id=eq.1", [{"id": 1, "name": None}]),
    ],
)
def test_spreads_of_many_rows(art: Door, url: str, found: Any) -> None:
    assert art.rows(url) == found
