"""The sensor that has checks of freshness evaluated when their answer may have changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlorch.definitions.asset_checks import AssetChecksDefinition
from mlorch.definitions.checks import AssetCheckSpec
from mlorch.definitions.cron import find_zone, make_grid
from mlorch.definitions.requests import RunRequest, SkipReason
from mlorch.definitions.selections import AssetSelection
from mlorch.definitions.sensors import SensorDefinition, Status
from mlorch.definitions.ticks import DefaultSensorStatus, SensorEvaluationContext
from mlorch.errors import InvalidDefinitionError


def build_sensor_for_freshness_checks(
    *,
    freshness_checks: Sequence[AssetChecksDefinition],
    minimum_interval_seconds: float | None = None,
    name: str = "freshness_checks_sensor",
    default_status: Status = DefaultSensorStatus.STOPPED,
    tags: Mapping[str, Any] | None = None,
) -> SensorDefinition:
    """Return a sensor that runs each check of freshness whose answer is unknown, or may be another now.

    One that passed is asked again when the asset is no longer fresh, or a deadline has passed; one that
    failed, when the asset was made since. Raises InvalidDefinitionError for what is no check of freshness.
    """
    specs = [spec for one in freshness_checks for spec in one.check_specs]
    for spec in specs:
        if _PARAMS not in (spec.metadata or {}):
            raise InvalidDefinitionError(
                f"sensor {name!r}: {spec.key.to_user_string()!r} is no check of freshness; "
                "give what build_last_update_freshness_checks(…) returns"
            )

    def evaluate(context: SensorEvaluationContext) -> RunRequest | SkipReason:
        due = [spec.key for spec in specs if _is_due(spec, context)]
        if not due:
            return SkipReason("every check of freshness has its answer")
        return RunRequest(asset_selection=[], asset_check_keys=due)

    return SensorDefinition(
        name,
        evaluation_fn=evaluate,
        target=AssetSelection.checks(*(spec.key for spec in specs)),
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        tags=tags,
    )


_PARAMS = "dagster/freshness_params"


def _is_due(spec: AssetCheckSpec, context: SensorEvaluationContext) -> bool:
    last = context.instance.get_latest_asset_check_evaluation(spec.key)
    if last is None:
        return True
    if not last.passed:
        newest = context.instance.get_latest_data_version_record(spec.asset_key)
        return newest is not None and bool(newest.timestamp > last.timestamp)
    until = last.metadata.get("dagster/fresh_until_timestamp")
    if until is not None:
        return bool(context.now.timestamp() > until)
    params = (spec.metadata or {})[_PARAMS]
    deadline = make_grid(params["deadline_cron"], find_zone(params["timezone"])).floor(context.now)
    return bool(deadline.timestamp() > last.timestamp)
