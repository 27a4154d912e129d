"""Checks that are often wanted, ready made: how fresh, within which bounds, of which columns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from mlorch.definitions.asset_checks import AssetChecksDefinition, multi_asset_check
from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.checks import AssetCheckKey, AssetCheckResult, AssetCheckSeverity, AssetCheckSpec
from mlorch.definitions.cron import cron_fields, find_zone, make_grid
from mlorch.definitions.keys import AssetKey, key_text
from mlorch.definitions.specs import AssetSpec
from mlorch.definitions.windows import TimeWindowPartitionsDefinition
from mlorch.errors import InvalidDefinitionError

WARN = AssetCheckSeverity.WARN


def build_last_update_freshness_checks(
    *,
    assets: Sequence[Any],
    lower_bound_delta: timedelta,
    deadline_cron: str | None = None,
    timezone: str = "UTC",
    severity: AssetCheckSeverity = WARN,
    blocking: bool = False,
) -> Sequence[AssetChecksDefinition]:
    """Return checks "freshness_check": was the asset made or observed within the time before now?

    With `deadline_cron`, before the last deadline instead. Raises InvalidDefinitionError for a bad one.
    """
    params = _params(timezone, deadline_cron, lower_bound_delta_seconds=lower_bound_delta.total_seconds())

    def evaluate(context: Any, key: AssetKey) -> AssetCheckResult:
        end = _deadline(deadline_cron, timezone)
        start = end - lower_bound_delta.total_seconds()
        last = context.instance.get_latest_data_version_record(key)
        metadata = {"dagster/freshness_params": params, "dagster/freshness_lower_bound_timestamp": start}
        if last is None:
            return _result(False, severity, "The asset was never made.", metadata)
        metadata["dagster/last_updated_timestamp"] = last.timestamp
        passed = last.timestamp >= start
        if passed and deadline_cron is None:
            metadata["dagster/fresh_until_timestamp"] = last.timestamp + lower_bound_delta.total_seconds()
        return _result(passed, severity, _told(passed, last.timestamp, start), metadata)

    return [_built("freshness_check", assets, blocking, {"dagster/freshness_params": params}, evaluate)]


def build_time_partition_freshness_checks(
    *,
    assets: Sequence[Any],
    deadline_cron: str,
    timezone: str = "UTC",
    severity: AssetCheckSeverity = WARN,
    blocking: bool = False,
) -> Sequence[AssetChecksDefinition]:
    """Return checks "freshness_check": is the last partition there that was complete at the last deadline?

    Raises InvalidDefinitionError for a bad expression, and for an asset without time partitions.
    """
    params = _params(timezone, deadline_cron)
    divided = {str(key): definition for one in assets for key, definition in _windows_of(one)}

    def evaluate(context: Any, key: AssetKey) -> AssetCheckResult:
        deadline = _deadline(deadline_cron, timezone)
        metadata = {"dagster/freshness_params": params, "dagster/latest_cron_tick_timestamp": deadline}
        keys = divided[str(key)].get_partition_keys(datetime.fromtimestamp(deadline, UTC))
        if not keys:
            return _result(True, severity, "No partition was complete at the last deadline.", metadata)
        passed = keys[-1] in context.instance.get_materialized_partitions(key)
        told = "is there" if passed else "was to be there by the last deadline, and is not"
        return _result(passed, severity, f"The partition {keys[-1]} {told}.", metadata)

    return [_built("freshness_check", assets, blocking, {"dagster/freshness_params": params}, evaluate)]


def build_metadata_bounds_checks(
    *,
    assets: Sequence[Any],
    metadata_key: str,
    min_value: float | None = None,
    max_value: float | None = None,
    exclusive_min: bool = False,
    exclusive_max: bool = False,
    severity: AssetCheckSeverity = WARN,
    blocking: bool = False,
) -> Sequence[AssetChecksDefinition]:
    """Return checks "<key>_bounds_check": is a number in the asset's newest metadata within bounds?"""

    def evaluate(context: Any, key: AssetKey) -> AssetCheckResult:
        last = context.instance.get_latest_materialization_event(key)
        value = last.fact.metadata.get(metadata_key) if last is not None else None
        if last is None:
            return _result(False, severity, "The asset was never made.", {})
        if isinstance(value, bool) or not isinstance(value, int | float):
            return _result(False, severity, f"The metadata {metadata_key!r} is no number: {value!r}.", {})
        broken = [
            f"Value `{value}` is {word} {bound}"
            for bound, is_broken, word in (
                (min_value, _is_below(value, min_value, exclusive_min), "less than"),
                (max_value, _is_below(max_value, value, exclusive_max), "greater than"),
            )
            if is_broken
        ]
        return _result(not broken, severity, broken[0] if broken else f"Value `{value}` is within range", {})

    return [_built(f"{metadata_key.replace('/', '_')}_bounds_check", assets, blocking, {}, evaluate)]


