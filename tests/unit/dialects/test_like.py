"""Which function is meant by a name that there is not."""

from __future__ import annotations

import time

import pytest

from backstay.dialects.call.like import most_like

KNOWN = [
    *("add", "sayhello", "scan_attendance_entry", "get_workspace_shared_resources", "reverse_transaction_v2", "ünder"),
    *("get_user", "list_users"),
]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ad", "add"),
        ("ADD", "add"),
        ("sayhell", "sayhello"),
        ("get_monthly_attendance_analytics", "scan_attendance_entry"),
        ("get_workspace_activity_feed", "get_workspace_shared_resources"),
        ("reverse_transaction", "reverse_transaction_v2"),
        ("unders", "ünder"),
        ("zzz", None),
        ("", None),
        ("x" * 10_000, None),
    ],
)
def test_the_name_that_is_most_like_it(name: str, found: str | None) -> None:
    assert most_like(name, KNOWN) == found


def test_many_long_names_take_no_time() -> None:
    known = [f"{'abc' * 20}_{number}" for number in range(2000)]
    began = time.thread_time()
    assert most_like("abd" * 20, known) is not None
    assert time.thread_time() - began < 1
