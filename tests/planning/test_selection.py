from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch import AssetsDefinition, AssetSpec, Definitions, asset
from mlorch.definitions.graph import AssetGraph
from mlorch.errors import InvalidSelectionError
from mlorch.planning.selection import select


def made(key: str, *deps: str, **options: Any) -> AssetsDefinition:
    @asset(key=key, deps=deps, **options)
    def function() -> int:
        return 1

    return function


#   source (external) ─► flights ─► ml/features ─► ml/model ─► report ─► 2013
#   lookup (external) ──────────────────┘             └──────► ml/drift
GRAPH = Definitions(
    assets=[
        AssetSpec("source", tags={"tier": "raw"}),
        AssetSpec("lookup"),
        made("flights", "source", group_name="bronze", tags={"tier": "1", "pii": ""}),
        made("ml/features", "flights", "lookup", tags={"tier": "2"}),
        made("ml/model", "ml/features", kinds={"sklearn"}, owners=["team:ml"], tags={"c++": "a b"}),
        made("report", "ml/model", group_name="and"),
        made("ml/drift", "ml/model"),
        made("2013", "report"),
    ]
).graph
EVERYTHING = ("flights", "ml/features", "ml/model", "report", "ml/drift", "2013")


def short(expression: str | Sequence[str] | None) -> str:
    """First letters of the last parts of keys, in the order of the answer."""
    return "".join(key.rpartition("/")[2][0] for key in select(expression, GRAPH))


@pytest.mark.parametrize(
    "expression", [None, "*", " * ", "not (not *)", "**", "*flights*", "source*", "not source"]
)
def test_everything_that_can_be_made_in_topological_order(expression: str | None) -> None:
    assert select(expression, GRAPH) == EVERYTHING


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("flights", "f"),
        ("ml/model", "m"),
        ("key:ml/model", "m"),
        ("'ml/model'", "m"),
        ('key:"ml/model"', "m"),
        ("2013", "2"),
        # one level for each plus
        ("+ml/model", "fm"),
        ("++ml/model", "ffm"),
        ("2+ml/model", "ffm"),
        ("0+ml/model", "m"),
        ("9+ml/model", "ffm"),
        ("*ml/model", "ffm"),
        ("ml/model+", "mrd"),
        ("ml/model++", "mrd2"),
        ("ml/model+2", "mrd2"),
        ("ml/model*", "mrd2"),
        ("+ml/model+", "fmrd"),
        ("1+ml/model+2", "fmrd2"),
        ("+key:ml/model", "fm"),
        ("key:ml/model+1", "mrd"),
        ('+"ml/model"+', "fmrd"),
        ("2013+", "2"),
        ("1+2013", "r2"),
        ("1+2013+1", "r2"),
        ("source+", "f"),
        ("source++", "ff"),
        ("+flights", "f"),
        # wildcards
        ("key:ml/*", "fmd"),
        ("key:*l/*", "fmd"),
        ("key:*2*", "2"),
        ("key:'*s'", "ff"),
        ("+key:*model", "fm"),
        ("key:'*model'*", "mrd2"),
        ("key:*", "ffmrd2"),
        # groups and the like
        ("group:bronze", "f"),
        ("group:bronze+", "ff"),
        ("*group:'and'", "ffmr"),
        ("kind:sklearn", "m"),
        ("owner:team:ml", "m"),
        ("tag:tier", "ff"),
        ("tag:tier=2", "f"),
        ("tag:pii", "f"),
        ("tag:pii=''", "f"),
        ("tag:'c++'=\"a b\"", "m"),
        ("+tag:tier=2", "ff"),
        # operators
        ("flights and *", "f"),
        ("flights or ml/model", "fm"),
        ("flights or report and not report", "f"),
        ("(flights or report) and not report", "f"),
        ("not flights and not report", "fmd2"),
        ("NOT flights AND report Or 2013", "r2"),
        ("(flights or report)+", "ffr2"),
        ("+(ml/drift)", "md"),
        ("not+flights", "fmrd2"),
        ("(flights)or(report)", "fr"),
        ("flights\n  or report", "fr"),
        ("*flights and flights*", "f"),
        # lists
        (["report", "flights", "report"], "fr"),
        (("+ml/drift", "2013"), "md2"),
        ([], ""),
        ("flights and report", ""),
        (["flights", "source"], "f"),
    ],
)
def test_what_is_meant(expression: str | Sequence[str], expected: str) -> None:
    assert short(expression) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("ml/modle", "there is no asset 'ml/modle'; did you mean 'ml/model'?"),
        ("flights or reprot+", "there is no asset 'reprot'; did you mean 'report'?"),
        ("''", "there is no asset ''"),
        ("ml/*", "there is no asset 'ml/'; for a wildcard write key:ml/*"),
        ("*rt", "there is no asset 'rt'; for a wildcard write key:*rt"),
        ("key:x*", "no asset has a key like 'x*'"),
        ("group:bronce", "no asset has the group 'bronce'; did you mean 'bronze'?"),
        ("kind:c++", "no asset has the kind 'c'"),
        ("owner:team:mk", "no asset has the owner 'team:mk'; did you mean 'team:ml'?"),
        ("tag:teir", "no asset has the tag 'teir'; did you mean 'tier'?"),
        ("tag:tier=3", "no asset has the tag 'tier=3'; did you mean 'tier=2'?"),
        ("source", "'source' is external: it is made elsewhere; 'source+' selects what reads it"),
        (
            ["source", "not *"],
            "'lookup' is external: it is made elsewhere; 'lookup+' selects what reads it",
        ),
    ],
)
def test_what_is_not_there(expression: str | Sequence[str], message: str) -> None:
    with pytest.raises(InvalidSelectionError) as caught:
        select(expression, GRAPH)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("expression", "column", "message"),
    [
        ("", 0, "expected an asset"),
        ("()", 1, "expected an asset"),
        ("flights and", 11, "expected an asset"),
        ("and", 0, "expected an asset"),
        ("flights or or report", 11, "expected an asset"),
        ("+", 1, "expected an asset"),
        ("+ flights", 1, "expected an asset"),
        ("flights report", 8, "expected 'and' or 'or'"),
        ("flights\t report", 9, "expected 'and' or 'or'"),
        ("flights + report", 8, "expected 'and' or 'or'"),
        ("a*b", 2, "expected 'and' or 'or'"),
        ("flights)", 7, "expected 'and' or 'or'"),
        ("(flights report)", 0, "expected 'and', 'or' or ')'"),
        ("not (flights", 4, "this '(' is never closed"),
        ("'flights", 0, "this quote is never closed"),
        ('group:"x', 6, "this quote is never closed"),
        ("flights, report", 7, "a comma joins nothing: write 'or', or give a list"),
        ("group:", 6, "expected a value"),
        ("tag:tier=", 9, "expected a value"),
        ("flights or gruop:x", 11, "there is no filter 'gruop'; did you mean 'group'?"),
        ("zzz:x", 0, "there is no filter 'zzz'; there are key:, group:, kind:, owner:, tag:"),
    ],
)
def test_a_mistake_is_shown_where_it_is(expression: str, column: int, message: str) -> None:
    with pytest.raises(InvalidSelectionError) as caught:
        select(expression, GRAPH)
    what, line, caret = str(caught.value).split("\n")
    assert message in what
    assert line[4:].split() == expression.split()
    assert caret == " " * (4 + column) + "^"


