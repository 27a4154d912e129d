"""Selections as values, as lists, and by the laws of sets and levels."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch import (
    AssetKey,
    AssetOut,
    AssetsDefinition,
    AssetSelection,
    AssetSpec,
    Definitions,
    asset,
    define_asset_job,
    materialize,
    multi_asset,
)
from mlorch.definitions.graph import AssetGraph
from mlorch.errors import InvalidSelectionError
from mlorch.planning.selection import select


def made(key: str, *deps: str, **options: Any) -> AssetsDefinition:
    @asset(key=key, deps=deps, **options)
    def function() -> int:
        return 1

    return function


#   source (external) ─► flights ─► ml/features ─► ml/model ─► report
#                                        └───────► ml/drift
flights = made("flights", "source", group_name="bronze", tags={"tier": "1"})
model = made("ml/model", "ml/features", kinds={"sklearn"}, owners=["team:ml"], tags={"tier": "2"})
DEFS = Definitions(
    assets=[
        AssetSpec("source", group_name="bronze", tags={"tier": "raw"}),
        flights,
        made("ml/features", "flights"),
        model,
        made("ml/drift", "ml/features"),
        made("report", "ml/model"),
    ]
)
S = AssetSelection


def keys(selection: AssetSelection) -> set[str]:
    return {str(key) for key in selection.resolve(DEFS)}


EVERYTHING = {"flights", "ml/features", "ml/model", "ml/drift", "report"}


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (S.all(), EVERYTHING),
        (S.all(include_sources=True), {"source", *EVERYTHING}),
        (S.assets("report", flights, AssetKey(["ml", "drift"])), {"report", "flights", "ml/drift"}),
        (S.keys(["ml", "model"], "source"), {"ml/model", "source"}),
        (S.keys(), set()),
        (S.groups("bronze"), {"flights"}),
        (S.groups("bronze", include_sources=True), {"flights", "source"}),
        (
            S.groups("bronze", "default") - S.keys("report"),
            {"flights", "ml/features", "ml/model", "ml/drift"},
        ),
        (S.tag("tier", "1"), {"flights"}),
        (S.tag("tier", "raw"), set()),
        (S.tag("tier", "raw").downstream(1), {"flights"}),
        (S.tag("tier", "raw", include_sources=True).downstream(1), {"flights", "source"}),
        (S.tag_string("tier"), {"flights", "ml/model"}),
        (S.kind("sklearn"), {"ml/model"}),
        (S.kind(None), EVERYTHING - {"ml/model"}),
        (S.owner("team:ml"), {"ml/model"}),
        (S.owner(None), EVERYTHING - {"ml/model"}),
        (S.key_prefixes("ml"), {"ml/features", "ml/model", "ml/drift"}),
        (S.key_prefixes(["ml", "model"], "report"), {"ml/model", "report"}),
        (S.key_substring("r"), {"ml/features", "ml/drift", "report"}),
        (S.assets(model).upstream(), {"flights", "ml/features", "ml/model"}),
        (S.assets(model).upstream(depth=1), {"ml/features", "ml/model"}),
        (S.assets(model).upstream(depth=0), {"ml/model"}),
        (S.assets(model).upstream(include_self=False), {"flights", "ml/features"}),
        (S.keys("flights").downstream(depth=2), {"flights", "ml/features", "ml/model", "ml/drift"}),
        (S.keys("ml/features").downstream(include_self=False), {"ml/model", "ml/drift", "report"}),
        (S.all().roots(), {"flights"}),
        (S.all().sources(), {"flights"}),
        (S.all().sinks(), {"ml/drift", "report"}),
        (S.key_prefixes("ml").roots(), {"ml/features"}),
        (S.key_prefixes("ml").sinks(), {"ml/model", "ml/drift"}),
        (S.all().upstream_source_assets(), {"source"}),
        (S.keys("report").upstream_source_assets(), set()),
        (S.all(include_sources=True).materializable(), EVERYTHING),
        (S.keys("report").required_multi_asset_neighbors(), {"report"}),
        (S.all().without_checks(), EVERYTHING),
        (S.key_prefixes("ml") & S.keys("report").upstream(), {"ml/features", "ml/model"}),
        (S.keys("report") | S.keys("source") | S.keys("flights"), {"report", "source", "flights"}),
        (S.from_string("key:ml/* and not kind:sklearn"), {"ml/features", "ml/drift"}),
        (S.from_string("is:external and group:bronze"), {"source"}),
        (S.from_string("group:bronze"), {"flights"}),
        (S.from_string("not group:bronze"), EVERYTHING - {"flights"}),
        (S.from_coercible(["+ml/model", "report"]), EVERYTHING - {"ml/drift"}),
        (S.from_coercible(flights), {"flights"}),
    ],
)
def test_the_algebra_finds_what_its_names_say(selection: AssetSelection, expected: set[str]) -> None:
    assert keys(selection) == expected


@pytest.mark.parametrize(
    "selection",
    [
        "ml/model or report",
        ["ml/model", "report"],
        [AssetKey(["ml", "model"]), "report"],
        (model, AssetKey("report")),
        S.keys("ml/model", "report"),
        [S.assets(model), S.keys("report")],
        DEFS.graph.nodes["ml/model"].spec.key,
    ],
)
def test_a_selection_may_be_given_in_many_ways(selection: Any) -> None:
    job = define_asset_job("nightly", selection)
    expected = ("ml/model",) if isinstance(selection, AssetKey) else ("ml/model", "report")
    assert select(selection, DEFS.graph) == select(job.selection, DEFS.graph) == expected


def test_assets_are_resolved_among_assets_and_graphs() -> None:
    assert S.all().resolve(DEFS.assets) == S.all().resolve(DEFS.graph) == S.all().resolve(DEFS)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (S.keys("ml/modle"), "there is no asset 'ml/modle'; did you mean 'ml/model'?"),
        (S.groups("bronce"), "no asset has the group 'bronce'; did you mean 'bronze'?"),
        (S.tag("tier", "3"), "no asset has the tag 'tier=3'; did you mean 'tier=2'?"),
        (S.key_prefixes("lm"), "no asset has a key that begins with 'lm/'"),
        (S.key_substring("zz"), "no asset has a key with 'zz' in it"),
        (S.all() - S.kind("torch"), "no asset has the kind 'torch'"),
    ],
)
def test_an_unknown_name_is_an_error(selection: AssetSelection, message: str) -> None:
    with pytest.raises(InvalidSelectionError) as caught:
        selection.resolve(DEFS)
    assert str(caught.value) == message


@multi_asset(outs={"left": AssetOut(), "right": AssetOut()})
def both():
    return 1, 2


def test_what_is_made_together_is_selected_together() -> None:
    selection = S.keys("left")
    assert {str(key) for key in selection.required_multi_asset_neighbors().resolve([both])} == {
        "left",
        "right",
    }
    assert {str(key) for key in S.assets(both).resolve([both])} == {"left", "right"}
    with pytest.raises(InvalidSelectionError, match="'both' makes 'left' only together with 'right'; select"):
        materialize([both], selection=selection)
    assert materialize([both], selection=selection.required_multi_asset_neighbors()).success


def test_what_is_no_selection_is_refused_where_it_is_written() -> None:
    with pytest.raises(
        InvalidSelectionError, match=r"'report' is no AssetSelection; write AssetSelection\.a"
    ):
        S.all() - "report"  # type: ignore[operator]
    with pytest.raises(InvalidSelectionError, match="a depth counts levels; it can't be -1"):
        S.all().upstream(-1)
    with pytest.raises(InvalidSelectionError, match="one '\\+' is all that is upstream"):
        S.from_string("++report")


def test_ten_thousand_assets_are_selected_in_milliseconds() -> None:
    deps = [[f"a{number - 1}"] if number % 10 else [] for number in range(10_000)]
    specs = [AssetSpec(f"a{number}", deps=deps[number], tags={"n": str(number)}) for number in range(10_000)]
    graph = Definitions([*specs, made("z", "a9999")]).graph
    started = time.perf_counter()
    for expression in ("*", "+z", "roots(*)", "tag:n=9999+", "key:a99* or z", "not a1 and z"):
        assert select(expression, graph) == ("z",)
    assert time.perf_counter() - started < 1.0


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
BEFORE = st.sampled_from(["", "+", "1+", "2+", "*"])
AFTER = st.sampled_from(["", "+", "+1", "+2", "*"])
TERMS = st.recursive(
    st.builds("({}{}{})".format, BEFORE, ATOMS.map("({})".format), AFTER),
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("(not {})".format, inner)
        | st.builds("({}{}{})".format, BEFORE, inner, AFTER)
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
    assert same(graph, f"{levels + 1}+{term}", f"1+({levels}+{term})")
    assert same(graph, f"{term}+{levels + 1}", f"({term}+{levels})+1")
    assert same(graph, f"+{term}", f"{len(NAMES)}+{term}")
    assert same(graph, f"{term}+", f"{term}+{len(NAMES)}")
    assert same(graph, f"*{term}*", f"+{term}+")
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
