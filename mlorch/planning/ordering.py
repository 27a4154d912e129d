"""Orders in which what others wait for comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Any


def ordered(above: Sequence[Iterable[int]], priority: Callable[[int], Any] = int) -> list[int]:
    """Return the positions, each after those that `above` has for it, the one of least priority first.

    Positions that wait for each other are left out.
    """
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
        _, index = heappop(ready)
        found.append(index)
        for one in below[index]:
            waiting[one] -= 1
            if not waiting[one]:
                heappush(ready, (priority(one), one))
    return found
