"""Assets that are made elsewhere: external ones, and those of which a function says the version."""

from __future__ import annotations

import pytest

from mlorch import (
    AssetIn,
    AssetsDefinition,
    AssetSpec,
    DataVersion,
    Definitions,
    Instance,
    IOManager,
    ObserveResult,
    SourceAsset,
    asset,
    materialize,
    multi_observable_source_asset,
    observable_source_asset,
    observe,
)
from mlorch.errors import InvalidDefinitionError, TypeCheckError


class Elsewhere(IOManager):
    """Reads what it was asked for by name."""

    def handle_output(self, context, value):
        raise AssertionError("nothing of it is ours to keep")

    def load_input(self, context):
        return context.asset_key.to_user_string()


def test_what_is_made_elsewhere_is_read_by_the_resource_that_it_names():
    @observable_source_asset(io_manager_key="there")
    def seen():
        return DataVersion("1")

    @asset
    def below(raw, seen):
        return [raw, seen]

    assets: list[AssetSpec | AssetsDefinition] = [SourceAsset("raw", io_manager_key="there"), seen, below]
    assert materialize(assets, resources={"there": Elsewhere()}).asset_value("below") == ["raw", "seen"]


def test_the_consumer_names_the_reader_before_the_spec_does():
    class Other(Elsewhere):
        def load_input(self, context):
            return "other"

    @asset(ins={"raw": AssetIn(input_manager_key="other")})
    def below(raw):
        return raw

    resources = {"there": Elsewhere(), "other": Other()}
    assets: list[AssetSpec | AssetsDefinition] = [AssetSpec("raw").with_io_manager_key("there"), below]
    assert materialize(assets, resources=resources).asset_value("below") == "other"


def test_several_external_assets_are_declared_at_once():
    logs = AssetsDefinition(specs=[AssetSpec("raw"), AssetSpec("clean", deps=["raw"])])

    @asset(deps=["clean"])
    def below():
        return 1

    graph = Definitions([logs, below]).graph
    assert graph.nodes["clean"].upstream == ("raw",)
    assert graph.nodes["clean"].is_external
    assert not logs.is_executable
    assert materialize([logs, below]).asset_value("below") == 1
    with pytest.raises(InvalidDefinitionError, match="made elsewhere; there is no function to run"):
        _ = logs.node


def test_a_version_that_was_seen_decides_what_is_stale():
    now = {"version": "1"}

    @observable_source_asset
    def raw():
        return DataVersion(now["version"])

    @asset(deps=[raw])
    def below():
        return 1

    instance = Instance.ephemeral()

    def again():
        observe([raw], instance=instance)
        return len(materialize([raw, below], instance=instance, only_stale=True).materializations)

    assert again() == 1
    assert again() == 0
    now["version"] = "2"
    assert again() == 1


def test_what_is_seen_without_a_version_makes_nothing_stale():
    @multi_observable_source_asset(specs=[AssetSpec("a"), AssetSpec("b")])
    def both():
        yield ObserveResult("a", metadata={"rows": 1})
        yield ObserveResult("b", data_version=DataVersion("7"))

    @asset(deps=["a", "b"])
    def below():
        return 1

    instance = Instance.ephemeral()
    assert observe([both], instance=instance).success
    assert instance.get_latest_data_version_record("b").data_version == "7"
    assert instance.fetch_observations("a", limit=1).records[0].asset_observation.metadata["rows"] == 1
    assert len(materialize([both, below], instance=instance, only_stale=True).materializations) == 1
    observe([both], instance=instance)
    assert not materialize([both, below], instance=instance, only_stale=True).materializations


def test_what_is_no_version_is_refused_by_name():
    @observable_source_asset
    def raw():
        return 3

    with pytest.raises(TypeCheckError, match="observes raw and gave 3; give a DataVersion"):
        observe([raw])


def test_an_unknown_argument_of_the_decorator_is_refused():
    with pytest.raises(InvalidDefinitionError, match="@observable_source_asset has no argument 'nme'"):
        observable_source_asset(nme="x")  # type: ignore[call-overload]
