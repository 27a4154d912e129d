"""load and restore: any version that was recorded, and what is said where it can't be told which."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlorch import (
    DataVersion,
    Definitions,
    Instance,
    Output,
    StaticPartitionsDefinition,
    asset,
    load_asset,
    materialize,
)
from mlorch.app.loading import find_made, find_version, load_value, restore
from mlorch.app.materializing import Request, run_request
from mlorch.app.targets import Partitions
from mlorch.errors import IntegrityError, NotFoundError, UserError


@pytest.fixture
def instance(tmp_path) -> Iterator[Instance]:
    with Instance.local(tmp_path) as opened:
        yield opened


def given(*values, name="a", **options):
    """Make an asset once for each (value, data version); None leaves the version to mlorch."""
    turns = iter(values)

    def function():
        value, version = next(turns)
        return Output(value, data_version=None if version is None else DataVersion(version))

    return asset(name=name, **options)(function)


def make(instance, one, times, **more):
    return [materialize([one], instance=instance, **more).materializations[0] for _ in range(times)]


def test_the_latest_value_is_loaded_unless_a_version_is_named(instance):
    make(instance, given((1, "old"), (2, "new")), 2)
    assert load_asset("a", instance=instance) == 2
    assert load_asset("a", data_version="old", instance=instance) == 1


def test_the_beginning_of_a_version_is_enough_where_it_is_only_one(instance):
    make(instance, given((1, "abc1"), (2, "abc2"), (3, "b")), 3)
    assert load_asset("a", data_version="b", instance=instance) == 3
    with pytest.raises(UserError, match="'abc' begins several versions of 'a'; give more of it"):
        load_asset("a", data_version="abc", instance=instance)


def test_a_whole_version_is_meant_though_others_begin_with_it(instance):
    make(instance, given((1, "1"), (10, "10"), (11, "11")), 3)
    assert load_asset("a", data_version="1", instance=instance) == 1


def test_a_version_that_was_made_twice_is_the_newer_of_the_two(instance):
    make(instance, given((1, "v"), (2, "v")), 2)
    assert load_asset("a", data_version="v", instance=instance) == 2


def test_a_partition_is_asked_for_where_there_are_some(instance):
    parts = given(
        (1, "v"), (2, "v"), (2, "w"), (2, "w"), partitions_def=StaticPartitionsDefinition(["x", "y"])
    )
    for _ in range(2):
        for key in ("x", "y"):
            materialize([parts], instance=instance, partition_key=key)
    assert load_asset("a", "y", instance=instance) == 2
    assert load_asset("a", "x", data_version="v", instance=instance) == 1
    with pytest.raises(UserError, match="'a' is partitioned; say which partition, from 'x' to 'y'"):
        load_asset("a", instance=instance)
    with pytest.raises(UserError, match="several partitions of 'a' have the version 'v'; say which one"):
        load_asset("a", data_version="v", instance=instance)
    assert load_asset("a", data_version="w", instance=instance) == 2, "their bytes are equal"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("b",), "'b' was never materialized; 'mlorch materialize b' makes it"),
        (("a", "x"), "'a' has no materialized partition 'x'; 'mlorch assets show a' lists them"),
        (("a", None, "zzz"), "'a' has no materialized version 'zzz'"),
        (("a", "x", "v"), "'a' has no materialized version 'v'"),
    ],
    ids=["asset", "partition", "version", "version of a partition"],
)
def test_what_was_never_recorded_is_named_with_what_to_do(instance, arguments, message):
    make(instance, given((1, "v")), 1)
    with pytest.raises(NotFoundError, match=message):
        find_version(instance.log, *arguments, *[None] * (3 - len(arguments)))


def test_a_step_of_a_run_is_found_by_both_names(instance):
    first, second = make(instance, given((1, None), (2, None)), 2)
    assert find_made(instance.log, first.run_id, "a") == first
    assert load_value(find_made(instance.log, second.run_id, "a"), instance, None) == 2
    with pytest.raises(NotFoundError, match=r"no materialization a\[x\] of run"):
        find_made(instance.log, first.run_id, "a[x]")


def test_a_file_that_was_edited_is_refused_and_restored(instance, tmp_path):
    make(instance, given((1, "v1"), (2, "v2")), 2)
    (file,) = (tmp_path / "data").glob("a.*")
    file.write_text("3")
    with pytest.raises(IntegrityError, match="mlorch restore a"):
        load_asset("a", instance=instance)
    assert restore(find_version(instance.log, "a", None, None), instance) == "data/a.json"
    assert load_asset("a", instance=instance) == 2
    restore(find_version(instance.log, "a", None, "v1"), instance)
    assert file.read_text().strip() == "1"
    assert load_asset("a", instance=instance) == 2, "the recorded latest is what it was"


def test_what_keeps_no_value_can_be_neither_loaded_nor_restored(instance):
    @asset
    def notified() -> None:
        return None

    (made,) = make(instance, notified, 1)
    with pytest.raises(NotFoundError, match="notified keeps no value: its function returns None"):
        load_asset("notified", instance=instance)
    with pytest.raises(NotFoundError, match="notified has no bytes of its own to restore"):
        restore(made, instance)


def test_values_of_a_result_are_those_of_its_run(instance):
    parts = StaticPartitionsDefinition(["x", "y"])
    daily = asset(name="p", partitions_def=parts, code_version="1")(lambda context: context.partition_key)
    definitions = Definitions([daily])
    request = Request(partitions=Partitions(key="x"))
    assert run_request(definitions, instance, request).asset_value("p") == "x"
    again = run_request(definitions, instance, Request(partitions=Partitions(key="x"), only_stale=True))
    assert again.materializations == []
    assert again.asset_value("p") == "x", "it was asked for, and is fresh"
    with pytest.raises(NotFoundError, match=r"p\[y\] was never materialized"):
        again.asset_value("p", "y")
    both = run_request(definitions, instance, Request(only_stale=True))
    assert both.asset_value("p", "x") == "x"
