"""The lineage of a run as files: lineage.md for people, lineage.json for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mlorch.events import AssetMaterialized, Input, Json, RunFinished, RunStarted, StepFailed
from mlorch.log import slot_name
from mlorch.mirrors.mlflow.history import Origin, Read
from mlorch.mirrors.mlflow.versions import short, version_of

MARKDOWN, JSON = "lineage.md", "lineage.json"

_MOST_ROWS = 1_000
_MOST_PARTITIONS = 12

Urls = Mapping[str, str]
"""Pages of MLflow by what they show: a materialization id, or the name of a Read."""


def cell(text: str) -> str:
    """Return text that can't break out of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def link(text: str, url: str | None) -> str:
    shown = cell(text)
    return f"[{shown}]({url})" if url else shown


def moment(seconds: float) -> str:
    """Return an instant for people, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *lines]


def upstream_rows(reads: Sequence[Read], urls: Urls) -> list[tuple[str, str, str, str]]:
    """Return name, data version, code version and time of each upstream; many partitions in one row."""
    groups: dict[str, list[Read]] = {}
    for read in reads:
        groups.setdefault(read.one.asset, []).append(read)
    rows = []
    for group in groups.values():
        parts = [[read] for read in group] if len(group) <= _MOST_PARTITIONS else [group]
        rows += [_upstream_row(part, urls) for part in parts]
    return rows


def _upstream_row(reads: Sequence[Read], urls: Urls) -> tuple[str, str, str, str]:
    first = reads[0].one
    if len(reads) == 1:
        name, url = slot_name(first[:2]), urls.get(reads[0].name)
    else:
        name, url = _span(first.asset, [read.one.partition or "" for read in reads]), None
    codes = sorted({short(read.code_version) for read in reads if read.code_version})
    made = [read.fact.at for read in reads if read.fact is not None]
    return (
        link(name, url),
        f"`{cell(version_of(read.one for read in reads))}`",
        cell(", ".join(codes)),
        moment(max(made)) if made else "",
    )


def _span(asset: str, partitions: Sequence[str]) -> str:
    return f"{asset}[{partitions[0]} … {partitions[-1]}] ({len(partitions):,})"


def lineage_markdown(origin: Origin, urls: Urls) -> str:
    """Return a table of everything that a materialization came from, sources first."""
    event = origin.event
    # The nearest come first, so that the last place of an asset is its distance.
    distance = {read.one.asset: place for place, read in enumerate(_all(origin))}
    reads = sorted(_all(origin), key=lambda read: (-distance[read.one.asset], read.one.partition or ""))
    lines = [
        f"# {cell(slot_name((event.asset, event.partition)))}",
        "",
        f"Data version `{cell(event.data_version)}`, code version `{cell(event.code_version)}`.",
        "",
        *table(("upstream", "data version", "code version", "made"), upstream_rows(reads, urls)),
    ]
    if origin.is_cut:
        lines += ["", "What lies farther back is left out."]
    return "\n".join(lines) + "\n"


def lineage_json(origin: Origin, urls: Urls) -> str:
    """Return the graph of everything that a materialization came from, each node by its name."""
    event = origin.event
    nodes = {read.name: {**_node(read.one, read.fact), "page": urls.get(read.name)} for read in _all(origin)}
    document = {
        **_node(Input(event.asset, event.partition, event.data_version, None), event),
        "environment": dict(event.environment),
        "git": dict(origin.run.git) if origin.run is not None and origin.run.git else None,
        "upstream": nodes,
        "is_cut": origin.is_cut,
    }
    return json.dumps(document, indent=1, ensure_ascii=False, default=str)


def _all(origin: Origin) -> Iterable[Read]:
    return (*origin.direct, *origin.indirect)


def _node(one: Input, fact: object) -> dict[str, Any]:
    node: dict[str, Any] = {
        "asset": one.asset,
        "partition": one.partition,
        "data_version": one.data_version,
    }
    if isinstance(fact, AssetMaterialized):
        node |= {
            "code_version": fact.code_version,
            "config": fact.config,
            "content_hash": fact.content_hash,
            "materialization_id": fact.materialization_id,
            "at": datetime.fromtimestamp(fact.at, UTC).isoformat(),
            "inputs": [Read(each, None).name for each in fact.inputs],
        }
    return node


def job_markdown(
    run: RunStarted,
    end: RunFinished,
    made: Sequence[AssetMaterialized],
    failed: Sequence[StepFailed],
    urls: Urls,
) -> str:
    """Return a table of what a run made, each with a link to its own run, and of what failed."""
    lines = [f"# {cell(job_name(run))}", "", f"{end.status}, {moment(run.at)} to {moment(end.at)}.", ""]
    if failed:
        lines += [*table(("failed", "error"), (_failure(one) for one in failed)), ""]
    return "\n".join([*lines, *made_table(made, urls)]) + "\n"


def made_table(made: Sequence[AssetMaterialized], urls: Urls) -> list[str]:
    """Return the lines of a table of materializations, each with a link to its own run."""
    rows = [
        (
            link(slot_name((one.asset, one.partition)), urls.get(one.materialization_id)),
            f"`{cell(short(one.data_version))}`",
            cell(short(one.code_version)),
            ", ".join(dict.fromkeys(each.asset for each in one.inputs)),
        )
        for one in made[:_MOST_ROWS]
    ]
    lines = table(("made", "data version", "code version", "from"), rows)
    if len(made) > _MOST_ROWS:
        lines += ["", f"{len(made) - _MOST_ROWS:,} more stand in {JSON}."]
    return lines


def _failure(one: StepFailed) -> tuple[str, str]:
    return cell(one.step), cell(f"{one.error.get('type', 'Error')}: {one.error.get('message', '')}"[:500])


def job_json(
    run: RunStarted,
    end: RunFinished,
    made: Sequence[AssetMaterialized],
    failed: Sequence[StepFailed],
    urls: Urls,
) -> str:
    """Return what a run made, with the exact versions that went in."""
    document: dict[str, Json] = {
        "run_id": run.run_id,
        "job": run.job,
        "status": end.status,
        "git": dict(run.git) if run.git else None,
        "made": [
            {
                **_node(Input(one.asset, one.partition, one.data_version, None), one),
                "page": urls.get(one.materialization_id),
            }
            for one in made
        ],
        "failed": [{"step": one.step, **one.error} for one in failed],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, default=str)


def job_name(run: RunStarted) -> str:
    """Return "job [partition]", or what was selected where the run is of no job."""
    name = run.job or " ".join(run.selection) or "materialize"
    if not run.partitions:
        return name
    return (
        f"{name} {_span('', run.partitions)}" if len(run.partitions) > 1 else f"{name} [{run.partitions[0]}]"
    )
