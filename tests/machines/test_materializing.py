"""Code, config, data, partitions and edges change and steps fail, in any order: a model says what is made.

The model knows the design and nothing of the engine: a slot is fresh where what it was made from is what it
would be made from now. Its versions are numbers, one for each different origin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from pydantic import create_model

from mlorch import (
    AllPartitionMapping,
    AssetIn,
    Config,
    DailyPartitionsDefinition,
    DataVersion,
    Definitions,
    Instance,
    LastPartitionMapping,
    Output,
    TimeWindowPartitionMapping,
    asset,
    load_asset,
)
from mlorch.app.materializing import Request, plan_request, run_request
from mlorch.app.results import ExecutionResult
from mlorch.app.status import assess
from mlorch.app.targets import Partitions
from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.specs import CONTENT
from mlorch.errors import NotFoundError
from mlorch.events import AssetMaterialized
from mlorch.log import Slot, slot_name


class Edge(NamedTuple):
    """Which days of the upstream asset a day reads, where there are `count`; and the same as a mapping."""

    days: Callable[[int, int], list[int]]
    mapping: Any = None


SAME = Edge(lambda day, count: [day])
PAIR = Edge(lambda day, count: [day - 1, day][day == 1 :], TimeWindowPartitionMapping(start_offset=-1))
BEFORE = Edge(lambda day, count: [day - 1][day == 1 :], TimeWindowPartitionMapping(-1, -1))
ALL = Edge(lambda day, count: list(range(1, count + 1)), AllPartitionMapping())
LAST = Edge(lambda day, count: [count], LastPartitionMapping())
WHOLE = Edge(lambda day, count: [0])

EDGES: Mapping[str, dict[str, Edge]] = {
    "rate": {},
    "raw": {},
    "clean": {"raw": SAME},
    "window": {"clean": PAIR},
    "running": {"clean": SAME, "running": BEFORE},
    "level": {"rate": WHOLE, "window": ALL},
    "latest": {"running": LAST},
    "report": {"latest": WHOLE, "level": WHOLE},
}
OPTIONAL = {("clean", "rate"): WHOLE, ("latest", "raw"): LAST, ("report", "window"): ALL}
DAILY = {"raw", "clean", "window", "running"}
GIVEN = {"rate", "raw"}
"""They read what changes outside unseen, and give their data versions themselves."""
UNDECLARED = "latest"
"""Declares no code version."""
DAYS = {
    count: DailyPartitionsDefinition(start_date="2024-01-01", end_date=f"2024-01-{count + 1:02}")
    for count in (1, 2, 3, 4)
}
SCALINGS = {factor: create_model("Scaling", __base__=Config, factor=(int, factor)) for factor in (1, 2, 3)}


def slot_of(name: str, day: int) -> Slot:
    """The slot of a day; day 0 stands for no partitions."""
    return name, f"2024-01-{day:02}" if day else None


def names_of(slots: list[Slot]) -> set[str]:
    return set(map(slot_name, slots))


def computed(name: str, code: int, factor: int, outside: int, inputs: list[int]) -> int:
    """What the functions of the assets compute; in `level` many differences vanish."""
    if name in GIVEN:
        return outside
    value = code * 7 + factor
    for one in inputs:
        value = (value * 3 + one) % 101
    return value // 40 if name == "level" else value


@dataclass
class World:
    """What the author of the project may change, and what may change outside."""

    days: int = 1
    code: dict[str, int] = field(default_factory=lambda: dict.fromkeys(EDGES, 1))
    factor: int = 1
    outside: dict[Slot, int] = field(default_factory=dict)
    more_edges: set[tuple[str, str]] = field(default_factory=set)
    broken: str | None = None

    def edges(self, name: str) -> dict[str, Edge]:
        more = {up: OPTIONAL[of, up] for of, up in self.more_edges if of == name}
        return dict(sorted({**EDGES[name], **more}.items()))

    def slots(self, names: set[str], day: int | None = None) -> list[Slot]:
        """The slots of some assets, inputs first: of one day, or of every day."""
        days = [day] if day else range(1, self.days + 1)
        return [
            slot_of(name, one) for name in EDGES if name in names for one in (days if name in DAILY else [0])
        ]

    def reads(self, slot: Slot) -> list[Slot]:
        day = int(slot[1][-2:]) if slot[1] else 0
        edges = self.edges(slot[0]).items()
        return [slot_of(up, one) for up, edge in edges for one in edge.days(day, self.days)]


class Project:
    """What the author wrote, as the world is now; each asset is declared once for each state of the world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._assets: dict[tuple[Any, ...], AssetsDefinition] = {}

    def definitions(self) -> Definitions:
        return Definitions([self._asset(name) for name in EDGES])

    def _asset(self, name: str) -> AssetsDefinition:
        world = self.world
        state = (name, world.code[name], world.factor, world.days, *world.edges(name))
        if state not in self._assets:
            self._assets[state] = self._declare(name)
        return self._assets[state]

    def _declare(self, name: str) -> AssetsDefinition:
        world = self.world
        scaling = SCALINGS[world.factor]

        def plain(context, **given: Any) -> Any:
            return self._perform(name, context, 0, given)

        def scaled(context, config: scaling, **given: Any) -> Any:  # type: ignore[valid-type]
            return self._perform(name, context, config.factor, given)  # type: ignore[attr-defined]

        return asset(
            name=name,
            code_version=None if name == UNDECLARED else str(world.code[name]),
            ins={up: AssetIn(up, partition_mapping=edge.mapping) for up, edge in world.edges(name).items()},
            partitions_def=DAYS[world.days] if name in DAILY else None,
            data_version=CONTENT if name == "level" else None,
        )(scaled if name == "clean" else plain)

    def _perform(self, name: str, context: Any, factor: int, given: dict[str, Any]) -> Any:
        world = self.world
        if name == world.broken:
            raise RuntimeError(f"{name} is broken")
        inputs: list[int] = []
        for up in sorted(given):
            value = given[up]
            inputs += value.values() if isinstance(value, dict) else [] if value is None else [value]
        outside = world.outside.get((name, context.partition_key if name in DAILY else None), 0)
        value = computed(name, world.code[name], factor, outside, inputs)
        return Output(value, data_version=DataVersion(f"{name}-{outside}")) if name in GIVEN else value