def build_column_schema_change_checks(
    *, assets: Sequence[Any], severity: AssetCheckSeverity = WARN, blocking: bool = False
) -> Sequence[AssetChecksDefinition]:
    """Return checks "column_schema_change": has the asset the columns that it had the time before?

    Columns are those of frames, or the metadata "dagster/column_schema".
    """

    def evaluate(context: Any, key: AssetKey) -> AssetCheckResult:
        records = context.instance.fetch_materializations(key, limit=2).records
        if len(records) < 2:
            return _result(True, severity, "The asset has been materialized fewer than 2 times", {})
        new, old = (_columns(record.fact.metadata) for record in records)
        if new is None or old is None:
            return _result(False, severity, "The metadata does not say which columns the asset has", {})
        changes: dict[str, dict[str, Any]] = {
            "added": {name: new[name] for name in new if name not in old},
            "removed": {name: old[name] for name in old if name not in new},
            "changed": {
                name: [old[name], new[name]] for name in new if old.get(name, new[name]) != new[name]
            },
        }
        found = {what: columns for what, columns in changes.items() if columns}
        told = "No changes to column schema between previous and latest materialization"
        if found:
            told = "; ".join(f"{what}: {', '.join(columns)}" for what, columns in found.items())
        return _result(not found, severity, told, found)

    return [_built("column_schema_change", assets, blocking, {}, evaluate)]


Evaluate = Callable[[Any, AssetKey], AssetCheckResult]


def _built(
    name: str, assets: Iterable[Any], blocking: bool, metadata: Mapping[str, Any], evaluate: Evaluate
) -> AssetChecksDefinition:
    """Return one function for the check of each asset; which it evaluates can be chosen."""
    keys = [key for one in assets for key in _keys_of(one)]
    specs = [AssetCheckSpec(name, asset=key, blocking=blocking, metadata=metadata) for key in keys]
    digest = sha256(",".join(map(str, keys)).encode()).hexdigest()[:8]

    def check(context):  # type: ignore[no-untyped-def]  # its parameter is known by its name
        yield from _evaluated(context, name, evaluate)

    return multi_asset_check(name=f"{name}_{digest}", specs=specs, can_subset=True)(check)


def _evaluated(context: Any, name: str, evaluate: Evaluate) -> Iterator[AssetCheckResult]:
    keys: set[AssetCheckKey] = context.selected_asset_check_keys
    for key in sorted(one.asset_key for one in keys):
        found = evaluate(context, key)
        yield AssetCheckResult(
            found.passed, key, name, found.metadata, found.severity, description=found.description
        )


def _keys_of(asset: Any) -> Iterator[AssetKey]:
    if isinstance(asset, AssetsDefinition):
        yield from sorted(asset.keys)
    else:
        yield AssetKey.from_user_string(key_text(asset))


def _windows_of(asset: Any) -> Iterator[tuple[AssetKey, TimeWindowPartitionsDefinition]]:
    for key in _keys_of(asset):
        found = asset.partitions_def if isinstance(asset, AssetsDefinition | AssetSpec) else None
        if not isinstance(found, TimeWindowPartitionsDefinition):
            raise InvalidDefinitionError(
                f"build_time_partition_freshness_checks: {str(key)!r} should be an asset with time partitions"
            )
        yield key, found


def _params(timezone: str, deadline_cron: str | None, **more: Any) -> dict[str, Any]:
    find_zone(timezone)
    deadline = {"deadline_cron": cron_fields(deadline_cron)} if deadline_cron is not None else {}
    return {"timezone": timezone, **deadline, **more}


def _deadline(cron: str | None, timezone: str) -> float:
    """Return the last deadline, or now without one; in seconds since the epoch, UTC."""
    now = time.time()
    if cron is None:
        return now
    return make_grid(cron, find_zone(timezone)).floor(datetime.fromtimestamp(now, UTC)).timestamp()


def _result(
    passed: bool, severity: AssetCheckSeverity, description: str, metadata: Mapping[str, Any]
) -> AssetCheckResult:
    return AssetCheckResult(passed, severity=severity, description=description, metadata=metadata)


def _told(passed: bool, at: float, start: float) -> str:
    when, since = (datetime.fromtimestamp(one, UTC).strftime("%Y-%m-%d %H:%M") for one in (at, start))
    return f"The last update was {when} UTC, {'within' if passed else 'before'} the time from {since} UTC on."


def _is_below(value: float | None, bound: float | None, is_exclusive: bool) -> bool:
    if value is None or bound is None:
        return False
    return value <= bound if is_exclusive else value < bound


def _columns(metadata: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the type of each column by its name, as far as the metadata says."""
    found = metadata.get("dagster/column_schema", metadata.get("columns"))
    if isinstance(found, Mapping):
        return {one["name"]: str(one.get("type", "")) for one in found.get("columns", ())}
    return {name: str(kind) for name, kind in found} if isinstance(found, list | tuple) else None
