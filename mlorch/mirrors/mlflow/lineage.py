"""The lineage of a value as files: lineage.md for people, lineage.json for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mlorch.events import AssetMaterialized, Input
from mlorch.log import slot_name
from mlorch.mirrors.mlflow.history import Origin, Read
from mlorch.mirrors.mlflow.versions import short, version_of

MARKDOWN, JSON = "lineage.md", "lineage.json"

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
        name, url = span(first.asset, [read.one.partition or "" for read in reads]), None
    codes = sorted({short(read.code_version) for read in reads if read.code_version})
    made = [read.fact.at for read in reads if read.fact is not None]
    return (
        link(name, url),
        f"`{cell(version_of(read.one for read in reads))}`",
        cell(", ".join(codes)),
        moment(max(made)) if made else "",
    )


def span(asset: str, partitions: Sequence[str]) -> str:
    """Return the name of several partitions: the first, the last and how many they are."""
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
    nodes = {read.name: {**node(read.one, read.fact), "page": urls.get(read.name)} for read in _all(origin)}
    document = {
        **node(Input(event.asset, event.partition, event.data_version, None), event),
        "environment": dict(event.environment),
        "git": dict(origin.run.git) if origin.run is not None and origin.run.git else None,
        "upstream": nodes,
        "is_cut": origin.is_cut,
    }
    return json.dumps(document, indent=1, ensure_ascii=False, default=str)


def _all(origin: Origin) -> Iterable[Read]:
    return (*origin.direct, *origin.indirect)


def node(one: Input, fact: object) -> dict[str, Any]:
    """Return what is told of one version of an asset partition."""
    found: dict[str, Any] = {
        "asset": one.asset,
        "partition": one.partition,
        "data_version": one.data_version,
    }
    if isinstance(fact, AssetMaterialized):
        found |= {
            "code_version": fact.code_version,
            "config": fact.config,
            "content_hash": fact.content_hash,
            "materialization_id": fact.materialization_id,
            "at": datetime.fromtimestamp(fact.at, UTC).isoformat(),
            "inputs": [Read(each, None).name for each in fact.inputs],
        }
    return found
