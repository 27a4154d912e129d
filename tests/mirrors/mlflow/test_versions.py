"""Versions as MLflow shows them, and what changed between two materializations."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mlorch.events import Input
from mlorch.mirrors.mlflow.versions import changed, flat, short, version_of
from tests.mirrors.mlflow.facts import inputs, made

READS = st.lists(st.tuples(st.text(max_size=3), st.text(min_size=1, max_size=8)), min_size=1, max_size=5)


def test_a_hash_is_shown_short_and_a_given_version_whole() -> None:
    assert short("0123456789abcdef" * 4) == "0123456789abcdef"
    assert short("summer-2024-after-the-move") == "summer-2024-after-the-move"


@given(READS, st.randoms())
def test_one_version_for_many_partitions_whatever_their_order(reads, random) -> None:
    found = [Input("a", partition, version, None) for partition, version in reads]
    mixed = list(found)
    random.shuffle(mixed)
    assert version_of(found) == version_of(mixed)
    other = [*found[:-1], found[-1]._replace(data_version=found[-1].data_version + "'")]
    assert version_of(found) != version_of(other)


def test_the_first_has_nothing_to_compare_with() -> None:
    assert changed(made("model"), None) == "first"


def test_each_difference_has_its_name() -> None:
    before = made(
        "model", inputs=inputs(("features", None), ("old", None)), config={"depth": 3, "trees": {"n": 5}}
    )
    after = replace(
        before,
        code_version="2",
        config={"depth": 3, "trees": {"n": 6}},
        inputs=(before.inputs[0]._replace(data_version="other"), *inputs(("new", None))),
        environment={"python": "3.11.2", "pandas": "3.2"},
    )
    assert changed(after, before) == "code, trees.n, up/features, up/new, up/old, env/pandas"
    assert changed(before, before) == "nothing"


def test_code_that_declares_no_version_says_nothing() -> None:
    before = made("model", code_version="run 1", is_code_declared=False)
    assert changed(replace(before, code_version="run 2"), before) == "nothing"


def test_another_partition_of_the_same_is_said_to_be_one() -> None:
    assert changed(made("flights", "2013-02"), made("flights", "2013-01")) == "partition"


def test_nested_config_becomes_one_level() -> None:
    assert flat({"a": {"b": {"c": 1}}, "d": [2], "e": {}}) == {"a.b.c": 1, "d": [2], "e": {}}
