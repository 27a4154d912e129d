"""When a failed step is tried again, and what its attempts made until then."""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Iterator

from mlorch.events import AssetMaterialized, Event
from mlorch.execution.call import Outcome
from mlorch.log import Slot
from mlorch.planning.plan import PlannedStep


class Retries:
    """Failed steps that wait for their next attempt; they hold no worker and no slot meanwhile."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, int]] = []
        self._made: dict[int, dict[Slot, AssetMaterialized]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def wait(self) -> float:
        """Seconds until the next attempt is due."""
        return max(0.0, self._waiting[0][0] - time.monotonic())

    def add(self, index: int, attempt: int, delay: float) -> None:
        """Let a step wait for an attempt."""
        heapq.heappush(self._waiting, (time.monotonic() + delay, index, attempt))

    def due(self) -> Iterator[tuple[int, int]]:
        """Yield the steps that are due with the numbers of their attempts; they wait no longer."""
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            yield heapq.heappop(self._waiting)[1:]

    def hold_back(self, index: int, facts: list[Event]) -> list[Event]:
        """Return the facts of an attempt without what it made, as the next makes it again."""
        made = self._made.setdefault(index, {})
        made.update({(one.asset, one.partition): one for one in facts if isinstance(one, AssetMaterialized)})
        return [one for one in facts if not isinstance(one, AssetMaterialized)]

    def settled(self, index: int, facts: list[Event]) -> list[Event]:
        """Return the facts of a last attempt, with what only earlier ones made: each slot is made once."""
        earlier = self._made.pop(index, None)
        if not earlier:
            return facts
        again = {(one.asset, one.partition) for one in facts if isinstance(one, AssetMaterialized)}
        return [*(one for slot, one in earlier.items() if slot not in again), *facts]

    def left(self) -> Iterator[tuple[int, list[Event]]]:
        """Yield what the steps made that will not be tried again after all."""
        for index in list(self._made):
            yield index, self.settled(index, [])


def delay_of(step: PlannedStep, attempt: int, outcome: Outcome) -> float | None:
    """Return the seconds to wait for another attempt, or None where there is none.

    A step that asked for it itself says how often, whatever its policy.
    """
    if not outcome.may_retry:
        return None
    if outcome.retry is not None:
        most, seconds = outcome.retry
        return (seconds or 0.0) if attempt <= most else None
    policy = step.node.retry_policy
    if policy is None or attempt > policy.max_retries:
        return None
    return policy.wait(attempt, random.random())
