"""What a run config says reaches the run: its executor, and what a job works out for itself."""

from __future__ import annotations

import threading

import pytest

from mlorch import (
    Config,
    DailyPartitionsDefinition,
    Definitions,
    Instance,
    RunConfig,
    asset,
    config_mapping,
    daily_partitioned_config,
    define_asset_job,
    job,
    materialize,
    op,
)
from mlorch.app.configuring import config_scaffold, config_schema, configurable, validate_config
from mlorch.app.materializing import Request, run_request
from mlorch.errors import InvalidConfigError, UserError


class Size(Config):
    size: int = 1


@op
def sized(config: Size) -> int:
    return config.size


@asset
def where() -> str:
    return threading.current_thread().name


@asset
def measured(config: Size) -> int:
    return config.size


@config_mapping(config_schema={"meters": int})
def in_meters(val):
    return {"ops": {"sized": {"config": {"size": val["meters"] * 100}}}}


@daily_partitioned_config(start_date="2024-01-01")
def by_day(start, end):
    return RunConfig({"sized": Size(size=start.day)})


@job(config=in_meters)
def measuring():
    sized()


@job(config=by_day)
def each_day():
    sized()


def test_a_run_config_says_where_steps_run(tmp_path):
    told = RunConfig(execution={"config": {"threads": {"max_concurrent": 2}}})
    with Instance.local(tmp_path) as instance:
        result = run_request(Definitions([where]), instance, Request(run_config=told))
        assert result.asset_value("where") != threading.current_thread().name
        plain = run_request(Definitions([where]), instance, Request())
        assert plain.asset_value("where") == threading.current_thread().name
    with pytest.raises(UserError, match="needs values that its workers can read"):
        materialize([where], run_config={"execution": {"config": {"multiprocess": {}}}})


def test_a_job_takes_a_simpler_config_than_its_ops():
    assert measuring.execute_in_process(run_config={"meters": 2}).output_for_node("sized") == 200
    with pytest.raises(InvalidConfigError, match="needs a value for 'meters'"):
        measuring.execute_in_process()


def test_a_job_has_the_partitions_of_its_config():
    assert each_day.partitions_def == DailyPartitionsDefinition(start_date="2024-01-01")
    assert each_day.execute_in_process(partition_key="2024-01-05").output_for_node("sized") == 5
    assert define_asset_job("all_days", config=by_day).partitions_def == each_day.partitions_def


def test_the_config_of_a_mapping_is_the_schema_of_its_job():
    definitions = Definitions([measured], jobs=[define_asset_job("simple", config=in_meters)])
    found = configurable(definitions, "simple")
    assert config_schema(found)["required"] == ["meters"]
    assert "measured" in config_scaffold(found)
    with pytest.raises(InvalidConfigError, match="no field 'metres'; did you mean 'meters'"):
        validate_config(definitions, found, {"metres": 1})


def test_a_selection_is_configured_as_a_job_is():
    definitions = Definitions([measured, where])
    schema = config_schema(configurable(definitions, "*"))
    assert set(schema["properties"]["ops"]["properties"]) == {"measured"}
    given = {"ops": {"measured": {"config": {"size": 3}}}}
    validate_config(definitions, configurable(definitions, "measured"), given)
