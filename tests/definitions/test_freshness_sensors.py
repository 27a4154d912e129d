"""The sensor that has checks of freshness evaluated."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from mlorch import (
    AssetCheckKey,
    AssetCheckResult,
    AssetKey,
    AssetMaterialization,
    Definitions,
    Instance,
    asset,
    asset_check,
    build_last_update_freshness_checks,
    build_sensor_for_freshness_checks,
    materialize,
)
from mlorch.app.ticking import evaluate
from mlorch.errors import InvalidDefinitionError
from mlorch.planning.ticks import TickAsked

DAY = 86_400.0


@asset
def sales():
    return 1


def asked(checks, instance, later=0.0):
    fresh = build_sensor_for_freshness_checks(freshness_checks=checks)
    definitions = Definitions([sales], asset_checks=checks, sensors=[fresh])
    tick = TickAsked(name="sensor/freshness_checks_sensor", number=1, due=time.time() + later)
    outcome = evaluate(definitions, instance, tick)
    assert outcome.error == {}
    return [check for run in outcome.runs for check in run.checks]


def test_a_check_runs_without_an_answer_and_when_the_answer_may_be_another():
    checks = build_last_update_freshness_checks(assets=[sales], lower_bound_delta=timedelta(hours=1))
    instance = Instance.ephemeral()
    assert asked(checks, instance) == ["sales:freshness_check"]
    materialize([sales, *checks], instance=instance)
    assert asked(checks, instance) == []
    assert asked(checks, instance, 3_500) == []
    assert asked(checks, instance, 3_700) == ["sales:freshness_check"]


def test_what_failed_is_asked_again_once_the_asset_was_made():
    checks = build_last_update_freshness_checks(assets=[sales], lower_bound_delta=timedelta(hours=1))
    instance = Instance.ephemeral()
    materialize([sales, *checks], selection=[AssetKey("sales")], instance=instance)
    failing = build_last_update_freshness_checks(assets=[sales], lower_bound_delta=timedelta(0))
    materialize([sales, *failing], instance=instance)
    assert asked(failing, instance, DAY) == []
    instance.report_runless_asset_event(AssetMaterialization("sales"))
    assert asked(failing, instance) == ["sales:freshness_check"]


def test_with_deadlines_it_is_asked_after_each():
    checks = build_last_update_freshness_checks(
        assets=[sales], lower_bound_delta=timedelta(days=400), deadline_cron="@yearly"
    )
    instance = Instance.ephemeral()
    materialize([sales, *checks], instance=instance)
    assert asked(checks, instance) == []
    assert asked(checks, instance, 400 * DAY) == ["sales:freshness_check"]


def test_other_checks_are_refused():
    @asset_check(asset=sales)
    def positive():
        return AssetCheckResult(passed=True)

    assert positive.check_specs[0].key == AssetCheckKey(AssetKey("sales"), "positive")
    with pytest.raises(InvalidDefinitionError, match="'sales:positive' is no check of freshness"):
        build_sensor_for_freshness_checks(freshness_checks=[positive])
