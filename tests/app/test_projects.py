"""What people call on their definitions."""

from __future__ import annotations

import pytest

from mlorch import (
    AssetCheckResult,
    AssetKey,
    AssetSpec,
    Definitions,
    Instance,
    ScheduleDefinition,
    SensorDefinition,
    asset,
    asset_check,
    define_asset_job,
    job,
    materialize,
    op,
)
from mlorch.errors import InvalidDefinitionError, MissingDefinitionError


@asset(group_name="old")
def a():
    return 1


@asset
def b(a):
    return a + 1


def test_definitions_answer_about_their_assets():
    defs = Definitions([a, b, AssetSpec("outside", deps=[b])])
    assert defs.resolve_asset_graph().get_all_asset_keys() == set(map(AssetKey, ("a", "b", "outside")))
    assert defs.resolve_assets_def("a") is a
    assert not defs.resolve_assets_def("outside").is_executable
    assert [str(spec.key) for spec in defs.resolve_all_asset_specs()] == ["a", "b", "outside"]
    with pytest.raises(InvalidDefinitionError, match="there is no asset 'outsid'; did you mean 'outside'"):
        defs.resolve_assets_def("outsid")


def test_specs_are_mapped_in_copies():
    defs = Definitions([a, b])
    mapped = defs.map_asset_specs(func=lambda one: one.replace_attributes(group_name="new"), selection="a")
    groups = {key: node.group for key, node in mapped.graph.nodes.items()}
    assert groups == {"a": "new", "b": "default"}
    assert defs.graph.nodes["a"].group == "old"


def test_values_are_loaded_of_several_assets():
    defs = Definitions([a, b])
    instance = Instance.ephemeral()
    materialize([a, b], instance=instance)
    with defs.get_asset_value_loader(instance) as loader:
        assert (loader.load_asset_value("a"), loader.load_asset_value("b")) == (1, 2)


@asset_check(asset=a)
def is_one(a):
    return AssetCheckResult(passed=a == 1)


@op
def hello():
    return "hello"


@job
def greeting():
    hello()


def test_jobs_are_resolved_by_name_and_run():
    defs = Definitions([a, b], jobs=[define_asset_job("nightly", selection="b"), greeting])
    instance = Instance.ephemeral()
    materialize([a], instance=instance)
    result = defs.resolve_job_def("nightly").execute_in_process(instance=instance)
    assert [one.asset for one in result.materializations] == ["b"]
    assert defs.resolve_job_def("greeting").execute_in_process().output_for_node("hello") == "hello"
    assert len(defs.resolve_implicit_global_asset_job_def().execute_in_process().materializations) == 2
    with pytest.raises(InvalidDefinitionError, match="no job 'nightl'; did you mean 'nightly'"):
        defs.resolve_job_def("nightl")


def test_what_is_mapped_keeps_everything_else():
    defs = Definitions([a], asset_checks=[is_one], jobs=[greeting], resources={"x": 1}, metadata={"m": 1})
    mapped = defs.map_asset_specs(func=lambda one: one.merge_attributes(owners=["team:ml"]))
    assert mapped.graph.nodes["a"].owners == ("team:ml",)
    assert (mapped.asset_checks, mapped.jobs, mapped.metadata) == (
        defs.asset_checks,
        defs.jobs,
        defs.metadata,
    )
    assert set(mapped.resources) == {"x"}


def test_what_is_not_complete_runs_nothing_and_says_what_is_missing():
    half = Definitions([b], jobs=[greeting])
    for ask in (
        lambda: Definitions.validate_loadable(half),
        lambda: half.resolve_job_def("greeting"),
        half.resolve_asset_graph,
    ):
        with pytest.raises(MissingDefinitionError, match="asset 'b': no asset produces its argument 'a'"):
            ask()


def test_schedules_and_sensors_are_had_by_name():
    daily = ScheduleDefinition("daily", target=[a], cron_schedule="@daily")
    arrivals = SensorDefinition("arrivals", evaluation_fn=print)
    definitions = Definitions([a], schedules=[daily], sensors=[arrivals])
    assert definitions.get_schedule_def("daily") is daily
    assert definitions.resolve_sensor_def("arrivals") is arrivals
    with pytest.raises(InvalidDefinitionError, match="no schedule 'dail'; did you mean 'daily'"):
        definitions.resolve_schedule_def("dail")
    with pytest.raises(InvalidDefinitionError, match="no sensor 'arrival'; did you mean 'arrivals'"):
        definitions.get_sensor_def("arrival")


def test_a_target_that_names_no_asset_is_refused_where_selections_are():
    wrong = ScheduleDefinition("daily", target="aa", cron_schedule="@daily")
    with pytest.raises(InvalidDefinitionError, match=r"the target of schedule 'daily': .*'aa'"):
        Definitions.validate_loadable(Definitions([a], schedules=[wrong]))
