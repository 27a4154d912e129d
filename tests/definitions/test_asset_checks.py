"""Functions that check assets, as they are declared."""

from __future__ import annotations

import types

import pytest

from mlorch import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSpec,
    AssetIn,
    AssetKey,
    Definitions,
    StaticPartitionsDefinition,
    asset,
    asset_check,
    load_asset_checks_from_modules,
    load_assets_from_modules,
    multi_asset_check,
    op,
)
from mlorch.definitions.graph_assets import graph_asset
from mlorch.errors import InvalidDefinitionError


@asset
def orders():
    return [1, 2]


@asset
def items():
    return [3]


def test_the_one_parameter_that_nothing_names_takes_the_asset():
    @asset_check(asset=orders, additional_ins={"others": AssetIn("items")}, additional_deps=["prices"])
    def enough(value, others):
        """There are enough."""
        return AssetCheckResult(passed=len(value) > len(others))

    edges = {one.key: one.argument for one in enough.dependencies}
    assert edges == {"orders": "value", "items": "others", "prices": None}
    assert enough.name == "orders_enough"
    assert enough.check_key == AssetCheckKey(AssetKey("orders"), "enough")
    assert enough.check_specs[0].description == "There are enough."
    assert enough([1, 2], [3]).passed


def test_a_check_without_parameters_loads_nothing():
    @asset_check(asset=AssetKey(["sales", "orders"]))
    def there():
        return AssetCheckResult(passed=True)

    assert [(one.key, one.argument) for one in there.dependencies] == [("sales/orders", None)]
    assert there.name == "sales__orders_there"


def test_two_parameters_without_a_meaning_are_refused():
    with pytest.raises(InvalidDefinitionError, match=r"x, y would all take its value.*additional_ins"):

        @asset_check(asset=orders)
        def wrong(x, y): ...


def test_a_spec_of_another_asset_is_refused():
    with pytest.raises(InvalidDefinitionError, match="'solt', which it does not make; did you mean 'sold'"):

        @asset(check_specs=[AssetCheckSpec("c", asset="solt")])
        def sold(): ...

    with pytest.raises(InvalidDefinitionError, match="declared twice"):

        @asset(check_specs=[AssetCheckSpec("c", asset="twice"), AssetCheckSpec("c", asset="twice")])
        def twice(): ...


def test_one_check_has_one_function():
    def make():
        @asset_check(asset=orders, name="one")
        def check(): ...

        return check

    with pytest.raises(InvalidDefinitionError, match="'one' of 'orders' is declared twice"):
        Definitions([orders], asset_checks=[make(), make()])
    same = make()
    assert len(Definitions([orders, same], asset_checks=[same]).graph.checks) == 1


def test_a_multi_asset_check_takes_assets_by_their_names():
    @multi_asset_check(specs=[AssetCheckSpec("a", asset="orders"), AssetCheckSpec("b", asset="items")])
    def both(orders): ...

    assert {one.key: one.argument for one in both.dependencies} == {"orders": "orders", "items": None}
    with pytest.raises(InvalidDefinitionError, match="named like its parameter 'order'"):

        @multi_asset_check(specs=[AssetCheckSpec("a", asset="orders")])
        def wrong(order): ...


def test_a_check_of_partitions_needs_those_of_its_asset():
    @asset_check(asset=orders, partitions_def=StaticPartitionsDefinition(["a"]))
    def each(): ...

    with pytest.raises(InvalidDefinitionError, match=r"'each'.*partitions"):
        Definitions([orders], asset_checks=[each])


def test_checks_are_found_in_modules_apart_from_assets():
    @asset_check(asset=orders)
    def there(): ...

    module = types.ModuleType("shop")
    vars(module).update(orders=orders, there=there, several=[there])
    assert load_assets_from_modules([module]) == [orders]
    assert load_asset_checks_from_modules([module]) == [there]
    (placed,) = load_asset_checks_from_modules([module], asset_key_prefix="sales")
    assert (placed.name, placed.checked) == ("sales__orders_there", ("sales/orders",))


def test_the_graph_of_an_asset_gives_results_by_the_names_of_its_checks():
    @op
    def make(): ...

    @op
    def look(made): ...

    @graph_asset(check_specs=[AssetCheckSpec("fine", asset="built")])
    def built():
        made = make()
        return {"result": made, "built_fine": look(made)}

    assert [one.name for one in built.checks_at("look")] == ["fine"]
    assert built.checks_at("make") == ()