# ---------------------------------------------------------------------------------------------------- algebra

NAMES = [f"a{number}" for number in range(8)]


@lru_cache
def random_graph(seed: int) -> AssetGraph:
    """Eight assets, of which some are external, and two that see to it that each filter finds something."""
    rng = random.Random(seed)
    assets: list[AssetSpec | AssetsDefinition] = []
    for number, name in enumerate(NAMES):
        deps = rng.sample(NAMES[:number], k=min(number, rng.randrange(4)))
        tags = {tag: rng.choice("12") for tag in "tu" if rng.random() < 0.5}
        is_external = rng.random() < 0.25
        assets.append(
            AssetSpec(name, tags=tags) if is_external else made(name, *deps, tags=tags, group_name="g")
        )
    return Definitions(
        assets=[*assets, made("y", group_name="g", tags={"t": "1"}), made("z", group_name="h")]
    ).graph


GRAPHS = st.integers(0, 50).map(random_graph)
ATOMS = st.sampled_from([*NAMES, "z", "*", "group:g", "group:h", "tag:t", "tag:t=1", "key:a*", "key:*"])
LEVELS = st.sampled_from(["", "+", "++", "*"])
TERMS = st.recursive(
    st.builds("({}{}{})".format, LEVELS, ATOMS.map("({})".format), LEVELS),
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("(not {})".format, inner)
        | st.builds("({}{}{})".format, LEVELS, inner, LEVELS)
    ),
    max_leaves=5,
)


def answer(expression: str | Sequence[str], graph: AssetGraph) -> tuple[str, ...] | str:
    try:
        return select(expression, graph)
    except InvalidSelectionError as error:  # only external assets
        return str(error)


def same(graph: AssetGraph, one: str, other: str) -> bool:
    return answer(one, graph) == answer(other, graph)


@settings(max_examples=40, deadline=None)
@given(GRAPHS, TERMS, TERMS, TERMS)
def test_the_algebra_of_sets_holds(graph: AssetGraph, a: str, b: str, c: str) -> None:
    assert same(graph, f"not not {a}", a)
    assert same(graph, f"not ({a} and {b})", f"not {a} or not {b}")
    assert same(graph, f"not ({a} or {b})", f"not {a} and not {b}")
    assert same(graph, f"{a} and {b} or {c}", f"({a} and {b}) or {c}")
    assert same(graph, f"{a} or {b} and {c}", f"{a} or ({b} and {c})")
    assert same(graph, f"not {a} and {b}", f"(not {a}) and {b}")
    assert same(graph, f"{a} and ({b} or {c})", f"{a} and {b} or {a} and {c}")
    assert answer([a, b, c], graph) == answer(f"{a} or {b} or {c}", graph)


@settings(max_examples=40, deadline=None)
@given(GRAPHS, TERMS, st.integers(0, 4))
def test_levels_are_steps(graph: AssetGraph, term: str, levels: int) -> None:
    assert same(graph, "+" * levels + term, f"{levels}+{term}")
    assert same(graph, term + "+" * levels, f"{term}+{levels}")
    assert same(graph, f"*{term}", f"{len(NAMES)}+{term}")
    assert same(graph, f"{term}*", f"{term}+{len(NAMES)}")
    assert same(graph, f"+{term}+", f"+{term} or {term}+")


@settings(max_examples=40, deadline=None)
@given(GRAPHS, TERMS)
def test_the_answer_is_in_topological_order_without_external_assets(graph: AssetGraph, term: str) -> None:
    chosen = select([term, "z"], graph)
    assert not any(graph.nodes[key].is_external for key in chosen)
    for number, key in enumerate(chosen):
        assert not set(graph.nodes[key].upstream) & set(chosen[number:])


@settings(max_examples=40, deadline=None)
@given(GRAPHS, st.sampled_from(NAMES))
def test_upstream_is_downstream_read_backwards(graph: AssetGraph, key: str) -> None:
    own = [one for one in NAMES if not graph.nodes[one].is_external]
    above = {one for one in own if key in select(f"{one}*", graph)}
    if key in own:
        assert set(select(f"*{key}", graph)) == above
