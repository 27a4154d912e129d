"""lineage: what a version was made from, by the facts alone."""

from __future__ import annotations

from mlorch import (
    AssetIn,
    AssetSpec,
    DataVersion,
    Instance,
    Output,
    StaticPartitionsDefinition,
    asset,
    materialize,
)
from mlorch.app.lineage import ancestry
from mlorch.app.loading import find_version
from mlorch.log import slot_name


def named(name, *upstream, code="1", **options):
    return asset(name=name, code_version=code, deps=list(upstream), **options)(lambda: 1)


def drawn(instance, key, version=None) -> list[str]:
    made = find_version(instance.log, key, None, version)
    return [
        f"{'  ' * one.depth}{slot_name(one.slot)}{' …' if one.is_repeated else ''}"
        for one in ancestry(instance.log, made)
    ]


def test_the_tree_goes_all_the_way_up_and_shows_each_part_once():
    instance = Instance.ephemeral()
    assets = [named("a"), named("b", "a"), named("c", "b", "a"), named("d", "b", "c", "table")]
    materialize([*assets, AssetSpec("table")], instance=instance)
    assert drawn(instance, "d") == ["d", "  b", "    a", "  c", "    b …", "    a", "  table"]


def test_an_external_asset_has_a_version_and_no_fact():
    instance = Instance.ephemeral()
    materialize([named("a", "table")], instance=instance)
    top, table = ancestry(instance.log, find_version(instance.log, "a", None, None))
    assert top.fact is not None
    assert (table.fact, table.data_version) == (None, "INITIAL")


def test_it_shows_what_was_read_and_not_what_is_there_now():
    instance = Instance.ephemeral()
    materialize([named("a"), named("b", "a")], instance=instance)
    read = find_version(instance.log, "a", None, None)
    materialize([named("a", code="2")], instance=instance)
    _, above = ancestry(instance.log, find_version(instance.log, "b", None, None))
    assert (above.data_version, above.fact) == (read.data_version, read)


def test_every_partition_that_was_read_is_there():
    instance = Instance.ephemeral()
    parts = StaticPartitionsDefinition(["x", "y"])
    assets = [named("a", partitions_def=parts), named("b", "a", partitions_def=parts), named("c", "b")]
    materialize(assets, instance=instance, only_stale=True)
    assert drawn(instance, "c") == ["c", "  b[x]", "    a[x]", "  b[y]", "    a[y]"]


def test_one_version_made_twice_from_other_inputs_is_shown_both_times():
    def given(name, version, *upstream):
        def function(**values):
            return Output(1, data_version=DataVersion(version))

        return asset(name=name, ins={f"x{i}": AssetIn(up) for i, up in enumerate(upstream)})(function)

    instance = Instance.ephemeral()
    for source in ("one", "two"):
        assets = [given("source", source), given("same", "v", "source"), given(source, source, "same")]
        materialize(assets, instance=instance)
    above = [given("one", "x"), given("two", "x"), given("top", "t", "one", "two")]
    materialize(above, selection="top", instance=instance)
    versions = [
        (one.slot[0], one.data_version)
        for one in ancestry(instance.log, find_version(instance.log, "top", None, None))
    ]
    assert versions == [
        ("top", "t"),
        ("one", "one"),
        ("same", "v"),
        ("source", "one"),
        ("two", "two"),
        ("same", "v"),
        ("source", "two"),
    ]


def test_a_long_chain_is_no_deeper_than_the_stack():
    instance = Instance.ephemeral()
    materialize([named(f"a{i}", *([f"a{i - 1}"] if i else [])) for i in range(1500)], instance=instance)
    tree = list(ancestry(instance.log, find_version(instance.log, "a1499", None, None)))
    assert (len(tree), tree[-1].depth) == (1500, 1499)
