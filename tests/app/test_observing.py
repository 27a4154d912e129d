"""Looking at what is made elsewhere."""

from __future__ import annotations

import pytest

from mlorch import (
    AssetCheckResult,
    AssetSpec,
    Config,
    ConfigurableResource,
    DataVersion,
    DataVersionsByPartition,
    Definitions,
    Instance,
    ObserveResult,
    StaticPartitionsDefinition,
    asset,
    multi_observable_source_asset,
    observable_source_asset,
    observe,
)
from mlorch.app.materializing import Request
from mlorch.app.observing import observable, observe_assets
from mlorch.errors import InvalidDefinitionError, TypeCheckError, UserError

SOME = StaticPartitionsDefinition(["a", "b"])


class Source(ConfigurableResource):
    version: str


class Looking(Config):
    suffix: str = ""


@observable_source_asset
def raw(source: Source, config: Looking):
    return ObserveResult(data_version=DataVersion(source.version + config.suffix), metadata={"rows": 3})


@observable_source_asset(partitions_def=SOME)
def parts():
    return DataVersionsByPartition({"a": "1", "b": DataVersion("2")})


@asset
def made():
    return 1


def latest(instance, key, partition=None):
    return instance.get_latest_data_version_record(key, partition_key=partition).data_version


def test_a_look_takes_resources_and_config_and_is_recorded_with_its_metadata():
    instance = Instance.ephemeral()
    config = {"ops": {"raw": {"config": {"suffix": "!"}}}}
    result = observe(
        [raw, made], resources={"source": Source(version="v")}, run_config=config, instance=instance
    )
    assert result.success
    assert result.materializations == []
    assert latest(instance, "raw") == "v!"
    assert instance.fetch_observations("raw", limit=1).records[0].asset_observation.metadata["rows"] == 3
    assert [run.is_success for run in instance.get_runs()] == [True]


def test_versions_of_partitions_are_recorded_by_partition():
    instance = Instance.ephemeral()
    observe([parts], instance=instance)
    assert [latest(instance, "parts", one) for one in ("a", "b")] == ["1", "2"]


def test_one_partition_may_be_looked_at():
    @observable_source_asset(partitions_def=SOME)
    def part(context):
        return DataVersion(f"of {context.partition_key}")

    instance = Instance.ephemeral()
    observe([part], partition_key="b", instance=instance)
    assert latest(instance, "part", "b") == "of b"


def test_several_assets_are_looked_at_by_one_function_or_some_of_them():
    calls = []

    @multi_observable_source_asset(specs=[AssetSpec("x"), AssetSpec("y")], can_subset=True, group_name="g")
    def both(context):
        calls.append(sorted(context.selected_output_names))
        for key in sorted(context.selected_asset_keys):
            yield ObserveResult(key, data_version=DataVersion(str(key)))

    instance = Instance.ephemeral()
    definitions = Definitions([both])
    assert observe_assets(definitions, instance, ["y"], Request()).success
    assert observe([both], instance=instance).success
    assert calls == [["y"], ["x", "y"]]
    assert [latest(instance, one) for one in ("x", "y")] == ["x", "y"]
    assert {spec.group_name for spec in both.specs.values()} == {"g"}


def test_what_fails_is_raised_or_told():
    @observable_source_asset
    def gone():
        raise OSError("not there")

    with pytest.raises(OSError, match="not there"):
        observe([gone])
    result = observe([gone], raise_on_error=False)
    assert not result.success
    assert [one.step for one in result.failures] == ["gone"]


def test_a_result_of_another_asset_is_refused_by_name():
    @multi_observable_source_asset(specs=[AssetSpec("x"), AssetSpec("y")])
    def both():
        yield ObserveResult("z")

    with pytest.raises(TypeCheckError, match=r"does not make the asset 'z' \(it makes: x, y\)"):
        observe([both])


def test_observable_ones_are_found_in_a_selection():
    definitions = Definitions([raw, parts, made], resources={"source": Source(version="v")})
    assert observable(definitions, None) == ["raw", "parts"]
    assert observable(definitions, ["raw", "made"]) == ["raw"]
    with pytest.raises(UserError, match="no selected asset can be observed"):
        observable(definitions, ["made"])
    with pytest.raises(UserError, match="asset 'made' can't be observed"):
        observe_assets(definitions, Instance.ephemeral(), ["made"], Request())


def test_nothing_to_look_at_is_no_run():
    instance = Instance.ephemeral()
    assert observe([made], instance=instance).success
    assert instance.get_runs() == []


def test_a_check_that_is_not_declared_is_refused():
    @observable_source_asset
    def checked():
        return ObserveResult(
            data_version=DataVersion("1"), check_results=[AssetCheckResult(passed=True, check_name="fresh")]
        )

    with pytest.raises((TypeCheckError, InvalidDefinitionError), match="fresh"):
        observe([checked])
