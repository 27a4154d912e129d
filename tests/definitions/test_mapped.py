"""Configs of jobs that are worked out from partitions and simpler configs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlorch import (
    Config,
    ConfigMapping,
    DailyPartitionsDefinition,
    PartitionedConfig,
    RunConfig,
    StaticPartitionsDefinition,
    config_mapping,
    daily_partitioned_config,
    hourly_partitioned_config,
    monthly_partitioned_config,
    partitioned_config,
    static_partitioned_config,
    weekly_partitioned_config,
)
from mlorch.definitions.mapped import config_of
from mlorch.errors import InvalidConfigError, InvalidDefinitionError, UnknownPartitionError, UserError


def window(start: datetime, end: datetime) -> dict[str, object]:
    return {"ops": {"load": {"config": {"start": start.isoformat(), "end": end.isoformat()}}}}


def test_a_day_has_its_start_and_end():
    daily = daily_partitioned_config(start_date=datetime(2024, 1, 1, tzinfo=UTC))(window)
    assert isinstance(daily, PartitionedConfig)
    assert daily.get_run_config_for_partition_key("2024-01-02") == {
        "ops": {
            "load": {"config": {"start": "2024-01-02T00:00:00+00:00", "end": "2024-01-03T00:00:00+00:00"}}
        }
    }
    assert daily.partitions_def == DailyPartitionsDefinition(start_date="2024-01-01")
    assert daily(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)) == window(
        datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("decorator", "key"),
    [
        (hourly_partitioned_config, "2024-01-01-01:00"),
        (weekly_partitioned_config, "2024-01-07"),
        (monthly_partitioned_config, "2024-02-01"),
    ],
)
def test_other_windows_have_theirs(decorator, key):
    made = decorator(
        start_date="2024-01-01", tags_for_partition_fn=lambda start, end: {"year": str(start.year)}
    )
    config = made(lambda start, end: {"start": start})
    assert (
        config.get_run_config_for_partition_key(key)["start"]
        == config.partitions_def.time_window_for_partition_key(key).start
    )
    assert config.get_tags_for_partition_key(key) == {"year": "2024"}


def test_keys_have_theirs():
    @static_partitioned_config(partition_keys=["EU", "US"])
    def continent(partition_key: str):
        return {"ops": {"load": {"config": {"continent": partition_key}}}}

    assert continent.get_partition_keys() == ["EU", "US"]
    assert config_of(continent, "US") == {"ops": {"load": {"config": {"continent": "US"}}}}
    with pytest.raises(UnknownPartitionError):
        continent.get_run_config_for_partition_key("AS")
    again = partitioned_config(StaticPartitionsDefinition(["EU", "US"]))(
        lambda key: RunConfig({"load": {"c": key}})
    )
    assert config_of(again, "EU") == RunConfig({"load": {"c": "EU"}})


def test_a_run_without_a_partition_has_to_say_what_it_is_told():
    config = static_partitioned_config(["a"])(lambda key: {"ops": {}})
    with pytest.raises(UserError, match="name a partition"):
        config_of(config)
    assert config_of(config, given={"ops": {"x": {}}}) == {"ops": {"x": {}}}


def test_an_option_that_there_is_not_is_refused():
    with pytest.raises(InvalidDefinitionError, match="zone"):
        daily_partitioned_config(start_date="2024-01-01", zone="UTC")


def test_what_a_run_gives_takes_the_place_of_the_jobs_own():
    own = RunConfig({"x": {"rate": 1}})
    assert config_of(own) is own
    assert config_of(own, given={"ops": {}}) == {"ops": {}}
    assert config_of(None) is None


def test_a_simpler_config_is_checked_and_turned_into_that_of_the_ops(monkeypatch):
    @config_mapping(config_schema={"size": int})
    def simple(val):
        return {"ops": {"a": {"config": {"n": val["size"]}}, "b": {"config": {"n": val["size"]}}}}

    assert isinstance(simple, ConfigMapping)
    assert config_of(simple, given={"size": 3}) == {
        "ops": {"a": {"config": {"n": 3}}, "b": {"config": {"n": 3}}}
    }
    with pytest.raises(InvalidConfigError, match="the run config needs a value for 'size'"):
        config_of(simple)
    monkeypatch.setenv("SIZE", "4")
    assert (
        simple.resolve({"size": {"env": "SIZE"}})
        == config_of(simple, given={"size": 4})
        == simple({"size": 4})
    )


def test_its_class_may_be_that_of_the_parameter():
    class Simple(Config):
        size: int = 2

    @config_mapping
    def simple(val: Simple) -> RunConfig:
        return RunConfig({"a": {"n": val.size}})

    assert config_of(simple) == RunConfig({"a": {"n": 2}})
    with pytest.raises(InvalidConfigError, match="no field 'sise'; did you mean 'size'"):
        config_of(simple, given={"sise": 1})


def test_without_a_schema_anything_is_handed_on():
    assert ConfigMapping(lambda val: {"ops": val}).resolve({"a": 1}) == {"ops": {"a": 1}}
