"""Prepared views of an experiment: which columns its table shows, and how it is grouped.

MLflow's interface reads them from tags of the experiment, `mlflow.sharedViewState.<key>`: an envelope with
a name and, as JSON in a text, the fields of the page's state that differ from its defaults.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

PREFIX = "mlflow.sharedViewState."

_BY_TIME = "attributes.start_time"
_TRAINING = "workflowType=machine_learning"

View = tuple[str, dict[str, Any]]
"""A title and the state of the page."""


def prepared_views(
    upstreams: Iterable[str],
    *,
    metrics: Iterable[str],
    config: Iterable[str],
    is_model: bool,
    is_partitioned: bool,
) -> dict[str, View]:
    """Return the views of an asset's experiment by key.

    One by lineage; for models one grouped by each direct upstream; one by partition where there are any.
    """
    ups = list(upstreams)
    partition = [_param("partition")] if is_partitioned else []
    numbers = [_metric(name) for name in metrics]
    settings = [_param(name) for name in config]
    lineage = [_param(name) for up in ups for name in (f"up/{up}", f"up/{up}/code")]
    first = [_tag("mlorch.changed"), *partition, _param("code_version")]
    # In the order of their start runs are nested, and a backfill hides its partitions.
    order = _param("partition") if is_partitioned else _BY_TIME
    views = {"lineage": ("By lineage", _state([*first, *lineage, *numbers], order=order))}
    if is_partitioned:
        views["partition"] = ("By partition", _state([*partition, *first[:1], *numbers], order=order))
    if is_model:
        for up in ups:
            columns = [*first, *settings, *numbers, _attribute("Models")]
            views[f"up-{up.replace('/', '-')}"] = (f"By {up}", _state(columns, group=f"up/{up}"))
    return views


def envelope(view: View, created: int) -> str:
    """Return the value of a view's tag; `created` is in milliseconds."""
    title, state = view
    return json.dumps({"name": title, "createdAt": created, "updatedAt": created, "state": json.dumps(state)})


def is_same(tag: str | None, other: str) -> bool:
    """Say whether two values of a view's tag hold the same view, whenever they were written."""
    try:
        found, wanted = json.loads(tag or ""), json.loads(other)
        return bool(found["name"] == wanted["name"] and found["state"] == wanted["state"])
    except (ValueError, KeyError, TypeError):
        return False


def experiment_url(experiment: str) -> str:
    """Return the page of an experiment's runs, relative to wherever MLflow's interface is served."""
    return f"#/experiments/{experiment}/runs?{_TRAINING}"


def view_url(experiment: str, key: str) -> str:
    return f"{experiment_url(experiment)}&viewStateShareKey={quote(key)}"


def run_url(experiment: str, run: str) -> str:
    return f"#/experiments/{experiment}/runs/{run}?{_TRAINING}"


def _state(columns: list[str], *, order: str = _BY_TIME, group: str | None = None) -> dict[str, Any]:
    by = {"aggregateFunction": "average", "groupByKeys": [{"mode": "param", "groupByData": group}]}
    return {
        "selectedColumns": columns,
        "groupBy": by if group is not None else None,
        "groupsExpanded": {},
        "searchFilter": "",
        "orderByKey": order,
        "orderByAsc": False,
    }


def _param(name: str) -> str:
    return f"params.`{name}`"


def _metric(name: str) -> str:
    return f"metrics.`{name}`"


def _tag(name: str) -> str:
    return f"tags.`{name}`"


def _attribute(name: str) -> str:
    return f"attributes.`{name}`"
