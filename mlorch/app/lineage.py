"""The verb lineage: what a materialization was made from, all the way up, by the facts alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlorch.events import AssetMaterialized, Input
from mlorch.log import EventLog, Slot


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One version in the tree above a materialization."""

    slot: Slot
    data_version: str
    fact: AssetMaterialized | None
    """None for what mlorch did not make."""
    depth: int
    is_repeated: bool = False
    """True where the tree above was shown before."""


def ancestry(log: EventLog, made: AssetMaterialized) -> Iterator[Ancestor]:
    """Yield the materialization and everything it came from, depth first, inputs in recorded order."""
    facts: dict[int, AssetMaterialized | None] = {}
    seen: set[tuple[Slot, str, tuple[str, ...]]] = set()
    first = Input(made.asset, made.partition, made.data_version, None)
    stack: list[tuple[Input, AssetMaterialized | None, int]] = [(first, made, 0)]
    while stack:
        one, fact, depth = stack.pop()
        slot, inputs = (one.asset, one.partition), fact.inputs if fact is not None else ()
        # A version that the user gives may have been made from other inputs another time.
        identity = slot, one.data_version, tuple(up.data_version for up in inputs)
        repeated = bool(inputs) and identity in seen
        yield Ancestor(slot, one.data_version, fact, depth, repeated)
        seen.add(identity)
        if fact is not None and not repeated:
            above = [(up, _fact(log, up.seq, facts), depth + 1) for up in fact.inputs]
            stack.extend(reversed(above))


def _fact(
    log: EventLog, seq: int | None, known: dict[int, AssetMaterialized | None]
) -> AssetMaterialized | None:
    if seq is None:
        return None
    if seq not in known:
        found = log.read(seq - 1, limit=1)
        event = found[0].event if found and found[0].seq == seq else None
        known[seq] = event if isinstance(event, AssetMaterialized) else None
    return known[seq]
