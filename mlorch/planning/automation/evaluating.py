"""One evaluation of automation conditions: what they request, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import inf, nextafter
from typing import NamedTuple

from mlorch.definitions.automation import AutomationCondition
from mlorch.definitions.cron import find_zone, make_grid
from mlorch.definitions.selections import AssetSelection
from mlorch.planning.automation.facts import Facts, Keys, Update
from mlorch.planning.automation.partitions import Partitions, Subset
from mlorch.planning.automation.state import Remembered, State
from mlorch.planning.automation.targets import Targets
from mlorch.planning.selection import found_keys

_MANY = 100
"""Partitions updated at once whose times are not told apart."""


class Span(NamedTuple):
    """When what made a condition true of some partitions began and ended."""

    start: float
    end: float
    subset: Subset


@dataclass(slots=True)
class Answer:
    """What a condition, or a part of one, came to of an asset or check: the `true` among `candidates`."""

    condition: AutomationCondition
    name: str
    candidates: Subset
    true: Subset
    spans: Sequence[Span] = ()
    """For those of which it is known."""
    answers: Sequence[Answer] = ()
    """Of its parts; of those that could change nothing there is none."""


class Part:
    """A condition made ready to be evaluated; equal conditions share it."""

    __slots__ = ("condition", "digest", "operation", "parts", "remembers")

    def __init__(self, condition: AutomationCondition, parts: Sequence[Part], operation: Operation) -> None:
        self.condition = condition
        self.parts = parts
        self.operation = operation
        self.digest = _digest(condition, parts)
        is_memory = condition.operation in _REMEMBERING
        self.remembers: bool = is_memory or any(part.remembers for part in parts)
        """Whether it has to be evaluated even where nothing can come of it now."""


_REMEMBERING = ("since", "newly_true", "code_version_changed", "any_downstream_conditions")


class Place:
    """What a part is evaluated of, and for the condition of what."""

    __slots__ = ("after", "before", "is_expanded", "is_initial", "is_new", "name", "partitions", "root")

    def __init__(self, name: str, root: str, partitions: Partitions) -> None:
        self.name = name
        self.root = root
        self.partitions = partitions
        self.before = Remembered("")
        self.after = Remembered("")
        self.is_new = False
        """Whether nothing is known of an evaluation before."""
        self.is_initial = False
        """Whether the condition is evaluated for the first time as it is declared now."""
        self.is_expanded = False
        """Whether this is the condition of something below."""

    def of(self, name: str, partitions: Partitions) -> Place:
        """Return the same for the part that is evaluated of something else."""
        made = Place(name, self.root, partitions)
        made.before, made.after = self.before, self.after
        made.is_new, made.is_initial, made.is_expanded = self.is_new, self.is_initial, self.is_expanded
        return made

    def key(self, part: Part) -> str:
        """Return the name under which something is remembered of a part."""
        return part.digest if self.name == self.root else f"{part.digest}@{self.name}"


Operation = Callable[["Evaluation", Part, Place, Subset], Answer]


class Evaluation:
    """Evaluates conditions from what is so, `facts`, and what was before, `state`."""

    def __init__(
        self, targets: Targets, facts: Facts, state: State, operations: Mapping[str, Operation]
    ) -> None:
        self.targets = targets
        self.facts = facts
        self.state = state
        self.now = targets.now
        self.before = state.at
        """When the evaluation before was; None if there was none."""
        self.requested: dict[str, Subset] = {}
        self.answers: dict[str, Answer] = {}
        self.after = State(facts.seq, self.now.timestamp(), facts.queue_from)
        self._operations = operations
        self._parts: dict[AutomationCondition, Part] = {}
        self._made: dict[str, Subset] = {}
        self._updated: dict[tuple[str, bool], tuple[Subset, Sequence[Span]]] = {}
        self._ticks: dict[tuple[str, str], float] = {}
        self._chosen: dict[AssetSelection, set[str]] = {}

    def run(self, conditions: Mapping[str, AutomationCondition], looked_at: Iterable[str]) -> None:
        """Evaluate the conditions in the order in which they come: upstream first."""
        self.after.made = {name: self.made(name) for name in looked_at}
        for name, condition in conditions.items():
            part = self.part(condition)
            place = self._place(name, part)
            answer = self.answers[name] = self.answer(part, place, place.partitions.full)
            self.after.conditions[name] = place.after
            if answer.true:
                for one in (name, *self.targets.together(name)):
                    self.requested[one] = self.requested.get(one, 0) | answer.true
        for name, after in self.after.conditions.items():
            after.requested = self.requested.get(name, 0)

    def answer(self, part: Part, place: Place, among: Subset) -> Answer:
        """Return what a part comes to among some partitions."""
        return part.operation(self, part, place, among)

    def part(self, condition: AutomationCondition) -> Part:
        found = self._parts.get(condition)
        if found is None:
            parts = [self.part(one) for one in condition.operands]
            found = self._parts[condition] = Part(condition, parts, self._operations[condition.operation])
        return found

    def made(self, name: str) -> Subset:
        """Return what was ever made or observed of an asset."""
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._find_made(name)
        return found

    def updated(self, name: str, *, only_changed: bool = False) -> tuple[Subset, Sequence[Span]]:
        """Return what was made or observed since the evaluation before, and when."""
        updates = self.facts.updates.get(name)
        if not updates:
            return 0, ()
        found = self._updated.get((name, only_changed))
        if found is None:
            found = self._updated[name, only_changed] = self._spans(name, updates, only_changed)
        return found

    def subset(self, several: Mapping[str, Keys], name: str) -> Subset:
        """Return the set of the partitions of an asset that facts name."""
        keys = several.get(name)
        return self.targets.partitions(name).subset(keys) if keys else 0

    def last_tick(self, cron: str, zone: str) -> float:
        """Return when a cron schedule last ticked, in seconds since the epoch."""
        found = self._ticks.get((cron, zone))
        if found is None:
            found = make_grid(cron, find_zone(zone)).floor(self.now).timestamp()
            self._ticks[cron, zone] = found
        return found

    def chosen(self, selection: AssetSelection) -> set[str]:
        """Return the keys of the assets that a selection means."""
        found = self._chosen.get(selection)
        if found is None:
            found = self._chosen[selection] = found_keys(selection, self.targets.graph)
        return found

    def _place(self, name: str, part: Part) -> Place:
        place = Place(name, name, self.targets.partitions(name))
        before = self.state.conditions.get(name)
        place.is_new = before is None
        place.is_initial = before is None or before.condition != part.digest
        place.before = before or place.before
        place.after.condition = part.digest
        return place

    def _find_made(self, name: str) -> Subset:
        if self.targets.is_check(name):
            return self.targets.partitions(name).subset(self.facts.verdicts.get(name, ()))
        found = self.state.made.get(name, 0) | self.subset(self.facts.made, name)
        return found | self.updated(name)[0]

    def _spans(
        self, name: str, updates: Mapping[str | None, Update], only_changed: bool
    ) -> tuple[Subset, Sequence[Span]]:
        partitions = self.targets.partitions(name)
        times: dict[tuple[float, float], Subset] = {}
        # Whatever another machine's clock says: what is known now and was not known to the evaluation before
        # came to be between the two.
        now = self.now.timestamp()
        earliest = -inf if self.before is None else nextafter(self.before, inf)
        for key, one in updates.items():
            place = partitions.positions.get(key)
            if place is not None and (one.is_changed or not only_changed):
                end = max(min(one.at, now), earliest)
                start = min(one.started_at or end, end)
                times[start, end] = times.get((start, end), 0) | 1 << place
        found = 0
        for subset in times.values():
            found |= subset
        if len(times) > _MANY:
            times = {(min(start for start, _ in times), max(end for _, end in times)): found}
        return found, [Span(start, end, subset) for (start, end), subset in times.items()]


def _digest(condition: AutomationCondition, parts: Sequence[Part]) -> str:
    """Return what a part is remembered by: not its label, nor what it allows and ignores."""
    given = [pair for pair in condition.settings if pair[0] not in ("allow", "ignore")]
    text = f"{condition.operation}{given}{[part.digest for part in parts]}"
    return sha256(text.encode()).hexdigest()[:12]
