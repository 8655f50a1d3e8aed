"""The compiler of guarded sessions: no table is read or changed but within the bounds of the caller.

The rules are put in where a statement becomes text, the one place that nothing a session does can pass by: ORM or Core,
joined, aliased, eager or lazy, in a sub-select or refreshed. What the compiler cannot see through, it refuses.

A table in a FROM gets its rule in the WHERE of its select, or in the ON of the outer join that it is the optional side
of. Anywhere else (a full join, the FROM of an UPDATE) a sub-select of the rows that may be seen stands in its place.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import _anonymous_label
from sqlalchemy.sql.operators import and_
from sqlalchemy.sql.selectable import FromGrouping

from backstay.dialects.guarded.attributes import SPEAKING
from backstay.dialects.guarded.bounds import SYSTEM, Bounds, Conditions
from backstay.dialects.sql.adapt import adapt
from backstay.errors import PermissionDenied
from backstay.schema.caller import CallerAttribute, SignedIn

_PLAIN_TEXT = re.compile(r"\*|[0-9]+|NULL|TRUE|FALSE", re.IGNORECASE)
_PLAIN_OPERATOR = re.compile(r"[^\s\w'\";()]+|[A-Za-z_][A-Za-z_ ]*")
_OUR_ALIAS = re.compile(r"_r[0-9]+$")


class Woven(ColumnElement[bool]):
    """Conditions on a table, to be rendered as the program's word: what they read is read whole."""

    __visit_name__ = "woven"
    inherit_cache = False
    _traverse_internals: Any = ()
    type = sa.Boolean()

    def __init__(self, source: Any, conditions: Conditions) -> None:
        table = _table_of(source)
        self.source = source
        self.conditions = conditions if source is table else tuple(adapt(each, table, source) for each in conditions)

    def self_group(self, against: Any = None) -> Any:
        """Itself: it says by itself what belongs together, and is a condition on every database."""
        return self


def _table_of(source: Any) -> Any:
    """The table behind a table, or behind an alias of one; anything else as it is."""
    bare = source._deannotate()
    return bare.element._deannotate() if isinstance(bare, sa.Alias) else bare


_Compiler: Any = SQLCompiler
"""Most of it has no types."""


