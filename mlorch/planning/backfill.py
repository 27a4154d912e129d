"""A backfill: one plan over many partitions, divided among runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.partitions import PartitionsDefinition
from mlorch.log import Slot
from mlorch.planning.chunks import Positions, chunked, makes_several, most_of, positions_of
from mlorch.planning.ordering import ordered
from mlorch.planning.plan import Plan, PlannedStep
from mlorch.planning.staleness import Assessment

RunKey = tuple[int, int, int]
"""Names a run while it has no number: the kind of partitions, the level and the chunk."""


@dataclass(frozen=True, slots=True)
class Division:
    """Which run makes each slot, and which slots one call of a function makes."""

    runs: Mapping[Slot, RunKey]
    chunks: Mapping[Slot, int]


def divide(assessment: Assessment, targets: Sequence[Slot]) -> Division:
    """Divide slots, which come in an order of the graph, among runs that can be carried out one by one.

    A run makes a chunk of partitions of all assets that are divided in the same way, as large as the least
    of their policies allows; no policy counts as one. Where an asset reads other partitions than its own or
    earlier ones, it and what is below it have runs of their own.
    """
    by_asset: dict[str, list[Slot]] = {}
    for slot in targets:
        by_asset.setdefault(slot[0], []).append(slot)
    divider = _Divider(assessment, by_asset)
    groups = divider.groups()
    runs: dict[Slot, RunKey] = {}
    chunks: dict[Slot, int] = {}
    for (kind, level), keys in groups.items():
        makers = {id(maker): maker for key in keys if (maker := divider.maker(key)) is not None}
        most = [most_of(maker) for maker in makers.values()]
        limited = [one for one in most if one is not None]
        size = min(limited) if limited else None
        partitions = {slot[1] for key in keys for slot in by_asset[key] if slot[1] is not None}
        numbers = chunked(partitions, divider.positions(keys[0]), size)
        for slot in (slot for key in keys for slot in by_asset[key]):
            number = 0 if slot[1] is None else numbers[slot[1]]
            runs[slot] = kind, level, number
            if size != 1 and makes_several(assessment, slot):
                chunks[slot] = number
    return Division(runs, chunks)


def assign(plan: Plan, division: Division) -> Plan:
    """Return the plan with the number of the run of each step; a run waits only for those numbered lower.

    Runs that would wait for each other become one.
    """
    numbers: dict[RunKey, int] = {}
    of = [numbers.setdefault(_run_of(step, division), len(numbers)) for step in plan.steps]
    above: list[set[int]] = [set() for _ in numbers]
    for step, own in zip(plan.steps, of, strict=True):
        above[own].update(of[one] for one in step.waits_for)
        above[own].discard(own)
    order = ordered(above)
    place = {number: index for index, number in enumerate(order)}
    steps = zip(plan.steps, of, strict=True)
    return replace(plan, steps=tuple(_in_run(step, place.get(own, len(order))) for step, own in steps))


def _run_of(step: PlannedStep, division: Division) -> RunKey:
    """Return the run of a step: a check stands with what it is about, or alone where that is in several."""
    unit = step.unit
    about = unit.slots[:1] or unit.checked
    runs = {division.runs[slot] for slot in about if slot in division.runs}
    return runs.pop() if len(runs) == 1 else (-1, 0, id(unit))


def steps_by_run(plan: Plan) -> list[list[PlannedStep]]:
    """Return the steps of each run, by its number."""
    found: dict[int, list[PlannedStep]] = {}
    for step in plan.steps:
        found.setdefault(step.run, []).append(step)
    return [found[number] for number in sorted(found)]


class _Divider:
    def __init__(self, assessment: Assessment, by_asset: Mapping[str, Sequence[Slot]]) -> None:
        self._assessment = assessment
        self._nodes = assessment.graph.nodes
        self._by_asset = by_asset
        self._kinds: dict[PartitionsDefinition | None, int] = {}
        self._positions: dict[int, Positions] = {}

    def maker(self, key: str) -> AssetsDefinition | None:
        return self._nodes[key].definition

    def groups(self) -> dict[tuple[int, int], list[str]]:
        """Return the assets whose partitions share runs, by the kind of their partitions and their level."""
        levels = self._levels()
        found: dict[tuple[int, int], list[str]] = {}
        for key in self._by_asset:
            found.setdefault((self._kind(key), levels[id(self.maker(key))]), []).append(key)
        return found

    def positions(self, key: str) -> Positions:
        kind = self._kind(key)
        if kind not in self._positions:
            maker = self.maker(key)
            self._positions[kind] = positions_of(self._assessment, maker) if maker is not None else {}
        return self._positions[kind]

    def _kind(self, key: str) -> int:
        return self._kinds.setdefault(self._nodes[key].partitions_def, len(self._kinds))

    def _levels(self) -> dict[int, int]:
        """Return by function how many times something above it has to be whole before it can begin."""
        levels = {id(self.maker(key)): 0 for key in self._by_asset}
        edges = [edge for key in self._by_asset for edge in self._edges(key)]
        # Assets of one function that stand apart in the graph may raise each other.
        for _ in self._by_asset:
            before = dict(levels)
            for above, below, more in edges:
                levels[below] = max(levels[below], levels[above] + more)
            if levels == before:
                break
        return levels

    def _edges(self, key: str) -> list[tuple[int, int, int]]:
        """Return for each function above an asset's how many levels lie between the two."""
        found = []
        for up in self._nodes[key].upstream:
            above, below = id(self.maker(up)), id(self.maker(key))
            if up in self._by_asset and above != below:
                found.append((above, below, 0 if self._is_first(up) or self._is_aligned(key, up) else 1))
        return found

    def _is_first(self, key: str) -> bool:
        """Tell whether an asset without partitions has nothing but such above it."""
        waiting, seen = [key], {key}
        while waiting:
            one = waiting.pop()
            if self._nodes[one].partitions_def is not None:
                return False
            above = [up for up in self._nodes[one].upstream if up in self._by_asset and up not in seen]
            seen.update(above)
            waiting.extend(above)
        return True

    def _is_aligned(self, key: str, up: str) -> bool:
        """Tell whether an asset reads no later partition of one above than its own."""
        if self._kind(key) != self._kind(up):
            return False
        positions = self.positions(key)
        wanted = set(self._by_asset[up])
        return all(
            slot[1] is None or positions[one[1] or ""] <= positions[slot[1]]
            for slot in self._by_asset[key]
            for read in self._assessment.reads(slot)
            for one in read.slots
            if one in wanted
        )


def _in_run(step: PlannedStep, run: int) -> PlannedStep:
    return PlannedStep(step.unit, step.node, step.waits_for, step.mapped_over, step.mapping_key, run)
