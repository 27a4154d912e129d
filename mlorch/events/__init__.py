"""What can happen: frozen facts, named in the past tense, to and from JSON.

Times are seconds since the epoch, UTC. A `partition` of None means that the asset has no partitions.
A fact carries everything that a mirror needs; nobody has to ask the definitions what it meant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import get_args

from mlorch.events.assets import (
    AssetMaterialized,
    AssetObserved,
    Input,
    PartitionsAdded,
    PartitionsDeleted,
)
from mlorch.events.automation import (
    CodeLoaded,
    CodeRejected,
    InstigatorStarted,
    InstigatorStopped,
    TickEvaluated,
)
from mlorch.events.backfills import (
    BACKFILL_TAG,
    BackfillFinished,
    BackfillStarted,
)
from mlorch.events.drift import DriftEvaluated
from mlorch.events.freshness import FreshnessChanged
from mlorch.events.retention import RetentionApplied
from mlorch.events.runs import (
    RunFinished,
    RunQueued,
    RunStarted,
)
from mlorch.events.steps import (
    CheckEvaluated,
    HookErrored,
    OutputCaptured,
    StepFailed,
    StepRetried,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)
from mlorch.events.values import (
    Json,
)

__all__ = [
    "BACKFILL_TAG",
    "KINDS",
    "AssetMaterialized",
    "AssetObserved",
    "BackfillFinished",
    "BackfillStarted",
    "CheckEvaluated",
    "CodeLoaded",
    "CodeRejected",
    "DriftEvaluated",
    "Event",
    "FreshnessChanged",
    "HookErrored",
    "Input",
    "InstigatorStarted",
    "InstigatorStopped",
    "Json",
    "OutputCaptured",
    "PartitionsAdded",
    "PartitionsDeleted",
    "RetentionApplied",
    "RunFinished",
    "RunQueued",
    "RunStarted",
    "StepFailed",
    "StepRetried",
    "StepSkipped",
    "StepStarted",
    "StepSucceeded",
    "TickEvaluated",
    "from_fields",
    "from_json",
    "to_fields",
    "to_json",
]

Event = (
    RunQueued
    | RunStarted
    | StepStarted
    | AssetMaterialized
    | AssetObserved
    | StepSucceeded
    | StepSkipped
    | StepRetried
    | StepFailed
    | CheckEvaluated
    | HookErrored
    | OutputCaptured
    | RunFinished
    | BackfillStarted
    | BackfillFinished
    | PartitionsAdded
    | PartitionsDeleted
    | InstigatorStarted
    | InstigatorStopped
    | TickEvaluated
    | CodeLoaded
    | CodeRejected
    | DriftEvaluated
    | FreshnessChanged
    | RetentionApplied
)

KINDS: Mapping[str, type[Event]] = {cls.kind: cls for cls in get_args(Event)}

_FIELDS = {name: tuple(f.name for f in fields(cls)) for name, cls in KINDS.items()}


def to_fields(event: Event) -> dict[str, Json]:
    """Return the event's fields by name, ready for `json`; its kind is not among them."""
    return {name: getattr(event, name) for name in _FIELDS[event.kind]}


def from_fields(kind: str, values: Mapping[str, Json]) -> Event:
    """Rebuild an event. Fields that a newer version added take their defaults.

    Raises KeyError for an unknown kind and TypeError for an unknown field.
    """
    known = dict(values)
    for name in ("partitions", "selection", "outputs", "keys", "checks", "runs", "run_keys", "timetable"):
        if name in known:
            known[name] = tuple(known[name])
    if "inputs" in known:
        known["inputs"] = tuple(Input(*one) for one in known["inputs"])
    for name in ("log", "slots"):
        if name in known:
            known[name] = tuple(tuple(one) for one in known[name])
    return KINDS[kind](**known)


def to_json(event: Event) -> str:
    """Return the event as one line of JSON with its kind."""
    return json.dumps({"kind": event.kind, **to_fields(event)}, separators=(",", ":"))


def from_json(text: str) -> Event:
    """Read one line written by `to_json`."""
    values = json.loads(text)
    return from_fields(values.pop("kind"), values)