class Fact(NamedTuple):
    """What the model remembers of a materialization."""

    code: int
    default: int
    factor: int
    edges: list[str]
    inputs: dict[Slot, int]
    version: int
    value: int


class Expected(NamedTuple):
    """What a run should come to."""

    made: list[Slot]
    skipped: list[Slot]
    blocked: list[Slot]
    failed: list[Slot]


class Model:
    """What was made, and from what."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made: dict[Slot, Fact] = {}
        self._numbers: dict[Any, int] = {None: 0}
        self._runs = 0

    def version(self, slot: Slot) -> int:
        return self.made[slot].version if slot in self.made else 0

    def inputs(self, slot: Slot) -> dict[Slot, int]:
        return {one: self.version(one) for one in self.world.reads(slot)}

    def status(self, slot: Slot) -> str:
        name, fact = slot[0], self.made.get(slot)
        if fact is None:
            return "MISSING"
        # A partition that is there and was never made is no news to those that read what there is.
        inputs = {one: version for one, version in self.inputs(slot).items() if version}
        then = (fact.code, fact.default, fact.edges, fact.inputs)
        now = (self.world.code[name], self._default(name), [*self.world.edges(name)], inputs)
        return "FRESH" if then == now else "STALE"

    def plan(self, targets: list[Slot], only_stale: bool) -> dict[Slot, None]:
        """The slots of which a run has a step. Raises KeyError where one would read what is nowhere."""
        planned: dict[Slot, None] = {}
        for slot in targets:
            reads = self.world.reads(slot)
            if only_stale and self.status(slot) == "FRESH" and planned.keys().isdisjoint(reads):
                continue
            if any(one not in planned and one not in self.made for one in reads):
                raise KeyError(slot)
            planned[slot] = None
        return planned

    def run(self, targets: list[Slot], only_stale: bool, factor: int | None) -> Expected:
        found = Expected([], [], [], [])
        planned = self.plan(targets, only_stale)
        self._runs += 1
        for slot in planned:
            reads = self.world.reads(slot)
            if not {*found.blocked, *found.failed}.isdisjoint(reads):
                found.blocked.append(slot)
            elif only_stale and self.status(slot) == "FRESH":
                found.skipped.append(slot)
            elif slot[0] == self.world.broken:
                found.failed.append(slot)
            else:
                self._make(slot, factor)
                found.made.append(slot)
        return found

    def recomputed(self, slot: Slot) -> int:
        """The value of a slot from scratch; only what was read outside is remembered."""
        name, fact = slot[0], self.made[slot]
        inputs = [self.recomputed(one) for one in self.world.reads(slot)]
        outside = fact.value if name in GIVEN else 0
        return computed(name, self.world.code[name], fact.factor, outside, inputs)

    def _default(self, name: str) -> int:
        return self.world.factor if name == "clean" else 0

    def _make(self, slot: Slot, given: int | None) -> None:
        name, inputs, default = slot[0], self.inputs(slot), self._default(slot[0])
        factor = given or default if name == "clean" else 0
        code, outside = self.world.code[name], self.world.outside.get(slot, 0)
        value = computed(name, code, factor, outside, [self.made[one].value for one in inputs])
        origin: tuple[Any, ...] = (slot, code, factor, *inputs.items())
        if name in GIVEN:
            origin = (name, outside)
        elif name == "level":
            origin = (value,)
        elif name == UNDECLARED:
            origin = (*origin, self._runs)
        version = self._numbers.setdefault(origin, len(self._numbers))
        self.made[slot] = Fact(code, default, factor, [*self.world.edges(name)], inputs, version, value)


class Materializing(RuleBasedStateMachine):
    """The engine beside the model."""

    def __init__(self, instance: Instance | None = None) -> None:
        super().__init__()
        self.world = World()
        self.project = Project(self.world)
        self.model = Model(self.world)
        self.instance = instance or Instance.ephemeral()
        self.versions: dict[int, str] = {}

    @rule(name=st.sampled_from([name for name in EDGES if name != UNDECLARED]), code=st.integers(1, 3))
    def edit_code(self, name, code):
        self.world.code[name] = code

    @rule(factor=st.integers(1, 3))
    def change_the_default(self, factor):
        self.world.factor = factor

    @rule(name=st.sampled_from(sorted(GIVEN)), day=st.integers(1, 4), value=st.integers(0, 2))
    def change_outside(self, name, day, value):
        self.world.outside[slot_of(name, day if name in DAILY else 0)] = value

    @rule()
    def add_a_day(self):
        self.world.days = min(4, self.world.days + 1)

    @rule(edge=st.sampled_from(sorted(OPTIONAL)))
    def add_or_remove_a_dependency(self, edge):
        self.world.more_edges ^= {edge}

    @rule(
        names=st.sets(st.sampled_from(sorted(EDGES)), min_size=1) | st.just(set(EDGES)),
        day=st.none() | st.integers(1, 4),
        only_stale=st.booleans(),
        factor=st.none() | st.integers(1, 3),
        broken=st.none() | st.sampled_from(sorted(EDGES)),
        executor=st.sampled_from(["in_process", "threads"]),
    )
    def materialize(self, names, day, only_stale, factor, broken, executor):
        self.world.broken = broken
        day = min(day, self.world.days) if day and names & DAILY else None
        config = None if factor is None else {"ops": {"clean": {"config": {"factor": factor}}}}
        request = Request(
            selection=sorted(names),
            partitions=Partitions(key=slot_of("", day)[1]) if day else Partitions(all=True),
            only_stale=only_stale,
            run_config=config,
            executor=executor,
            workers=3,
        )
        try:
            expected = self.model.run(self.world.slots(names, day), only_stale, factor)
        except KeyError:
            before = len(self.instance.log.read())
            with pytest.raises(NotFoundError, match="never materialized"):
                run_request(self.project.definitions(), self.instance, request)
            assert len(self.instance.log.read()) == before
        else:
            self.check(run_request(self.project.definitions(), self.instance, request), expected)

    @rule()
    def materialize_everything_stale(self):
        """After a good run nothing is left to do, and every value is what naive code would compute."""
        self.world.broken = None
        request = Request(only_stale=True)
        everything = self.world.slots(set(EDGES))
        expected = self.model.run(everything, True, None)
        self.check(run_request(self.project.definitions(), self.instance, request), expected)
        assert plan_request(self.project.definitions(), self.instance, request).steps == ()
        for key, partition in everything:
            value = load_asset(key, partition, instance=self.instance)
            assert value == self.model.recomputed((key, partition))

    @invariant()
    def every_status_is_as_expected(self):
        assessment = assess(self.project.definitions(), self.instance, auto=False)
        slots = self.world.slots(set(EDGES))
        assert {one: assessment.status(one).status for one in slots} == {
            one: self.model.status(one) for one in slots
        }

    def check(self, result: ExecutionResult, expected: Expected) -> None:
        made = [one.step for one in result.materializations]
        assert len(set(made)) == len(made)
        assert set(made) == names_of(expected.made)
        assert {one.step for one in result.failures} == names_of(expected.failed)
        assert {one.step for one in result.skipped if one.is_blocked} == names_of(expected.blocked)
        assert {one.step for one in result.skipped if not one.is_blocked} == names_of(expected.skipped)
        self.check_facts(result.run_id)
        for slot, fact in self.model.made.items():
            assert load_asset(*slot, instance=self.instance) == fact.value

    def check_facts(self, run_id: str) -> None:
        """Inputs came first, in the version recorded; and versions are equal where the model's are."""
        records = self.instance.log.read(kinds={AssetMaterialized.kind})
        versions = {one.seq: one.event.data_version for one in records}
        for record in records:
            made = record.event
            if made.run_id == run_id and isinstance(made, AssetMaterialized):
                number = self.model.version((made.asset, made.partition))
                assert self.versions.setdefault(number, made.data_version) == made.data_version
                assert all((one.seq or 0) < record.seq for one in made.inputs)
                assert all(versions.get(one.seq or 0) == one.data_version for one in made.inputs)
        assert len(set(self.versions.values())) == len(self.versions)


TestMaterializing = Materializing.TestCase
TestMaterializing.settings = settings(
    max_examples=80,
    stateful_step_count=15,
    deadline=None,
    phases=set(Phase) - {Phase.explain},  # it takes minutes
)
pytestmark = pytest.mark.timeout(600)  # a failure takes its time to shrink
