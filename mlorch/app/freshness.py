"""How fresh assets are by their policies, and what changed since somebody looked last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from mlorch.definitions.definitions import Definitions
from mlorch.definitions.graph import AssetGraph
from mlorch.events import AssetMaterialized, AssetObserved, FreshnessChanged
from mlorch.instance import Instance
from mlorch.log import EventLog
from mlorch.planning.freshness import FreshnessState, freshness_state


class Freshness(NamedTuple):
    """What the policy of an asset says."""

    state: FreshnessState
    made_at: float | None
    """When it, or any of its partitions, was last made or seen (seconds since the epoch)."""


def freshness_of(
    graph: AssetGraph, log: EventLog, keys: Iterable[str], now: datetime
) -> Mapping[str, Freshness]:
    """Return how fresh those of the assets are that have a policy."""
    found = {}
    for key in keys:
        policy = graph.nodes[key].spec.freshness_policy
        if policy is not None:
            newest = log.read(kinds=_VERSIONED, asset=key, newest_first=True, limit=1)
            made_at = newest[0].event.at if newest else None
            found[key] = Freshness(freshness_state(policy, made_at, now), made_at)
    return found


def evaluate_freshness(definitions: Definitions, instance: Instance, now: float) -> list[FreshnessChanged]:
    """Return what is different from what the log says; nothing is recorded.

    `now` is in seconds since the epoch. What was never evaluated before counts as UNKNOWN.
    """
    graph = definitions.graph
    found = freshness_of(graph, instance.log, graph.nodes, datetime.fromtimestamp(now, UTC))
    before = {
        asset: record.event.state
        for (asset, _), record in instance.log.latest(FreshnessChanged.kind, found).items()
        if isinstance(record.event, FreshnessChanged)
    }
    return [
        FreshnessChanged(
            at=now,
            asset=key,
            state=str(one.state),
            was=was,
            policy=str(graph.nodes[key].spec.freshness_policy),
            made_at=one.made_at,
        )
        for key, one in found.items()
        if (was := before.get(key, str(FreshnessState.UNKNOWN))) != one.state
    ]


_VERSIONED = (AssetMaterialized.kind, AssetObserved.kind)
