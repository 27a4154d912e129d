"""The verb automate: what the automation conditions of assets and checks request now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlorch.app.news import Asked, gather
from mlorch.app.partitions import resolved
from mlorch.definitions.automation_sensors import AutomationConditionSensorDefinition
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.keys import CoercibleToAssetKey, key_text
from mlorch.definitions.sensors import SensorDefinition
from mlorch.errors import UserError
from mlorch.planning.automation.asking import explained, runs_asked
from mlorch.planning.automation.deciding import conditions_of, decide, moment_of
from mlorch.planning.automation.evaluating import Evaluation
from mlorch.planning.automation.state import position, read, written
from mlorch.planning.automation.targets import Targets
from mlorch.planning.selection import coerced, found_keys
from mlorch.planning.ticks import RunAsked
from mlorch.storage.bodies import no_collection

if TYPE_CHECKING:
    from mlorch.definitions.assets import AssetsDefinition
    from mlorch.definitions.selections import CoercibleToAssetSelection
    from mlorch.definitions.specs import AssetSpec
    from mlorch.instance import Instance

SENSOR_TAG = "mlorch/sensor"


@dataclass(frozen=True, slots=True)
class EvaluateAutomationConditionsResult:
    """What one evaluation requested."""

    cursor: str
    """For the next evaluation."""
    runs: tuple[RunAsked, ...]
    """What the daemon would put into the queue."""
    _done: Evaluation = field(repr=False)

    @property
    def total_requested(self) -> int:
        """How many asset partitions and checks are requested."""
        return sum(subset.bit_count() for subset in self._done.requested.values())

    def get_requested_partitions(self, asset_key: CoercibleToAssetKey) -> set[str | None]:
        """Return the partitions that are requested of an asset; {None} of one without partitions."""
        name = key_text(asset_key)
        subset = self._done.requested.get(name, 0)
        return set(self._done.targets.partitions(name).keys_of(subset)) if subset else set()

    def get_num_requested(self, asset_key: CoercibleToAssetKey) -> int:
        return len(self.get_requested_partitions(asset_key))

    def explain(self, asset_key: CoercibleToAssetKey) -> dict[str, Any]:
        """Return what its condition and each part of it came to. Raises UserError where it has none."""
        name = key_text(asset_key)
        if name not in self._done.answers:
            raise UserError(f"{name!r} has no automation condition that was evaluated")
        return explained(self._done, self._done.answers[name])


def evaluate_automation_conditions(
    defs: Definitions | Iterable[AssetsDefinition | AssetSpec],
    instance: Instance,
    asset_selection: CoercibleToAssetSelection | None = None,
    evaluation_time: datetime | None = None,
    cursor: str | None = None,
) -> EvaluateAutomationConditionsResult:
    """Return what the conditions of a selection request, for tests; nothing is run or recorded.

    Give the `cursor` of the result before to go on from there. Raises UserError for a time without a zone
    and for text that is no cursor.
    """
    definitions = defs if isinstance(defs, Definitions) else Definitions(defs)
    now = datetime.now(UTC) if evaluation_time is None else evaluation_time
    if now.tzinfo is None:
        raise UserError(f"the time {now} has no time zone; write datetime(…, tzinfo=UTC)")
    graph = definitions.graph
    assets = set(graph.nodes) if asset_selection is None else found_keys(coerced(asset_selection), graph)
    return _evaluated(definitions, instance, assets, now, cursor)


def ask_conditions(
    definitions: Definitions,
    instance: Instance,
    sensor: AutomationConditionSensorDefinition,
    now: datetime,
    cursor: str | None,
) -> dict[str, Any]:
    """Return status, reason, cursor and runs of a tick of the sensor, as a TickOutcome has them."""
    found = _evaluated(definitions, instance, covered_by(definitions, sensor), now, cursor, sensor=sensor)
    reason = "" if found.runs else "no automation condition is true of anything now"
    return {
        "status": "SUCCESS" if found.runs else "SKIPPED",
        "reason": reason,
        "cursor": found.cursor,
        "runs": found.runs,
    }


def covered_by(definitions: Definitions, sensor: AutomationConditionSensorDefinition) -> set[str]:
    """Return the assets whose conditions a sensor evaluates: its target, or what is no other sensor's."""
    graph = definitions.graph
    if not sensor.is_implicit:
        return found_keys(coerced(sensor.target.selection), graph)
    found = set(graph.nodes)
    for one in definitions.sensors.values():
        if isinstance(one, AutomationConditionSensorDefinition) and one is not sensor:
            found -= found_keys(coerced(one.target.selection), graph)
    return found


def is_idle(definitions: Definitions, sensor: SensorDefinition) -> bool:
    """Tell whether it is the sensor that nobody declared, and others evaluate all conditions there are."""
    if not isinstance(sensor, AutomationConditionSensorDefinition) or not sensor.is_implicit:
        return False
    targets = Targets(definitions.graph, datetime.now(UTC))
    return not conditions_of(targets, covered_by(definitions, sensor)).by_name


def _evaluated(
    definitions: Definitions,
    instance: Instance,
    assets: Collection[str],
    now: datetime,
    cursor: str | None,
    *,
    sensor: AutomationConditionSensorDefinition | None = None,
) -> EvaluateAutomationConditionsResult:
    _, before = position(cursor)
    moment = moment_of(now, before)
    graph = resolved(definitions.graph, instance.log) if definitions.graph.divided else definitions.graph
    targets = Targets(graph, moment, sensor.default_condition if sensor is not None else None)
    conditions = conditions_of(targets, assets)
    state = read(cursor, targets)
    with no_collection():
        facts = gather(Asked(definitions, instance, targets, conditions, state, moment))
        done = decide(targets, conditions, facts, state)
    tags = {} if sensor is None else {**sensor.tags, **sensor.run_tags, SENSOR_TAG: sensor.name}
    runs = runs_asked(done, tags, backfills=sensor is None or sensor.emit_backfills)
    return EvaluateAutomationConditionsResult(written(done.after, targets), runs, done)
