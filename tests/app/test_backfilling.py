"""backfill: many partitions by many runs."""

from __future__ import annotations

import time

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from mlorch import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetIn,
    AssetOut,
    BackfillPolicy,
    Config,
    DailyPartitionsDefinition,
    Definitions,
    Instance,
    MaterializeResult,
    MonthlyPartitionsDefinition,
    RunConfig,
    RunsFilter,
    StaticPartitionsDefinition,
    TimeWindowPartitionMapping,
    asset,
    asset_check,
    backfill,
    load_asset,
    materialize,
    multi_asset,
)
from mlorch.app.backfilling import plan_backfill, run_backfill
from mlorch.app.backfills import newest_backfills
from mlorch.app.choosing import Choice
from mlorch.app.materializing import Request
from mlorch.definitions.limits import Limits, TagLimit
from mlorch.errors import TypeCheckError, UnknownPartitionError, UserError
from mlorch.events import AssetMaterialized, CheckEvaluated, RunFinished, RunStarted, StepStarted

DAYS = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-07")
FIRST, SECOND, THIRD, FOURTH, *_ = DAYS.get_partition_keys()
SINGLE = BackfillPolicy.single_run()


@asset(partitions_def=DAYS, code_version="1")
def raw(context: AssetExecutionContext) -> int:
    return context.partition_time_window.start.day


@asset(partitions_def=DAYS, code_version="1")
def feature(raw: int) -> int:
    return raw * 10


def test_each_partition_is_a_run_with_its_tags():
    instance = Instance.ephemeral()
    result = backfill([raw, feature], partitions=f"{FIRST}...{SECOND},{FOURTH}", instance=instance)
    assert result.success
    assert len(result.runs) == 3
    assert result.asset_value("feature", FOURTH) == 40
    runs = instance.get_runs(RunsFilter(tags={"mlorch/backfill": result.backfill_id}))
    assert sorted(run.tags["mlorch/partition"] for run in runs) == [FIRST, SECOND, FOURTH]
    assert {run.status for run in runs} == {"SUCCESS"}
    assert {len(run.started.partitions) for run in runs} == {1}


def test_a_run_of_several_says_its_first_and_last():
    pair = asset(name="pair", partitions_def=DAYS, backfill_policy=BackfillPolicy.multi_run(2))(lambda: None)
    instance = Instance.ephemeral()
    backfill([pair], partitions=[FIRST, SECOND], instance=instance)
    (run,) = instance.get_runs()
    ends = [run.tags[f"mlorch/asset_partition_range_{end}"] for end in ("start", "end")]
    assert ends == [FIRST, SECOND]


def test_early_partitions_are_made_all_the_way_down_first():
    instance = Instance.ephemeral()
    backfill([raw, feature], partitions=[FIRST, SECOND], instance=instance)
    begun = [one.event.step for one in instance.log.read(kinds={StepStarted.kind})]
    assert begun == [f"raw[{FIRST}]", f"feature[{FIRST}]", f"raw[{SECOND}]", f"feature[{SECOND}]"]


def test_partitions_below_follow_through_the_mappings():
    months = MonthlyPartitionsDefinition(start_date="2024-01-01", end_date="2024-03-01")
    days = DailyPartitionsDefinition(start_date="2024-01-30", end_date="2024-02-02")
    starts = TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)

    @asset(partitions_def=days)
    def daily() -> int:
        return 1

    @asset(partitions_def=months, ins={"daily": AssetIn(partition_mapping=starts)})
    def monthly(daily: dict[str, int]) -> int:
        return len(daily)

    @asset
    def total(monthly: dict[str, int]) -> int:
        return sum(monthly.values())

    instance = Instance.ephemeral()
    everything = [daily, monthly]
    result = backfill(everything, partitions="2024-01-30...2024-01-31", instance=instance)
    made = [one.step for one in result.materializations]
    assert made == ["daily[2024-01-30]", "daily[2024-01-31]", "monthly[2024-01-01]"]
    result = backfill([*everything, total], only="missing", all_partitions=True, instance=instance)
    assert result.asset_value("total") == 3


