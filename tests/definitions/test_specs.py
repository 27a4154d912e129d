"""What is said about assets, dependencies and retries apart from functions."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import AllPartitionMapping, AssetDep, AssetIn, AssetKey, AssetSpec, RetryPolicy, asset
from mlorch.errors import InvalidDefinitionError


def test_a_spec_has_everything_that_is_said_and_defaults_for_the_rest():
    spec = AssetSpec(
        ["raw", "table"],
        deps=["source", AssetDep("other")],
        tags={"tier": 1},  # type: ignore[dict-item]
        kinds={"b", "a"},
        owners=["me@example.org"],
        metadata={"rows": 3},
    )
    assert (spec.name, spec.key) == ("raw/table", AssetKey(["raw", "table"]))
    assert [one.key for one in spec.deps] == ["source", "other"]
    assert (spec.group_name, spec.description, spec.code_version) == ("default", None, None)
    assert (spec.tags, spec.kinds, spec.owners) == ({"tier": "1"}, ("a", "b"), ("me@example.org",))
    assert spec.metadata == {"rows": 3}


@pytest.mark.parametrize("what", ["deps", "kinds", "owners"])
def test_a_text_in_place_of_a_list_is_refused(what):
    message = rf"asset 'table': {what} is a list; write \['upload'\]"
    with pytest.raises(InvalidDefinitionError, match=message):
        AssetSpec("table", **{what: "upload"})  # type: ignore[arg-type]
    with pytest.raises(InvalidDefinitionError, match=message):
        asset(name="table", **{what: "upload"})(lambda: 1)  # type: ignore[call-overload]


def test_a_spec_is_frozen_and_travels():
    spec = AssetSpec("table", deps=["source"])
    with pytest.raises(AttributeError):
        spec.name = "other"  # type: ignore[misc]
    again = pickle.loads(pickle.dumps(spec))
    assert (again.name, again.deps[0].key) == ("table", "source")


def test_a_spec_is_placed_under_new_names_in_a_group():
    renamed = {"table": AssetKey(["raw", "table"]), "source": AssetKey(["raw", "source"])}
    mapping = AllPartitionMapping()
    spec = AssetSpec(
        "table", deps=[AssetDep("source", partition_mapping=mapping), "upload"], group_name="old"
    )
    placed = spec.placed(renamed, "new")
    assert (placed.name, placed.key, placed.group_name) == ("raw/table", AssetKey(["raw", "table"]), "new")
    assert [one.key for one in placed.deps] == ["raw/source", "upload"]
    assert placed.deps[0].partition_mapping is mapping
    assert spec.placed({}, None).group_name == "old"


@pytest.mark.parametrize(
    ("given_in", "key"),
    [
        (AssetIn(), "x"),
        (AssetIn("raw"), "raw"),
        (AssetIn(["ml", "raw"]), "ml/raw"),
        (AssetIn(AssetKey(["ml", "raw"])), "ml/raw"),
        (AssetIn(key_prefix="ml"), "ml/x"),
        (AssetIn(key_prefix=["a", "b"]), "a/b/x"),
    ],
    ids=["name", "text", "parts", "key", "prefix", "prefixes"],
)
def test_an_input_finds_its_upstream_asset(given_in, key):
    assert given_in.resolve("x") == key


def test_a_dependency_is_named_by_an_asset_a_spec_a_key_or_text():
    one = asset(key_prefix="ml", name="one")(lambda: 1)
    names = [
        AssetDep(each).key for each in (one, AssetSpec("two"), AssetKey("three"), "ml/four", ["a", "five"])
    ]
    assert names == ["ml/one", "two", "three", "ml/four", "a/five"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_retries": -1}, "must not be negative"),
        ({"delay": -0.1}, "must not be negative"),
        ({"delay": 1, "backoff": "exponential"}, "backoff 'exponential' should be 'EXPONENTIAL' or 'LINEAR'"),
        ({"backoff": "LINEAR"}, "backoff needs a delay in seconds"),
    ],
    ids=["retries", "delay", "backoff", "no delay"],
)
def test_a_retry_policy_that_means_nothing_is_refused(options, message):
    with pytest.raises(InvalidDefinitionError, match=message):
        RetryPolicy(**options)


@given(st.integers(1, 30), st.floats(0.01, 100))
def test_waits_grow_as_their_backoff_says(attempt, delay):
    waits = {
        backoff: RetryPolicy(delay=delay, backoff=backoff).wait(attempt)
        for backoff in (None, "LINEAR", "EXPONENTIAL")
    }
    assert waits == {None: delay, "LINEAR": delay * attempt, "EXPONENTIAL": delay * (2.0**attempt - 1)}
    assert RetryPolicy().wait(attempt) == 0
