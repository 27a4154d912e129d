"""What the MLflow run of a materialization holds: its name, params, tags and metrics."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping

from mlorch.events import BACKFILL_TAG, AssetMaterialized, BackfillStarted, Input, Json, RunStarted
from mlorch.log import slot_name
from mlorch.mirrors.mlflow.history import Origin, Read
from mlorch.mirrors.mlflow.versions import by_asset, changed, flat, short, version_of

MATERIALIZATION = "mlorch.materialization_id"
RUN = "mlorch.run_id"
ROLE = "mlorch.role"
"""Tag that tells runs apart: "materialization", "backfill" or "job"."""
NOTE = "mlflow.note.content"
PARENT = "mlflow.parentRunId"
STATUS = {"SUCCESS": "FINISHED", "FAILURE": "FAILED", "CANCELED": "KILLED"}

PARAM_LENGTH = 6_000
TAG_LENGTH = 8_000
NAME_LENGTH = 250
_UPSTREAMS = 40
_METADATA = 30
_FORBIDDEN = re.compile(r"[^/\w.\- :]")

Point = tuple[str, float, int]
"""A metric's name, value and step."""


def cut(text: str, limit: int) -> str:
    """Return the text within `limit` characters, saying so where some of it is missing."""
    if len(text) <= limit:
        return text
    mark = f"… (cut, {len(text):,} characters)"
    return text[: limit - len(mark)] + mark


def key(name: str) -> str:
    """Return the name as MLflow accepts it for a param, tag or metric."""
    clean = _FORBIDDEN.sub("_", name)[:NAME_LENGTH]
    is_path = posixpath.normpath(clean) == clean and not clean.startswith((".", "/"))
    return clean if is_path else clean.replace("/", "_").strip(".") or "_"


def run_name(event: AssetMaterialized) -> str:
    """Return "asset[partition] @version", the version in 8 characters."""
    version = f" @{event.data_version[:8]}"
    return cut(slot_name((event.asset, event.partition)), NAME_LENGTH - len(version)) + version


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def params(origin: Origin) -> dict[str, str]:
    """Return what tells one materialization from another: code, config, partition, upstreams, environment."""
    event = origin.event
    found = {"code_version": event.code_version}
    if event.partition is not None:
        found["partition"] = event.partition
    for name, value in flat(event.config or {}).items():
        found[name if name not in found else f"config/{name}"] = _text(value)
    found.update(_upstream_params([*origin.direct, *origin.sources]))
    found.update({f"env/{name}": version for name, version in event.environment.items()})
    return {key(name): cut(value, PARAM_LENGTH) for name, value in found.items()}


def _upstream_params(reads: Iterable[Read]) -> dict[str, str]:
    codes: dict[str, list[str]] = {}
    inputs: list[Input] = []
    for read in reads:
        inputs.append(read.one)
        codes.setdefault(read.one.asset, []).append(read.code_version)
    found = {}
    for asset, group in list(by_asset(inputs).items())[:_UPSTREAMS]:
        found[f"up/{asset}"] = version_of(group)
        code = ", ".join(sorted({short(one) for one in codes[asset] if one}))
        if code:
            found[f"up/{asset}/code"] = code
    return found


def tags(origin: Origin) -> dict[str, str]:
    """Return what identifies this materialization and who made it how; without its note and its parent."""
    event = origin.event
    found: dict[str, Json] = {
        ROLE: "materialization",
        MATERIALIZATION: event.materialization_id,
        RUN: event.run_id,
        "mlorch.asset": event.asset,
        "mlorch.partition": event.partition,
        "mlorch.data_version": event.data_version,
        "mlorch.content_hash": event.content_hash,
        "mlorch.uri": event.uri,
        "mlorch.changed": changed(event, origin.previous),
        "mlorch.owner": ", ".join(event.definition.get("owners") or ()),
    }
    if event.uri and event.content_hash and "://" not in event.uri:
        found |= {"mlorch.dvc.path": event.uri, "mlorch.dvc.md5": event.content_hash}
    scalars = {name: one for name, one in event.metadata.items() if isinstance(one, str | int | float)}
    scalars.pop("rows", None)
    found |= {f"mlorch.metadata.{name}": one for name, one in list(scalars.items())[:_METADATA]}
    if origin.run is not None:
        found |= source_tags(origin.run)
    return tidy_tags(found)


def source_tags(start: RunStarted | BackfillStarted) -> dict[str, Json]:
    """Return who started a run, with what command, from which commit, under MLflow's own names."""
    found = {
        BACKFILL_TAG: start.tags.get(BACKFILL_TAG),
        "mlorch.host": start.source.get("host"),
        "mlflow.user": start.source.get("user"),
        "mlflow.source.name": start.source.get("command"),
        "mlflow.source.type": "LOCAL",
    }
    if isinstance(start, RunStarted):
        git = start.git or {}
        found |= {
            "mlorch.job": start.job,
            "mlflow.source.git.commit": git.get("commit"),
            "mlorch.git.dirty": "true" if git.get("dirty") else None,
        }
    return found


def tidy_tags(found: Mapping[str, Json]) -> dict[str, str]:
    """Return tags as MLflow takes them; None and "" are left out."""
    return {
        key(name): cut(_text(value), TAG_LENGTH) for name, value in found.items() if value not in (None, "")
    }


def metrics(event: AssetMaterialized) -> list[Point]:
    """Return rows, bytes, seconds and what the user logged, series point by point."""
    found: dict[str, Json] = {"rows": event.metadata.get("rows"), "bytes": event.size}
    if event.started_at and event.started_at != event.at:
        found["seconds"] = event.at - event.started_at
    found.update(event.metrics)
    points: list[Point] = []
    for name, value in found.items():
        if isinstance(value, list):
            points += [(key(name), float(number), int(step)) for step, number in value]
        elif isinstance(value, int | float):
            points.append((key(name), float(value), 0))
    return points


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
