"""What happened since automation conditions were evaluated last, and what else they ask about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mlorch.app.freshness import freshness_of
from mlorch.app.progress import queued_slots, unmade_slots
from mlorch.definitions.definitions import Definitions
from mlorch.events import AssetMaterialized, AssetObserved, CheckEvaluated, RunQueued, RunStarted
from mlorch.instance import Instance
from mlorch.log import EventLog, Record, Slot
from mlorch.planning.automation.deciding import Conditions
from mlorch.planning.automation.facts import Facts, KnownRun, Update
from mlorch.planning.automation.partitions import places
from mlorch.planning.automation.state import State
from mlorch.planning.automation.targets import Targets
from mlorch.planning.versions import Declarations
from mlorch.queries.partitions import failed_slots
from mlorch.queries.runs import queued_runs

_VERSIONED = (AssetMaterialized.kind, AssetObserved.kind)
_CHECKS = ("any_checks_match", "all_checks_match", "check_passed", "check_failed")
_RUNS = ("executed_with_root_target", "any_new_update_has_run_tags", "all_new_updates_have_run_tags")
_IN_PROGRESS = ("run_in_progress", "backfill_in_progress")
_NEWEST = 2_000
"""Evaluations of an asset's checks that are looked through."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose conditions are evaluated, of what, and after what."""

    definitions: Definitions
    instance: Instance
    targets: Targets
    conditions: Conditions
    state: State
    now: datetime


def gather(asked: Asked) -> Facts:
    """Return what the conditions have to know; what none of them asks about is not read."""
    log, conditions = asked.instance.log, asked.conditions
    # Read first: what ends meanwhile counts as in progress once more, and not as if it had not been at all.
    facts = _in_progress(asked) if conditions.ask(*_IN_PROGRESS) else Facts(queue_from=asked.state.queue_from)
    facts = replace(facts, seq=max(_newest(log), asked.state.seq), made=_made(asked))
    if asked.state.at is not None:
        facts = replace(facts, updates=_updates(asked, facts.seq))
    if conditions.ask(*_RUNS):
        facts = replace(facts, runs=_runs(log, asked.state.seq, facts.updates))
    if conditions.ask("execution_failed"):
        facts = replace(facts, failed=by_asset(failed_slots(log, conditions.looked_at)))
    if conditions.ask("code_version_changed"):
        facts = replace(facts, code_versions=_code_versions(asked))
    if conditions.ask("freshness"):
        facts = replace(facts, freshness=_freshness(asked))
    if _asks_checks(asked):
        facts = replace(facts, verdicts=_verdicts(asked))
    return facts


def by_asset(slots: Iterable[Slot]) -> dict[str, set[str | None]]:
    """Return the partitions of each asset."""
    found: dict[str, set[str | None]] = {}
    for asset, partition in slots:
        found.setdefault(asset, set()).add(partition)
    return found


def _newest(log: EventLog) -> int:
    """Return the number of the newest fact."""
    newest = log.read(newest_first=True, limit=1)
    return newest[0].seq if newest else 0


def _in_progress(asked: Asked) -> Facts:
    log, state, graph = asked.instance.log, asked.state, asked.targets.graph
    newest = _newest(log)
    queued = queued_runs(log, state.queue_from)
    waiting = queued_slots(asked.definitions, graph, queued.values(), log, asked.now)
    going = unmade_slots(log, asked.instance.living(), asked.conditions.looked_at)
    if queued:
        first = log.read(state.queue_from, run_id=next(iter(queued)), kinds={RunQueued.kind}, limit=1)
        newest = first[0].seq - 1 if first else state.queue_from
    return Facts(
        queue_from=newest,
        running=by_asset(waiting[0] | going[0]),
        backfilling=by_asset(waiting[1] | going[1]),
    )


def _made(asked: Asked) -> dict[str, set[str | None]]:
    """Return what was made of the assets that the state does not know, and of partitions that are new."""
    log, state = asked.instance.log, asked.state
    unknown = [name for name in asked.conditions.looked_at if name not in state.made]
    slots = [
        (name, asked.targets.partitions(name).keys[place])
        for name, subset in state.unknown.items()
        if name in asked.conditions.looked_at
        for place in places(subset)
    ]
    found: list[Slot] = []
    for kind in _VERSIONED:
        found += log.latest(kind, unknown) if unknown else ()
        found += log.latest(kind, slots=slots) if slots else ()
    return by_asset(found)


