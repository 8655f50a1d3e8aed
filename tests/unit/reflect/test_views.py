"""Where the columns of a view come from."""

from __future__ import annotations

from backstay.dialects.reflect.views import Views, origins

# What PostgreSQL 15 keeps of: SELECT id, name AS "the name", upper(name) AS loud FROM t, shortened.
TREE = (
    "({QUERY :commandType 1 :querySource 0 :rtable ({RTE :alias {ALIAS :aliasname old :colnames <>} "
    ':eref {ALIAS :aliasname t :colnames ("id" "name")} :targetList ({TARGETENTRY :expr <> :resno 9 :resorigtbl 9 '
    ":resorigcol 9 :resjunk false})} ) :jointree {FROMEXPR :fromlist ({RANGETBLREF :rtindex 3}) :quals <>} "
    ":targetList ({TARGETENTRY :expr {VAR :varno 3 :varattno 1 :location 7} :resno 1 :resname id :ressortgroupref 0 "
    ":resorigtbl 100 :resorigcol 1 :resjunk false} {TARGETENTRY :expr {VAR :varno 3 :varattno 2} :resno 2 "
    ":resname the\\ name\\} :ressortgroupref 0 :resorigtbl 100 :resorigcol 2 :resjunk false} "
    "{TARGETENTRY :expr {FUNCEXPR :funcid 871 :args ({TARGETENTRY :resno 5 :resorigtbl 7 :resorigcol 7}) :location 12} "
    ":resno 3 :resname loud :ressortgroupref 0 :resorigtbl 0 :resorigcol 0 :resjunk false}) :override 0 "
    ":returningList ({TARGETENTRY :expr <> :resno 8 :resorigtbl 8 :resorigcol 8 :resjunk false})})"
)


def test_columns_that_are_columns_of_a_table_are_told_with_them() -> None:
    assert dict(origins(TREE)) == {1: (100, 1), 2: (100, 2)}


def test_a_tree_without_a_target_list_tells_nothing() -> None:
    assert dict(origins("")) == dict(origins("({QUERY :commandType 5})")) == {}


def test_views_upon_views_lead_to_the_table() -> None:
    views = Views({100: TREE.replace("100", "50"), 200: TREE})
    assert views.columns(200) == {1: (50, 1), 2: (50, 2)}
    assert views.columns(7) == {}


def test_views_upon_themselves_end() -> None:
    views = Views({100: TREE})
    assert views.origin(100, 1) == (100, 1)
