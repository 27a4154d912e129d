"""Of many asset partitions, those that are missing, stale or failed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from mlorch.log import Slot
from mlorch.planning.staleness import Assessment


def missing(assessment: Assessment, targets: Sequence[Slot]) -> list[Slot]:
    """Return the slots that were never made."""
    history = assessment.history
    return _whole(assessment, targets, {slot for slot in targets if history.made(slot) is None})


def stale(assessment: Assessment, targets: Sequence[Slot]) -> list[Slot]:
    """Return the slots that are missing or stale, and those below that may become so; inputs come first."""
    return _below(assessment, targets, lambda slot: assessment.status(slot).status != "FRESH", lambda _: True)


def failed(assessment: Assessment, targets: Sequence[Slot], failures: Collection[Slot]) -> list[Slot]:
    """Return the slots among `failures`, and those below that could not be made; inputs come first."""
    return _below(
        assessment,
        targets,
        lambda slot: slot in failures,
        lambda slot: assessment.status(slot).status != "FRESH",
    )


def _below(
    assessment: Assessment,
    targets: Sequence[Slot],
    begins: Callable[[Slot], bool],
    follows: Callable[[Slot], bool],
) -> list[Slot]:
    chosen: set[Slot] = set()
    while True:
        for slot in targets:
            if begins(slot) or (
                chosen
                and any(one in chosen for read in assessment.reads(slot) for one in read.slots)
                and follows(slot)
            ):
                chosen.add(slot)
        whole = _whole(assessment, targets, chosen)
        if len(whole) == len(chosen):
            return whole
        # What comes with the chosen ones has readers too.
        chosen.update(whole)


def _whole(assessment: Assessment, targets: Sequence[Slot], chosen: set[Slot]) -> list[Slot]:
    """Return what is chosen, and besides what a function can't but make with it."""
    nodes = assessment.graph.nodes
    together = set()
    for slot in chosen:
        maker = nodes[slot[0]].definition
        if maker is not None and len(maker.specs) > 1 and not maker.can_subset:
            together.add((id(maker), slot[1]))
    return [
        slot for slot in targets if slot in chosen or (id(nodes[slot[0]].definition), slot[1]) in together
    ]
