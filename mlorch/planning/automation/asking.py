"""The runs that are asked for, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlorch.planning.automation.evaluating import Answer, Evaluation
from mlorch.planning.automation.partitions import Subset
from mlorch.planning.automation.targets import Targets
from mlorch.planning.ticks import RunAsked

WHY_TAG = "mlorch/why"
"""Tag of a run that something asked for by itself: why, for people."""

_FEW = 5
"""Assets whose reasons are told."""


def runs_asked(done: Evaluation, tags: Mapping[str, str]) -> tuple[RunAsked, ...]:
    """Return a run for each partition that is requested, of all assets that are divided alike.

    A check that is requested goes along with its asset.
    """
    targets = done.targets
    groups: dict[tuple[int, str | None], list[str]] = {}
    for name in _in_order(targets, done.requested):
        partitions = targets.partitions(name)
        for key in partitions.keys_of(done.requested[name]):
            groups.setdefault((id(partitions), key), []).append(name)
    asked = (_run(done, names, key, tags) for (_, key), names in groups.items())
    return tuple(sorted(asked, key=lambda one: one.partition or ""))


def reason(answer: Answer, subset: Subset) -> str:
    """Return why partitions are requested, in a line: "eager: any_deps_updated (raw)"."""
    causes = list(dict.fromkeys(_causes(answer, subset)))
    name = answer.condition.label or "automation condition"
    return f"{name}: {', '.join(causes)}" if causes else name


def explained(done: Evaluation, answer: Answer) -> dict[str, object]:
    """Return what a condition and each part of it came to, for people and for JSON."""
    partitions = done.targets.partitions(answer.name)
    condition = answer.condition
    found: dict[str, object] = {
        "condition": condition.label or condition.name,
        "of": answer.name,
        "candidates": answer.candidates.bit_count(),
        "true": answer.true.bit_count(),
    }
    if partitions.definition is not None and answer.true:
        found["partitions"] = partitions.keys_of(answer.true)[:10]
    if answer.answers:
        found["parts"] = [explained(done, one) for one in answer.answers]
    return found


def _run(done: Evaluation, names: list[str], key: str | None, tags: Mapping[str, str]) -> RunAsked:
    targets = done.targets
    assets = [name for name in names if not targets.is_check(name)]
    checks = [name for name in names if targets.is_check(name)]
    lone = [name for name in checks if str(targets.checks[name].asset_key) not in assets]
    why = []
    for name in names:
        answer = done.answers.get(name)
        if answer is not None:
            place = targets.partitions(name).subset([key])
            why.append(f"{name}: {reason(answer, place)}" if len(names) > 1 else reason(answer, place))
    several = why[:_FEW] + ([f"{len(why) - _FEW} more"] if len(why) > _FEW else [])
    return RunAsked(
        selection=tuple(assets),
        checks=tuple(lone),
        partition=key,
        tags={**tags, WHY_TAG: "; ".join(several)},
    )


def _in_order(targets: Targets, requested: Mapping[str, Subset]) -> Iterator[str]:
    for name in targets.graph.nodes:
        if requested.get(name):
            yield name
    for name in targets.checks:
        if requested.get(name):
            yield name


def _causes(answer: Answer, subset: Subset) -> Iterator[str]:
    """Yield the labels, and the bare conditions, that set it off: what others only did not hold back."""
    operation = answer.condition.operation
    if not answer.true & subset:
        return
    if operation == "since":
        yield from _causes(answer.answers[0], subset)
    elif operation.endswith(("_deps_match", "_checks_match")):
        names = ", ".join(one.name for one in answer.answers if one.true)
        yield f"{answer.condition.label or operation} ({names})"
    elif operation in ("and", "or", "any_downstream_conditions"):
        for one in answer.answers:
            yield from _causes(one, subset)
    elif operation not in ("not", "in_latest_time_window"):
        yield answer.condition.label or answer.condition.name
