"""The suite is whole: every row is answered and shown, and the databases differ in few things only."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from conformance import DATABASES, SUITE, Row, cases, conformance_page, differences, rows

ROOT = SUITE.parent.parent.parent
MOST_DIFFERENCES = 10


def test_every_row_has_one_name_and_is_answered_for_every_database() -> None:
    assert [name for name, count in Counter(row.id for row in rows()).items() if count > 1] == []
    wrong = [
        (row.id, row.answers[database])
        for row in rows()
        for database in DATABASES
        if row.answers[database] != "yes" and not row.answers[database].startswith(("differs: ", "no: "))
    ]
    assert wrong == []


def test_every_row_that_is_there_is_shown() -> None:
    shown = {(row, database) for case in cases() for row in case.rows for database in case.databases}
    missing = [
        (row.id, database)
        for row in rows()
        for database in DATABASES
        if not row.answers[database].startswith("no") and not row.tests and (row.id, database) not in shown
    ]
    assert missing == []


def test_every_case_has_one_name_and_shows_rows_that_are_there() -> None:
    assert [name for name, count in Counter(case.id for case in cases()).items() if count > 1] == []
    known = {row.id for row in rows()}
    assert [(case.id, row) for case in cases() for row in case.rows if row not in known] == []


def test_tests_that_rows_name_are_there() -> None:
    assert [(row.id, test) for row in rows() for test in row.tests if not _is_there(test)] == []


def _is_there(test: str) -> bool:
    file, _, name = test.partition("::")
    path: Path = ROOT / file
    return path.exists() and (not name or f"def {name}(" in path.read_text(encoding="utf-8"))


def test_every_answer_is_written_down() -> None:
    open_ = [
        case.id
        for case in cases()
        for exchange in case.exchanges
        for reply in exchange.replies.values()
        if reply.status is None
    ]
    assert open_ == []


def test_databases_differ_in_few_things_and_each_has_a_reason() -> None:
    assert len(differences()) <= MOST_DIFFERENCES
    assert [each.id for each in differences() if not each.what or not each.why] == []


def test_every_difference_is_used() -> None:
    used = {_named(row, database) for row in rows() for database in DATABASES}
    used |= {case.words.get("differs") for case in cases()}
    assert {each.id for each in differences()} - used == set()


def test_what_differs_is_a_difference_that_is_listed() -> None:
    listed = {each.id for each in differences()}
    differing = [
        (row.id, row.answers)
        for row in rows()
        if len({answer.partition(":")[0] for answer in row.answers.values()}) > 1 or "differs" in str(row.answers)
        if not {_named(row, database) for database in DATABASES} & listed
    ]
    assert differing == []


def test_cases_that_differ_say_why() -> None:
    listed = {each.id for each in differences()}
    answered = {row.id: row.answers for row in rows()}
    silent = []
    for case in cases():
        absent = set(DATABASES) - set(case.databases)
        differ = any(len(exchange.replies) > 1 for exchange in case.exchanges)
        said = {answered[row][database] for row in case.rows for database in absent} - {"yes"}
        if (differ or (absent and not said)) and case.words.get("differs") not in listed:
            silent.append(case.id)
    assert silent == []


def _named(row: Row, database: str) -> str:
    return row.answers[database].partition(": ")[2]


def test_page_is_fresh() -> None:
    page = ROOT / "docs" / "reference" / "conformance.md"
    assert page.read_text(encoding="utf-8") == conformance_page(), "run `make docs`"
