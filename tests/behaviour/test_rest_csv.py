"""Rows as CSV: on every database each row is what PostgreSQL writes for a record."""

from __future__ import annotations

import sqlalchemy as sa

from backstay import system
from behaviour.door import Door
from fixtures.gallery import Specimen

CSV = "text/csv"
EVERYTHING = (
    '1,-32768,9007199254740993,0.1,12345678901234567890.123456789,10.50,t,"a ""quoted"", (bracketed) {text} \\\\ with '
    'ünïcode 🦊 and\nline",ab,2026-02-28,"2026-02-28 23:59:59.12","2026-02-28 23:59:59.12+00",23:59:59,'
    '"1 day 02:00:03.5","\\\\x00ff504e47",0e37df36-f698-11e6-8dd4-cb9ced3df976,HAPPY,'
    '"{""a"":{""b"":[1,{""c"":""deep""}]},""n"":5,""s"":""text"",""f"":1.5,""t"":true,""z"":null}",'
    '"{a,""b c"",""d\\\\""e"",""f,g""}","{1,2,3}"'
)


def read(art: Door, url: str, **headers: str) -> str:
    answer = art.get(url, accept=CSV, **headers)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-length"] == str(len(answer.body))
    return answer.body.decode()


def test_every_kind_of_value(art: Door) -> None:
    header, line = read(art, "/specimens?id=eq.1").split("\n", 1)
    assert header == ",".join(Specimen.__table__.columns.keys())
    assert line == EVERYTHING
    assert read(art, "/specimens?id=eq.2").split("\n")[1] == "2" + "," * 19
    assert read(art, "/specimens?select=blob,words,numbers&id=eq.3") == 'blob,words,numbers\n"\\\\x",{},{}'


def test_it_is_what_postgresql_writes(art: Door) -> None:
    if art.app.assembly.engine.database.sql.name != "postgresql":
        return
    # The blanks of a `json` column are its own.
    table = Specimen.__table__
    columns = [column for column in table.columns if column.name != "data"]

    async def records() -> list[str]:
        rows = sa.select(*columns).order_by(table.c.id).subquery("r")
        async with art.app.session(system) as session:
            return list(await session.scalars(sa.select(sa.literal_column("r::text")).select_from(rows)))

    names = ",".join(column.name for column in columns)
    lines = read(art, f"/specimens?select={names}&order=id")
    assert lines == "\n".join([names, *[record[1:-1] for record in art.run(records())]])


def test_casts_paths_embeds_and_spreads(art: Door) -> None:
    assert read(art, "/specimens?select=flag::text,instant::text,data->a,deep:data->>n&id=eq.1") == (
        'flag,instant,a,deep\ntrue,"2026-02-28 23:59:59.12+00","{""b"": [1, {""c"": ""deep""}]}",5'
    )
    assert read(art, "/paintings?select=id,artists!paintings_artist_id_fkey(name,born),styles(id)&id=eq.4") == (
        'id,artists,styles\n4,"{""name"":""Vermeer"",""born"":""1632-10-31""}","[{""id"":1},{""id"":2}]"'
    )
    assert read(art, "/profiles?select=artist_id,...artists(name,born)&order=artist_id") == (
        "artist_id,name,born\n1,Rembrandt,1606-07-15\n4,Vermeer,1632-10-31"
    )
    assert read(art, "/artists?select=name,paintings!paintings_artist_id_fkey(count)&id=eq.3") == (
        'name,paintings\nFlinck,"[{""count"":0}]"'
    )


def test_no_rows_are_an_empty_header(art: Door) -> None:
    assert read(art, "/paintings?id=eq.99") == "\n"


def test_head_has_no_rows(art: Door) -> None:
    answer = art.ask("HEAD", "/paintings", accept=CSV)
    assert (answer.body, answer.headers["content-type"]) == (b"", "text/csv; charset=utf-8")


def test_writes_answer_it_too(art: Door) -> None:
    prefer = "return=representation"
    answer = art.ask("POST", "/specimens?select=id,flag,words", {"id": 9, "flag": True}, accept=CSV, prefer=prefer)
    assert (answer.status, answer.body) == (201, b"id,flag,words\n9,t,")
    words = ["", "null", "NULL", None, "a\\b", "{", " x", "é"]
    answer = art.ask("PATCH", "/specimens?select=words&id=eq.9", {"words": words}, accept=CSV, prefer=prefer)
    assert answer.body.decode() == ('words\n"{"""",""null"",""NULL"",NULL,""a\\\\\\\\b"",""{"","" x"",é}"')
    assert art.ask("DELETE", "/specimens?select=id&id=eq.9", accept=CSV, prefer=prefer).body == b"id\n9"


def test_functions_answer_it_too(art: Door) -> None:
    assert read(art, "/rpc/add?a=1") == "pgrst_scalar\n11"
    assert read(art, "/rpc/split?text=a b") == "pgrst_scalar\na\nb"
    assert read(art, "/rpc/paintings_of?artist=1&select=id,title") == ('id,title\n1,"Night Watch"\n2,Self-Portrait')


def test_floats_are_written_alike(art: Door) -> None:
    written = {
        "0": "0", "2": "2", "2.50": "2.5", "1e14": "100000000000000", "1e15": "1e+15",
        "-123456789012345678": "-1.2345678901234568e+17", "0.0001": "0.0001", "0.00001": "1e-05", "1.5e-7": "1.5e-07",
        "1e-300": "1e-300", "0.30000000000000004": "0.30000000000000004",
    }  # fmt: skip
    for given, text in written.items():
        assert art.ask("PATCH", "/specimens?id=eq.2", raw=f'{{"ratio":{given}}}'.encode()).status == 204
        assert read(art, "/specimens?select=ratio&id=eq.2") == f"ratio\n{text}", given


def test_many_digits_are_kept(art: Door) -> None:
    digits = "1" * 6000
    assert art.ask("PATCH", "/specimens?id=eq.2", raw=f'{{"exact":{digits}.50,"ratio":1e300}}'.encode()).status == 204
    assert read(art, "/specimens?select=exact,ratio&id=eq.2") == f"exact,ratio\n{digits}.50,1e+300"
    stripped = "application/vnd.pgrst.array+json;nulls=stripped"
    assert f'"exact":{digits}.50' in art.get("/specimens?id=eq.2", accept=stripped).body.decode()
