"""Checks that are ready made."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import (
    AssetCheckSeverity,
    AssetMaterialization,
    AssetSelection,
    DailyPartitionsDefinition,
    Instance,
    asset,
    build_column_schema_change_checks,
    build_last_update_freshness_checks,
    build_metadata_bounds_checks,
    build_time_partition_freshness_checks,
    materialize,
)
from mlorch.errors import InvalidDefinitionError
from mlorch.events import AssetMaterialized


@asset
def made():
    return 1


def evaluated(checks, instance, assets=(made,)):
    selection = AssetSelection.all_asset_checks()
    result = materialize([*assets, *checks], selection=selection, instance=instance)
    return result.get_asset_check_evaluations()


def reported(**metadata):
    instance = Instance.ephemeral()
    instance.report_runless_asset_event(AssetMaterialization("made", metadata=metadata))
    return instance


@pytest.mark.parametrize(("age", "passed"), [(0, True), (7200, False)])
def test_an_asset_is_fresh_that_was_made_lately(age, passed):
    instance = Instance.ephemeral()
    fact = AssetMaterialized(run_id="r", at=time.time() - age, step="made", asset="made", data_version="1")
    instance.log.append([fact])
    (one,) = evaluated(
        build_last_update_freshness_checks(assets=[made], lower_bound_delta=timedelta(hours=1)), instance
    )
    assert (one.check_name, one.passed, one.severity) == ("freshness_check", passed, AssetCheckSeverity.WARN)
    assert one.metadata["dagster/freshness_params"]["lower_bound_delta_seconds"] == 3600


def test_an_asset_that_was_never_made_is_not_fresh():
    checks = build_last_update_freshness_checks(
        assets=["elsewhere"], lower_bound_delta=timedelta(hours=1), deadline_cron="0 * * * *"
    )
    (one,) = evaluated(checks, Instance.ephemeral())
    assert (one.passed, str(one.asset_key)) == (False, "elsewhere")


def test_the_last_complete_partition_has_to_be_there():
    days = DailyPartitionsDefinition("2024-01-01", end_date="2024-01-03")
    daily = asset(name="daily", partitions_def=days)(lambda: 1)
    checks = build_time_partition_freshness_checks(assets=[daily], deadline_cron="0 9 * * *")
    instance = Instance.ephemeral()
    materialize([daily], partition_key="2024-01-01", instance=instance)
    assert not evaluated(checks, instance, [daily])[0].passed
    materialize([daily], partition_key="2024-01-02", instance=instance)
    assert evaluated(checks, instance, [daily])[0].passed
    with pytest.raises(InvalidDefinitionError, match="'made' should be an asset with time partitions"):
        build_time_partition_freshness_checks(assets=[made], deadline_cron="0 9 * * *")


@given(st.integers(-5, 5), st.none() | st.integers(-5, 5), st.none() | st.integers(-5, 5), st.booleans())
def test_a_number_stays_within_its_bounds(value, least, most, is_exclusive):
    checks = build_metadata_bounds_checks(
        assets=[made],
        metadata_key="rows",
        min_value=least,
        max_value=most,
        exclusive_min=is_exclusive,
        exclusive_max=is_exclusive,
    )
    (one,) = evaluated(checks, reported(rows=value))
    over = [bound for bound in (least, most) if bound == value] if is_exclusive else []
    inside = (least is None or least <= value) and (most is None or value <= most)
    assert one.passed == (inside and not over)


def test_metadata_that_is_no_number_fails():
    checks = build_metadata_bounds_checks(assets=[made], metadata_key="my/rows", min_value=1)
    (one,) = evaluated(checks, reported(rows=5))
    assert (one.check_name, one.passed) == ("my_rows_bounds_check", False)
    assert "no number: None" in one.description


def test_columns_are_compared_with_those_before():
    columns: list[dict[str, Any]] = [{"a": [1], "b": [2]}, {"a": [1], "b": [2]}, {"a": ["x"], "c": [2]}]
    frames = iter(columns)

    @asset
    def frame() -> pd.DataFrame:
        return pd.DataFrame(next(frames))

    checks = build_column_schema_change_checks(assets=[frame])
    instance = Instance.ephemeral()
    found = [
        materialize([frame, *checks], instance=instance).get_asset_check_evaluations()[0] for _ in range(3)
    ]
    assert [one.passed for one in found] == [True, True, False]
    assert found[2].metadata["added"] == {"c": "int64"}
    assert found[2].metadata["removed"] == {"b": "int64"}
    assert list(found[2].metadata["changed"]) == ["a"]
