"""What a model learned from, found through lineage, and what is kept of it to compare other data with."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlorch.app.loading import load_value
from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.windows import TimeWindowPartitionsDefinition
from mlorch.errors import NotFoundError, TypeCheckError
from mlorch.events import AssetMaterialized
from mlorch.instance import Instance
from mlorch.iomanagers.frames import concatenated, library
from mlorch.iomanagers.hints import alternatives
from mlorch.iomanagers.schemas import digest, model_of
from mlorch.log import EventLog, Record, slot_name

if TYPE_CHECKING:
    from mlorch.drift import Profile

Tell = Callable[[str], None]

_FOLDER = Path(".mlorch", "drift", "profiles")
_FORMAT = 1
"""Counts the forms that profiles were kept in."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The parts of an asset that a model was made from, in the versions that it read."""

    model: AssetMaterialized
    seq: int
    """The number of the model's fact."""
    parts: tuple[AssetMaterialized, ...]

    @property
    def version(self) -> str:
        """16 hex digits that name these parts in these versions."""
        return _digest([f"{one.partition}@{one.data_version}" for one in self.parts])[:16]

    @property
    def versions(self) -> set[tuple[str | None, str]]:
        """Partition and data version of each part."""
        return {(one.partition, one.data_version) for one in self.parts}

    def to_json(self) -> dict[str, Any]:
        """Return what DriftEvaluated says of it."""
        return {
            "version": self.version,
            "asset": self.model.asset,
            "partition": self.model.partition,
            "data_version": self.model.data_version,
            "parts": [[one.partition, one.data_version] for one in self.parts],
        }


def find_reference(
    log: EventLog, graph: AssetGraph, asset: str, model: str | None = None
) -> Reference | None:
    """Return what the latest model was made from of an asset; None where there is no such model yet.

    Of models with time partitions the last partition is the latest, however often older ones are made anew;
    of others the one made last. Raises NotFoundError for a `model` that was not made from the asset.
    """
    models = [model] if model is not None else _below(graph, asset)
    latest = log.latest(AssetMaterialized.kind, models)
    found = [record for slot, record in latest.items() if model or _is_model(record)]
    for record in sorted(found, key=lambda one: _lateness(one, graph), reverse=True):
        made = record.event
        assert isinstance(made, AssetMaterialized)
        parts = parts_read(log, made, asset)
        if parts:
            return Reference(made, record.seq, parts)
        if model is not None:
            raise NotFoundError(f"{slot_name((made.asset, made.partition))} was not made from {asset!r}")
    return None


def parts_read(log: EventLog, made: AssetMaterialized, asset: str) -> tuple[AssetMaterialized, ...]:
    """Return the facts of an asset that a materialization was made from, itself or by way of others."""
    waiting, seen = list(made.inputs), set()
    found: dict[str | None, AssetMaterialized] = {}
    while waiting:
        one = waiting.pop()
        if one.seq is None or one.seq in seen:
            continue
        seen.add(one.seq)
        records = log.read(one.seq - 1, limit=1)
        fact = records[0].event if records and records[0].seq == one.seq else None
        if not isinstance(fact, AssetMaterialized):
            continue
        if one.asset == asset:
            found[fact.partition] = fact
        else:
            waiting.extend(fact.inputs)
    return tuple(found[key] for key in sorted(found, key=lambda key: key or ""))


def schema_of(graph: AssetGraph, asset: str) -> Any:
    """Return the pandera schema that an asset's annotation names, or None."""
    node = graph.nodes.get(asset)
    if node is None or node.definition is None or node.output not in node.definition.output_places:
        return None
    path, output = node.definition.output_places[node.output]
    kind = node.definition.op_nodes[path].op.outs[output].dagster_type
    members = (model_of(one) for one in alternatives(getattr(kind, "typing_type", kind)))
    return next((one for one in members if one is not None), None)


def frame_of(made: AssetMaterialized, instance: Instance, resources: Mapping[str, Any]) -> Any:
    """Return a frame with its exact bytes. Raises TypeCheckError for what is none, and as `load_value`."""
    value = load_value(made, instance, resources)
    if not library(type(value)):
        name = slot_name((made.asset, made.partition))
        raise TypeCheckError(f"{name} is a {type(value).__name__}; drift is seen in frames")
    return value


