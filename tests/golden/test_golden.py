"""The compiler's truth, case by case: request, plan, SQL on each database, and the response.

A case is a folder ``<front end>/<topic>/<case>`` with ``request.http``; the other files are written by ``make golden``
and read in review. The response must be the same on every database.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from golden.run import Answered, Golden, read_request

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("rest/*/*/request.http"))
WRITE = os.environ.get("GOLDEN") == "write"


def name(case: Path) -> str:
    return str(case.relative_to(HERE))


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory, module_postgresql_url: str) -> Golden:
    return Golden(tmp_path_factory.mktemp("golden"), module_postgresql_url)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_case(case: Path, golden: Golden) -> None:
    request = read_request(case / "request.http")
    answered = asyncio.run(golden.answer(request))
    assert answered["sqlite"].response == answered["postgresql"].response
    for file, text in files(answered).items():
        if WRITE:
            (case / file).write_text(text, encoding="utf-8")
        else:
            assert (case / file).read_text(encoding="utf-8") == text, f"{name(case)}/{file}: `make golden` rewrites it"


def files(answered: dict[str, Answered]) -> dict[str, str]:
    found = {f"{database}.sql": each.sql for database, each in answered.items() if each.sql}
    found["response.http"] = answered["sqlite"].response
    if answered["sqlite"].plan:
        found["plan.txt"] = answered["sqlite"].plan
    return found


def test_there_are_cases() -> None:
    assert len(CASES) >= 60
