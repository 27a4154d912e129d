"""What a run of the project should come to, told from the design alone; knows nothing of the engine.

A slot is fresh where what it was made from is what it would be made from now. Versions are numbers, one for
each different origin.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlorch.log import Slot
from tests.machines.kinds import DESIGNS, ELSEWHERE, GIVEN, MOST, World, computed

SEVERAL = {"sides", "choice", "levels"}
"""Functions that make several assets; of `choice` some may be asked for alone."""


class Fact(NamedTuple):
    """What the model remembers of a materialization."""

    code: int
    inputs: dict[Slot, int]
    version: int
    value: int


class Unit(NamedTuple):
    """What one call, or one graph, makes together."""

    maker: str
    slots: tuple[Slot, ...]
    is_conditional: bool


@dataclass
class Expected:
    """What a run should come to: the slots made, and those not made by why not."""

    made: list[Slot] = field(default_factory=list)
    fresh: set[Slot] = field(default_factory=set)
    unmade: set[Slot] = field(default_factory=set)
    """Nothing failed: an optional output stayed away, or one above did."""
    skipped: set[Slot] = field(default_factory=set)
    """Of the unmade, those that were never tried."""
    failed: set[Slot] = field(default_factory=set)
    blocked: set[Slot] = field(default_factory=set)


class Model:
    """What was made, and from what."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made: dict[Slot, Fact] = {}
        self._elsewhere: dict[Slot, int] = {}
        self._numbers: dict[Any, int] = {None: 0}

    def seen(self, name: str) -> None:
        """An asset of elsewhere was observed, or reported."""
        self._elsewhere[name, None] = self._number((name, self.world.outside.get((name, None), 0)))

    def version(self, slot: Slot) -> int:
        if slot[0] in ELSEWHERE:
            return self._elsewhere.get(slot, 0)
        return self.made[slot].version if slot in self.made else 0

    def reads(self, slot: Slot, *, taken: bool = False) -> list[Slot]:
        """The slots that one reads, or of these those whose values are taken."""
        design = DESIGNS[slot[0]]
        edges = design.takes if taken else design.edges
        found = []
        for up, edge in edges.items():
            there = self.world.keys(DESIGNS[up].parts)
            found += [(up, key) for key in edge(self.world, slot[1], there)]
        return found

    def status(self, slot: Slot) -> str:
        if slot[0] in ELSEWHERE:
            return "FRESH"
        fact = self.made.get(slot)
        if fact is None:
            return "MISSING"
        reads = self.reads(slot)
        is_same = (
            fact.code == self.world.code[slot[0]]
            and fact.inputs.keys() <= set(reads)
            and all(self.version(one) == fact.inputs.get(one, 0) for one in reads)
        )
        return "FRESH" if is_same else "STALE"

    def plan(self, targets: Iterable[Slot], only_stale: bool) -> list[Unit]:
        """What a run tries to make, inputs first. Raises KeyError where one would read what is nowhere."""
        targets = [slot for slot in targets if slot[0] not in ELSEWHERE]
        if only_stale:
            targets = self._stale(targets)
        groups: dict[Any, list[Slot]] = {}
        for slot in targets:
            maker = DESIGNS[slot[0]].maker
            groups.setdefault((maker, self._chunk(slot, targets)), []).append(slot)
        planned: list[Unit] = []
        there: set[Slot] = set()
        for (maker, _), slots in groups.items():
            waits = not there.isdisjoint(one for slot in slots for one in self.reads(slot))
            taken = {one for slot in slots for one in self.reads(slot, taken=True)}
            if any(one not in there and one not in self.made for one in taken):
                raise KeyError(slots)
            is_conditional = only_stale and waits and all(slot in self.made for slot in slots)
            planned.append(Unit(maker, tuple(slots), is_conditional))
            there.update(slots)
        return planned

    def run(self, targets: Iterable[Slot], only_stale: bool) -> Expected:
        targets = list(targets)
        units = self.plan(targets, only_stale)
        if not only_stale and ("feed", None) in targets:
            self.seen("feed")
        found = Expected()
        dead: set[Slot] = set()
        for unit in units:
            reads = {one for slot in unit.slots for one in self.reads(slot)} - set(unit.slots)
            if not dead.isdisjoint(reads):
                found.blocked.update(unit.slots)
                dead.update(unit.slots)
            elif not found.unmade.isdisjoint(reads):
                found.skipped.update(unit.slots)
                found.unmade.update(unit.slots)
            elif unit.is_conditional and all(self.status(slot) == "FRESH" for slot in unit.slots):
                found.fresh.update(unit.slots)
            else:
                self._try(unit, found, dead)
        return found

    def recomputed(self, slot: Slot, known: dict[Slot, int]) -> int:
        """The value of a slot from scratch; only what was read outside is remembered."""
        if slot not in known:
            inputs = [self.recomputed(one, known) for one in self.reads(slot, taken=True)]
            name = slot[0]
            outside = self.made[slot].value if name in GIVEN else 0
            known[slot] = computed(name, self.world.code[name], outside, inputs)
        return known[slot]

    def explained(self, slot: Slot, values: list[int]) -> int:
        """The value of a slot that was just made, from the values of what it is recorded to have read."""
        return computed(slot[0], self.made[slot].code, self.world.outside.get(slot, 0), values)

    def _stale(self, targets: list[Slot]) -> list[Slot]:
        """Those that are stale or below one, with those that can't but be made with them."""
        chosen: set[Slot] = set()
        before = -1
        while len(chosen) > before:
            before = len(chosen)
            for slot in targets:
                if self.status(slot) != "FRESH" or not chosen.isdisjoint(self.reads(slot)):
                    maker = DESIGNS[slot[0]].maker
                    together = SEVERAL - {"choice"}
                    names = [one for one in DESIGNS if DESIGNS[one].maker == maker]
                    chosen.update((one, slot[1]) for one in (names if maker in together else [slot[0]]))
        return [slot for slot in targets if slot in chosen]

    def _chunk(self, slot: Slot, targets: Collection[Slot]) -> Any:
        """What tells apart the calls that make the slots of one function."""
        most = MOST.get(slot[0], 1)
        if most == 1:
            return slot[1]
        number, count, before = 0, 0, None
        for place, key in enumerate(self.world.keys(DESIGNS[slot[0]].parts)):
            if (slot[0], key) not in targets:
                continue
            if before != place - 1 or count == most:
                number, count = number + 1, 0
            count, before = count + 1, place
            if key == slot[1]:
                break
        return number

    def _try(self, unit: Unit, found: Expected, dead: set[Slot]) -> None:
        """Make a unit, or as much of it as comes before what fails."""
        broken = None if self.world.is_flaky else self.world.broken
        inner = {"right": ["left"], "high": ["low"]}
        steps = {
            "total": {"total", "square", "add"},
            "sides": {"sides", "right"},
            "levels": {"levels", "high"},
        }
        if broken not in steps.get(unit.maker, {unit.maker}):
            made = [slot for slot in unit.slots if not (slot[0] == "rest" and slot[1] in self.world.away)]
            found.unmade.update(set(unit.slots) - set(made))
        else:
            made = [slot for slot in unit.slots if slot[0] in inner.get(broken or "", [])]
            lost = [slot for slot in unit.slots if broken != "high" or slot not in made]
            found.failed.update(lost)
            dead.update(lost)
        for slot in made:
            self._make(slot)
            found.made.append(slot)

    def _make(self, slot: Slot) -> None:
        name = slot[0]
        inputs = {one: self.version(one) for one in self.reads(slot)}
        code, outside = self.world.code[name], self.world.outside.get(slot, 0)
        value = computed(name, code, outside, [self.made[one].value for one in self.reads(slot, taken=True)])
        origin: tuple[Any, ...] = (slot, code, *inputs.items())
        if name in GIVEN:
            origin = (name, outside)
        elif name == "mixed":
            origin = (name, value)
        self.made[slot] = Fact(code, inputs, self._number(origin), value)

    def _number(self, origin: tuple[Any, ...]) -> int:
        return self._numbers.setdefault(origin, len(self._numbers))
