"""The plan of a run: which asset partitions are made, and what waits for what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush

from mlorch.errors import NotFoundError, UnknownPartitionError
from mlorch.log import Slot, slot_name
from mlorch.planning.staleness import Assessment, Cause, Read


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One asset partition to make."""

    slot: Slot
    reads: tuple[Read, ...]
    waits_for: tuple[int, ...] = ()
    """Positions in the plan of the steps that make its inputs."""
    causes: tuple[Cause, ...] = ()
    is_conditional: bool = False
    """True where it is asked again once its inputs were made: fresh by then, it is left out."""

    @property
    def name(self) -> str:
        return slot_name(self.slot)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in an order in which inputs come first; `fresh` are the slots left out."""

    steps: tuple[PlannedStep, ...] = ()
    fresh: tuple[Slot, ...] = ()
    targets: tuple[Slot, ...] = field(default=(), repr=False)

    @property
    def assets(self) -> tuple[str, ...]:
        """Keys of the assets that have a step, each once."""
        return tuple(dict.fromkeys(step.slot[0] for step in self.steps))


def make_plan(assessment: Assessment, targets: Sequence[Slot], *, only_stale: bool = False) -> Plan:
    """Plan the targets, which come in an order of the graph; with `only_stale` leave out what stays fresh.

    Raises NotFoundError where a value that a step reads is neither recorded nor planned, and
    UnknownPartitionError where a partition mapping asks for one that does not exist.
    """
    position: dict[Slot, int] = {}
    steps: list[PlannedStep] = []
    fresh: list[Slot] = []
    for slot in targets:
        reads = assessment.reads(slot)
        made_here = (position[one] for read in reads for one in read.slots if one in position)
        waits_for = tuple(dict.fromkeys(made_here)) if position else ()
        causes: tuple[Cause, ...] = ()
        is_conditional = False
        if only_stale:
            status = assessment.status(slot)
            if status.status == "FRESH" and not waits_for:
                fresh.append(slot)
                continue
            causes, is_conditional = status.causes, bool(waits_for) and status.status != "MISSING"
        _refuse_missing(assessment, slot, reads, position)
        position[slot] = len(steps)
        steps.append(PlannedStep(slot, reads, waits_for, causes, is_conditional))
    return Plan(_partition_by_partition(steps), tuple(fresh), tuple(targets))


def _partition_by_partition(steps: list[PlannedStep]) -> tuple[PlannedStep, ...]:
    """Order steps so that an early partition is made all the way down before a later one begins."""
    if len({step.slot[1] for step in steps}) < 2:
        return tuple(steps)
    waiting = [len(step.waits_for) for step in steps]
    below: list[list[int]] = [[] for _ in steps]
    for index, step in enumerate(steps):
        for above in step.waits_for:
            below[above].append(index)
    ready = [(step.slot[1] or "", index) for index, step in enumerate(steps) if not waiting[index]]
    heapify(ready)
    moved: dict[int, int] = {}
    while ready:
        index = heappop(ready)[1]
        moved[index] = len(moved)
        for one in below[index]:
            waiting[one] -= 1
            if not waiting[one]:
                heappush(ready, (steps[one].slot[1] or "", one))
    return tuple(
        replace(steps[index], waits_for=tuple(moved[one] for one in steps[index].waits_for))
        for index in moved
    )


def _refuse_missing(
    assessment: Assessment, slot: Slot, reads: Iterable[Read], position: dict[Slot, int]
) -> None:
    history = assessment.history
    for read in reads:
        if read.nonexistent:
            raise UnknownPartitionError(
                f"{slot_name(slot)} reads partitions of {read.dependency.key!r} that do not exist: "
                f"{_some(read.nonexistent)}"
            )
        if read.dependency.argument is None or assessment.graph.nodes[read.dependency.key].is_external:
            continue
        missing = [one for one in read.slots if one not in position and history.made(one) is None]
        if missing:
            raise NotFoundError(
                f"{slot_name(slot)} reads {_some(map(slot_name, missing))}, never materialized; "
                f"materialize {read.dependency.key!r} first, or select it as well"
            )


def _some(names: Iterable[str]) -> str:
    all_names = list(names)
    more = f" and {len(all_names) - 5} more" if len(all_names) > 5 else ""
    return ", ".join(all_names[:5]) + more
