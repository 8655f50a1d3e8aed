"""``advise(plan, uses, features) -> advice``: the indexes that would help a statement, as a program declares them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

import sqlalchemy as sa

from backstay.dialects.features import Features
from backstay.dialects.profile.access import Access, Inside, Ordered, accesses
from backstay.dialects.profile.uses import Use, counted
from backstay.plan.guard import Plan
from backstay.query.operators import Takes
from backstay.schema.naming import join_names

_MOST: Final = 4
"""Columns that are compared for being equal in one index: more tell few rows apart."""
_FEW: Final = 1000
"""Rows that may be looked at in vain."""
_WITHIN: Final = {"cs", "cd", "ov"}


@dataclass(frozen=True, slots=True)
class Advice:
    """An index that would help.

    Arguments:
        table: whose.
        declaration: what the program would say.
        place: where it would say so.
        reason: what the database does without it.
    """

    table: sa.Table
    declaration: str
    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.declaration}"


def advise(plan: Plan, uses: Sequence[Use], features: Features) -> tuple[Advice, ...]:
    """The indexes that the tables do not declare, and with which a statement would look at fewer rows.

    Whether a table is large enough to be worth an index is not known here.

    Arguments:
        plan: of the statement.
        uses: what the database does with its tables.
        features: what the database can do.
    """
    found: dict[str, Advice] = {}
    for access in accesses(plan, native_order=features.native_order):
        use = counted(uses, access.name)
        if use is not None and not (access.served is not None and access.served.view):
            for advice in _Advising(access, use, features, plan.schema.search_language).run():
                found.setdefault(advice.declaration, advice)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Advising:
    access: Access
    use: Use
    features: Features
    language: str

    def run(self) -> Iterator[Advice]:
        access, use = self.access, self.use
        if self.is_unique(access.single):
            return
        columns = self.columns()
        if columns and self.would_help(columns):
            written = [self.written(each) for each in columns]
            if not _covered(access.table, written, many=len(access.single)):
                yield self.index(written, [each.column for each in columns])
            return
        if use.scanned and not access.single:
            if access.either:
                for column in dict.fromkeys(access.either):
                    if not _covered(access.table, [column], many=1):
                        yield self.index([column], [column])
            else:
                yield from self.special()

    # An index that finds values --------------------------------------------------------------------------------

    def columns(self) -> list[Ordered]:
        """The columns of the index: those with one value, then a list or the order, then a range."""
        access = self.access
        single = access.single[:_MOST]
        taken = list(single)
        ordered: list[Ordered] = []
        listed = next((column for column in access.listed if column not in taken), None)
        if listed is not None:
            taken.append(listed)
        elif access.cut or single or not access.order:
            ordered = self.sorted_by(taken)
            taken += [each.column for each in ordered]
        if not single and listed is None and not access.cut and not access.ranges:
            return []
        ranged = next((column for column in access.ranges if column not in taken), None)
        plain = [*single, *([listed] if listed is not None else [])]
        found = [_plain(column) for column in plain] + ordered
        return [*found, _plain(ranged)] if ranged is not None else found

    def sorted_by(self, single: Sequence[str]) -> list[Ordered]:
        """The terms of the order that an index can give: as many as go one way."""
        found: list[Ordered] = []
        for term in self.access.order:
            if term.column in single:
                continue
            if found and (not self.natural(term) or term.descending != found[0].descending):
                break
            if found and not self.natural(found[0]):
                break
            found.append(term)
            if self.is_unique([*single, *[each.column for each in found]]):
                break
        return found

    def natural(self, term: Ordered) -> bool:
        """Whether NULLs, if there can be any, stand where the database's indexes have them."""
        return not term.nullable or (term.nulls_first == term.descending) is self.features.nulls_above

    def written(self, term: Ordered) -> str:
        """A column as the declaration of an index has it."""
        if self.natural(term) or not self.features.nulls_above:
            return term.column
        # Only so are its NULLs where they are asked for.
        way = f"{'DESC' if term.descending else 'ASC'} NULLS {'FIRST' if term.nulls_first else 'LAST'}"
        return f"{term.column} {way}"

    def would_help(self, columns: Sequence[Ordered]) -> bool:
        """Whether the database looks at rows in vain, or sorts what an index could have in order."""
        use, access = self.use, self.access
        if use.scanned and (access.single or access.listed or access.ranges):
            return True
        sought = [*access.single[:_MOST], *access.listed[:1], *access.ranges[:1]]
        if use.sorted and any(term.column not in sought for term in columns):
            return True
        vain = use.removed is None or use.removed >= _FEW
        return not use.scanned and vain and not all(use.seeks(column) for column in sought)

    def index(self, written: Sequence[str], columns: Sequence[str]) -> Advice:
        """An index of columns, each with its way to go where that matters."""
        parts = [f'"{each}"' if each in columns else f'text("{each}")' for each in written]
        name = join_names(f"ix_{self.access.table.name}", "_".join(columns), "")
        return self.advice(f'Index("{name}", {", ".join(parts)})')

    # Indexes of what is inside -----------------------------------------------------------------------------------

    def special(self) -> Iterator[Advice]:
        """Indexes of words, parts of texts, and members of documents and arrays."""
        for inside in self.access.inside[:1]:
            if inside.takes is Takes.TERMS:
                yield from self.search(inside)
            elif self.features.inverted_indexes:
                yield from self.inverted(inside)

    def search(self, inside: Inside) -> Iterator[Advice]:
        access = self.access
        column = access.table.c[inside.column]
        if column.type.__class__.__name__ == "TSVECTOR":
            yield from self.inverted(inside)
            return
        if access.served is None or access.served.model is None:
            return
        searched = access.served.search
        if inside.language not in (None, self.language):
            if self.features.inverted_indexes and str(inside.language).isidentifier():
                document = f"func.to_tsvector(text(\"'{inside.language}'\"), {self.owner()}.{inside.column})"
                name = join_names(f"ix_{access.table.name}", f"{inside.column}_{inside.language}", "")
                yield self.advice(f'Index("{name}", {document}, postgresql_using="gin")')
        elif inside.column not in searched:
            columns = ", ".join(f"{self.owner()}.{name}" for name in (*searched, inside.column))
            yield Advice(access.table, f"search=[{columns}]", f"app.resource({self.owner()}, ...)", self.reason())

    def inverted(self, inside: Inside) -> Iterator[Advice]:
        column = inside.column
        kind = self.access.table.c[column].type
        name = join_names(f"ix_{self.access.table.name}", column, "")
        if any(_names(index)[:1] == [column] and index.dialect_kwargs for index in self.access.table.indexes):
            return
        if inside.takes is Takes.PATTERN:
            trigrams = f'postgresql_ops={{"{column}": "gin_trgm_ops"}}'
            yield self.advice(f'Index("{name}_trgm", "{column}", postgresql_using="gin", {trigrams})')
        elif _is_range(kind):
            if inside.operator != "adj":
                yield self.advice(f'Index("{name}", "{column}", postgresql_using="gist")')
        elif inside.takes is Takes.TERMS or (
            inside.operator in _WITHIN and (isinstance(kind, sa.ARRAY) or inside.operator == "cs")
        ):
            yield self.advice(f'Index("{name}", "{column}", postgresql_using="gin")')

    # Words -----------------------------------------------------------------------------------------------------

    def advice(self, declaration: str) -> Advice:
        model = self.access.served.model if self.access.served is not None else None
        place = f"{model.__name__}.__table_args__" if model is not None else self.access.table.name
        return Advice(self.access.table, declaration, place, self.reason())

    def owner(self) -> str:
        model = self.access.served.model if self.access.served is not None else None
        return model.__name__ if model is not None else self.access.table.name

    def reason(self) -> str:
        use = self.use
        name = self.access.table.name
        if use.scanned and use.index is not None:
            return f"{name} is read along {use.index}, most of it in vain"
        if use.scanned:
            return f"{name} is read whole{', then sorted' if use.sorted else ''}"
        if use.sorted:
            return f"what is found in {name} is sorted before it is cut"
        return f"rows of {name} are looked at in vain"

    def is_unique(self, columns: Sequence[str]) -> bool:
        """Whether these columns tell all rows apart."""
        uniques = [set(each.columns.keys()) for each in self.access.table.constraints if _is_key(each)]
        uniques += [set(_names(each)) for each in self.access.table.indexes if each.unique and _is_whole(each)]
        return any(unique and unique <= set(columns) for unique in uniques)


