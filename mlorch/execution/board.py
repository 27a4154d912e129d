"""Which steps are ready, wait, or can't be made any more. Knows no clock and performs nothing."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mlorch.definitions.nodes import FanIn, OpOutput, Source, outputs_of
from mlorch.log import Slot
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
        self._instances: dict[int, list[int]] = {}
        """By a step that was mapped over, those that it was replaced by."""
        self._over: set[int] = set()
        self._blocked: set[int] = set()
        self._missing: dict[int, Collection[str]] = {}
        """By step, the outputs that it did not give."""

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
        if not self._missing:
            return None
        step = self.steps[index]
        places = [one for one in step.waits_for if one in self._missing]
        short = [(self.steps[one], self._missing[one]) for one in places]
        within = {
            (above.node.path, output, is_list): f"{above.name}.{output}"
            for place, (above, missing) in zip(places, short, strict=True)
            if above.unit is step.unit
            for output in missing
            for is_list in self._ways(place)
        }
        inside = (_unmade(source, within) for source in step.node.inputs.values())
        outside = (_unmade_asset(step, above, missing) for above, missing in short)
        return next((name for name in (*inside, *outside) if name is not None), None)

    def fail(self, index: int) -> None:
        """Say that a step was not made because something failed: what is below is blocked."""
        self._blocked.update(self._below[index])
        self._release(index)

    def skip(self, index: int) -> None:
        """Say that a step was not made and nothing failed; what needs it is skipped too."""
        self._missing[index] = self.steps[index].node.op.outs.keys()
        self._release(index)

    def done(self, index: int, outputs: Collection[str], mapping_keys: Mapping[str, Sequence[str]]) -> int:
        """Say that a step gave these outputs, the dynamic ones with these keys.

        Return how many steps more there are now to be made, or fewer: those mapped over them are replaced.
        """
        more = self._expand(index, mapping_keys) if index in self._mapped else 0
        outs = self.steps[index].node.op.outs
        if len(outputs) < len(outs):
            # A dynamic output may well have no keys: what collects it gets an empty list.
            missing = {name for name, out in outs.items() if name not in outputs and not out.is_dynamic}
            if missing:
                self._missing[index] = missing
        self._release(index)
        return more

    def leave_out(self, index: int) -> None:
        """Say that a step need not be made: what it would make is there already."""
        self._release(index)

    def lost(self, index: int) -> tuple[Slot, ...]:
        """Return what of its unit is not made where a step fails: what it gives, or a step below it."""
        unit = self.steps[index].unit
        waiting, found = [index], {index}
        while waiting:
            below = {one for one in self._below[waiting.pop()] if self.steps[one].unit is unit} - found
            found |= below
            waiting += below
        paths = {self.steps[one].node.path for one in found}
        places = unit.maker.output_places
        names = {spec.name for output, spec in unit.maker.specs.items() if places[output][0] in paths}
        return tuple(slot for slot in unit.slots if slot[0] in names) or unit.slots

    def _release(self, index: int) -> None:
        self._over.add(index)
        for below in self._below[index]:
            self._waiting[below] -= 1
            if self._waiting[below]:
                continue
            if below in self._instances:
                self._finish_join(below)
            else:
                heapq.heappush(self._ready, below)

    def _finish_join(self, index: int) -> None:
        """Release what collects the outputs of a step that was made once per mapping key."""
        if index in self._blocked:
            self._blocked.update(self._below[index])
        instances = self._instances[index]
        if instances:
            several = [set(self._missing.get(one, ())) for one in instances]
            missing = set.intersection(*several)
            if missing:
                self._missing[index] = missing
        self._release(index)

    def _expand(self, index: int, mapping_keys: Mapping[str, Sequence[str]]) -> int:
        """Replace each step mapped over a dynamic output by one a key; the step itself then joins them."""
        templates = self._mapped[index]
        self._over.add(index)
        made: dict[tuple[int, str], int] = {}
        for template in templates:
            step = self.steps[template]
            assert step.node.mapped_over is not None
            keys = mapping_keys.get(step.node.mapped_over[1], ())
            instances = self._instances[template] = [self._add(step) for _ in keys]
            made.update(((template, key), one) for key, one in zip(keys, instances, strict=True))
            # It waits for those made of it, no longer for what it was planned to wait for.
            self._waiting[template] = len(keys)
        for above in {one for template in templates for one in self.steps[template].waits_for}:
            self._below[above] = [one for one in self._below[above] if one not in templates]
        ways = {template: _taken(self.steps[template]) for template in templates}
        for (template, key), number in made.items():
            waits_for = [
                made.get((one, key), one) if not is_list else one
                for one in self.steps[template].waits_for
                for is_list in ways[template].get(self.steps[one].node.path, (False,))
            ]
            self._place(number, template, key, waits_for)
        # What failed beside the dynamic output blocks those made of it; without any it blocks nothing.
        self._blocked.difference_update(templates)
        for template in templates:
            if not self._waiting[template]:
                self._finish_join(template)
        return len(made) - len(templates)

    def _ways(self, place: int) -> tuple[bool, ...]:
        """Tell whether what a step gives is taken as a list by those that wait for it, as it is, or both."""
        if place in self._instances:
            return (True,)
        return (False,) if self.steps[place].mapping_key is not None else (False, True)

    def _place(self, number: int, template: int, key: str, waits_for: Sequence[int]) -> None:
        """Let a step that was added for a key wait for what the one that it replaces in part waited for."""
        step = self.steps[template]
        self.steps[number] = replace(step, waits_for=tuple(waits_for), mapping_key=key)
        if template in self._blocked:
            self._blocked.add(number)
        self._below[number].append(template)
        still = [one for one in waits_for if one not in self._over]
        self._waiting[number] = len(still)
        for one in still:
            self._below[one].append(number)
        if not still:
            heapq.heappush(self._ready, number)

    def _add(self, step: PlannedStep) -> int:
        self.steps.append(step)
        self._waiting.append(0)
        self._below.append([])
        return len(self.steps) - 1


def _taken(step: PlannedStep) -> dict[str, set[bool]]:
    """Return for each op that a step reads whether it takes its outputs as a list, as they are, or both."""
    found: dict[str, set[bool]] = {}
    for one in outputs_of(step.node.inputs.values()):
        found.setdefault(one.path, set()).add(one.is_collected)
    return found


def _unmade(source: Source, missing: Mapping[tuple[str, str, bool], str]) -> str | None:
    """Return which missing output a source can't do without; a list can do without some of its own."""
    if isinstance(source, OpOutput):
        return missing.get((source.path, source.output, source.is_collected))
    if isinstance(source, FanIn):
        names = [_unmade(one, missing) for one in source.sources]
        return names[0] if names and None not in names else None
    return None


def _unmade_asset(step: PlannedStep, above: PlannedStep, missing: Collection[str]) -> str | None:
    """Return which asset among the missing outputs of another unit's step a step reads."""
    if step.unit is above.unit:
        return None
    read = {slot for several in step.unit.reads for read in several for slot in read.slots}
    places = above.unit.maker.output_places
    for output, spec in above.unit.maker.specs.items():
        if places[output][0] == above.node.path and places[output][1] in missing:
            for slot in above.unit.slots:
                if slot[0] == spec.name and slot in read:
                    return spec.name
    return None
