"""The steps that check assets: planned beside the steps that make these, or alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from mlorch.definitions.asset_checks import AssetChecksDefinition
from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.checks import AssetCheckKey, AssetCheckSpec
from mlorch.definitions.declaring import Dependency
from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.inference import default_mapping
from mlorch.errors import InvalidDefinitionError, NotFoundError
from mlorch.log import Slot, slot_name
from mlorch.planning.ordering import ordered
from mlorch.planning.plan import Plan, PlannedStep, Unit, reordered
from mlorch.planning.staleness import Assessment, Read


def with_checks(
    plan: Plan, assessment: Assessment, chosen: Collection[AssetCheckKey], alone: Sequence[Slot] = ()
) -> Plan:
    """Return the plan with the chosen checks of what it makes, and of the slots `alone`, which it does not.

    A check waits for what it reads; where it is blocking, what reads the asset waits for the check. Raises
    NotFoundError where a value that a check reads is neither recorded nor planned, and
    InvalidDefinitionError where a blocking check would wait for itself.
    """
    if not assessment.graph.checks:
        return plan
    wanted = set(chosen)
    steps = [replace(step, unit=unit) for step, unit in zip(plan.steps, _inline(plan, wanted), strict=True)]
    planner = _Planner(assessment, steps, alone)
    for definition, specs in checkers(assessment.graph, wanted).items():
        planner.add(definition, specs)
    return replace(plan, steps=planner.in_order())


def checkers(
    graph: AssetGraph, chosen: Collection[AssetCheckKey]
) -> dict[AssetChecksDefinition, tuple[AssetCheckSpec, ...]]:
    """Return the functions that only check, with those of their checks that are chosen."""
    found: dict[AssetChecksDefinition, tuple[AssetCheckSpec, ...]] = {}
    wanted = set(chosen)
    for key, definition in graph.checks.items():
        if key in wanted and isinstance(definition, AssetChecksDefinition) and definition not in found:
            some = tuple(spec for spec in definition.check_specs if spec.key in wanted)
            found[definition] = some if definition.can_subset else definition.check_specs
    return found


def slots_read(
    graph: AssetGraph, definitions: Iterable[AssetChecksDefinition], slots: Iterable[Slot]
) -> set[Slot]:
    """Return the asset partitions of which checks may need the latest fact; None stands for all of one."""
    of_assets: dict[str, set[str | None]] = {}
    for key, partition in slots:
        of_assets.setdefault(key, set()).add(partition)
    found: set[Slot] = set()
    for definition in definitions:
        for dependency in definition.dependencies:
            if definition.partitions_def is not None and dependency.key in definition.checked:
                found.update((dependency.key, one) for one in of_assets.get(dependency.key, ()))
            else:
                found.add((dependency.key, None))
    return found


def _inline(plan: Plan, wanted: Collection[AssetCheckKey]) -> Iterator[Unit]:
    """Yield the unit of each step, with the checks that its own function is to evaluate."""
    known: dict[int, Unit] = {}
    for step in plan.steps:
        unit = step.unit
        if id(unit) not in known:
            known[id(unit)] = _with_own(unit, wanted)
        yield known[id(unit)]


def _with_own(unit: Unit, wanted: Collection[AssetCheckKey]) -> Unit:
    if not isinstance(unit.owner, AssetsDefinition) or not unit.owner.check_specs:
        return unit
    made = {slot[0] for slot in unit.slots}
    mine = [one for one in unit.owner.check_specs if str(one.asset_key) in made]
    if unit.owner.can_subset:
        mine = [one for one in mine if one.key in wanted]
    return replace(unit, checks=tuple(mine))


class _Planner:
    def __init__(self, assessment: Assessment, steps: list[PlannedStep], alone: Sequence[Slot]) -> None:
        self._assessment = assessment
        self.steps = steps
        self._rank: list[float] = [float(index) for index in range(len(steps))]
        self._makers: dict[Slot, int] = {}
        self._below: dict[int, list[int]] = {}
        for index, step in enumerate(steps):
            for slot in step.unit.slots:
                output = assessment.graph.nodes[slot[0]].output
                if step.unit.maker.output_places[output][0] == step.node.path:
                    self._makers[slot] = index
            for one in step.waits_for:
                self._below.setdefault(one, []).append(index)
        self._slots_of: dict[str, list[Slot]] = {}
        for slot in (*self._makers, *alone):
            self._slots_of.setdefault(slot[0], []).append(slot)

    def add(self, definition: AssetChecksDefinition, specs: tuple[AssetCheckSpec, ...]) -> None:
        """Plan the steps of a function that checks what is made, or stands alone."""
        names = dict.fromkeys(str(spec.asset_key) for spec in specs)
        about = [slot for name in names for slot in self._slots_of.get(name, ())]
        if definition.partitions_def is None:
            if about:
                self._add_step(definition, specs, None, about)
            return
        by_partition: dict[str | None, list[Slot]] = {}
        for slot in about:
            by_partition.setdefault(slot[1], []).append(slot)
        for partition, some in by_partition.items():
            self._add_step(definition, specs, partition, some)

    def in_order(self) -> tuple[PlannedStep, ...]:
        """Return the steps, each after those that it waits for; a check comes soon after its asset."""
        steps = self.steps
        order = ordered([step.waits_for for step in steps], self._rank.__getitem__)
        if len(order) < len(steps):
            done = set(order)
            stuck = next(one for index, one in enumerate(steps) if index not in done and one.unit.checked)
            raise InvalidDefinitionError(
                f"the blocking check {stuck.name!r} reads what waits for it; make it not blocking, or let it "
                "read less"
            )
        return reordered(steps, order)

    def _add_step(
        self,
        definition: AssetChecksDefinition,
        specs: tuple[AssetCheckSpec, ...],
        partition: str | None,
        about: list[Slot],
    ) -> None:
        reads = tuple(self._read(definition, one, partition) for one in definition.dependencies)
        makers = [self._makers[slot] for slot in about if slot in self._makers]
        unit = Unit(
            name=slot_name((definition.name, partition)),
            owner=definition,
            section=(definition.name,),
            partitions=(partition,) if partition is not None else (),
            reads=(reads,),
            arguments=reads,
            is_conditional=bool(makers) and all(self.steps[one].unit.is_conditional for one in makers),
            checks=specs,
            checked=tuple(about),
        )
        read = (slot for one in reads for slot in one.slots)
        waits_for = tuple(dict.fromkeys(self._makers[slot] for slot in read if slot in self._makers))
        run = max((self.steps[index].run for index in waits_for), default=0)
        index = len(self.steps)
        self.steps.append(PlannedStep(unit, definition.op_nodes[""], waits_for, run=run))
        self._rank.append(max(waits_for, default=-1) + 0.5)
        blocking = {str(spec.asset_key) for spec in specs if spec.blocking}
        self._close(index, {slot for slot in about if slot[0] in blocking})

    def _read(self, definition: AssetChecksDefinition, dependency: Dependency, partition: str | None) -> Read:
        slots = tuple(self._slots(definition, dependency, partition))
        node = self._assessment.graph.nodes[dependency.key]
        if dependency.argument is not None and node.definition is not None:
            missing = [slot for slot in slots if not self._is_there(slot)]
            if missing or not slots:
                name = slot_name(missing[0]) if missing else f"{dependency.key!r}"
                raise NotFoundError(
                    f"the check {definition.name!r} reads {name}, never materialized; "
                    f"materialize {dependency.key!r} first, or select it as well"
                )
        return Read(dependency, slots)

    def _slots(
        self, definition: AssetChecksDefinition, dependency: Dependency, partition: str | None
    ) -> Iterable[Slot]:
        nodes, now = self._assessment.graph.nodes, self._assessment.now
        upstream = nodes[dependency.key].partitions_def
        if upstream is None:
            return [(dependency.key, None)]
        own = nodes[definition.checked[0]].partitions_def if partition is not None else None
        if dependency.key in definition.checked and partition is not None:
            return [(dependency.key, partition)]
        mapping = dependency.partition_mapping
        if mapping is None and own is None:
            # Of the whole asset it reads what there is.
            every = ((dependency.key, one) for one in upstream.get_partition_keys(now))
            return [slot for slot in every if self._is_there(slot)]
        mapping = mapping or default_mapping(own, upstream)
        found = mapping.upstream_partitions(partition, own, upstream, now)
        return [(dependency.key, one) for one in found.keys]

    def _is_there(self, slot: Slot) -> bool:
        return slot in self._makers or self._assessment.history.made(slot) is not None

    def _close(self, index: int, slots: set[Slot]) -> None:
        """Let what reads these slots wait for the check; in another run only where that comes later."""
        makers = dict.fromkeys(self._makers[one] for one in slots if one in self._makers)
        below = [place for one in makers for place in self._below.get(one, ())]
        if any(one not in self._makers for one in slots):
            # What was made before is waited for by nobody: whatever reads it has to be looked for.
            below.extend(place for place, step in enumerate(self.steps) if self._is_first(step))
        for place in dict.fromkeys(below):
            step = self.steps[place]
            reads = (slot for reads in step.unit.reads for read in reads for slot in read.slots)
            is_below = not slots.intersection(step.unit.slots) and any(one in slots for one in reads)
            if is_below and step.run >= self.steps[index].run:
                self.steps[place] = replace(step, waits_for=(*step.waits_for, index))

    def _is_first(self, step: PlannedStep) -> bool:
        unit = step.unit
        return not unit.checked and all(self.steps[one].unit is not unit for one in step.waits_for)
