"""The plan of a run: which asset partitions are made, by which steps, and what waits for what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.checks import AssetCheckSpec
from mlorch.definitions.jobs import JobDefinition
from mlorch.definitions.nodes import OpNode, outputs_of
from mlorch.definitions.partitions import ListedPartitions
from mlorch.definitions.specs import RetryPolicy
from mlorch.errors import InvalidDefinitionError, NotFoundError, UnknownPartitionError
from mlorch.log import Slot, slot_name
from mlorch.planning.chunks import own_chunks
from mlorch.planning.narrowing import stale
from mlorch.planning.ordering import ordered
from mlorch.planning.selection import refuse_parts
from mlorch.planning.staleness import Assessment, Cause, Read


# Neither is frozen: a plan may have a hundred thousand of them, and a frozen one takes twice as long to make.
@dataclass(slots=True, kw_only=True, eq=False)
class Unit:
    """What is made together: one partition of an asset, several by one step, or the graph of a job."""

    name: str
    """Begins the names of its steps: "asset", "asset[partition]"; "" for a job of ops."""
    owner: AssetsDefinition | JobDefinition
    section: tuple[str, ...] = ()
    """Where its ops stand in a run config, from the outermost name inwards."""
    slots: tuple[Slot, ...] = ()
    partitions: tuple[str, ...] = ()
    reads: tuple[tuple[Read, ...], ...] = ()
    """For each slot, what each of its dependencies reads."""
    arguments: tuple[Read, ...] = ()
    """For each dependency of the owner, what all slots together read."""
    causes: tuple[Cause, ...] = ()
    is_conditional: bool = False
    """True where it is asked again once its inputs were made: fresh by then, it is left out."""
    checks: tuple[AssetCheckSpec, ...] | None = None
    """The checks that are evaluated; None where all that its assets declare are."""
    checked: tuple[Slot, ...] = ()
    """Of what only checks: the asset partitions that it is about."""

    @property
    def maker(self) -> AssetsDefinition:
        """What makes its slots: the owner, where there are any."""
        assert isinstance(self.owner, AssetsDefinition)
        return self.owner

    @property
    def asset(self) -> str:
        """The key of its first asset; "" for a job of ops, and for what only checks."""
        return self.slots[0][0] if self.slots else ""

    @property
    def partition(self) -> str | None:
        return self.partitions[0] if self.partitions else None


@dataclass(slots=True, eq=False)
class PlannedStep:
    """One op of a unit. With `mapped_over` it stands for as many as that dynamic output will have keys."""

    unit: Unit
    node: OpNode
    waits_for: tuple[int, ...] = ()
    """Positions in the plan of the steps that make its inputs."""
    mapped_over: int | None = None
    """Position of the step with the dynamic output."""
    mapping_key: str | None = None
    run: int = 0
    """Which of the runs that carry the plan out it belongs to."""

    @property
    def name(self) -> str:
        return self.place if self.mapping_key is None else f"{self.place}[{self.mapping_key}]"

    @property
    def place(self) -> str:
        """Its name without the mapping key."""
        name, path = self.unit.name, self.node.path
        return f"{name}.{path}" if name and path else name or path


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in an order in which inputs come first; `fresh` are the slots left out."""

    steps: tuple[PlannedStep, ...] = ()
    fresh: tuple[Slot, ...] = ()
    targets: tuple[Slot, ...] = field(default=(), repr=False)

    def with_defaults(self, retry_policy: RetryPolicy | None, hooks: frozenset[Any]) -> Plan:
        """Return the plan with a retry policy for steps that have none, and hooks for all of them."""
        if retry_policy is None and not hooks:
            return self

        def node(one: OpNode) -> OpNode:
            return replace(one, retry_policy=one.retry_policy or retry_policy, hooks=one.hooks | hooks)

        return replace(self, steps=tuple(replace(step, node=node(step.node)) for step in self.steps))

    @property
    def units(self) -> tuple[Unit, ...]:
        """What is made together, each once, in order."""
        return tuple({id(step.unit): step.unit for step in self.steps}.values())

    @property
    def owners(self) -> tuple[AssetsDefinition | JobDefinition, ...]:
        """What its steps belong to, each once."""
        return tuple({id(step.unit.owner): step.unit.owner for step in self.steps}.values())

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The asset partitions that are made."""
        return tuple(slot for unit in self.units for slot in unit.slots)

    @property
    def assets(self) -> tuple[str, ...]:
        """Keys of the assets that are made, each once."""
        return tuple(dict.fromkeys(slot[0] for step in self.steps for slot in step.unit.slots))


def make_plan(
    assessment: Assessment,
    targets: Sequence[Slot],
    *,
    only_stale: bool = False,
    chunks: Mapping[Slot, int] | None = None,
) -> Plan:
    """Plan the targets, which come in an order of the graph; with `only_stale` leave out what stays fresh.

    `chunks` say which partitions a function makes by one call; by default its own policy does.
    Raises NotFoundError where a value that a step reads is neither recorded nor planned,
    UnknownPartitionError where a partition mapping asks for one that does not exist, InvalidSelectionError
    where only some are meant of what one function can't make apart, and InvalidDefinitionError where what one
    function makes has to wait for itself.
    """
    refuse_parts({slot[0] for slot in targets}, assessment.graph)
    planner = _Planner(assessment, only_stale)
    wanted = targets
    if chunks is None:
        chunks = own_chunks(assessment, targets) if assessment.graph.divided else {}
        if only_stale and (chunks or _is_divisible(assessment, targets)):
            # What is made together with something stale would be made again for nothing.
            wanted = stale(assessment, targets)
            is_wanted = set(wanted)
            planner.fresh.extend(slot for slot in targets if slot not in is_wanted)
            chunks = own_chunks(assessment, wanted)
    for slots in _together(assessment, wanted, chunks):
        planner.add(slots)
    return Plan(_by_partition(planner.steps, assessment), tuple(planner.fresh), tuple(targets))


def plan_graph(job: JobDefinition, partitions: tuple[str, ...] = ()) -> Plan:
    """Plan the ops of a job."""
    unit = Unit(name="", owner=job, partitions=partitions)
    return Plan(tuple(_steps(unit, tuple(job.op_nodes.values()), (), 0)))


class _Planner:
    def __init__(self, assessment: Assessment, only_stale: bool) -> None:
        self._assessment = assessment
        self._only_stale = only_stale
        self._makers: dict[Slot, tuple[int, ...]] = {}
        self._known: dict[str, tuple[AssetsDefinition, str, tuple[OpNode, ...]]] = {}
        self.steps: list[PlannedStep] = []
        self.fresh: list[Slot] = []

    def add(self, slots: tuple[Slot, ...]) -> None:
        """Plan what makes these slots, unless they stay fresh."""
        reads = [self._assessment.reads(slot) for slot in slots]
        waits_for = self._waits_for(reads) if self._makers and any(reads) else ()
        causes: tuple[Cause, ...] = ()
        is_conditional = False
        if self._only_stale:
            statuses = [self._assessment.status(slot) for slot in slots]
            if not waits_for and all(one.status == "FRESH" for one in statuses):
                self.fresh.extend(slots)
                return
            causes = tuple(cause for one in statuses for cause in one.causes)
            is_conditional = bool(waits_for) and all(one.status != "MISSING" for one in statuses)
        for slot, read in zip(slots, reads, strict=True):
            if read:
                self._refuse_missing(slot, slots, read)
        definition, name, nodes = self._maker_of(slots[0][0])
        partitions = _partitions(slots)
        unit = Unit(
            name=_name(name, partitions),
            owner=definition,
            section=(name,),
            slots=slots,
            partitions=partitions,
            reads=tuple(reads),
            arguments=reads[0] if len(slots) == 1 else _merged(reads),
            causes=causes,
            is_conditional=is_conditional,
        )
        first = len(self.steps)
        if len(nodes) == 1:
            self.steps.append(PlannedStep(unit, nodes[0], waits_for))
            self._makers.update(dict.fromkeys(slots, (first,)))
            return
        self.steps.extend(_steps(unit, nodes, waits_for, first))
        for slot in slots:
            self._makers[slot] = self._maker(definition, slot, first)

    def _maker_of(self, key: str) -> tuple[AssetsDefinition, str, tuple[OpNode, ...]]:
        """Return what makes an asset, its name and its ops; found out once."""
        known = self._known.get(key)
        if known is None:
            definition = self._assessment.graph.nodes[key].definition
            assert definition is not None, "an external asset is never planned"
            nodes = tuple(definition.op_nodes.values())
            known = self._known[key] = definition, definition.name, nodes
        return known

    def _maker(self, definition: AssetsDefinition, slot: Slot, first: int) -> tuple[int, ...]:
        output = self._assessment.graph.nodes[slot[0]].output
        path = definition.output_places[output][0]
        return (first + list(definition.op_nodes).index(path),)

    def _waits_for(self, reads: list[tuple[Read, ...]]) -> tuple[int, ...]:
        makers = self._makers
        found = (one for several in reads for read in several for one in read.slots if one in makers)
        return tuple(dict.fromkeys(index for one in found for index in makers[one]))

    def _refuse_missing(self, slot: Slot, siblings: tuple[Slot, ...], reads: tuple[Read, ...]) -> None:
        history, nodes = self._assessment.history, self._assessment.graph.nodes
        for read in reads:
            if read.nonexistent:
                raise UnknownPartitionError(
                    f"{slot_name(slot)} reads partitions of {read.dependency.key!r} that do not exist: "
                    f"{_some(read.nonexistent)}"
                )
            if read.dependency.argument is None or nodes[read.dependency.key].definition is None:
                continue
            if (read.dependency.metadata or {}).get("allow_missing_partitions"):
                continue
            missing = [one for one in read.slots if one not in self._makers and history.made(one) is None]
            if missing and not set(missing) <= set(siblings):
                raise NotFoundError(
                    f"{slot_name(slot)} reads {_some(map(slot_name, missing))}, never materialized; "
                    f"materialize {read.dependency.key!r} first, or select it as well"
                )


def _steps(
    unit: Unit, nodes: Sequence[OpNode], waits_for: tuple[int, ...], first: int
) -> Iterator[PlannedStep]:
    """Return a step for each op; those that wait for none of the others wait for what the unit reads."""
    place = {node.path: first + index for index, node in enumerate(nodes)}
    for node in nodes:
        above = dict.fromkeys(place[path] for path in _above(node)) if len(nodes) > 1 else ()
        mapped_over = place[node.mapped_over[0]] if node.mapped_over is not None else None
        yield PlannedStep(unit, node, tuple(above) or waits_for, mapped_over)


def _above(node: OpNode) -> Iterator[str]:
    """Return the paths of the ops that an op waits for."""
    return (one.path for one in outputs_of(node.inputs.values()))


def _is_divisible(assessment: Assessment, targets: Sequence[Slot]) -> bool:
    """Tell whether some function makes several assets and can be asked for some of them."""
    found = (assessment.graph.nodes[key].definition for key in {slot[0] for slot in targets})
    return any(one is not None and one.can_subset and len(one.specs) > 1 for one in found)


def _together(
    assessment: Assessment, targets: Sequence[Slot], chunks: Mapping[Slot, int]
) -> Iterable[tuple[Slot, ...]]:
    """Return the slots in groups, each made by one call of a function, inputs before what reads them."""
    nodes = assessment.graph.nodes
    groups: dict[object, list[Slot]] = {}
    for slot in targets:
        definition = nodes[slot[0]].definition
        chunk: object = chunks.get(slot, slot[1])
        is_alone = definition is None or (len(definition.specs) == 1 and chunk is slot[1])
        groups.setdefault(slot if is_alone else (id(definition), chunk), []).append(slot)
    found = [tuple(group) for group in groups.values()]
    if all(len(group) == 1 for group in found):
        return found
    place = {slot: index for index, group in enumerate(found) for slot in group}

    def above(index: int) -> set[int]:
        reads = (read for slot in found[index] for read in assessment.reads(slot))
        return {place[one] for read in reads for one in read.slots if place.get(one, index) != index}

    order = ordered([above(index) for index in range(len(found))])
    if len(order) < len(found):
        stuck = next(found[index] for index in range(len(found)) if index not in set(order))
        raise InvalidDefinitionError(
            f"{', '.join(map(slot_name, stuck))} are made by one call and wait for each other through "
            "another asset; materialize them one after the other, or split the function"
        )
    return [found[index] for index in order]


def _merged(reads: list[tuple[Read, ...]]) -> tuple[Read, ...]:
    """Return for each dependency the slots that any of several asset partitions reads, each once."""
    found: dict[int, Read] = {}
    for read in (one for several in reads for one in several):
        known = found.get(id(read.dependency))
        slots = read.slots if known is None else tuple(dict.fromkeys((*known.slots, *read.slots)))
        found[id(read.dependency)] = Read(read.dependency, slots)
    return tuple(found.values())


def _partitions(slots: tuple[Slot, ...]) -> tuple[str, ...]:
    """Return the partitions among the slots, each once."""
    if len(slots) == 1:
        partition = slots[0][1]
        return () if partition is None else (partition,)
    return tuple(dict.fromkeys(slot[1] for slot in slots if slot[1] is not None))


def _name(name: str, partitions: tuple[str, ...]) -> str:
    if not partitions:
        return name
    if len(partitions) > 1:
        return f"{name}[{partitions[0]}...{partitions[-1]}]"
    return slot_name((name, partitions[0]))


def _by_partition(steps: list[PlannedStep], assessment: Assessment) -> tuple[PlannedStep, ...]:
    """Order steps so that an early partition is made all the way down before a later one begins."""
    if len({step.unit.partition for step in steps}) < 2:
        return tuple(steps)
    above = [step.waits_for for step in steps]
    places = _places(steps, assessment)

    def priority(index: int) -> str:
        asset, partition = steps[index].unit.slots[0]
        return places[asset][partition or ""] if asset in places else partition or ""

    if not any(above):
        return reordered(steps, sorted(range(len(steps)), key=priority))
    return reordered(steps, ordered(above, priority))


def reordered(steps: Sequence[PlannedStep], order: Sequence[int]) -> tuple[PlannedStep, ...]:
    """Return the steps at these positions, in this order, waiting for each other as before."""
    if all(index == position for position, index in enumerate(order)):
        return tuple(steps)
    place = {index: position for position, index in enumerate(order)}
    moved = []
    for step in (steps[index] for index in order):
        if not step.waits_for:
            moved.append(step)
            continue
        mapped_over = None if step.mapped_over is None else place[step.mapped_over]
        waits_for = tuple(place[one] for one in step.waits_for)
        moved.append(replace(step, waits_for=waits_for, mapped_over=mapped_over))
    return tuple(moved)


def _places(steps: list[PlannedStep], assessment: Assessment) -> dict[str, dict[str, str]]:
    """Return what orders the keys of assets whose partitions are a list; those of time order themselves."""
    found: dict[str, dict[str, str]] = {}
    for asset in {step.unit.asset for step in steps}:
        definition = assessment.graph.nodes[asset].partitions_def
        if isinstance(definition, ListedPartitions):
            keys = definition.get_partition_keys(assessment.now)
            found[asset] = {key: f"{place:09}" for place, key in enumerate(keys)}
    return found


def _some(names: Iterable[str]) -> str:
    all_names = list(names)
    more = f" and {len(all_names) - 5} more" if len(all_names) > 5 else ""
    return ", ".join(all_names[:5]) + more
