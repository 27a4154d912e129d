from __future__ import annotations

from collections.abc import Sequence

import pytest

from mlorch import (
    AssetExecutionContext,
    AssetIn,
    DailyPartitionsDefinition,
    Definitions,
    DimensionPartitionMapping,
    DynamicPartitionsDefinition,
    Instance,
    MultiPartitionKey,
    MultiPartitionMapping,
    MultiPartitionsDefinition,
    SpecificPartitionsPartitionMapping,
    StaticPartitionsDefinition,
    TimeWindowPartitionMapping,
    asset,
    materialize,
)
from mlorch.app.partitions import delete_known, partition_keys, require_set, resolved
from mlorch.app.status import asset_statuses
from mlorch.errors import InvalidDefinitionError, InvalidSelectionError, UnknownPartitionError, UserError

SHOPS = DynamicPartitionsDefinition("shops")
SALES = MultiPartitionsDefinition(
    {"date": DailyPartitionsDefinition("2024-01-01", "2024-01-03"), "shop": SHOPS}
)


@asset(partitions_def=SHOPS)
def shop(context: AssetExecutionContext) -> str:
    return context.partition_key


@asset(partitions_def=SALES)
def sales(context: AssetExecutionContext, shop: str) -> tuple[str, ...]:
    key = context.partition_key
    assert isinstance(key, MultiPartitionKey)
    return shop, key.keys_by_dimension["date"], f"{context.partition_time_window.start:%A}"


@asset
def all_sales(sales: dict[str, tuple[str, ...]]) -> list[str]:
    return list(sales)


@asset
def plain() -> int:
    return 1


ASSETS = [shop, sales, all_sales, plain]


@pytest.fixture
def instance() -> Instance:
    found = Instance.ephemeral()
    found.add_dynamic_partitions("shops", ["north", "south"])
    return found


def test_keys_are_added_and_deleted(instance: Instance) -> None:
    instance.add_dynamic_partitions("shops", ["south", "east", "east"])
    assert instance.get_dynamic_partitions("shops") == ("north", "south", "east")
    instance.delete_dynamic_partition("shops", "south")
    instance.delete_dynamic_partition("shops", "never")
    assert instance.get_dynamic_partitions("shops") == ("north", "east")
    assert not instance.has_dynamic_partition("shops", "south")
    instance.add_dynamic_partitions("shops", ["south"])
    assert instance.get_dynamic_partitions("shops") == ("north", "east", "south")
    assert instance.get_dynamic_partitions("others") == ()


def test_what_changes_nothing_is_not_recorded(instance: Instance) -> None:
    count = len(instance.log.read())
    instance.add_dynamic_partitions("shops", ["north"])
    instance.delete_dynamic_partition("shops", "never")
    assert len(instance.log.read()) == count


@pytest.mark.parametrize("keys", [["west", ".."], ["west", ""], "west"])
def test_a_key_that_cant_be_one_adds_none(instance: Instance, keys: Sequence[str]) -> None:
    with pytest.raises(InvalidDefinitionError):
        instance.add_dynamic_partitions("shops", keys)
    assert not instance.has_dynamic_partition("shops", "west")


def test_dynamic_and_multi_partitions_are_made_and_read(instance: Instance) -> None:
    for key in ("north", "south"):
        assert materialize([shop], partition_key=key, instance=instance).success
    result = materialize(ASSETS, selection="sales", partition_key="2024-01-02|south", instance=instance)
    assert result.asset_value("sales") == ("south", "2024-01-02", "Tuesday")
    with pytest.raises(UnknownPartitionError, match="did you mean 'north'"):
        materialize([shop], partition_key="nort", instance=instance)
    with pytest.raises(UnknownPartitionError, match="'shop' has no 'west'"):
        materialize(ASSETS, selection="sales", partition_key="2024-01-02|west", instance=instance)


def test_a_deleted_key_keeps_what_was_made_of_it(instance: Instance) -> None:
    materialize([shop], partition_key="north", instance=instance)
    instance.delete_dynamic_partition("shops", "north")
    assert instance.get_materialized_partitions("shop") == {"north"}
    with pytest.raises(UnknownPartitionError):
        materialize([shop], partition_key="north", instance=instance)


def test_missing_upstream_partitions_are_named(instance: Instance) -> None:
    mapping = SpecificPartitionsPartitionMapping(["west"])

    @asset(ins={"shop": AssetIn(partition_mapping=mapping)})
    def west(shop: str) -> str:
        return shop

    with pytest.raises(UnknownPartitionError, match=r"partitions of 'shop' that do not exist: west"):
        materialize([shop, west], selection="west", instance=instance)


