"""The checks that run with what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlorch.app.targets import Partitions, resolve_targets
from mlorch.definitions.checks import AssetCheckKey
from mlorch.definitions.graph import AssetGraph
from mlorch.log import Slot
from mlorch.planning.check_selection import select_checks
from mlorch.planning.checking import checkers, slots_read
from mlorch.planning.selection import select

if TYPE_CHECKING:
    from mlorch.definitions.asset_checks import AssetChecksDefinition
    from mlorch.definitions.selections import CoercibleToAssetSelection


@dataclass(frozen=True, slots=True)
class Wanted:
    """A selection after its names were resolved."""

    keys: tuple[str, ...]
    targets: Sequence[Slot]
    checks: tuple[AssetCheckKey, ...] = ()
    alone: tuple[Slot, ...] = ()
    """What is checked and not made."""
    checkers: tuple[AssetChecksDefinition, ...] = ()
    """The functions that only check."""
    read: frozenset[Slot] = frozenset()
    """What these need to know of; None stands for all of an asset."""


def resolve_selection(
    graph: AssetGraph,
    selection: CoercibleToAssetSelection | None,
    partitions: Partitions,
    now: datetime,
    *,
    only_stale: bool = False,
) -> Wanted:
    """Return what a selection means: assets with their checks, or checks alone.

    Of what is only to be made where it is stale, only what is made is checked. Raises InvalidSelectionError
    for unknown names, and as `resolve_targets` does.
    """
    keys = select(selection, graph)
    if not graph.checks:
        return Wanted(keys, resolve_targets(graph, keys, partitions, now, every=only_stale))
    checks = select_checks(selection, graph)
    found = checkers(graph, checks)
    made = set(keys)
    lone = {} if only_stale else {key: one for one in found for key in one.checked if key not in made}
    divided = {key for key, one in lone.items() if one.partitions_def is not None}
    named = [key for key in graph.nodes if key in divided or key in made]
    slots = resolve_targets(graph, named, partitions, now, every=only_stale)
    alone = [slot for slot in slots if slot[0] in lone]
    alone += [(key, None) for key in lone if key not in divided]
    targets = [slot for slot in slots if slot[0] not in lone]
    read = frozenset(slots_read(graph, found, [*targets, *alone]))
    return Wanted(keys, targets, checks, tuple(alone), tuple(found), read)
