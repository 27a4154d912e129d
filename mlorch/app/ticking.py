"""The verb tick: what a schedule or a sensor asks for now. Nothing is recorded here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

from mlorch.app.asking import Asking
from mlorch.app.automation import ask_conditions, is_idle
from mlorch.app.partitions import resolved
from mlorch.definitions.automation_sensors import AutomationConditionSensorDefinition
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.drift_sensors import DriftSensorDefinition
from mlorch.definitions.partitioned_schedules import PartitionedSchedule
from mlorch.definitions.resources import InitResourceContext
from mlorch.definitions.schedules import ScheduleDefinition
from mlorch.definitions.sensors import SensorDefinition
from mlorch.definitions.ticks import Around, ScheduleEvaluationContext, SensorEvaluationContext, TickContext
from mlorch.errors import InvalidDefinitionError, InvalidSelectionError, MlorchError, nearest
from mlorch.execution.capture import traceback_text
from mlorch.execution.metadata import redact
from mlorch.execution.resources import opened
from mlorch.execution.settling import settle_resources
from mlorch.instance import Instance
from mlorch.planning.selection import coerced, found_keys, select
from mlorch.planning.ticks import Instigator, TickAsked, TickOutcome

Timed = ScheduleDefinition | SensorDefinition


def instigators(definitions: Definitions) -> list[Instigator]:
    """Return what the daemon has to know of the schedules and sensors.

    Raises InvalidDefinitionError for the schedule of a job whose assets have no partitions, or several.
    """
    schedules = (resolved_schedule(definitions, name) for name in definitions.schedules)
    sensors = (one for one in definitions.sensors.values() if not is_idle(definitions, one))
    return [*map(_of_schedule, schedules), *map(_of_sensor, sensors)]


def resolved_schedule(definitions: Definitions, name: str) -> ScheduleDefinition:
    """Return a schedule that knows the partitions of its job. Raises InvalidDefinitionError."""
    if name not in definitions.schedules:
        raise InvalidDefinitionError(f"there is no schedule {name!r}{nearest(name, definitions.schedules)}")
    return _known(definitions).schedule(name)


def evaluate(definitions: Definitions, instance: Instance, asked: TickAsked) -> TickOutcome:
    """Return what one tick asks for; what its function raises is told in the outcome.

    Raises InvalidSelectionError for a name that is not declared.
    """
    begun = time.perf_counter()
    one = _find(definitions, asked.name)
    secrets: set[str] = set()
    outcome: dict[str, Any] = {"status": "FAILURE", "cursor": asked.cursor}
    # A tick that is made up for may ask for what has come since; a sensor's clock is that of the daemon.
    seconds = max(asked.due, time.time()) if isinstance(one, ScheduleDefinition) else asked.due
    now = datetime.fromtimestamp(seconds, UTC)
    try:
        if isinstance(one, AutomationConditionSensorDefinition):
            return _told_of(asked, begun, ask_conditions(definitions, instance, one, now, asked.cursor))
        if isinstance(one, DriftSensorDefinition):
            # Only here are numpy and scipy needed.
            from mlorch.app.drift_sensors import see_drift

            seen = see_drift(definitions, instance, one, now, asked.cursor)
            return _told_of(asked, begun, Asking(definitions, instance, one, now).outcome(seen))
        with _around(definitions, instance, one, now, secrets) as around:
            found = one.evaluate_tick(_context(one, around, asked))  # type: ignore[arg-type]
            outcome = Asking(definitions, instance, one, now).outcome(found)
            outcome["reason"] = redact(outcome["reason"], secrets)
            if found.error is not None:
                outcome |= {"status": "FAILURE", "error": _told(found.error, one, secrets)}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a function does, the daemon goes on
        outcome["error"] = _told(error, one, secrets)
    return _told_of(asked, begun, outcome)


def around_of(
    definitions: Definitions, open_instance: Callable[[], Instance], now: datetime | None = None
) -> Around:
    """Return what surrounds the evaluations of schedules and sensors among definitions, but resources."""
    return Around(
        open_instance=open_instance,
        definitions=definitions,
        now=now,
        find_keys=partial(_find_keys, definitions),
        find_graph=lambda: resolved(definitions.graph, open_instance().log),
    )


def _told_of(asked: TickAsked, begun: float, outcome: Mapping[str, Any]) -> TickOutcome:
    seconds = time.perf_counter() - begun
    return TickOutcome(name=asked.name, number=asked.number, due=asked.due, seconds=seconds, **outcome)


class _Known:
    """What definitions say of their schedules once names are resolved; worked out when first asked for."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._schedules: dict[str, ScheduleDefinition] = {}

    def schedule(self, name: str) -> ScheduleDefinition:
        if name not in self._schedules:
            self._schedules[name] = self._resolved(self._definitions.schedules[name])
        return self._schedules[name]

    def _resolved(self, one: ScheduleDefinition) -> ScheduleDefinition:
        if not isinstance(one, PartitionedSchedule) or one.partitions_def is not None:
            return one
        graph = self._definitions.graph
        keys = select(one.job.selection, graph)
        found = list(dict.fromkeys(graph.divided[key] for key in keys if key in graph.divided))
        if len(found) != 1:
            what = "no asset of its job has partitions"
            if found:
                what = f"the assets of its job have several ({', '.join(map(repr, found[:3]))})"
            raise InvalidDefinitionError(
                f"{one}: {what}; it runs the partitions of one definition, which partitions_def=… may name"
            )
        return one.with_partitions(found[0])


