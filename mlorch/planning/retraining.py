"""Which evaluations of drift lead to a run: decided from what was found now and before, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from mlorch.definitions.drift_sensors import DriftSensorDefinition
from mlorch.events import DriftEvaluated

DRIFT, INSUFFICIENT = "drift", "insufficient"


@dataclass(frozen=True, slots=True)
class Change:
    """What a metric is for a partition, and what it was on average before."""

    value: float
    before: float


def held_back(
    one: DriftSensorDefinition,
    now: float,
    verdicts: Mapping[str | None, str],
    history: Sequence[DriftEvaluated],
    changes: Mapping[str | None, Change],
) -> dict[str | None, str]:
    """Return by partition that drifted why no run is asked for; "" where one is.

    `verdicts` are those of a tick, in order; `history` has the sensor's evaluations before, newest first;
    `changes` has the metrics that are known.
    """
    streak = _streak([each.verdict for each in history])
    found: dict[str | None, str] = {}
    for partition, verdict in verdicts.items():
        if verdict == INSUFFICIENT:
            continue
        streak = streak + 1 if verdict == DRIFT else 0
        if verdict == DRIFT:
            found[partition] = _reason(one, now, streak, history, changes.get(partition))
    return found


def _reason(
    one: DriftSensorDefinition,
    now: float,
    streak: int,
    history: Sequence[DriftEvaluated],
    change: Change | None,
) -> str:
    if one.retrain == "notify":
        return "the sensor only notifies"
    if streak < one.consecutive:
        return f"{streak} of {one.consecutive} evaluations in a row drifted"
    last = next((each.at for each in history if each.run_key is not None), None)
    if last is not None and now < last + one.cooldown:
        left = timedelta(seconds=round(last + one.cooldown - now))
        return f"the cooldown after the last run goes on for {left}"
    return _not_worse(one, change) if change is not None else ""


def _not_worse(one: DriftSensorDefinition, change: Change) -> str:
    wanted = one.require_metric_drop
    assert wanted is not None
    drop = change.before - change.value if wanted.higher_is_better else change.value - change.before
    if drop > 0 and drop >= wanted.by:
        return ""
    return f"{wanted.metric} is {change.value:.4g}, beside {change.before:.4g} before: no drop that counts"


def _streak(verdicts: Sequence[str]) -> int:
    """Return how many of the newest verdicts say drift, those aside that say nothing."""
    count = 0
    for verdict in verdicts:
        if verdict == INSUFFICIENT:
            continue
        if verdict != DRIFT:
            break
        count += 1
    return count
