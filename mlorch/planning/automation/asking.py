"""The runs that are asked for, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlorch.definitions.tags import WHY
from mlorch.planning.automation.evaluating import Answer, Evaluation
from mlorch.planning.automation.partitions import Subset
from mlorch.planning.automation.targets import Targets
from mlorch.planning.ticks import RunAsked

_FEW = 5
"""Assets that are named, and reasons that are told."""


def runs_asked(done: Evaluation, tags: Mapping[str, str], *, backfills: bool = True) -> tuple[RunAsked, ...]:
    """Return a run for each partition that is requested, of all assets that are divided alike.

    Where several partitions are requested of the same assets, they are one backfill, if there may be
    `backfills`. A check that is requested goes along with its asset.
    """
    by_key: dict[tuple[int, str | None], list[str]] = {}
    for name in _in_order(done.targets, done.requested):
        partitions = done.targets.partitions(name)
        for key in partitions.keys_of(done.requested[name]):
            by_key.setdefault((id(partitions), key), []).append(name)
    groups: dict[tuple[int, tuple[str, ...], str | None], list[str | None]] = {}
    for (number, key), names in by_key.items():
        groups.setdefault((number, tuple(names), None if backfills else key), []).append(key)
    asked = [run for (_, names, _), keys in groups.items() for run in _runs(done, names, keys, tags)]
    return tuple(sorted(asked, key=lambda one: one.partition or next(iter(one.partitions), "")))


def reason(answer: Answer, subset: Subset) -> str:
    """Return why partitions are requested, in a line: "eager, as any_deps_updated (raw)"."""
    causes = list(dict.fromkeys(_causes(answer, subset)))
    name = answer.condition.label or "its automation condition"
    return f"{name}, as {', '.join(causes)}" if causes and causes != [name] else name


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


def _runs(
    done: Evaluation, names: Sequence[str], keys: Sequence[str | None], tags: Mapping[str, str]
) -> Iterator[RunAsked]:
    targets = done.targets
    partitions = targets.partitions(names[0])
    subset = partitions.subset(keys)
    assets = tuple(name for name in names if not targets.is_check(name))
    checks = [name for name in names if targets.is_check(name)]
    lone = tuple(name for name in checks if str(targets.checks[name].asset_key) not in assets)
    why = {**tags, WHY: _why(done, names, subset)}
    if len(keys) == 1 or not assets:
        for key in keys:
            yield RunAsked(selection=assets, checks=lone, partition=key, tags=why)
        return
    yield RunAsked(selection=assets, partitions=partitions.named(subset), tags=why, is_backfill=True)
    if lone:
        for key in keys:
            yield RunAsked(checks=lone, partition=key, tags=why)


def _why(done: Evaluation, names: Sequence[str], subset: Subset) -> str:
    reasons: dict[str, list[str]] = {}
    for name in names:
        answer = done.answers.get(name)
        if answer is not None:
            reasons.setdefault(reason(answer, subset), []).append(name)
    return _told(reasons)


def _told(reasons: Mapping[str, list[str]]) -> str:
    """Return the first few reasons, each with the first few assets of which it is so."""
    found = [f"{_some(names)}: {why}" for why, names in list(reasons.items())[:_FEW]]
    others = [name for names in list(reasons.values())[_FEW:] for name in names]
    return "; ".join([*found, f"{_some(others)} for other reasons"] if others else found)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


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
        trigger = answer.answers[0]
        if trigger.true & subset:
            yield from _causes(trigger, subset)
        else:
            yield f"{trigger.condition} before"
    elif operation.endswith(("_deps_match", "_checks_match")):
        names = ", ".join(one.name for one in answer.answers if one.true)
        yield f"{answer.condition} ({names})"
    elif operation in ("and", "or", "any_downstream_conditions"):
        for one in answer.answers:
            yield from _causes(one, subset)
    elif operation not in ("not", "in_latest_time_window"):
        yield str(answer.condition)
