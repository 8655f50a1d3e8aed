"""``read_uses(document) -> uses``: a database's plan, as what it does with each table that a statement reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_NAME: Final = re.compile(r"[^\W\d]\w*")
_STEP: Final = re.compile(
    r"(?P<way>SCAN|SEARCH) (?P<name>.+?)(?: EXISTS)?(?: USING (?P<by>[A-Z ]*(?:INDEX|KEY))(?: (?P<index>[^\s(]\S*))?"
    r"(?: \((?P<sought>.*)\))?| VIRTUAL TABLE INDEX .*)?(?: LEFT-JOIN)?$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a database does with one table, in one place of a statement. It holds no value of the statement.

    Arguments:
        name: what the statement calls the table.
        said: the step in the database's own words.
        scanned: whether all rows are looked at.
        sorted: whether what is found is sorted before it is cut to the page.
        index: the index that leads to the rows, if one does.
        sought: the names in the conditions that the index is asked, those of its columns among them.
        removed: how many rows were looked at in vain, where that was counted.
    """

    name: str
    said: str
    scanned: bool = False
    sorted: bool = False
    index: str | None = None
    sought: str = ""
    removed: int | None = None

    def seeks(self, column: str) -> bool:
        """Whether the index is asked for values of this column."""
        return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", self.sought) is not None

    def __str__(self) -> str:
        notes = (", then sorted" if self.sorted else "", f", {self.removed} rows in vain" if self.removed else "")
        return f"{self.said}{''.join(notes)}"


def read_uses(document: str) -> tuple[Use, ...]:
    """What a plan does with tables, in the plan's order.

    Arguments:
        document: the plan as JSON, as a database explains it (``EXPLAIN (FORMAT JSON)``, or the steps of
            ``EXPLAIN QUERY PLAN``).
    """
    steps = orjson.loads(document)
    if steps and "Plan" in steps[0]:
        return tuple(_nodes(steps[0]["Plan"], sorted_=False))
    return tuple(_steps(steps))


# EXPLAIN QUERY PLAN ------------------------------------------------------------------------------------------


def _steps(steps: Sequence[Mapping[str, Any]]) -> Iterator[Use]:
    """SQLite: the sort of some rows stands beside the steps that find them, below the same parent."""
    sorting = {step["parent"] for step in steps if step["detail"] == "USE TEMP B-TREE FOR ORDER BY"}
    parents = {step["id"]: step["parent"] for step in steps}
    branches = {step["id"] for step in steps if step["detail"].startswith(("MULTI-INDEX OR", "INDEX "))}
    for step in steps:
        found = _STEP.match(step["detail"])
        if found is None:
            continue
        parent = step["parent"]
        while parent in branches:
            parent = parents[parent]
        by = found["by"] or ""
        made = by.startswith("AUTOMATIC")  # an index that is made for this statement alone, of the whole table
        virtual = "VIRTUAL TABLE" in step["detail"]
        yield Use(
            name=found["name"],
            said=step["detail"],
            scanned=(found["way"] == "SCAN" and not virtual) or made,
            sorted=parent in sorting,
            index=None if made else found["index"] or (by or None),
            sought=found["sought"] or "",
        )


# EXPLAIN (FORMAT JSON) ---------------------------------------------------------------------------------------


def _nodes(node: Mapping[str, Any], *, sorted_: bool) -> Iterator[Use]:
    """PostgreSQL: a sort stands above the nodes that find the rows; sub-plans are on their own."""
    kind = node["Node Type"]
    sorted_ = sorted_ or kind == "Sort"
    if "Relation Name" in node:
        yield _use(node, sorted_)
        if kind == "Bitmap Heap Scan":
            return
    for child in node.get("Plans", ()):
        apart = child.get("Parent Relationship") in ("SubPlan", "InitPlan")
        yield from _nodes(child, sorted_=sorted_ and not apart)


def _use(node: Mapping[str, Any], sorted_: bool) -> Use:
    indexes = list(_indexes(node))
    sought = " ".join(_names(each["Index Cond"]) for each in indexes if "Index Cond" in each)
    names = ", ".join(each["Index Name"] for each in indexes)
    kind = f"{node['Node Type']}{' Backward' if node.get('Scan Direction') == 'Backward' else ''}"
    removed = node.get("Rows Removed by Filter")
    if removed is None and "Actual Loops" in node:
        removed = 0
    return Use(
        name=node.get("Alias", node["Relation Name"]),
        said=f"{kind} on {node['Relation Name']}{f' using {names}' if names else ''}",
        scanned=not sought,
        sorted=sorted_,
        index=names or None,
        sought=sought,
        removed=None if removed is None else round(removed * node["Actual Loops"]),
    )


def _indexes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "Index Name" in node:
        yield node
    elif node["Node Type"].startswith("Bitmap"):
        for child in node.get("Plans", ()):
            yield from _indexes(child)


def _names(condition: str) -> str:
    """The names in a condition, without the values that PostgreSQL writes into it."""
    return " ".join(_NAME.findall(_LITERAL.sub("", condition)))


def counted(uses: Sequence[Use], name: str) -> Use | None:
    """What is done with the table of this name: of several steps (each an alternative of OR) the least good one."""
    found = [use for use in uses if use.name == name]
    if not found:
        return None
    worst = next((use for use in found if use.scanned), found[0])
    together = " ".join(use.sought for use in found)
    return replace(worst, sorted=any(use.sorted for use in found), sought=worst.sought and together)