# Definitions stay as they are once made, and a process looks at hardly more than one of them.
_known = lru_cache(maxsize=4)(_Known)


def _of_schedule(one: ScheduleDefinition) -> Instigator:
    return Instigator(
        name=f"schedule/{one.name}",
        crons=one.crons,
        timezone=one.execution_timezone,
        is_running=one.default_status == "RUNNING",
        catchup=one.catchup,
        max_catchup=one.max_catchup_runs,
        time_limit=one.time_limit,
        jobs=one.target.names,
        description=one.description or "",
    )


def _of_sensor(one: SensorDefinition) -> Instigator:
    return Instigator(
        name=f"sensor/{one.name}",
        interval=float(one.minimum_interval_seconds),
        is_running=one.default_status == "RUNNING",
        time_limit=one.time_limit,
        jobs=one.target.names,
        description=one.description or "",
    )


def _find(definitions: Definitions, name: str) -> Timed:
    kind, _, own = name.partition("/")
    several: Mapping[str, Timed] = definitions.schedules if kind == "schedule" else definitions.sensors
    if kind not in ("schedule", "sensor") or own not in several:
        raise InvalidSelectionError(f"there is no {kind} {own!r}{nearest(own, several)}")
    return _known(definitions).schedule(own) if kind == "schedule" else several[own]


def _context(one: Timed, around: Around, asked: TickAsked) -> TickContext:
    names = one.required_resource_keys
    if isinstance(one, ScheduleDefinition):
        due = datetime.fromtimestamp(asked.due, ZoneInfo(one.execution_timezone))
        return ScheduleEvaluationContext(around, str(one), names, due=due)
    return SensorEvaluationContext(
        around,
        str(one),
        names,
        cursor=asked.cursor,
        last_run_key=asked.last_run_key,
        last_completed_at=asked.last_completed_at,
        started_at=asked.started_at,
    )


@contextmanager
def _around(
    definitions: Definitions, instance: Instance, one: Timed, now: datetime, secrets: set[str]
) -> Iterator[Around]:
    """Give what surrounds an evaluation; what was set up of resources is torn down at its end."""
    names = {*one.required_resource_keys, *one.resource_params}
    given = around_of(definitions, lambda: instance, now)
    if not names:
        yield given
        return
    settled, found = settle_resources(definitions.resources, names)
    secrets |= found
    with opened(settled, InitResourceContext(open_instance=lambda: instance)) as resources:
        yield replace(given, resources=resources)


def _find_keys(definitions: Definitions, selection: Any) -> Sequence[str]:
    found = found_keys(coerced(selection), definitions.graph)
    return [key for key in definitions.graph.nodes if key in found]


def _told(error: BaseException, one: Timed, secrets: set[str]) -> dict[str, Any]:
    """Return an error as it is recorded: with its traceback from the first line of somebody else's code."""
    frame = error.__traceback__
    while frame is not None and _is_ours(frame):
        frame = frame.tb_next
    text = str(error)
    if isinstance(error, MlorchError) and str(one) not in text:
        text = f"{one}: {text}"
    return {
        "type": type(error).__name__,
        "message": redact(text, secrets),
        "traceback": redact(traceback_text(error, frame), secrets) if frame is not None else "",
    }


_HOME = str(Path(__file__).parents[1])


def _is_ours(frame: TracebackType) -> bool:
    return frame.tb_frame.f_code.co_filename.startswith(_HOME)
