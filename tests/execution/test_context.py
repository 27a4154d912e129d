"""The context: what an asset's function may ask and say."""

from __future__ import annotations

import logging
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from mlorch import (
    AssetExecutionContext,
    AssetKey,
    DailyPartitionsDefinition,
    DataVersion,
    Definitions,
    Instance,
    RetryPolicy,
    StaticPartitionsDefinition,
    asset,
    materialize,
)
from mlorch.app.materializing import Request, run_request
from mlorch.app.targets import Partitions
from mlorch.errors import TypeCheckError, UserError

DAYS = DailyPartitionsDefinition(start_date="2024-03-30", end_date="2024-04-02", timezone="Europe/Berlin")


def told(function, partition=None, **options):
    """What a function said in the fact of its materialization."""
    assets = [asset(name="told", **options)(function)]
    return materialize(assets, partition_key=partition).materializations[0]


def test_it_says_which_run_asset_job_and_attempt_this_is():
    seen = []

    @asset(key_prefix="ml", retry_policy=RetryPolicy(max_retries=1))
    def model(context: AssetExecutionContext) -> int:
        seen.append((context.asset_key, context.job_name, context.run_tags, context.retry_number))
        if context.retry_number == 0:
            raise ConnectionError("once")
        return len(context.run_id)

    request = Request(job="nightly", tags={"why": "test"})
    result = run_request(Definitions([model]), Instance.ephemeral(), request)
    assert result.asset_value("ml/model") == 32
    about = (AssetKey(["ml", "model"]), "nightly", {"why": "test"})
    assert seen == [(*about, 0), (*about, 1)]


def test_the_time_window_of_a_partition_is_in_its_zone_and_as_long_as_the_day_was():
    windows = []

    def day(context):
        windows.append(context.partition_time_window)
        return context.partition_key

    result = run_request(
        Definitions([asset(partitions_def=DAYS)(day)]),
        Instance.ephemeral(),
        Request(partitions=Partitions(range=("2024-03-30", "2024-03-31"))),
    )
    assert result.asset_value("day", "2024-03-31") == "2024-03-31"
    berlin = ZoneInfo("Europe/Berlin")
    assert [one.start for one in windows] == [datetime(2024, 3, day, tzinfo=berlin) for day in (30, 31)]
    hours = [(one.end.timestamp() - one.start.timestamp()) / 3600 for one in windows]
    assert hours == [24, 23]


def asking(attribute):
    def function(context):
        return getattr(context, attribute)

    return function


@pytest.mark.parametrize("attribute", ["partition_key", "partition_time_window"])
def test_what_an_asset_without_partitions_asks_of_them_is_refused_by_name(attribute):
    with pytest.raises(UserError, match="asset 'told' has no"):
        told(asking(attribute))


def test_partitions_that_are_no_times_have_no_window():
    letters = StaticPartitionsDefinition(["a", "b"])
    with pytest.raises(UserError, match="has no time partitions"):
        told(asking("partition_time_window"), "a", partitions_def=letters)
    assert told(asking("has_partition_key"), "a", partitions_def=letters).partition == "a"


def test_metadata_is_kept_as_json_and_what_json_cannot_hold_as_text():
    import numpy as np

    class Thing:
        def __str__(self):
            return "a thing"

    circle: list = []
    circle.append(circle)

    def function(context):
        context.add_output_metadata({"rows": np.int64(3), "share": np.float32(0.5), "list": np.arange(2)})
        context.add_output_metadata({"thing": Thing(), "when": date(2024, 1, 2), "rows": 4})
        context.add_output_metadata({"nested": [Thing(), {"url": "https://me:pw@host/x"}], 5: "five"})
        context.add_output_metadata({"odd": {("a", 1): 2}, "circle": circle, "fine": [1]})

    assert told(function).metadata == {
        "rows": 4,
        "share": 0.5,
        "list": [0, 1],
        "thing": "a thing",
        "when": "2024-01-02",
        "nested": ["a thing", {"url": "https://me:***@host/x"}],
        "5": "five",
        "odd": "{('a', 1): 2}",
        "circle": "[[...]]",
        "fine": [1],
    }


def test_metrics_are_numbers_or_series():
    def function(context):
        context.log_metric("loss", 2)
        context.log_metric("loss", 1)
        for step in range(3):
            context.log_metric("curve", 1 / (step + 1), step=step)

    assert told(function).metrics == {"loss": 1.0, "curve": [[0, 1.0], [1, 0.5], [2, 1 / 3]]}


@pytest.mark.parametrize("steps", [(None, 1), (1, None)])
def test_a_metric_has_steps_or_has_none(steps):
    def function(context):
        for step in steps:
            context.log_metric("loss", 1.0, step=step)

    with pytest.raises(UserError, match="'loss' was logged with a step and without"):
        told(function)


def test_a_data_version_of_ones_own_is_taken_as_it_is():
    def function(context):
        context.set_data_version(DataVersion("v7"))

    made = told(function)
    assert (made.data_version, made.is_user_provided) == ("v7", True)


def test_anything_else_is_no_data_version():
    with pytest.raises(TypeCheckError, match=r"given as DataVersion\('…'\), not as 'v7'"):
        told(lambda context: context.set_data_version("v7"))
    with pytest.raises(TypeCheckError, match=r"text, not 7; write DataVersion\('7'\)"):
        DataVersion(7)  # type: ignore[arg-type]


def test_the_log_of_a_step_is_its_own_and_not_that_of_the_process(caplog):
    def function(context):
        context.log.debug("only here")

    with caplog.at_level(logging.DEBUG):
        told(function)
    assert caplog.records == []


def test_what_is_asked_of_an_output_is_what_is_asked_of_the_asset():
    days = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-05")
    heard: dict[str, object] = {}

    @asset(key_prefix="ml", partitions_def=days)
    def daily(context):
        heard.update(
            key=context.asset_key_for_output(),
            partition=context.asset_partition_key_for_output(),
            partitions=list(context.asset_partition_keys_for_output()),
            range=context.asset_partition_key_range_for_output(),
            window=context.asset_partitions_time_window_for_output(),
            definition=context.asset_partitions_def_for_output(),
            tagged=(context.has_tag("team"), context.get_tag("team"), context.has_tag("other")),
            ranged=context.has_partition_key_range,
        )

    assert materialize([daily], partition_key="2024-01-02", tags={"team": "ml"}).success
    assert heard["key"] == AssetKey(["ml", "daily"])
    assert (heard["partition"], heard["partitions"]) == ("2024-01-02", ["2024-01-02"])
    assert heard["range"] == ("2024-01-02", "2024-01-02")
    assert heard["window"] == days.time_window_for_partition_key("2024-01-02")
    assert heard["definition"] == days
    assert heard["tagged"] == (True, "ml", False)
    assert heard["ranged"] is True
