"""The graph: order, and everything that is refused when definitions load."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import (
    AllPartitionMapping,
    AssetDep,
    AssetIn,
    AssetSpec,
    DailyPartitionsDefinition,
    Definitions,
    LastPartitionMapping,
    StaticPartitionsDefinition,
    TimeWindowPartitionMapping,
    asset,
)
from mlorch.errors import InvalidDefinitionError


def named(name, *upstream, **options):
    return asset(name=name, ins={f"x{i}": AssetIn(up) for i, up in enumerate(upstream)}, **options)(
        lambda **given: 1
    )


@given(st.data())
def test_inputs_come_first_in_any_acyclic_graph(data):
    count = data.draw(st.integers(1, 12))
    ups = {i: data.draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set() for i in range(count)}
    order = data.draw(st.permutations(range(count)))
    graph = Definitions([named(f"a{i}", *(f"a{up}" for up in ups[i])) for i in order]).graph
    position = {key: index for index, key in enumerate(graph.nodes)}
    assert len(position) == count
    assert all(position[f"a{up}"] < position[f"a{i}"] for i in ups for up in ups[i])
    assert all(f"a{i}" in graph.downstream[f"a{up}"] for i in ups for up in ups[i])


def test_a_duplicate_key_is_named():
    with pytest.raises(InvalidDefinitionError, match="'one' is declared twice"):
        Definitions([named("one"), named("one")])


def test_the_same_asset_given_twice_is_one():
    one = named("one")
    assert list(Definitions([one, one]).graph.nodes) == ["one"]


def test_the_same_spec_given_twice_is_one():
    table = AssetSpec("table")
    assert list(Definitions([table, named("one", "table"), table]).graph.nodes) == ["table", "one"]
    with pytest.raises(InvalidDefinitionError, match="'table' is declared twice"):
        Definitions([table, AssetSpec("table")])


def test_a_cycle_is_drawn():
    with pytest.raises(InvalidDefinitionError, match=r"depend on each other: .*→"):
        Definitions([named("a", "c"), named("b", "a"), named("c", "b"), named("d")])


def test_an_argument_without_a_producer_names_asset_and_argument_and_suggests():
    with pytest.raises(InvalidDefinitionError, match=r"'model'.*'x0'.*'featurs'.*did you mean 'features'"):
        _ = Definitions([named("features"), named("model", "featurs")]).graph


def test_a_config_that_is_not_annotated_as_one_says_what_to_do():
    @asset
    def fitted(config):
        return config

    with pytest.raises(InvalidDefinitionError, match=r"argument 'config'.*; annotate it with a subclass"):
        _ = Definitions([fitted]).graph


def test_an_unknown_key_in_deps_is_an_external_asset():
    @asset(deps=["upload"])
    def one():
        return 1

    assert Definitions([one]).graph.nodes["upload"].is_external


def test_a_spec_alone_is_an_external_asset_with_its_own_dependencies():
    graph = Definitions([AssetSpec("table", deps=["source"], group_name="raw"), named("one", "table")]).graph
    assert graph.nodes["table"].is_external
    assert graph.nodes["table"].upstream == ("source",)
    assert graph.nodes["table"].group == "raw"


def test_an_unpartitioned_asset_may_not_depend_on_itself():
    with pytest.raises(InvalidDefinitionError, match="'loop' depends on itself"):
        Definitions([named("loop", "loop")])


DAYS = DailyPartitionsDefinition(start_date="2024-01-01")
LETTERS = StaticPartitionsDefinition(["a", "b"])


@pytest.mark.parametrize(
    ("partitions_def", "mapping"),
    [
        (DAYS, None),
        (DAYS, TimeWindowPartitionMapping(start_offset=-1)),
        (DAYS, TimeWindowPartitionMapping(start_offset=1, end_offset=1)),
        (DAYS, AllPartitionMapping()),
        (LETTERS, None),
        (LETTERS, LastPartitionMapping()),
    ],
    ids=["default", "up to itself", "later", "all", "identity", "last"],
)
@pytest.mark.parametrize("is_read", [True, False])
def test_a_partition_may_not_depend_on_itself_or_on_later_ones(partitions_def, mapping, is_read):
    options: dict = {"deps": [AssetDep("loop", partition_mapping=mapping)]}
    if is_read:
        options = {"ins": {"loop": AssetIn(partition_mapping=mapping)}}
    with pytest.raises(InvalidDefinitionError, match="'loop' depends on itself; its partitions may"):
        Definitions([asset(name="loop", partitions_def=partitions_def, **options)(lambda **given: 1)])


def test_a_partition_may_depend_on_earlier_ones():
    before = TimeWindowPartitionMapping(start_offset=-3, end_offset=-1)
    loop = asset(name="loop", partitions_def=DAYS, deps=[AssetDep("loop", partition_mapping=before)])
    assert list(Definitions([loop(lambda: 1)]).graph.nodes) == ["loop"]


def test_mappings_between_time_zones_are_refused_when_definitions_load():
    berlin = DailyPartitionsDefinition(start_date="2024-01-01", timezone="Europe/Berlin")
    utc = DailyPartitionsDefinition(start_date="2024-01-01")
    with pytest.raises(InvalidDefinitionError, match=r"asset 'b', upstream 'a'"):
        Definitions([named("a", partitions_def=utc), named("b", "a", partitions_def=berlin)])


def test_something_else_than_an_asset_is_refused():
    with pytest.raises(InvalidDefinitionError, match="decorate its function"):
        Definitions([lambda: 1])  # type: ignore[list-item]


def test_keys_that_would_meet_on_disk_are_refused():
    days = DailyPartitionsDefinition(start_date="2024-01-01")
    with pytest.raises(InvalidDefinitionError, match=r"'raw'.*'raw/2024-01-01'"):
        Definitions([named("raw", partitions_def=days), asset(key=["raw", "2024-01-01"])(lambda: 1)])