class GuardedCompiler(_Compiler):  # type: ignore[misc]
    """What is compiled keeps to the bounds. Made concrete for each database by :func:`guard`."""

    bounds: ClassVar[Bounds]
    trusting: int = 0
    """How many of the elements around this one are the program's own word."""

    owner: sa.Table | None = None
    """Whose computed column the select is made for that is about to be compiled."""

    bare: frozenset[Any] = frozenset()
    """The tables and aliases whose conditions stand elsewhere in the select that is being compiled."""

    @contextmanager
    def trust(self) -> Iterator[None]:
        """Render a rule, or an expression that a model declares."""
        self.trusting += 1
        try:
            yield
        finally:
            self.trusting -= 1

    @contextmanager
    def _bared(self, sources: Iterable[Any]) -> Iterator[None]:
        before, self.bare = self.bare, frozenset(sources)
        try:
            yield
        finally:
            self.bare = before

    # Reading -------------------------------------------------------------------------------------------------

    def visit_select(self, select_stmt: Any, *arguments: Any, **kw: Any) -> Any:
        """A select; one that a default or a computed column is made of reads all there is, as it does for any door."""
        before, owner = self.trusting, self.owner
        known = select_stmt._cloned_set
        self.owner = next((self.bounds.computed[each] for each in known if each in self.bounds.computed), None)
        if not self.bounds.declared.isdisjoint(known):
            self.trusting += 1
        try:
            return super().visit_select(select_stmt, *arguments, **kw)
        finally:
            self.trusting, self.owner = before, owner

    def _setup_select_stack(self, select: Any, compile_state: Any, *arguments: Any) -> Any:
        froms = super()._setup_select_stack(select, compile_state, *arguments)
        owner, self.owner = self.owner, None
        enclosing = [each for each in compile_state.froms if each not in froms]
        # On its own it would be of all rows, those that may not be seen among them.
        if owner is not None and any(_table_of(each) is owner for each in enclosing):
            self.trusting += 1
        return froms

    def _compose_select_body(
        self,
        text: str,
        select: Any,
        compile_state: Any,
        inner_columns: Any,
        froms: Any,
        byfrom: Any,
        toplevel: bool,
        kwargs: Any,
    ) -> Any:
        kept = [] if self.trusting else [leaf for source in froms for leaf in _kept(source)]
        if kept:
            select = select.where(*self._woven(kept))
        with self._bared(kept):
            return super()._compose_select_body(
                text, select, compile_state, inner_columns, froms, byfrom, toplevel, kwargs
            )

    def visit_join(self, join: Any, asfrom: bool = False, from_linter: Any = None, **kw: Any) -> Any:
        """A join; the rules of an outer join's optional side are part of its ON."""
        kept = _kept(join.right) if join.isouter and not join.full and not self.trusting else []
        woven = self._woven(kept)
        if woven:
            join = join._clone()
            join.onclause = sa.and_(join.onclause, *woven)
        with self._bared(self.bare.union(kept)):
            return super().visit_join(join, asfrom=asfrom, from_linter=from_linter, **kw)

    def visit_table(
        self, table: Any, asfrom: bool = False, iscrud: bool = False, enclosing_alias: Any = None, **kw: Any
    ) -> Any:
        """A table; where its rule stands nowhere else, the rows of it that may be seen."""
        text: str = super().visit_table(table, asfrom=asfrom, iscrud=iscrud, enclosing_alias=enclosing_alias, **kw)
        if self.trusting or not asfrom or iscrud:
            return text
        conditions = self._visible(table)
        is_named = enclosing_alias is not None and enclosing_alias.element is table
        if not conditions or (enclosing_alias if is_named else table) in self.bare:
            return text
        rows = f"(SELECT * FROM {text} WHERE {self.process(Woven(table, conditions))})"
        if is_named:
            return rows
        if self.preparer.schema_for_object(table):
            _refuse(f"table {table.name} here", "Give it a name of its own with aliased().")
        return rows + self.get_render_as_alias_suffix(self.preparer.quote(table.name))

    def _visible(self, table: Any) -> Conditions:
        bare = table._deannotate()
        if not isinstance(bare, sa.Table):
            _refuse(f"table {table.name}", f"Rules are known of mapped classes only. {SYSTEM}")
        return self.bounds.visible(bare)

    def _woven(self, sources: Iterable[Any]) -> list[Woven]:
        found = [(source, self._visible(_table_of(source))) for source in sources]
        return [Woven(source, conditions) for source, conditions in found if conditions]

    def visit_woven(self, element: Woven, ambiguous_table_name_map: Any = None, **_kw: Any) -> Any:
        """The conditions, in which only the table they speak of is the enclosing statement's."""
        froms = {element.source}
        self.stack.append({"correlate_froms": froms, "asfrom_froms": froms, "selectable": self.stack[-1]["selectable"]})
        try:
            with self.trust():
                parts = [
                    self.process(each.self_group(and_), ambiguous_table_name_map=ambiguous_table_name_map)
                    for each in element.conditions
                ]
        finally:
            self.stack.pop()
        return " AND ".join(parts)

    # Writing -------------------------------------------------------------------------------------------------

    def visit_insert(self, insert_stmt: Any, visited_bindparam: Any = None, visiting_cte: Any = None, **kw: Any) -> Any:
        """An insert; its rows are checked when they are there."""
        self._refuse_inside(visiting_cte)
        if not self.trusting:
            self.bounds.insertable(_target(insert_stmt))
        return super().visit_insert(insert_stmt, visited_bindparam=visited_bindparam, visiting_cte=visiting_cte, **kw)

    def visit_update(self, update_stmt: Any, visiting_cte: Any = None, **kw: Any) -> Any:
        """An update of the rows that may be changed."""
        self._refuse_inside(visiting_cte)
        if not self.trusting:
            table = _target(update_stmt)
            self.bounds.kept(table)
            update_stmt = _narrow(update_stmt, table, self.bounds.changeable(table))
        return super().visit_update(update_stmt, visiting_cte=visiting_cte, **kw)

    def visit_delete(self, delete_stmt: Any, visiting_cte: Any = None, **kw: Any) -> Any:
        """A delete of the rows that may be deleted."""
        self._refuse_inside(visiting_cte)
        if not self.trusting:
            table = _target(delete_stmt)
            delete_stmt = _narrow(delete_stmt, table, self.bounds.deletable(table))
        return super().visit_delete(delete_stmt, visiting_cte=visiting_cte, **kw)

    def _refuse_inside(self, visiting_cte: Any) -> None:
        if not self.trusting and (visiting_cte is not None or self.stack):
            _refuse("a write inside a query", "Run the write on its own.")

    # The caller ----------------------------------------------------------------------------------------------

    def visit_caller_attribute(self, element: CallerAttribute, **kw: Any) -> Any:
        """``me.x``: a parameter with the caller's value."""
        value = sa.bindparam(
            f"me_{element.name}", unique=True, type_=element.type, callable_=lambda: SPEAKING.get().value(element)
        )
        return self.process(value, **kw)

    def visit_signed_in(self, element: SignedIn, **kw: Any) -> Any:
        """``signed_in``, decided."""
        return self.process(sa.true() if self.bounds.signed_in else sa.false(), **kw)

    # What cannot be seen through -----------------------------------------------------------------------------

    def visit_textclause(self, textclause: Any, add_to_result_map: Any = None, **kw: Any) -> Any:
        """Text: only what a model declares."""
        self._refuse_text(textclause)
        return super().visit_textclause(textclause, add_to_result_map=add_to_result_map, **kw)

    def visit_tstring(self, tstring: Any, add_to_result_map: Any = None, **kw: Any) -> Any:
        """A template: likewise."""
        self._refuse_text(tstring)
        return super().visit_tstring(tstring, add_to_result_map=add_to_result_map, **kw)

    def visit_column(self, column: Any, *arguments: Any, **kw: Any) -> Any:
        """A column; a literal one only where it holds no SQL to speak of."""
        if column.is_literal and not _PLAIN_TEXT.fullmatch(str(column.name)):
            self._refuse_text(column)
        return super().visit_column(column, *arguments, **kw)

    def visit_custom_op_binary(self, element: Any, operator: Any, **kw: Any) -> Any:
        """An operator by its sign or word."""
        if not self.trusting and not _PLAIN_OPERATOR.fullmatch(operator.opstring.strip()):
            _refuse("textual SQL in an operator", SYSTEM)
        return super().visit_custom_op_binary(element, operator, **kw)

    def visit_extract(self, extract: Any, **kw: Any) -> Any:
        """A part of a moment, by its name."""
        if not self.trusting and not extract.field.replace("_", "").isalnum():
            _refuse("textual SQL in extract()", SYSTEM)
        return super().visit_extract(extract, **kw)

    def get_statement_hint_text(self, hint_texts: Any) -> Any:
        """Hints are text."""
        if not self.trusting:
            _refuse("textual hints", SYSTEM)
        return super().get_statement_hint_text(hint_texts)

    def visit_alias(self, alias: Any, *arguments: Any, **kw: Any) -> Any:
        """An alias, whose name a rule could not mistake for one of its own."""
        self._refuse_name(alias)
        return super().visit_alias(alias, *arguments, **kw)

    def visit_cte(self, cte: Any, *arguments: Any, **kw: Any) -> Any:
        """A common table expression, which must not stand before a table of its name."""
        self._refuse_name(cte)
        return super().visit_cte(cte, *arguments, **kw)

    def _refuse_text(self, element: Any) -> None:
        if not self.trusting and element not in self.bounds.declared:
            _refuse("textual SQL", f"Rules cannot be woven into text: write it with select(). {SYSTEM}")

    def _refuse_name(self, alias: Any) -> None:
        name = alias.name
        if self.trusting or isinstance(name, _anonymous_label):
            return
        if name in self.bounds.names or _OUR_ALIAS.search(name):
            _refuse(f"the name {name}", "It is a table's, or could be mistaken for one of a rule's: choose another.")


