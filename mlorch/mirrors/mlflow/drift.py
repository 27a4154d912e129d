"""Evaluations of drift: each a run in the experiment of the asset that was compared, its report beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from mlorch.events import DriftEvaluated, Json
from mlorch.log import slot_name
from mlorch.mirrors.mlflow.contents import (
    NAME_LENGTH,
    NOTE,
    PARAM_LENGTH,
    ROLE,
    TAG_LENGTH,
    cut,
    key,
    milliseconds,
    tidy_tags,
)
from mlorch.mirrors.mlflow.experiments import Experiments
from mlorch.mirrors.mlflow.lineage import cell, table
from mlorch.mirrors.mlflow.places import Places

DRIFT = "mlorch.drift_id"
REPORT = "drift.json"

_METRICS = 500
_MOST_ROWS = 30


class Drift:
    """Writes evaluations, each once; what a crash left half-written is completed."""

    def __init__(self, client: Any, experiments: Experiments, places: Places) -> None:
        self._client = client
        self._experiments = experiments
        self._places = places

    def write(self, event: DriftEvaluated) -> None:
        """Write what an evaluation found, unless it stands there."""
        from mlflow.entities import Metric, Param

        place = self._places.drift(event.asset, event.drift_id)
        if place is not None and place.is_whole:
            return
        now = milliseconds(event.at)
        if place is None:
            experiment = self._experiments.of(event.asset)
            name = cut(f"drift {slot_name((event.asset, event.partition))}", NAME_LENGTH)
            made = self._client.create_run(experiment, start_time=now, tags=_tags(event), run_name=name)
            run, known = made.info.run_id, frozenset[str]()
        else:
            run, known = place.run, place.params
        metrics = [Metric(key(name), value, now, 0) for name, value in _metrics(event.report)]
        params = [Param(name, value) for name, value in _params(event).items() if name not in known]
        self._client.log_batch(run, metrics=metrics[:_METRICS], params=params)
        for first in range(_METRICS, len(metrics), _METRICS):
            self._client.log_batch(run, metrics=metrics[first : first + _METRICS])
        text = json.dumps(event.report, indent=2, ensure_ascii=False)
        self._client.log_text(run, text, REPORT)
        self._client.set_terminated(run, "FINISHED", now)


def _tags(event: DriftEvaluated) -> dict[str, str]:
    reference = event.reference
    model = slot_name((reference.get("asset") or "", reference.get("partition")))
    found: dict[str, Json] = {
        ROLE: "drift",
        DRIFT: event.drift_id,
        "mlorch.asset": event.asset,
        "mlorch.sensor": event.sensor,
        "mlorch.drift.verdict": event.verdict,
        "mlorch.drift.reference": reference.get("version"),
        "mlorch.drift.model": model,
        "mlorch.drift.current": event.data_version,
        "mlorch.drift.columns": ", ".join(event.report.get("drifted") or ()),
        "mlorch.drift.held": event.held,
        "mlorch.run_key": event.run_key,
        NOTE: _note(event),
    }
    return tidy_tags(found)


def _params(event: DriftEvaluated) -> dict[str, str]:
    found = {"partition": event.partition, "verdict": event.verdict, "sensor": event.sensor}
    return {name: cut(value, PARAM_LENGTH) for name, value in found.items() if value}


def _metrics(report: Mapping[str, Json]) -> Iterator[tuple[str, float]]:
    """Yield `drift.<column>.effect`, `.p` and so on, of its distribution; other aspects by their names."""
    yield "drift.share", float(report.get("share") or 0.0)
    for name, rows in (report.get("rows") or {}).items():
        yield f"drift.rows.{name}", float(rows)
    for column in report.get("columns") or ():
        prefix = f"drift.{column['name']}"
        yield f"{prefix}.drifted", float(column["drifted"])
        for one in column["differences"]:
            within = prefix if one["aspect"] == "distribution" else f"{prefix}.{one['aspect']}"
            for name in ("effect", "threshold", "statistic", "p", "adjusted_p"):
                if one[name] is not None and math.isfinite(one[name]):
                    yield f"{within}.{name}", float(one[name])
        for name in ("psi", "js"):
            if name in column:
                yield f"{prefix}.{name}", float(column[name])


def _note(event: DriftEvaluated) -> str:
    """Return the verdict in a line, then the columns, those that drifted first."""
    held = f" No run was asked for: {event.held}." if event.held else ""
    lines = [f"{event.why[:1].upper()}{event.why[1:]}.{held}"]
    columns = sorted(event.report.get("columns") or (), key=lambda one: not one["drifted"])
    rows = [row for column in columns for row in _rows(column)]
    if rows:
        headers = ("column", "", "effect", "threshold", "adjusted p", "PSI", "JS")
        lines += ["", *table(headers, rows[:_MOST_ROWS])]
    if len(rows) > _MOST_ROWS:
        lines += ["", f"{len(rows) - _MOST_ROWS:,} more rows stand in {REPORT}."]
    return cut("\n".join(lines), TAG_LENGTH)


def _rows(column: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for one in column["differences"]:
        if one["aspect"] != "distribution" and not one["drifted"]:
            continue
        name = (
            cell(column["name"])
            if one["aspect"] == "distribution"
            else f"{cell(column['name'])} ({one['aspect']})"
        )
        indices = (column.get("psi"), column.get("js")) if one["aspect"] == "distribution" else (None, None)
        yield (
            f"**{name}**" if one["drifted"] else name,
            "drift" if one["drifted"] else "",
            *(_number(one[each]) for each in ("effect", "threshold", "adjusted_p")),
            *map(_number, indices),
        )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
