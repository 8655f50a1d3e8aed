"""Where the columns of a view come from, as PostgreSQL's catalog shows it: in the query tree of the view's rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

Origin: TypeAlias = tuple[int, int]
"""A relation's object identifier, and the number of a column in it."""

QUERY: Final = """
SELECT r.ev_class AS relation, r.ev_action::text AS tree
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename = '_RETURN' AND c.relkind IN ('v', 'm')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
"""

_TOKEN: Final = re.compile(r"[(){}]|(?:\\.|[^(){}\s\\])+", re.DOTALL)
# In ``({QUERY … :targetList ({TARGETENTRY … } …)})``, how many brackets are open at each place.
_IN_QUERY: Final = 2
_IN_ENTRY: Final = 4
_FIELDS: Final = (":resno", ":resorigtbl", ":resorigcol")


def origins(tree: str) -> Iterator[tuple[int, Origin]]:
    """The columns of a view that are columns of another relation: each number with what it comes from.

    Arguments:
        tree: a ``pg_node_tree`` as text.
    """
    depth = 0
    in_list = False
    previous = ""
    entry: dict[str, int] = {}
    for match in _TOKEN.finditer(tree):
        token = match.group()
        if token in "({":
            depth += 1
        elif token in ")}":
            if depth == _IN_ENTRY and in_list and entry.get(":resorigtbl"):
                yield entry[":resno"], (entry[":resorigtbl"], entry[":resorigcol"])
            depth -= 1
            if depth == _IN_QUERY and in_list:
                return
        elif depth == _IN_QUERY and token == ":targetList":
            in_list = True
        elif depth == _IN_ENTRY and in_list:
            if token == "TARGETENTRY":
                entry = {}
            elif previous in _FIELDS:
                entry[previous] = int(token)
        previous = token


class Views:
    """Where the columns of all views come from in the end, through views upon views."""

    def __init__(self, trees: Mapping[int, str]) -> None:
        self._columns = {relation: dict(origins(tree)) for relation, tree in trees.items()}

    def columns(self, view: int) -> Mapping[int, Origin]:
        """The numbers of a view's columns with the table's column that each is; what is computed is left out."""
        return {number: self.origin(view, number) for number in self._columns.get(view, {})}

    def origin(self, relation: int, number: int) -> Origin:
        """The table's column behind a column of a table or view."""
        seen: set[Origin] = set()
        found = (relation, number)
        while found not in seen:
            seen.add(found)
            found = self._columns.get(found[0], {}).get(found[1], found)
        return found