def _plain(column: str) -> Ordered:
    return Ordered(column, descending=False, nulls_first=False)


def _covered(table: sa.Table, columns: Sequence[str], *, many: int) -> bool:
    """Whether an index begins with these columns, the first ``many`` of them in any order."""
    known = [each.columns.keys() for each in table.constraints if _is_key(each)]
    known += [_names(each) for each in table.indexes if _is_whole(each)]
    many = min(many, _MOST)
    return any(
        set(names[:many]) == set(columns[:many]) and list(names[many : len(columns)]) == list(columns[many:])
        for names in known
        if len(names) >= len(columns)
    )


def _is_key(constraint: sa.Constraint) -> TypeGuard[sa.PrimaryKeyConstraint | sa.UniqueConstraint]:
    return isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint)


def _is_whole(index: sa.Index) -> bool:
    """Whether an index finds values of all rows."""
    options = {name: value for name, value in index.dialect_kwargs.items() if value}
    return not any(name.endswith(("_where", "_using", "_ops")) for name in options)


def _names(index: sa.Index) -> list[str]:
    """The columns of an index as a declaration has them: by name, and with the place of NULLs where it says one."""
    found: list[str] = []
    for expression in index.expressions:
        words = str(expression).rpartition(".")[2]  # without the table's name
        name, _, way = words.partition(" ")
        if index.table is None or name not in index.table.c:
            break
        found.append(words if "NULLS" in way else name)
    return found


def _is_range(kind: object) -> bool:
    return type(kind).__name__.endswith("RANGE")
