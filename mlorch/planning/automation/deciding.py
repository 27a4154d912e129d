"""What the automation conditions of assets and checks ask for now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlorch.definitions.automation import AutomationCondition
from mlorch.planning.automation.evaluating import Evaluation, Operation
from mlorch.planning.automation.facts import Facts
from mlorch.planning.automation.operands import OPERANDS, as_operation
from mlorch.planning.automation.operators import OPERATORS
from mlorch.planning.automation.state import State
from mlorch.planning.automation.targets import Targets

OPERATIONS: Mapping[str, Operation] = {
    **{name: as_operation(operand) for name, operand in OPERANDS.items()},
    **OPERATORS,
}
"""How each condition is evaluated, by its name."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions that are evaluated together, upstream first, and what they ask about."""

    by_name: Mapping[str, AutomationCondition]
    looked_at: Sequence[str]
    """The assets of which it has to be known what was made."""
    operations: Collection[str]
    """Those that are among them."""

    def ask(self, *operations: str) -> bool:
        """Tell whether one of these operations is among them."""
        return not set(operations).isdisjoint(self.operations)


def conditions_of(targets: Targets, assets: Collection[str]) -> Conditions:
    """Return the conditions of these assets and of their checks, of whatever a run can make."""
    by_name: dict[str, AutomationCondition] = {}
    for name in targets.graph.nodes:
        if name not in assets:
            continue
        for one in (name, *targets.checks_of.get(name, ())):
            condition = targets.condition(one)
            if condition is not None and targets.is_made_here(one):
                by_name[one] = condition
    expanded = _expanded(targets, by_name)
    parts = {part for condition in expanded for part in _parts(condition)}
    looked_at = _looked_at(targets, by_name, max(map(_depth, expanded), default=0))
    named = {one.setting("key") for one in parts if one.operation == "asset_matches"}
    known = [name for name in targets.graph.nodes if name in looked_at or name in named]
    return Conditions(by_name, known, {part.operation for part in parts})


def decide(targets: Targets, conditions: Conditions, facts: Facts, state: State) -> Evaluation:
    """Evaluate the conditions; the result's `requested` has what they ask for, its `after` what is kept."""
    done = Evaluation(targets, facts, state, OPERATIONS)
    done.run(conditions.by_name, conditions.looked_at)
    return done


def moment_of(now: datetime, before: float | None) -> datetime:
    """Return the moment to evaluate at: now, but never before the evaluation before."""
    return now if before is None or now.timestamp() >= before else datetime.fromtimestamp(before, now.tzinfo)


def _expanded(
    targets: Targets, by_name: Mapping[str, AutomationCondition]
) -> Collection[AutomationCondition]:
    """Return the distinct conditions, and those from below that some of them ask."""
    found = dict.fromkeys(by_name.values())
    asking = {one for one in found if any(p.operation == "any_downstream_conditions" for p in _parts(one))}
    below = {name for one, condition in by_name.items() if condition in asking for name in targets.below(one)}
    for name in below:
        condition = targets.condition(name)
        if condition is not None:
            found[condition] = None
    return found


def _looked_at(targets: Targets, names: Collection[str], depth: int) -> set[str]:
    """Return the assets, those whose checks are meant, and so many levels above them."""
    found = {str(targets.checks[name].asset_key) if targets.is_check(name) else name for name in names}
    edge = set(names)
    for _ in range(depth):
        edge = {up for name in edge for up in targets.dependencies(name)}
        found |= edge
    return found


def _parts(condition: AutomationCondition) -> Iterator[AutomationCondition]:
    yield condition
    for one in condition.operands:
        yield from _parts(one)


def _depth(condition: AutomationCondition) -> int:
    """Return how many levels above its asset a condition looks."""
    below = max(map(_depth, condition.operands), default=0)
    return below + (condition.operation in ("any_deps_match", "all_deps_match"))