def test_only_what_is_missing():
    instance = Instance.ephemeral()
    backfill([raw, feature], partitions=[SECOND], instance=instance)
    result = backfill([raw, feature], partitions=[FIRST, SECOND], only="missing", instance=instance)
    assert [one.partition for one in result.materializations] == [FIRST, FIRST]


def test_only_what_is_stale_and_only_as_far_as_it_matters():
    instance = Instance.ephemeral()
    backfill([raw, feature], all_partitions=True, instance=instance)
    assert backfill([raw, feature], only="stale", instance=instance).backfill_id == ""
    same = asset(name="raw", partitions_def=DAYS, code_version="1")(lambda: 1)
    materialize([same], partition_key=THIRD, instance=instance)
    assert not backfill([raw, feature], only="stale", instance=instance).materializations

    changed = asset(name="feature", partitions_def=DAYS, code_version="2")(lambda raw: raw)
    result = backfill([raw, changed], only="stale", partitions=[FIRST, THIRD], instance=instance)
    assert [one.step for one in result.materializations] == [f"feature[{FIRST}]", f"feature[{THIRD}]"]
    assert ("raw", FIRST) in result.plan.fresh


def test_only_what_failed_and_what_it_blocked():
    broken = {SECOND}

    @asset(name="raw", partitions_def=DAYS, code_version="1")
    def fragile(context: AssetExecutionContext) -> int:
        if context.partition_key in broken:
            raise ValueError("bad day")
        return 1

    instance = Instance.ephemeral()
    named = [FIRST, SECOND, THIRD]
    result = backfill([fragile, feature], partitions=named, instance=instance, raise_on_error=False)
    assert (result.status, len(result.materializations), len(result.failures)) == ("FAILURE", 4, 1)
    assert [run.status for run in result.runs] == ["SUCCESS", "FAILURE", "SUCCESS"]
    with pytest.raises(ValueError, match="bad day"):
        backfill([fragile, feature], only="failed", instance=instance)
    broken.clear()
    again = backfill([fragile, feature], only="failed", instance=instance)
    assert [one.step for one in again.materializations] == [f"raw[{SECOND}]", f"feature[{SECOND}]"]


def test_which_partitions_has_to_be_said_and_they_have_to_exist():
    with pytest.raises(UserError, match="'raw' is partitioned; say which"):
        backfill([raw, feature])
    with pytest.raises(UnknownPartitionError, match="'raw': there is no partition '2023-01-01'"):
        backfill([raw, feature], partitions="2023-01-01")
    with pytest.raises(UserError, match="not both"):
        backfill([raw], partitions=FIRST, all_partitions=True)


def test_one_run_makes_frames_models_and_plain_values_each_by_itself(tmp_path):
    @asset(partitions_def=DAYS, backfill_policy=SINGLE)
    def frame(context: AssetExecutionContext) -> dict[str, pd.DataFrame]:
        whole = pd.DataFrame({"day": context.partition_keys, "x": range(len(context.partition_keys))})
        return {str(key): rows.reset_index(drop=True) for key, rows in whole.groupby("day")}

    @asset(partitions_def=DAYS, backfill_policy=SINGLE)
    def model(frame: dict[str, pd.DataFrame]) -> dict[str, LinearRegression]:
        return {key: LinearRegression().fit(rows[["x"]], rows["x"]) for key, rows in frame.items()}

    @asset(partitions_def=DAYS, backfill_policy=SINGLE)
    def score(context: AssetExecutionContext, model: dict[str, LinearRegression]) -> dict[str, float]:
        return {key: float(model[key].intercept_) for key in context.partition_keys}

    with Instance.local(tmp_path) as instance:
        result = backfill([frame, model, score], partitions=f"{FIRST}...{THIRD}", instance=instance)
        assert len(result.runs) == 1
        assert len(result.materializations) == 9
        second = load_asset("frame", SECOND, instance=instance)
        assert second.to_dict("list") == {"day": [SECOND], "x": [1]}
        assert isinstance(load_asset("model", SECOND, instance=instance), LinearRegression)
        assert load_asset("score", THIRD, instance=instance) == 2.0
        made = [one.event for one in instance.log.read(kinds={AssetMaterialized.kind}, asset="score")]
        assert [[one.partition for one in event.inputs] for event in made] == [[FIRST], [SECOND], [THIRD]]