def _refuse(what: str, hint: str) -> NoReturn:
    raise PermissionDenied(f"permission denied for {what}", hint=hint)


def _kept(source: Any) -> list[Any]:
    """The tables and aliases of tables in a FROM whose rows may as well be left out afterwards, in WHERE or ON."""
    if isinstance(source, FromGrouping):
        return _kept(source.element)
    if isinstance(source, sa.Join):
        if source.full:
            return []
        return _kept(source.left) + ([] if source.isouter else _kept(source.right))
    return [source] if isinstance(_table_of(source), sa.Table) else []


def _target(statement: Any) -> sa.Table:
    table = statement.table._deannotate()
    if not isinstance(table, sa.Table):
        _refuse(f"a write to {table}", SYSTEM)
    return table


def _narrow(statement: Any, table: sa.Table, conditions: Conditions) -> Any:
    return statement.where(Woven(table, conditions)) if conditions else statement


def guard(dialect: sa.Dialect, bounds: Bounds, *, trusting: bool = False) -> sa.Dialect:
    """A dialect like this one that compiles within bounds.

    Arguments:
        dialect: of the database.
        bounds: of the callers.
        trusting: compile the program's own statements: with the caller's values, and without rules.
    """
    guarded = copy.copy(dialect)
    base = dialect.statement_compiler
    guarded.statement_compiler = type(
        f"Guarded{base.__name__}", (GuardedCompiler, base), {"bounds": bounds, "trusting": int(trusting)}
    )
    return guarded