def _updates(asked: Asked, seq: int) -> dict[str, dict[str | None, Update]]:
    """Return what was made, observed or checked since the state, up to the fact numbered `seq`."""
    log, state = asked.instance.log, asked.state
    known = set(asked.conditions.looked_at)
    kinds = {*_VERSIONED, CheckEvaluated.kind} if _asks_checks(asked) else set(_VERSIONED)
    news: dict[str, dict[str | None, list[Record]]] = {}
    for record in log.read(state.seq, kinds=kinds):
        event = record.event
        if record.seq > seq:
            break
        if isinstance(event, CheckEvaluated):
            name, partition = _check_slot(asked.targets, event)
            if name in asked.targets.checks:
                news.setdefault(name, {}).setdefault(partition, []).append(record)
        elif isinstance(event, AssetMaterialized | AssetObserved) and event.asset in known:
            news.setdefault(event.asset, {}).setdefault(event.partition, []).append(record)
    versioned = asked.conditions.ask("data_version_changed")
    return {
        name: _updates_of(asked, name, several, versioned and name in known) for name, several in news.items()
    }


def _updates_of(
    asked: Asked, name: str, news: Mapping[str | None, list[Record]], versioned: bool
) -> dict[str | None, Update]:
    before: Mapping[str | None, str] = {}
    if versioned:
        partitions = asked.targets.partitions(name)
        known = set(partitions.keys_of(asked.state.made.get(name, 0) & partitions.subset(news)))
        before = _versions_before(asked.instance.log, name, known, asked.state.seq) if known else {}
    found = {}
    for partition, records in news.items():
        events = [record.event for record in records]
        last = events[-1]
        version = getattr(last, "data_version", None)
        found[partition] = Update(
            getattr(last, "started_at", 0.0) or last.at,
            last.at,
            tuple(event.run_id for event in events if event.run_id),
            version != before.get(partition),
        )
    return found


def _versions_before(
    log: EventLog, name: str, partitions: Collection[str | None], seq: int
) -> dict[str | None, str]:
    """Return the data versions that partitions had at the fact numbered `seq`.

    The newest facts are read first, and ever more of them: what is made again was mostly made of late.
    """
    limit = 200
    while True:
        records = log.read(kinds=_VERSIONED, asset=name, newest_first=True, limit=limit)
        found: dict[str | None, str] = {}
        for record in records:
            event = record.event
            assert isinstance(event, AssetMaterialized | AssetObserved)
            if record.seq <= seq and event.partition in partitions:
                found.setdefault(event.partition, event.data_version)
        if len(found) == len(partitions) or len(records) < limit:
            return found
        limit *= 8


def _runs(log: EventLog, seq: int, updates: Mapping[str, Mapping[str | None, Update]]) -> dict[str, KnownRun]:
    wanted = {run for several in updates.values() for one in several.values() for run in one.runs}
    if not wanted:
        return {}
    kinds = {RunStarted.kind}
    records = log.read(seq, kinds=kinds)
    late = wanted.difference(record.event.run_id for record in records)
    records += [record for run in late for record in log.read(run_id=run, kinds=kinds)]
    started = (record.event for record in records)
    return {
        event.run_id: KnownRun(event.targets or dict.fromkeys(event.selection), event.tags)
        for event in started
        if isinstance(event, RunStarted) and event.run_id in wanted
    }


def _code_versions(asked: Asked) -> dict[str, str]:
    declared = Declarations(asked.targets.graph)
    found = {name: declared[name].code_version for name in asked.conditions.looked_at}
    return {name: version for name, version in found.items() if version is not None}


def _freshness(asked: Asked) -> dict[str, str]:
    found = freshness_of(asked.targets.graph, asked.instance.log, asked.conditions.looked_at, asked.now)
    return {name: str(one.state) for name, one in found.items()}


def _asks_checks(asked: Asked) -> bool:
    return asked.conditions.ask(*_CHECKS) or any(map(asked.targets.is_check, asked.conditions.by_name))


def _verdicts(asked: Asked) -> dict[str, dict[str | None, bool]]:
    """Return the newest verdict of each check that was evaluated after its asset was made, or with it."""
    log = asked.instance.log
    found: dict[str, dict[str | None, bool]] = {}
    for asset in asked.conditions.looked_at:
        if asset not in asked.targets.checks_of:
            continue
        latest: dict[tuple[str, str | None], Record] = {}
        for record in log.read(kinds={CheckEvaluated.kind}, asset=asset, newest_first=True, limit=_NEWEST):
            assert isinstance(record.event, CheckEvaluated)
            latest.setdefault(_check_slot(asked.targets, record.event), record)
        newest = log.read(kinds={AssetMaterialized.kind}, asset=asset, newest_first=True, limit=1)
        slots = [(asset, partition) for _, partition in latest if partition is not None]
        made = log.latest(AssetMaterialized.kind, slots=slots) if slots else {}
        for (name, partition), record in latest.items():
            last = newest[0] if partition is None and newest else made.get((asset, partition))
            if last is None or last.seq < record.seq or last.event.run_id == record.event.run_id:
                found.setdefault(name, {})[partition] = record.event.passed  # type: ignore[union-attr]
    return found


def _check_slot(targets: Targets, event: CheckEvaluated) -> Slot:
    name = f"{event.asset}:{event.check}"
    spec = targets.checks.get(name)
    return name, event.partition if spec is not None and spec.partitions_def is not None else None