def test_what_one_run_is_told_is_exactly_what_it_makes():
    said = []

    @asset(partitions_def=DAYS, backfill_policy=SINGLE)
    def told(context: AssetExecutionContext) -> None:
        window = context.partition_time_window
        said.append((*context.partition_keys, tuple(context.partition_key_range), window.end.day))

    result = backfill([told], partitions=f"{FIRST}...{SECOND},{FOURTH}")
    assert said == [
        (FIRST, SECOND, (FIRST, SECOND), 3),
        (FOURTH, (FOURTH, FOURTH), 5),
    ]
    assert len(result.materializations) == 3


def test_a_value_for_several_partitions_that_is_not_by_key_is_refused():
    @asset(partitions_def=DAYS, backfill_policy=SINGLE)
    def frame(context: AssetExecutionContext) -> pd.DataFrame:
        return pd.DataFrame({"day": context.partition_keys})

    @asset(partitions_def=DAYS, backfill_policy=SINGLE)
    def partial(context: AssetExecutionContext) -> dict[str, int]:
        return {FIRST: 1, "2020-01-01": 1}

    with pytest.raises(TypeCheckError, match=r"'frame' .*returned DataFrame.*{partition key: value}"):
        backfill([frame], partitions=[FIRST, SECOND])
    with pytest.raises(TypeCheckError, match=f"lacks '{SECOND}'.*'2020-01-01' is none of them"):
        backfill([partial], partitions=[FIRST, SECOND])
    assert backfill([frame], partitions=[FIRST]).success


def test_results_and_several_assets_are_kept_by_partition_too():
    @multi_asset(outs={"one": AssetOut(), "other": AssetOut()}, partitions_def=DAYS, backfill_policy=SINGLE)
    def both(context: AssetExecutionContext):
        keys = context.partition_keys
        return dict.fromkeys(keys, 1), {key: index for index, key in enumerate(keys)}

    @asset(partitions_def=DAYS, backfill_policy=SINGLE)
    def said(context: AssetExecutionContext, other: dict[str, int]) -> MaterializeResult:
        for key in context.partition_keys:
            context.add_asset_metadata({"day": key}, partition_key=key, asset_key="said")
        return MaterializeResult(value=other, metadata={"all": True})

    instance = Instance.ephemeral()
    result = backfill([both, said], partitions=[FIRST, SECOND], instance=instance)
    assert result.asset_value("other", SECOND) == result.asset_value("said", SECOND) == 1
    metadata = {one.partition: one.metadata for one in result.materializations if one.asset == "said"}
    assert metadata[FIRST]["day"] == FIRST
    assert metadata[FIRST]["all"] is metadata[SECOND]["all"] is True


def test_partitions_that_read_the_one_before_are_made_one_by_one():
    before = TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

    @asset(
        partitions_def=DAYS, backfill_policy=SINGLE, ins={"known": AssetIn("grown", partition_mapping=before)}
    )
    def grown(context: AssetExecutionContext, known: int | None) -> int:
        return (known or 0) + 1

    result = backfill([grown], all_partitions=True)
    assert result.asset_value("grown", DAYS.get_partition_keys()[-1]) == 6
    assert len(result.runs) == 1


class Rate(Config):
    rate: float = 0.5


def test_a_run_config_and_tags_hold_for_every_run():
    @asset(partitions_def=StaticPartitionsDefinition(["a", "b"]))
    def tried(config: Rate) -> float:
        return config.rate

    instance = Instance.ephemeral()
    config = RunConfig(ops={"tried": Rate(rate=2.0)})
    result = backfill([tried], all_partitions=True, run_config=config, tags={"team": "ml"}, instance=instance)
    assert [result.asset_value("tried", key) for key in "ab"] == [2.0, 2.0]
    assert {run.tags["team"] for run in instance.get_runs()} == {"ml"}


