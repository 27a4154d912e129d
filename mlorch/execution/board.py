"""Which steps are ready, wait, or can't be made any more. Knows no clock and performs nothing."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from mlorch.definitions.nodes import FanIn, OpOutput, Source
from mlorch.planning.plan import PlannedStep


class Board:
    """The steps of a plan on their way; dynamic outputs add some as they come."""

    def __init__(self, steps: Sequence[PlannedStep]) -> None:
        self.steps = list(steps)
        self._waiting = [len(step.waits_for) for step in steps]
        self._below: list[list[int]] = [[] for _ in steps]
        self._mapped: dict[int, list[int]] = {}
        for index, step in enumerate(steps):
            for above in step.waits_for:
                self._below[above].append(index)
            if step.mapped_over is not None:
                self._mapped.setdefault(step.mapped_over, []).append(index)
        self._ready = [index for index, count in enumerate(self._waiting) if not count]
        self._joins: set[int] = set()
        self._over: set[int] = set()
        self._blocked: set[int] = set()
        self._unmade: dict[int, str] = {}

    def __bool__(self) -> bool:
        """Tell whether some step is ready."""
        return bool(self._ready)

    def take(self) -> int:
        """Return the first of the ready steps; it is not ready any more."""
        return heapq.heappop(self._ready)

    def put_back(self, index: int) -> None:
        """Make a step ready that was taken and could not begin."""
        heapq.heappush(self._ready, index)

    def is_blocked(self, index: int) -> bool:
        """Tell whether something failed that the step waits for."""
        return index in self._blocked

    def unmade_input(self, index: int) -> str | None:
        """Return the name of an input that nobody made, though nothing failed; or None."""
        return self._unmade.get(index)

    def fail(self, index: int) -> None:
        """Say that a step was not made because something failed: what is below is blocked."""
        for below in self._below[index]:
            self._blocked.add(below)
        self._release(index)

    def skip(self, index: int) -> None:
        """Say that a step was not made and nothing failed; what needs it is skipped too."""
        step = self.steps[index]
        self._miss(index, set(step.node.op.outs))
        self._release(index)

    def done(self, index: int, outputs: Collection[str], mapping_keys: Mapping[str, Sequence[str]]) -> None:
        """Say that a step gave these outputs, the dynamic ones with these keys."""
        if index in self._mapped:
            self._expand(index, mapping_keys)
        missing = self.steps[index].node.op.outs.keys() - set(outputs)
        if missing:
            dynamic = {name for name in missing if self.steps[index].node.op.outs[name].is_dynamic}
            self._miss(index, missing - dynamic)
        self._release(index)

    def leave_out(self, index: int) -> None:
        """Say that a step need not be made: what it would make is there already."""
        self._release(index)

    def _release(self, index: int) -> None:
        self._over.add(index)
        for below in self._below[index]:
            self._waiting[below] -= 1
            if self._waiting[below]:
                continue
            if below in self._joins:
                self._finish_join(below)
            else:
                heapq.heappush(self._ready, below)

    def _finish_join(self, index: int) -> None:
        """Release what collects the outputs of a step that was made once per mapping key."""
        if index in self._blocked:
            self._blocked.update(self._below[index])
        self._release(index)

    def _expand(self, index: int, mapping_keys: Mapping[str, Sequence[str]]) -> None:
        """Replace each step mapped over a dynamic output by one a key; the step itself then joins them."""
        templates = self._mapped[index]
        made: dict[tuple[int, str], int] = {}
        for template in templates:
            step = self.steps[template]
            assert step.node.mapped_over is not None
            keys = mapping_keys.get(step.node.mapped_over[1], ())
            made.update(((template, key), self._add(replace(step, mapping_key=key))) for key in keys)
            # It waits for those made of it, no longer for what it was planned to wait for.
            self._waiting[template] = len(keys)
        replaced = {index, *templates}
        for above in {one for template in templates for one in self.steps[template].waits_for}:
            self._below[above] = [one for one in self._below[above] if one not in replaced]
        for (template, key), number in made.items():
            waits_for = [made.get((one, key), one) for one in self.steps[template].waits_for]
            waits_for = [one for one in waits_for if one != index and one not in self._over]
            self.steps[number] = replace(self.steps[number], waits_for=tuple(waits_for))
            self._waiting[number] = len(waits_for)
            self._below[number].append(template)
            for one in waits_for:
                self._below[one].append(number)
            if not waits_for:
                heapq.heappush(self._ready, number)
        self._joins.update(templates)
        for template in templates:
            if not self._waiting[template]:
                self._finish_join(template)

    def _add(self, step: PlannedStep) -> int:
        self.steps.append(step)
        self._waiting.append(0)
        self._below.append([])
        return len(self.steps) - 1

    def _miss(self, index: int, missing: Collection[str]) -> None:
        step = self.steps[index]
        for below in self._below[index]:
            name = _needs(self.steps[below], step, missing)
            if name is not None:
                self._unmade.setdefault(below, name)


def _needs(step: PlannedStep, above: PlannedStep, missing: Collection[str]) -> str | None:
    """Return which missing output of the step above a step can't do without."""
    if step.unit is above.unit:
        for source in step.node.inputs.values():
            for one in _outputs(source):
                if one.path == above.node.path and one.output in missing:
                    return f"{above.name}.{one.output}"
        return None
    read = {slot for several in step.unit.reads for read in several for slot in read.slots}
    places = above.unit.maker.output_places
    for output, spec in above.unit.maker.specs.items():
        if places[output][0] == above.node.path and places[output][1] in missing:
            for slot in above.unit.slots:
                if slot[0] == spec.name and slot in read:
                    return spec.name
    return None


def _outputs(source: Source) -> Iterator[OpOutput]:
    """Yield the outputs that a source can't do without: a list leaves out what is not there."""
    if isinstance(source, OpOutput) and not source.is_collected:
        yield source
    elif isinstance(source, FanIn) and len(source.sources) == 1:
        yield from _outputs(source.sources[0])
