"""The report: what is merged, drawn and held against the targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import report, targets
from bench.places import copy_id, size_of
from bench.trials.soak import growth


def note(contender: str, work: str = "point", rate: float = 100.0, **given: Any) -> dict[str, Any]:
    usual = {"size": 100_000, "workers": 1, "connections": 64, "rates": [rate], "errors": 0, "memory": 80.0}
    return {"work": work, "contender": contender, **usual, **given}


def keep(folder: Path, at: str, found: list[dict[str, Any]], **versions: str) -> Path:
    path = folder / f"{at}.json"
    content = {"at": at, "machine": "a machine", "generator": "wrk", "versions": versions, "found": found}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_later_of_two_results_counts_whatever_their_order(tmp_path: Path) -> None:
    first = keep(tmp_path, "2026-01-01", [note("bare-sqlite"), note("backstay-sqlite", rate=10.0)], granian="1")
    second = keep(tmp_path, "2026-01-02", [note("backstay-sqlite", rate=20.0)], backstay="2")
    merged = report.merge([second, first])
    assert {each["contender"]: each["rates"] for each in merged["found"]} == {
        "bare-sqlite": [100.0],
        "backstay-sqlite": [20.0],
    }
    assert merged["at"] == "2026-01-02"
    assert merged["versions"] == {"granian": "1", "backstay": "2"}


def test_growth_is_drawn_where_there_is_some() -> None:
    sizes = (1_000, 100_000, 10_000_000)
    found = [note(name, size=size) for name in ("bare-sqlite", "backstay-sqlite") for size in sizes]
    pictures = report.draw([*found, note("backstay-sqlite", work="soak", samples=[(0.0, 80.0), (60.0, 81.0)])])
    assert set(pictures) == {"", "-growth", "-soak"}
    root = ElementTree.fromstring(pictures["-growth"])
    drawn = [each.get("points", "") for each in root.iter() if each.tag.endswith("polyline")]
    assert len(drawn) == 2
    left, middle, right = (float(point.partition(",")[0]) for point in drawn[0].split())
    assert middle - left == pytest.approx(right - middle, rel=0.01)  # the axis is logarithmic
    assert "-growth" not in report.draw(found[:1])


def test_two_workers_are_told_beside_one() -> None:
    text = report.table([note("backstay-sqlite"), note("backstay-sqlite", rate=170.0, workers=2)])
    assert "| Backstay, SQLite | Point read with a to-one embed | 100 | 170 | 1.70 |" in text


@pytest.mark.parametrize(("rate", "kept"), [(530.0, "yes"), (490.0, "no: backstay-sqlite")])
def test_a_target_is_met_or_not(rate: float, kept: str) -> None:
    rows = targets.table([note("pocketbase-sqlite"), note("backstay-sqlite", rate=rate)])
    found = {row[0]: row[1:] for row in rows}
    assert found["Point read, of PocketBase"] == ["at least 5", f"backstay-sqlite {rate / 100:.2f}", kept]
    assert "Soak: growth of memory" not in found


def test_growth_of_memory_is_what_stays_after_the_beginning() -> None:
    rising = [(float(moment), 80.0 + moment) for moment in range(100)]
    settled = [(float(moment), min(40.0 + moment * 2, 80.0)) for moment in range(100)]
    assert growth(rising) > 0.2
    assert growth(settled) == 0


def test_many_postings_are_copies_of_few() -> None:
    assert (size_of(10_000_000).made, size_of(10_000_000).copies) == (100_000, 99)
    assert (size_of(1_000).made, size_of(1_000).copies, size_of(1_000).companies) == (1_000, 0, 10)
    assert copy_id(99, 100_000) == "00000063-0000-4000-8000-0000000186a0"