def test_a_plan_changes_nothing():
    instance = Instance.ephemeral()
    plan = plan_backfill(Definitions([raw, feature]), instance, Request(), Choice((FIRST, SECOND)))
    assert [step.run for step in plan.steps] == [0, 0, 1, 1]
    assert instance.log.read() == []


def test_limits_hold_within_a_backfill_and_let_everything_through(tmp_path):
    policy = BackfillPolicy.multi_run(1)
    after = AssetIn("raw", partition_mapping=TimeWindowPartitionMapping(start_offset=-1, end_offset=0))
    late = asset(name="late", partitions_def=DAYS, ins={"raw": after}, backfill_policy=policy)(lambda raw: 1)
    for limits in (Limits(runs=1), Limits(tags=(TagLimit(key="team", limit=2, is_per_value=True),))):
        with Instance.local(tmp_path / str(limits.runs)) as instance:
            request = Request(executor="threads", workers=4, limits=limits, tags={"team": "ml"})
            result = run_backfill(Definitions([raw, late]), instance, request, Choice(every=True))
            assert result.success
            assert len(result.materializations) == 12
            going, most = 0, 0
            for record in instance.log.read(kinds={RunStarted.kind, RunFinished.kind}):
                going += 1 if isinstance(record.event, RunStarted) else -1
                most = max(most, going)
            assert most == (1 if limits.runs == 1 else 2)


def test_a_backfill_is_recorded_with_what_it_was_to_make():
    instance = Instance.ephemeral()
    result = backfill([raw, feature], partitions=[FIRST, SECOND], instance=instance)
    (found,) = newest_backfills(instance)
    assert (found.backfill_id, found.status) == (result.backfill_id, "SUCCESS")
    assert found.counts == {"runs": 2, "planned": 4, "made": 4, "failed": 0}
    assert found.started.targets == {"raw": [FIRST, SECOND], "feature": [FIRST, SECOND]}
    assert found.finished is not None
    assert found.finished.counts["made"] == 4


def test_what_is_made_is_checked_in_its_run_and_what_is_about_all_of_it_after():
    @asset_check(asset=raw, partitions_def=DAYS)
    def is_positive(raw: int) -> AssetCheckResult:
        return AssetCheckResult(passed=raw > 0)

    @asset_check(asset=raw)
    def is_whole(raw: dict[str, int]) -> AssetCheckResult:
        return AssetCheckResult(passed=len(raw) == 2)

    instance = Instance.ephemeral()
    definitions = Definitions([raw, feature], asset_checks=[is_positive, is_whole])
    result = backfill(definitions, partitions=[FIRST, SECOND], instance=instance)
    checked = [
        (one.event.check, one.event.partition) for one in instance.log.read(kinds={CheckEvaluated.kind})
    ]
    assert sorted(checked, key=str) == [("is_positive", FIRST), ("is_positive", SECOND), ("is_whole", None)]
    assert len(result.runs) == 3


def test_one_of_its_runs_is_canceled_alone(tmp_path):
    with Instance.local(tmp_path) as instance:

        @asset(name="raw", partitions_def=DAYS, code_version="1")
        def ending(context: AssetExecutionContext) -> int:
            if context.partition_key == FIRST:
                instance.leases.cancel(context.run_id, "canceled by me", time.time())
                time.sleep(1.2)
            return 1

        result = backfill(
            [ending, feature], partitions=[FIRST, SECOND], instance=instance, raise_on_error=False
        )
        assert [one.status for one in result.runs] == ["CANCELED", "SUCCESS"]
        assert [one.step for one in result.materializations] == [
            f"raw[{FIRST}]",
            f"raw[{SECOND}]",
            f"feature[{SECOND}]",
        ]
        assert [one.reason for one in result.skipped] == ["canceled by me"]
