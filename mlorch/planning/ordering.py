"""Orders in which inputs come first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlorch.planning.plan import PlannedStep


def ordered(count: int, above: Callable[[int], Iterable[int]]) -> list[int]:
    """Return the numbers below `count`, each after those that `above` names, small ones first where it can.

    Numbers that wait for each other are left out.
    """
    return _by_priority([set(above(index)) for index in range(count)], lambda index: index)


def by_partition(
    steps: Sequence[PlannedStep], moved: Callable[[PlannedStep, Callable[[int], int]], PlannedStep]
) -> tuple[PlannedStep, ...]:
    """Order steps so that an early partition is made all the way down before a later one begins.

    `moved` returns a step whose references to positions are replaced.
    """
    if len({step.unit.partition for step in steps}) < 2:
        return tuple(steps)
    order = _by_priority(
        [step.waits_for for step in steps], lambda index: (steps[index].unit.partition or "", index)
    )
    place = {index: position for position, index in enumerate(order)}
    return tuple(moved(steps[index], place.__getitem__) for index in order)


def _by_priority(above: Sequence[Iterable[int]], priority: Callable[[int], object]) -> list[int]:
    waiting = [0] * len(above)
    below: list[list[int]] = [[] for _ in above]
    for index, several in enumerate(above):
        for one in several:
            waiting[index] += 1
            below[one].append(index)
    ready = [(priority(index), index) for index, count in enumerate(waiting) if not count]
    heapify(ready)
    found = []
    while ready:
        index = heappop(ready)[1]
        found.append(index)
        for one in below[index]:
            waiting[one] -= 1
            if not waiting[one]:
                heappush(ready, (priority(one), one))
    return found
