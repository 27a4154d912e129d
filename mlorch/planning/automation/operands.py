"""The conditions that are not made of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mlorch.definitions.automation import AutomationCondition
from mlorch.planning.automation.evaluating import Answer, Evaluation, Part, Place, Span
from mlorch.planning.automation.facts import Keys, KnownRun
from mlorch.planning.automation.partitions import Subset

Found = tuple[Subset, Sequence[Span]]
Operand = Callable[[Evaluation, Place, AutomationCondition, Subset], Found]


def as_operation(operand: Operand) -> Callable[[Evaluation, Part, Place, Subset], Answer]:
    """Return the operation that answers with what an operand finds."""

    def answer(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
        true, spans = operand(evaluation, place, part.condition, among)
        return Answer(part.condition, place.name, among, true & among, spans)

    return answer


def _missing(evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset) -> Found:
    return among & ~evaluation.made(place.name), ()


def _newly_updated(evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset) -> Found:
    return (0, ()) if place.is_new else evaluation.updated(place.name)


def _data_version_changed(
    evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset
) -> Found:
    return (0, ()) if place.is_new else evaluation.updated(place.name, only_changed=True)


def _code_version_changed(
    evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset
) -> Found:
    version = evaluation.facts.code_versions.get(place.name)
    if version is None:
        return 0, ()
    before = place.before.texts.get(place.name, version)
    place.after.texts[place.name] = version
    return (0 if version == before else among), ()


def _newly_requested(evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset) -> Found:
    before = evaluation.state.conditions.get(place.name)
    if before is None or not before.requested or evaluation.before is None:
        return 0, ()
    return before.requested, (Span(evaluation.before, evaluation.before, before.requested),)


def _run_in_progress(evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset) -> Found:
    return _of_asset(evaluation, place, evaluation.facts.running), ()


def _backfill_in_progress(
    evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset
) -> Found:
    return _of_asset(evaluation, place, evaluation.facts.backfilling), ()


def _execution_failed(evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset) -> Found:
    return evaluation.subset(evaluation.facts.failed, place.name), ()


def _initial_evaluation(_: Evaluation, place: Place, _condition: AutomationCondition, among: Subset) -> Found:
    return (among if place.is_initial else 0), ()


def _will_be_requested(evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset) -> Found:
    targets = evaluation.targets
    asset = str(targets.checks[place.name].asset_key) if targets.is_check(place.name) else place.name
    found = evaluation.requested.get(place.name, 0)
    if asset != place.name:
        requested = evaluation.requested.get(asset, 0)
        found |= targets.edge(place.name, asset).readers_of(requested, place.partitions.full)
    if not found or not targets.goes_along(place.root, asset):
        return 0, ()
    now = evaluation.now.timestamp()
    return found, (Span(now, now, found),)


def _in_latest_time_window(
    _: Evaluation, place: Place, condition: AutomationCondition, among: Subset
) -> Found:
    return place.partitions.latest(condition.setting("lookback_delta")), ()


def _cron_tick_passed(
    evaluation: Evaluation, place: Place, condition: AutomationCondition, among: Subset
) -> Found:
    if evaluation.before is None or place.is_new:
        return 0, ()
    tick = evaluation.last_tick(condition.setting("cron_schedule"), condition.setting("cron_timezone"))
    return (among, (Span(tick, tick, among),)) if tick > evaluation.before else (0, ())


def _executed_with_root_target(
    evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset
) -> Found:
    """Find what was updated by a run that was to make all partitions of the root that read it.

    Of a check that is its asset: whoever makes the asset evaluates its checks.
    """
    targets, updates = evaluation.targets, evaluation.facts.updates.get(place.name)
    if place.name == place.root or place.is_new or not updates:
        return 0, ()
    is_check = targets.is_check(place.root)
    root = str(targets.checks[place.root].asset_key) if is_check else place.root
    edge = targets.edge(place.root, place.name)
    found = 0
    for key, one in updates.items():
        run = evaluation.facts.runs.get(one.runs[-1]) if one.runs else None
        updated = place.partitions.subset([key])
        if run is not None and root in run.targets and updated:
            made = edge.below.full if is_check else edge.below.subset(run.targets[root] or (None,))
            if not edge.readers_of(updated, edge.below.full) & ~made:
                found |= updated
    return found, ()


def _any_new_update_has_run_tags(
    evaluation: Evaluation, place: Place, condition: AutomationCondition, among: Subset
) -> Found:
    return _made_by(evaluation, place, lambda runs: any(_is_tagged(one, condition) for one in runs)), ()


def _all_new_updates_have_run_tags(
    evaluation: Evaluation, place: Place, condition: AutomationCondition, among: Subset
) -> Found:
    return _made_by(evaluation, place, lambda runs: all(_is_tagged(one, condition) for one in runs)), ()


def _check_passed(evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset) -> Found:
    return _with_verdict(evaluation, place, True), ()


def _check_failed(evaluation: Evaluation, place: Place, _: AutomationCondition, among: Subset) -> Found:
    return _with_verdict(evaluation, place, False), ()


def _freshness(evaluation: Evaluation, place: Place, condition: AutomationCondition, among: Subset) -> Found:
    state = evaluation.facts.freshness.get(place.name)
    return (among if state == condition.setting("state") else 0), ()


OPERANDS: Mapping[str, Operand] = {
    "missing": _missing,
    "newly_updated": _newly_updated,
    "data_version_changed": _data_version_changed,
    "code_version_changed": _code_version_changed,
    "newly_requested": _newly_requested,
    "run_in_progress": _run_in_progress,
    "backfill_in_progress": _backfill_in_progress,
    "execution_failed": _execution_failed,
    "initial_evaluation": _initial_evaluation,
    "will_be_requested": _will_be_requested,
    "in_latest_time_window": _in_latest_time_window,
    "cron_tick_passed": _cron_tick_passed,
    "executed_with_root_target": _executed_with_root_target,
    "any_new_update_has_run_tags": _any_new_update_has_run_tags,
    "all_new_updates_have_run_tags": _all_new_updates_have_run_tags,
    "check_passed": _check_passed,
    "check_failed": _check_failed,
    "freshness": _freshness,
}


def _of_asset(evaluation: Evaluation, place: Place, several: Mapping[str, Keys]) -> Subset:
    """Return what facts name of an asset, of a check that of its asset."""
    targets = evaluation.targets
    if not targets.is_check(place.name):
        return evaluation.subset(several, place.name)
    asset = str(targets.checks[place.name].asset_key)
    found = evaluation.subset(several, asset)
    return targets.edge(place.name, asset).readers_of(found, place.partitions.full)


def _made_by(evaluation: Evaluation, place: Place, is_meant: Callable[[Sequence[KnownRun]], bool]) -> Subset:
    """Return what was updated since the evaluation before by runs of which something is so."""
    facts = evaluation.facts
    updates = {} if place.is_new else facts.updates.get(place.name, {})
    keys = []
    for key, one in updates.items():
        if is_meant([facts.runs[run] for run in one.runs if run in facts.runs]):
            keys.append(key)
    return place.partitions.subset(keys)


def _is_tagged(run: KnownRun, condition: AutomationCondition) -> bool:
    return all(key in run.tags for key in condition.setting("tag_keys")) and all(
        run.tags.get(key) == value for key, value in condition.setting("tag_values")
    )


def _with_verdict(evaluation: Evaluation, place: Place, passed: bool) -> Subset:
    verdicts = evaluation.facts.verdicts.get(place.name, {})
    return place.partitions.subset(key for key, one in verdicts.items() if one is passed)
