"""From a planned step to the call that makes it: its arguments, and what it is made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlorch.definitions.checks import AssetCheckSpec
from mlorch.definitions.nodes import AssetValue, Constant, FanIn, GraphInput, OpOutput
from mlorch.definitions.ops import Nothing
from mlorch.definitions.results import NO_VALUE
from mlorch.execution.call import Argument, Call, Kept, Target, element_of, kept_of
from mlorch.execution.run import Run
from mlorch.log import Record, Slot
from mlorch.planning.plan import PlannedStep, Unit
from mlorch.planning.staleness import Assessment, Read


class Caller:
    """Makes the calls of a plan, and remembers what earlier ones made and passed on."""

    def __init__(self, assessment: Assessment, given: Mapping[tuple[str, str], Any]) -> None:
        self._assessment = assessment
        self._history = assessment.history
        self._given = given
        self._passed: dict[tuple[int, str, str], dict[str | None, Kept]] = {}

    def learn(self, record: Record) -> None:
        """Take over what a step made, or saw."""
        self._history.add(record)

    def passed(self, step: PlannedStep, kept: Iterable[Kept]) -> None:
        """Take over what a step passed on to others of its unit."""
        for one in kept:
            key = step.mapping_key if one.mapping_key is None else one.mapping_key
            self._passed.setdefault((id(step.unit), step.node.path, one.output), {})[key] = one

    def call(self, step: PlannedStep, run: Run, attempt: int) -> Call:
        """Return the next attempt at a step."""
        unit = step.unit
        return Call(
            run=run,
            owner=unit.owner,
            path=step.node.path,
            step=step.name,
            section=unit.section,
            slots=unit.slots,
            partitions=unit.partitions,
            attempt=attempt,
            arguments=tuple(self._arguments(step)),
            targets=tuple(self._targets(unit, step.node.path, run)) if unit.slots else (),
            mapping_key=step.mapping_key,
            orders=tuple(self._orders(unit)),
            checks=_checks(unit, step.node.path) if unit.owner.check_specs else (),
            checked=tuple(map(self._history.current, _about(unit, step.node.path))),
            hooks=step.node.hooks,
            retries=step.node.retry_policy.max_retries if step.node.retry_policy is not None else 0,
        )

    def _arguments(self, step: PlannedStep) -> Iterator[Argument]:
        if not step.node.path:
            # The op of a plain function: its arguments are the dependencies themselves.
            for read in step.unit.arguments:
                if read.dependency.argument is not None:
                    yield self._read(read, read.dependency.argument, read.dependency.annotation)
            return
        for name, one in step.node.op.ins.items():
            if one.dagster_type is Nothing:
                continue
            source = step.node.inputs.get(name)
            found = self._source(step, name, source, one.dagster_type)
            if one.input_manager_key is not None:
                # What nothing is connected to is the input manager's own to find.
                found = found or Argument(name, one.dagster_type, (Kept((step.name, None), is_passed=True),))
                reader = f"resource:{one.input_manager_key}"
                found = replace(found, input_manager_key=reader, metadata=one.metadata)
            if found is not None:
                yield found

    def _orders(self, unit: Unit) -> Iterator[Argument]:
        for read in unit.arguments:
            if read.dependency.argument is None:
                yield self._read(read, read.dependency.key, read.dependency.annotation)

    def _source(self, step: PlannedStep, name: str, source: Any, annotation: Any) -> Argument | None:
        if isinstance(source, Constant):
            return Argument(name, given=source.value)
        if isinstance(source, AssetValue):
            return Argument(name, annotation, (self._kept((str(source.key), None)),))
        if isinstance(source, GraphInput):
            for read in step.unit.arguments:
                if read.dependency.argument == source.name:
                    return self._read(read, name, annotation)
            return self._of_run(("", source.name), name)
        if isinstance(source, OpOutput):
            kept = tuple(self._kept_outputs(step, source))
            return Argument(name, annotation, kept, is_list=source.is_collected)
        if isinstance(source, FanIn):
            parts = [self._source(step, name, one, element_of(annotation)) for one in source.sources]
            return Argument(name, annotation, parts=tuple(one for one in parts if one and one.is_there))
        return self._of_run((step.node.path, name), name)

    def _of_run(self, place: tuple[str, str], name: str) -> Argument | None:
        """Return an argument that the run itself gives; None leaves it to the function's default."""
        value = self._given.get(place, NO_VALUE)
        return None if value is NO_VALUE else Argument(name, given=value)

    def _kept_outputs(self, step: PlannedStep, source: OpOutput) -> Iterator[Kept]:
        kept = self._passed.get((id(step.unit), source.path, source.output), {})
        if source.is_collected:
            over = step.unit.owner.op_nodes[source.path].mapped_over
            order = kept if over is None else self._passed.get((id(step.unit), *over), {})
            yield from (kept[key] for key in order if key in kept)
        elif step.mapping_key in kept:
            yield kept[step.mapping_key]
        elif None in kept:
            yield kept[None]

    def _read(self, read: Read, name: str, annotation: Any) -> Argument:
        dependency = read.dependency
        graph = self._assessment.graph
        upstream, reader = graph.nodes[dependency.key].spec, graph.reader(dependency)
        return Argument(
            name,
            annotation,
            tuple(self._kept(one) for one in read.slots),
            partitions_def=upstream.partitions_def,
            metadata=dependency.metadata,
            upstream_metadata=upstream.metadata,
            input_manager_key=f"resource:{reader}" if reader is not None else None,
        )

    def _kept(self, slot: Slot) -> Kept:
        made = self._history.made(slot)
        return Kept(slot) if made is None else kept_of(made)

    def _targets(self, unit: Unit, path: str, run: Run) -> Iterator[Target]:
        nodes, history = self._assessment.graph.nodes, self._history
        places = unit.maker.output_places
        for slot, reads in zip(unit.slots, unit.reads, strict=True):
            output = nodes[slot[0]].output
            if places[output][0] != path:
                continue
            declared = self._assessment.declared[slot[0]]
            inputs = tuple(history.current(one) for read in reads for one in read.slots)
            yield Target(
                slot,
                output,
                tuple(dict.fromkeys(inputs)) if len(reads) > 1 else inputs,
                declared.code_version or run.run_id,
                declared.code_version is not None,
                declared.default_config_digest,
            )


def _checks(unit: Unit, path: str) -> tuple[AssetCheckSpec, ...]:
    """Return the checks of which an op of the unit gives the results."""
    if unit.checks is not None:
        chosen = {spec.key for spec in unit.checks}
        return tuple(spec for spec in unit.maker.checks_at(path) if spec.key in chosen)
    made = {slot[0] for slot in unit.slots}
    return tuple(spec for spec in unit.maker.checks_at(path) if str(spec.asset_key) in made)


def _about(unit: Unit, path: str) -> tuple[Slot, ...]:
    """Return what other steps made and an op may check: its assets, or those of the graph that it is in."""
    return unit.checked or (unit.slots if path and unit.owner.check_specs else ())
