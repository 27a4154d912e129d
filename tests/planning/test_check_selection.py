"""Which checks a selection brings along."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import AssetCheckKey, AssetKey, AssetSelection, asset, asset_check
from mlorch.definitions.graph import make_graph
from mlorch.errors import InvalidSelectionError
from mlorch.planning.check_selection import select_checks
from mlorch.planning.selection import select


@asset
def a(): ...


@asset
def b(a): ...


@asset_check(asset=a)
def one(): ...


@asset_check(asset=a)
def two(): ...


@asset_check(asset=b)
def three(): ...


@asset_check(asset="elsewhere")
def four(): ...


GRAPH = make_graph([a, b], [one, two, three, four])


def chosen(selection):
    return [key.name for key in select_checks(selection, GRAPH)]


def test_assets_bring_their_checks():
    assert chosen(None) == ["one", "two", "three"]
    assert chosen("a") == ["one", "two"]
    assert chosen(["a+"]) == ["one", "two", "three"]
    assert chosen(AssetSelection.assets(a).without_checks()) == []
    assert select(AssetSelection.assets(a).without_checks(), GRAPH) == ("a",)


def test_checks_are_selected_without_their_assets():
    for selection, names in (
        (AssetSelection.checks(one, AssetCheckKey(AssetKey("b"), "three")), ["one", "three"]),
        (AssetSelection.checks_for_assets(a), ["one", "two"]),
        (AssetSelection.all_asset_checks(), ["one", "two", "three", "four"]),
        (AssetSelection.all_asset_checks() - AssetSelection.checks(one), ["two", "three", "four"]),
    ):
        assert chosen(selection) == names
        assert select(selection, GRAPH) == ()


def test_a_check_can_be_left_out():
    selection = AssetSelection.assets(a) - AssetSelection.checks(two)
    assert (chosen(selection), select(selection, GRAPH)) == (["one"], ("a",))


def test_an_unknown_check_is_refused():
    with pytest.raises(InvalidSelectionError, match="'a:ones'; did you mean 'a:one'"):
        chosen(AssetSelection.checks(AssetCheckKey(AssetKey("a"), "ones")))


selections = st.recursive(
    st.sampled_from(
        [
            AssetSelection.all(),
            AssetSelection.assets(a),
            AssetSelection.checks(one),
            AssetSelection.checks_for_assets(b),
            AssetSelection.all_asset_checks(),
        ]
    ),
    lambda inner: st.tuples(inner, inner, st.sampled_from("|&-")).map(
        lambda parts: {"|": parts[0] | parts[1], "&": parts[0] & parts[1], "-": parts[0] - parts[1]}[parts[2]]
    ),
    max_leaves=4,
)


@given(selections, selections)
def test_checks_are_combined_as_sets(left, right):
    ours, theirs = set(chosen(left)), set(chosen(right))
    assert set(chosen(left | right)) == ours | theirs
    assert set(chosen(left & right)) == ours & theirs
    assert set(chosen(left - right)) == ours - theirs
