"""Drawing rules, callers and queries at random."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import strategies as st

from backstay.query.nodes import Connective, Quantifier
from oracle.asking import OPERATORS, SEARCHES, Asking, Embedding, Filtering, Rules, Tree
from oracle.logic import (
    LINKS,
    All,
    ColumnIs,
    ColumnIsMine,
    Columns,
    Constant,
    IsNull,
    Like,
    Member,
    Mine,
    Not,
    OneOf,
    Related,
    SignedIn,
    Some,
    Term,
)
from oracle.models import PRICES, WORDS

VALUES: dict[str, dict[str, list[Any]]] = {
    "people": {"id": [1, 2, 5], "name": WORDS, "level": [0, 1, 2, 3], "boss_id": [1, 2, 3]},
    "boxes": {"id": [1, 2, 5], "label": WORDS, "open": [True, False], "keeper_id": [1, 3, 6]},
    "items": {
        "id": [1, 5, 20],
        "size": [-2, 0, 1, 4],
        "flag": [True, False],
        "word": WORDS,
        "price": PRICES,
        "box_id": [1, 2, 5],
        "owner_id": [1, 2, 6],
    },
    "marks": {"item_id": [1, 5, 20], "person_id": [1, 2, 6]},
}
TEXTS = {"name", "label", "word"}
TRUTHS = {"flag", "open"}
NUMBERS = {table: [c for c in columns if c not in TEXTS | TRUTHS] for table, columns in VALUES.items()}
PATTERNS = ["%", "a%", "%b%", "_", "A", "%\\%", "é", "a\\_c"]
EQUALITY = ["==", "!="]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]


def operators(column: str) -> list[str]:
    # The order of texts is the database's own, so rules may not ask for it.
    return EQUALITY if column in TRUTHS | TEXTS else COMPARISONS


@cache
def leaf(table: str) -> st.SearchStrategy[Term]:
    columns = VALUES[table]
    valued = st.sampled_from(sorted(columns)).flatmap(
        lambda column: st.builds(
            ColumnIs, st.just(column), st.sampled_from(operators(column)), st.sampled_from(columns[column])
        )
    )
    keys = [column for column in columns if column.endswith("id")]
    terms: list[st.SearchStrategy[Term]] = [
        valued,
        valued,
        st.builds(ColumnIsMine, st.sampled_from(keys), st.sampled_from(EQUALITY), st.sampled_from(["id", "boss_id"])),
        st.builds(ColumnIsMine, st.sampled_from(NUMBERS[table]), st.sampled_from(COMPARISONS), st.just("aal")),
        st.builds(IsNull, st.sampled_from(sorted(columns))),
        st.sampled_from(sorted(columns)).flatmap(
            lambda column: st.builds(OneOf, st.just(column), st.lists(st.sampled_from(columns[column])).map(tuple))
        ),
        st.builds(Mine, st.sampled_from(["level", "aal"]), st.sampled_from(COMPARISONS), st.integers(0, 3)),
        st.just(SignedIn()),
        st.builds(Constant, st.booleans()),
    ]
    texts = sorted(set(columns) & TEXTS)
    if texts:
        terms.append(st.builds(Like, st.sampled_from(texts), st.sampled_from(PATTERNS), st.booleans()))
    numbers = NUMBERS[table]
    if len(numbers) > 1:
        terms.append(
            st.builds(Columns, st.sampled_from(numbers), st.sampled_from(COMPARISONS), st.sampled_from(numbers))
        )
    return st.one_of(terms)


@cache
def rule(table: str, depth: int = 2) -> st.SearchStrategy[Term]:
    found = leaf(table)
    if depth == 0:
        return found
    inner = rule(table, depth - 1)
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    choices: list[st.SearchStrategy[Term]] = [
        found,
        st.builds(All, several),
        st.builds(Some, several),
        st.builds(Not, inner),
    ]
    choices += [st.builds(Related, st.just(name), rule(link.target, depth - 1)) for name, link in LINKS[table].items()]
    if table == "items":
        choices.append(st.builds(Member, st.just("box_id"), st.just("boxes"), st.just("id"), rule("boxes", depth - 1)))
        choices.append(st.builds(Member, st.just("id"), st.just("marks"), st.just("item_id"), leaf("marks")))
    return st.one_of(choices)


def rules() -> st.SearchStrategy[Rules]:
    """A select rule for each table; sometimes none."""
    return st.fixed_dictionaries(
        {
            "items": rule("items"),
            "boxes": st.one_of(rule("boxes", 1), st.just(Constant(True))),
            "people": st.one_of(rule("people", 1), st.just(Constant(True))),
            "marks": st.one_of(leaf("marks"), st.just(Constant(True)), st.just(Constant(True)), st.none()),
        }
    )


def negations() -> st.SearchStrategy[Rules]:
    """Rules that deny a combination of comparisons, some of them with the caller."""
    mine = st.builds(ColumnIsMine, st.just("owner_id"), st.just("=="), st.just("id"))
    several = st.lists(st.one_of(mine, leaf("items")), min_size=2, max_size=3).map(tuple)
    everything = {"boxes": st.just(Constant(True)), "people": st.just(Constant(True)), "marks": st.just(Constant(True))}
    denied = st.builds(Not, st.one_of(st.builds(All, several), st.builds(Some, several)))
    return st.fixed_dictionaries({"items": denied, **everything})


def rules_of_links() -> st.SearchStrategy[Rules]:
    """Rules that keep back nothing but links between others."""
    everything = {table: st.just(Constant(True)) for table in ("items", "boxes", "people")}
    return st.fixed_dictionaries({"marks": leaf("marks"), **everything})


@cache
def test(table: str) -> st.SearchStrategy[Filtering]:
    columns = VALUES[table]

    # Strategies take long to make: what is drawn time and again is made once.
    @cache
    def of(column: str) -> st.SearchStrategy[Filtering]:
        names = ["eq", "neq"] if column in TRUTHS else list(OPERATORS)
        values = st.sampled_from(columns[column])
        words = ["null", "not_null"] + (["true", "false"] if column in TRUTHS else [])
        choices = [
            st.builds(Filtering, st.just(column), st.sampled_from([*names, "isdistinct"]), values, st.booleans()),
            st.builds(
                Filtering, st.just(column), st.just("in"), st.lists(values, max_size=3).map(tuple), st.booleans()
            ),
            st.builds(Filtering, st.just(column), st.just("is"), st.sampled_from(words), st.booleans()),
            st.builds(
                Filtering,
                st.just(column),
                st.sampled_from([name for name in names if name != "neq"]),
                st.lists(st.one_of(values, st.none()), max_size=3).map(tuple),
                st.booleans(),
                st.sampled_from(Quantifier),
            ),
        ]
        if column in TEXTS:
            patterns = st.sampled_from(["*", "a*", "*B*", "_", "a_c"])
            choices.append(
                st.builds(Filtering, st.just(column), st.sampled_from(["like", "ilike"]), patterns, st.booleans())
            )
            searches = st.sampled_from(sorted(SEARCHES))
            choices.append(st.builds(Filtering, st.just(column), st.just("wfts"), searches, st.booleans()))
        return st.one_of(choices)

    return st.sampled_from(sorted(columns)).flatmap(of)


@cache
def filters(table: str, depth: int = 2) -> st.SearchStrategy[Filtering | Tree]:
    if depth == 0:
        return test(table)
    tree = st.builds(
        Tree,
        st.sampled_from(Connective),
        st.lists(filters(table, depth - 1), min_size=1, max_size=3).map(tuple),
        st.booleans(),
    )
    return st.one_of(test(table), tree)


@cache
def asking(table: str, depth: int = 2, *, root: bool = True) -> st.SearchStrategy[Asking]:
    columns = st.lists(st.sampled_from(sorted(VALUES[table])), min_size=1, max_size=3, unique=True)
    embeds: st.SearchStrategy[tuple[Embedding, ...]] = st.just(())
    links = LINKS[table]
    if depth and links:

        def drawn(target: str) -> st.SearchStrategy[Asking]:
            return st.one_of(asking(target, depth - 1, root=False), aggregated(target, 0, 1))

        embeds = related(table, drawn, to_one=False, most=2)
    plain = st.builds(
        Asking,
        st.just(table),
        columns.map(lambda found: tuple(dict.fromkeys(["id", *found])) if table != "marks" else tuple(found)),
        st.lists(filters(table), max_size=2).map(tuple),
        embeds,
        st.booleans(),
        st.one_of(st.none(), st.integers(0, 8)),
        st.integers(0, 4) if root else st.just(0),
        st.booleans() if root else st.just(False),
        spreads=related(table, plain_one) if depth else st.just(()),
    )
    return st.one_of(plain, plain, plain, aggregated(table)) if root else plain


@cache
def aggregated(table: str, keys: int = 2, depth: int = 2) -> st.SearchStrategy[Asking]:
    """Groups: without an order, so without a page."""
    wanted = [("count", ""), *[("count", column) for column in VALUES[table]]]
    wanted += [(name, column) for name in ("sum", "max", "min") for column in NUMBERS[table]]
    return st.builds(
        Asking,
        st.just(table),
        st.lists(st.sampled_from(sorted(VALUES[table])), max_size=keys, unique=True).map(tuple),
        st.lists(filters(table), max_size=2).map(tuple),
        embeds=related(table, plain_one, to_one=False) if keys and depth else st.just(()),
        counted=st.booleans() if depth == 2 else st.just(False),
        aggregates=st.lists(st.sampled_from(wanted), min_size=1, max_size=3, unique=True).map(tuple),
        spreads=related(table, lambda target: aggregated(target, keys, depth - 1)) if depth else st.just(()),
    )


def plain_one(table: str) -> st.SearchStrategy[Asking]:
    return asking(table, 0, root=False)


def related(
    table: str, drawn: Callable[[str], st.SearchStrategy[Asking]], *, to_one: bool = True, most: int = 1
) -> st.SearchStrategy[tuple[Embedding, ...]]:
    """Relations, ``most`` of them; ``to_one``: each to one row alone."""
    links = {name: link for name, link in LINKS[table].items() if link.to_one or not to_one}
    if not links:
        return st.just(())

    @cache
    def one(name: str) -> st.SearchStrategy[Embedding]:
        return st.builds(Embedding, st.just(name), drawn(links[name].target), st.booleans())

    found = st.sampled_from(sorted(links)).flatmap(one)
    return st.lists(found, max_size=most, unique_by=lambda each: each.relation).map(tuple)
