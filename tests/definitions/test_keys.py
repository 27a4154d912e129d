"""Names of assets."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import AssetKey, AssetSpec, asset
from mlorch.definitions.keys import check_name, key_text
from mlorch.errors import InvalidDefinitionError

parts = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,8}", fullmatch=True)


@given(st.lists(parts, min_size=1, max_size=4))
def test_a_key_and_its_text_are_the_same_thing(path):
    key = AssetKey(path)
    assert AssetKey.from_user_string(str(key)) == key == pickle.loads(pickle.dumps(key))
    assert (key.path, key.name, key.to_user_string()) == (path, path[-1], "/".join(path))
    assert hash(key) == hash(AssetKey(list(path)))
    assert eval(repr(key), {"AssetKey": AssetKey}) == key


def test_keys_are_compared_by_their_text():
    assert sorted([AssetKey("b"), AssetKey(["a", "b"]), AssetKey("a")]) == [
        AssetKey("a"),
        AssetKey(["a", "b"]),
        AssetKey("b"),
    ]
    assert AssetKey("a") != "a"


def test_a_prefix_is_one_part_or_several():
    assert str(AssetKey("x").with_prefix("a")) == "a/x"
    assert str(AssetKey("x").with_prefix(["a", "b"])) == "a/b/x"


@pytest.mark.parametrize(
    "path",
    ["", "a b", "a/b", "..", ".hidden", "-x", "a\n", "ü", "a\\b", ["a", ""], ["a", ".."], ["a/b"], []],
    ids=repr,
)
def test_a_part_that_is_no_safe_file_name_is_refused(path):
    with pytest.raises(InvalidDefinitionError, match="asset key"):
        AssetKey(path)


@pytest.mark.parametrize("text", ["", "/a", "a/", "a//b", "../a", "a/../b"])
def test_text_that_is_no_key_is_refused(text):
    with pytest.raises(InvalidDefinitionError):
        AssetKey.from_user_string(text)


def test_whatever_names_an_asset_has_the_same_text():
    one = asset(name="one", key_prefix="ml")(lambda: 1)
    for each in ("ml/one", ["ml", "one"], ("ml", "one"), AssetKey(["ml", "one"]), AssetSpec("ml/one"), one):
        assert key_text(each) == "ml/one"


def test_something_else_names_no_asset():
    with pytest.raises(InvalidDefinitionError, match="3 is no asset, asset key or name of one"):
        key_text(3)


@pytest.mark.parametrize("name", ["context", "config", "input", "and", "or", "not"])
def test_words_that_mean_something_else_name_nothing(name):
    with pytest.raises(InvalidDefinitionError, match=f"'{name}' is reserved"):
        check_name(name)
    check_name(f"{name}s")
