"""What one evaluation leaves behind for the next: a value, and its JSON, which is the sensor's cursor."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlorch.errors import UserError
from mlorch.planning.automation.partitions import Moved, Subset, from_ranges, ranges
from mlorch.planning.automation.targets import Targets

_FORMAT = 1


class Held(NamedTuple):
    """Partitions of which a condition holds, and when what made it so happened, where that is known."""

    subset: Subset
    at: float | None = None


@dataclass(slots=True)
class Remembered:
    """What the condition of one asset was and came to."""

    condition: str
    """Digest of it as it was declared."""
    requested: Subset = 0
    held: dict[str, tuple[Held, ...]] = field(default_factory=dict)
    """By a part of the condition, and of what it was evaluated, where it held."""
    texts: dict[str, str] = field(default_factory=dict)
    """By a part of the condition, the code version that was seen."""


@dataclass(slots=True)
class State:
    """What is known after the fact numbered `seq`; `at` is when it was found out."""

    seq: int = 0
    at: float | None = None
    """None before the first evaluation."""
    queue_from: int = 0
    """As of the facts."""
    made: dict[str, Subset] = field(default_factory=dict)
    """What was ever made or observed, of the assets that conditions look at."""
    conditions: dict[str, Remembered] = field(default_factory=dict)
    unknown: dict[str, Subset] = field(default_factory=dict)
    """Partitions that have come since, of which nobody knows whether they were made."""


def written(state: State, targets: Targets) -> str:
    """Return the state as text that `read` reads."""
    partitions, made, conditions = _Table(), _Table(), _Table()
    numbers: dict[int, int] = {}
    assets = {}
    for name in {**state.made, **state.conditions}:
        one = targets.partitions(name)
        if id(one) not in numbers:
            numbers[id(one)] = partitions.number(one.written())
        subset, remembered = state.made.get(name), state.conditions.get(name)
        assets[name] = [
            numbers[id(one)],
            None if subset is None else made.number(ranges(subset)),
            None if remembered is None else conditions.number(_remembered(remembered)),
        ]
    found = {
        "format": _FORMAT,
        "seq": state.seq,
        "at": state.at,
        "queue_from": state.queue_from,
        "partitions": partitions.values,
        "made": made.values,
        "conditions": conditions.values,
        "assets": assets,
    }
    return json.dumps(found, separators=(",", ":"))


def position(cursor: str | None) -> tuple[int, float | None]:
    """Return the number of the last fact that an evaluation knew, and when that was."""
    found = _values(cursor)
    return found.get("seq", 0), found.get("at")


def read(cursor: str | None, targets: Targets) -> State:
    """Read what `written` gave, among the partitions that there are now.

    What was known of an asset whose partitions are quite others now is forgotten. Raises UserError for text
    that is no state.
    """
    found = _values(cursor)
    if not found:
        return State()
    state = State(found["seq"], found["at"], found["queue_from"])
    moves: dict[tuple[int, int], Moved | None] = {}
    for name, (number, made, condition) in found["assets"].items():
        if name not in targets.graph.nodes and name not in targets.checks:
            continue
        partitions = targets.partitions(name)
        place = number, id(partitions)
        if place not in moves:
            moves[place] = partitions.moved(found["partitions"][number])
        moved = moves[place]
        if moved is None:
            continue
        if made is not None:
            state.made[name] = moved(from_ranges(found["made"][made]))
            new = partitions.full & ~moved.known
            if new:
                state.unknown[name] = new
        if condition is not None:
            state.conditions[name] = _recalled(found["conditions"][condition], moved)
    return state


class _Table:
    """Values that are written once and named by their numbers: most assets are alike."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: Any) -> int:
        text = json.dumps(value)
        if text not in self._numbers:
            self._numbers[text] = len(self.values)
            self.values.append(value)
        return self._numbers[text]


def _values(cursor: str | None) -> Mapping[str, Any]:
    if not cursor:
        return {}
    try:
        found = json.loads(cursor)
        if found["format"] == _FORMAT:
            return found  # type: ignore[no-any-return]
    except (ValueError, TypeError, KeyError):
        pass
    raise UserError(
        "this cursor is none of automation conditions; take the cursor of the evaluation before, or None"
    )


def _remembered(one: Remembered) -> dict[str, Any]:
    found: dict[str, Any] = {"is": one.condition}
    if one.requested:
        found["requested"] = ranges(one.requested)
    if one.held:
        found["held"] = {part: _pairs(several) for part, several in one.held.items()}
    if one.texts:
        found["texts"] = one.texts
    return found


def _pairs(several: Iterable[Held]) -> list[Any]:
    return [[each.at, ranges(each.subset)] for each in several]


def _recalled(values: Mapping[str, Any], moved: Moved) -> Remembered:
    return Remembered(
        values["is"],
        moved(from_ranges(values.get("requested", ()))),
        {
            part: tuple(Held(moved(from_ranges(pairs)), at) for at, pairs in several)
            for part, several in values.get("held", {}).items()
        },
        dict(values.get("texts", {})),
    )
