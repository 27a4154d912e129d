"""Steps that an earlier run has done, and what they passed on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlorch.events import StepSucceeded
from mlorch.execution.call import Kept, Outcome
from mlorch.log import Slot
from mlorch.planning.plan import PlannedStep


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier runs have done of what a run goes on with."""

    succeeded: Mapping[str, StepSucceeded] = field(default_factory=dict)
    """By step."""
    remade: Collection[Slot] = ()
    """What the run makes again; a check of it that passed does not count."""

    def recall(self, step: PlannedStep) -> Outcome | None:
        """Return what a step came to, or None where it is to be performed."""
        fact = self.succeeded.get(step.name)
        if fact is None or len(step.unit.partitions) > 1:
            return None
        if any(slot in self.remade for slot in step.unit.checked):
            return None
        assets = {slot[0] for slot in step.unit.slots}
        passed = [_kept(one, fact, assets) for one in fact.outputs]
        return Outcome(passed=passed, outputs=frozenset(one.output for one in passed))


def _kept(one: Mapping[str, Any], fact: StepSucceeded, assets: Collection[str]) -> Kept:
    is_asset = one["slot"] in assets
    return Kept(
        (one["slot"], fact.partition if is_asset else None),
        one["uri"],
        one["content_hash"],
        one["io_manager"],
        one["metadata"],
        fact.run_id,
        fact.step,
        one["name"],
        not is_asset,
        one["mapping_key"],
    )