def frames_of(
    parts: Sequence[AssetMaterialized],
    instance: Instance,
    resources: Mapping[str, Any],
    tell: Tell = lambda _: None,
) -> list[Any]:
    """Return several frames, and `tell` which one is read. Raises as `frame_of`."""
    found = []
    for number, one in enumerate(parts, 1):
        count = f" ({number} of {len(parts)})" if len(parts) > 1 else ""
        tell(f"reading {slot_name((one.asset, one.partition))}{count}")
        found.append(frame_of(one, instance, resources))
    return found


def profile_of(
    parts: Sequence[AssetMaterialized],
    instance: Instance,
    resources: Mapping[str, Any],
    schema: Any = None,
    tell: Tell = lambda _: None,
) -> Profile:
    """Return the profile of several parts together; made once for these versions, and kept in the project.

    Raises as `frame_of`. What is kept is made anew where somebody removed it.
    """
    known = _kept(_place(parts, instance), schema)
    if known is not None:
        return known
    found = gathered(frames_of(parts, instance, resources, tell), schema).compacted()
    keep_profile(found, parts, instance, schema)
    return found


def is_profiled(parts: Sequence[AssetMaterialized], instance: Instance) -> bool:
    """Say whether a profile of several parts is kept, or would not be. Imports nothing to say so."""
    place = _place(parts, instance)
    return place is None or place.exists()


def gathered(frames: Sequence[Any], schema: Any) -> Profile:
    """Return frames together, with every value; of very many rows each gives its share to the sample."""
    from mlorch.drift.frames import MOST_ROWS, collected, sampled
    from mlorch.drift.kinds import declared_kinds
    from mlorch.drift.profile import read

    whole = [collected(one) for one in frames]
    rows = sum(len(one) for one in whole)
    if rows > MOST_ROWS:
        whole = [sampled(one, 0, round(MOST_ROWS * len(one) / rows)) for one in whole]
    together = concatenated(whole) if len(whole) > 1 else whole[0]
    return replace(read(together, declared_kinds(schema)), rows=rows)


def keep_profile(found: Profile, parts: Sequence[AssetMaterialized], instance: Instance, schema: Any) -> None:
    """Keep a profile for the next who asks for these versions; nowhere to keep it does no harm."""
    place = _place(parts, instance)
    if place is None:
        return
    said = {"schema": schema and digest(schema), "profile": found.to_json()}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(gzip.compress(json.dumps(said).encode(), mtime=0))
        Path(name).replace(place)
    except OSError:
        return


def _kept(place: Path | None, schema: Any) -> Profile | None:
    """Return a profile that was made by the same schema, which says what the columns are."""
    if place is None or not place.exists():
        return None
    from mlorch.drift import Profile

    try:
        said = json.loads(gzip.decompress(place.read_bytes()))
        return Profile.from_json(said["profile"]) if said["schema"] == (schema and digest(schema)) else None
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None


def _place(parts: Sequence[AssetMaterialized], instance: Instance) -> Path | None:
    """Return where a profile is kept; None where the instance is only in memory."""
    if instance.place is None:
        return None
    names = sorted(f"{one.partition}@{one.data_version}@{one.content_hash}" for one in parts)
    name = _digest([str(_FORMAT), *names])[:32]
    return instance.place[2] / _FOLDER / parts[0].asset / f"{name}.json.gz"


def _below(graph: AssetGraph, asset: str) -> list[str]:
    found: dict[str, None] = {}
    waiting = [asset]
    while waiting:
        for key in graph.downstream.get(waiting.pop(), ()):
            if key not in found:
                found[key] = None
                waiting.append(key)
    return list(found)


def _is_model(record: Record) -> bool:
    return isinstance(record.event, AssetMaterialized) and record.event.definition.get("value") == "model"


def _lateness(record: Record, graph: AssetGraph) -> tuple[str, int]:
    made = record.event
    assert isinstance(made, AssetMaterialized)
    is_timed = isinstance(graph.divided.get(made.asset), TimeWindowPartitionsDefinition)
    return (made.partition or "") if is_timed else "", record.seq


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
