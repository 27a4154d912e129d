"""The steps that check assets, as they are planned and as they run."""

from __future__ import annotations

import pytest

from mlorch import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetIn,
    AssetSelection,
    DailyPartitionsDefinition,
    Instance,
    asset,
    asset_check,
    materialize,
    multi_asset_check,
)
from mlorch.errors import InvalidDefinitionError, NotFoundError

DAYS = DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")


@asset
def above():
    return 1


@asset
def below(above):
    return above + 1


def check(passed, **options):
    @asset_check(asset=above, **options)
    def looked(value):
        return AssetCheckResult(passed=passed, metadata={"value": value})

    return looked


def steps(result):
    return [one.name for one in result.plan.steps]


def test_a_check_runs_after_its_asset_and_reads_its_value():
    result = materialize([above, below, check(True)])
    assert steps(result) == ["above", "above_looked", "below"]
    (one,) = result.get_asset_check_evaluations()
    assert (one.check_name, one.passed, one.metadata) == ("looked", True, {"value": 1})
    assert one.data_version == result.materializations[0].data_version


def test_a_failed_check_that_is_not_blocking_fails_nothing():
    result = materialize([above, below, check(False)])
    assert result.success
    assert result.asset_value("below") == 2


def test_a_blocking_check_keeps_what_is_below_from_being_made():
    result = materialize([above, below, check(False, blocking=True)], raise_on_error=False)
    assert not result.success
    assert [one.asset for one in result.materializations] == ["above"]
    assert result.get_failed_step_keys() == {"above_looked"}
    assert "above:looked" in result.failures[0].error["message"]
    assert [one.step for one in result.skipped] == ["below"]
    assert result.checks[0].is_blocking


def test_a_blocking_check_that_warns_blocks_nothing():
    @asset_check(asset=above, blocking=True)
    def warns():
        return AssetCheckResult(passed=False, severity=AssetCheckSeverity.WARN)

    assert materialize([above, below, warns]).success


def test_what_does_not_read_the_checked_asset_goes_on():
    @asset
    def beside():
        return 3

    result = materialize([above, below, beside, check(False, blocking=True)], raise_on_error=False)
    assert {one.asset for one in result.materializations} == {"above", "beside"}


def test_a_blocking_check_may_not_read_what_waits_for_it():
    @asset_check(asset=above, blocking=True, additional_ins={"below": AssetIn("below")})
    def wrong(above, below): ...

    with pytest.raises(InvalidDefinitionError, match="'above_wrong' reads what waits for it"):
        materialize([above, below, wrong])


def test_a_check_waits_for_what_else_it_reads():
    @asset
    def zeta():
        return 1

    @asset_check(asset=above, blocking=True, additional_ins={"zeta": AssetIn("zeta")})
    def same(above, zeta):
        return AssetCheckResult(passed=above == zeta)

    result = materialize([above, below, zeta, same])
    assert steps(result).index("zeta") < steps(result).index("above_same") < steps(result).index("below")


def test_checks_run_alone_on_what_is_there():
    instance = Instance.ephemeral()
    looked = check(True)
    with pytest.raises(NotFoundError, match="never materialized"):
        materialize([above, looked], selection=AssetSelection.checks(looked), instance=instance)
    made = materialize([above], instance=instance).materializations[0]
    result = materialize([above, looked], selection=AssetSelection.checks(looked), instance=instance)
    assert result.materializations == []
    assert result.checks[0].data_version == made.data_version


def test_only_what_is_made_is_checked_again():
    instance = Instance.ephemeral()
    versioned = asset(code_version="1", name="above")(lambda: 1)
    assert len(materialize([versioned, check(True)], instance=instance, only_stale=True).checks) == 1
    assert materialize([versioned, check(True)], instance=instance, only_stale=True).run_id == ""


def test_nothing_is_checked_of_an_optional_asset_that_was_not_made():
    @asset(name="above", output_required=False)
    def none():
        yield from ()

    result = materialize([none, check(True)])
    assert result.success
    assert [one.step for one in result.skipped] == ["above_looked"]


def test_what_a_failed_asset_promised_is_not_checked():
    @asset(name="above")
    def broken():
        raise ValueError

    result = materialize([broken, check(True)], raise_on_error=False)
    assert result.checks == []
    assert [one.is_blocked for one in result.skipped] == [True]


@asset(partitions_def=DAYS)
def daily(context):
    return context.partition_key


def test_a_check_with_partitions_is_evaluated_for_each_that_is_made():
    @asset_check(asset=daily, partitions_def=DAYS)
    def right(context, daily):
        return AssetCheckResult(passed=daily == context.partition_key)

    result = materialize([daily, right], partition_key="2024-01-02")
    assert steps(result) == ["daily[2024-01-02]", "daily_right[2024-01-02]"]
    (one,) = result.get_asset_check_evaluations()
    assert (one.passed, one.partition) == (True, "2024-01-02")


def test_a_check_without_partitions_reads_all_that_are_there():
    seen = []

    @asset_check(asset=daily)
    def whole(daily: dict[str, str]):
        seen.append(dict(daily))
        return AssetCheckResult(passed=True)

    instance = Instance.ephemeral()
    materialize([daily, whole], partition_key="2024-01-01", instance=instance)
    result = materialize([daily, whole], partition_key="2024-01-03", instance=instance)
    assert result.get_asset_check_evaluations()[0].partition is None
    assert [sorted(one) for one in seen] == [["2024-01-01"], ["2024-01-01", "2024-01-03"]]


def test_some_checks_of_a_function_that_can_choose_are_evaluated():
    @multi_asset_check(
        specs=[AssetCheckSpec("a", asset="above"), AssetCheckSpec("b", asset="below")], can_subset=True
    )
    def both(context):
        for key in sorted(context.selected_asset_check_keys):
            yield AssetCheckResult(True, key.asset_key, key.name)

    result = materialize([above, below, both], selection="above")
    assert [one.check_name for one in result.get_asset_check_evaluations()] == ["a"]
    assert len(materialize([above, below, both]).checks) == 2
