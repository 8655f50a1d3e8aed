"""Reading a database's plan: what it does with each table, and no value of the statement."""

from __future__ import annotations

import json
from typing import Any

from backstay.dialects.profile.uses import counted, read_uses


def explained(*steps: tuple[int, int, str]) -> str:
    return json.dumps([{"id": number, "parent": parent, "detail": detail} for number, parent, detail in steps])


def planned(node: dict[str, Any]) -> str:
    return json.dumps([{"Plan": node}])


def test_a_table_that_sqlite_reads_whole_and_sorts() -> None:
    uses = read_uses(
        explained(
            (2, 0, "CO-ROUTINE anon_2"),
            (7, 2, "SCAN notes_1"),
            (9, 2, "CORRELATED SCALAR SUBQUERY 1"),
            (11, 9, "SEARCH users_2 USING INTEGER PRIMARY KEY (rowid=?)"),
            (20, 2, "USE TEMP B-TREE FOR ORDER BY"),
        )
    )
    assert [(use.name, use.scanned, use.sorted, use.index) for use in uses] == [
        ("notes_1", True, True, None),
        ("users_2", False, False, "INTEGER PRIMARY KEY"),
    ]
    assert str(uses[0]) == "SCAN notes_1, then sorted"


def test_a_last_term_that_sqlite_sorts_is_no_sort() -> None:
    (use,) = read_uses(
        explained(
            (3, 0, "SEARCH notes_1 USING COVERING INDEX ix_notes_city_at (city=? AND at>?)"),
            (9, 0, "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"),
        )
    )
    assert (use.sorted, use.index) == (False, "ix_notes_city_at")
    assert [use.seeks(column) for column in ("city", "at", "cit", "notes")] == [True, True, False, False]


def test_an_index_that_sqlite_makes_for_one_statement_is_none() -> None:
    (use,) = read_uses(
        explained((3, 0, "SEARCH stands_r1 EXISTS USING AUTOMATIC PARTIAL COVERING INDEX (machine_id=?)"))
    )
    assert (use.name, use.scanned, use.index) == ("stands_r1", True, None)


def test_alternatives_are_one_use_of_their_table() -> None:
    uses = read_uses(
        explained(
            (2, 0, "MULTI-INDEX OR"),
            (3, 2, "INDEX 1"),
            (5, 3, "SEARCH notes_1 USING INDEX ix_notes_a (a=?)"),
            (8, 2, "INDEX 2"),
            (9, 8, "SEARCH notes_1 USING INDEX ix_notes_b (b=?)"),
            (12, 0, "USE TEMP B-TREE FOR ORDER BY"),
        )
    )
    together = counted(uses, "notes_1")
    assert together is not None
    assert (together.seeks("a"), together.seeks("b"), together.sorted, together.scanned) == (True, True, True, False)
    assert counted(uses, "users_2") is None


def test_values_that_postgresql_writes_into_its_plan_are_left_out() -> None:
    (use,) = read_uses(
        planned(
            {
                "Node Type": "Sort",
                "Sort Key": ["notes_1.at"],
                "Plans": [
                    {
                        "Node Type": "Bitmap Heap Scan",
                        "Parent Relationship": "Outer",
                        "Relation Name": "notes",
                        "Alias": "notes_1",
                        "Recheck Cond": "(city = 'canary'::text)",
                        "Filter": "(grams > 4711)",
                        "Rows Removed by Filter": 7,
                        "Actual Loops": 3,
                        "Plans": [
                            {
                                "Node Type": "Bitmap Index Scan",
                                "Index Name": "ix_notes_city",
                                "Index Cond": "((city = 'it''s a canary'::text) AND (pin = 4711))",
                            }
                        ],
                    }
                ],
            }
        )
    )
    assert (use.name, use.sorted, use.scanned, use.index, use.removed) == ("notes_1", True, False, "ix_notes_city", 21)
    assert (use.seeks("city"), use.seeks("pin"), use.seeks("grams")) == (True, True, False)
    assert str(use) == "Bitmap Heap Scan on notes using ix_notes_city, then sorted, 21 rows in vain"
    assert "canary" not in repr(use)
    assert "4711" not in repr(use)


def test_a_sort_is_not_that_of_a_sub_plan() -> None:
    uses = read_uses(
        planned(
            {
                "Node Type": "Sort",
                "Plans": [
                    {"Node Type": "Seq Scan", "Relation Name": "notes", "Alias": "notes_1"},
                    {
                        "Node Type": "Index Scan",
                        "Parent Relationship": "SubPlan",
                        "Relation Name": "users",
                        "Alias": "users_2",
                        "Index Name": "users_pkey",
                        "Index Cond": "(id = notes_1.author_id)",
                        "Scan Direction": "Backward",
                    },
                ],
            }
        )
    )
    assert [(use.name, use.scanned, use.sorted) for use in uses] == [("notes_1", True, True), ("users_2", False, False)]
    assert uses[1].said == "Index Scan Backward on users using users_pkey"


def test_nothing_is_read_from_no_plan() -> None:
    assert read_uses("[]") == ()