def test_status_counts_the_partitions_there_are_now_by_dimension(instance: Instance) -> None:
    for key in ("north", "south"):
        materialize([shop], partition_key=key, instance=instance)
    materialize(ASSETS, selection="sales", partition_key="2024-01-02|south", instance=instance)
    found = asset_statuses(Definitions(ASSETS), instance, None, auto=False, dimension="shop")
    rows = {one.key: one for one in found}
    assert (rows["shop"].counts["FRESH"], rows["shop"].by_dimension) == (2, {})
    assert (rows["sales"].counts["FRESH"], rows["sales"].counts["MISSING"]) == (1, 3)
    counts = {part: (one["FRESH"], one["MISSING"]) for part, one in rows["sales"].by_dimension.items()}
    assert counts == {"north": (0, 2), "south": (1, 1)}
    with pytest.raises(InvalidSelectionError, match="did you mean 'shop'"):
        asset_statuses(Definitions(ASSETS), instance, None, auto=False, dimension="shp")


def test_status_of_one_asset_reads_what_is_above_it_too(instance: Instance) -> None:
    materialize([shop], partition_key="north", instance=instance)
    materialize(ASSETS, selection="sales", partition_key="2024-01-02|north", instance=instance)
    materialize([shop], partition_key="north", instance=instance)
    (row,) = asset_statuses(Definitions(ASSETS), instance, "sales", auto=False)
    assert row.counts["STALE"] == 1


def test_a_graph_without_dynamic_partitions_stays_as_it_is(instance: Instance) -> None:
    graph = Definitions([plain]).graph
    assert resolved(graph, instance.log) is graph
    both = resolved(Definitions(ASSETS).graph, instance.log)
    definition = both.nodes["sales"].partitions_def
    assert definition is not None
    assert definition.get_num_partitions() == 4
    assert both.nodes["plain"].partitions_def is None


def test_partition_keys_are_listed_by_asset_or_by_name(instance: Instance) -> None:
    definitions = Definitions(ASSETS)
    assert partition_keys(definitions, instance.log, "shops") == ["north", "south"]
    assert len(partition_keys(definitions, instance.log, "sales")) == 4
    with pytest.raises(UserError, match="has no partitions"):
        partition_keys(definitions, instance.log, "plain")
    with pytest.raises(InvalidSelectionError, match="did you mean"):
        partition_keys(definitions, instance.log, "shps")


def test_names_and_keys_that_are_not_there_are_errors(instance: Instance) -> None:
    with pytest.raises(InvalidSelectionError, match="did you mean 'shops'"):
        require_set(Definitions(ASSETS), "shosp")
    with pytest.raises(InvalidSelectionError, match="no asset has any"):
        require_set(Definitions([plain]), "shops")
    with pytest.raises(UnknownPartitionError, match="did you mean 'north'"):
        delete_known(instance.log, "shops", ["south", "nort"], 1.0)
    assert instance.get_dynamic_partitions("shops") == ("north", "south")
    delete_known(instance.log, "shops", ["south"], 1.0)
    assert instance.get_dynamic_partitions("shops") == ("north",)


def test_an_asset_of_static_dimensions_is_made_over_all_of_them(instance: Instance) -> None:
    both = MultiPartitionsDefinition(
        {"x": StaticPartitionsDefinition(["1", "2"]), "y": StaticPartitionsDefinition(["a"])}
    )

    @asset(partitions_def=both)
    def cell(context: AssetExecutionContext) -> str:
        return str(context.partition_key)

    @asset
    def cells(cell: dict[str, str]) -> list[str]:
        return list(cell)

    result = materialize([cell, cells], only_stale=True, instance=instance)
    assert result.asset_value("cells") == ["1|a", "2|a"]


def test_an_asset_of_several_dimensions_may_read_its_own_earlier_windows() -> None:
    days = DailyPartitionsDefinition("2024-01-01", "2024-01-04")
    place = StaticPartitionsDefinition(["x", "y"])
    before = DimensionPartitionMapping("date", TimeWindowPartitionMapping(start_offset=-1, end_offset=-1))

    @asset(
        partitions_def=MultiPartitionsDefinition({"date": days, "at": place}),
        ins={"total": AssetIn(partition_mapping=MultiPartitionMapping({"date": before}))},
    )
    def total(total: dict[str, int]) -> int:
        return 1 + sum(total.values())

    result = materialize([total], only_stale=True)
    assert result.asset_value("total", "x|2024-01-03") == 7
