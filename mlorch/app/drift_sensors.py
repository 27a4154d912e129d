"""The ticks of drift sensors: what arrived, beside what the model learned from, and what is to be run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlorch.app.arrivals import Arrived, arrived_since, metric_changes
from mlorch.app.asking import RANGE
from mlorch.app.partitions import resolved
from mlorch.app.references import (
    Reference,
    find_reference,
    frame_of,
    gathered,
    is_profiled,
    keep_profile,
    profile_of,
    schema_of,
)
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.drift_sensors import DriftSensorDefinition
from mlorch.definitions.jobs import AssetJob
from mlorch.definitions.requests import RunRequest
from mlorch.definitions.tags import WHY
from mlorch.definitions.ticks import Evaluation
from mlorch.errors import IntegrityError, NotFoundError, UnknownPartitionError, UserError
from mlorch.events import AssetMaterialized, DriftEvaluated
from mlorch.instance import Instance
from mlorch.log import slot_name
from mlorch.planning.retraining import held_back
from mlorch.planning.selection import select

if TYPE_CHECKING:
    from mlorch.definitions.partitions import PartitionsDefinition
    from mlorch.drift import DriftReport, Profile

MOST_PAST = 60
"""So many other partitions, the newest, say how much partitions differ by nature."""

_HISTORY = 500
"""Evaluations that are looked through for those in a row, and for the last run."""


def see_drift(
    definitions: Definitions,
    instance: Instance,
    one: DriftSensorDefinition,
    now: datetime,
    cursor: str | None,
) -> Evaluation:
    """Return what a tick came to. Raises UserErrors for what is not there or can't be read."""
    if cursor is not None and not cursor.isdecimal():
        raise UserError(f"the cursor {cursor!r} is no number of a fact; set it back, or to a number")
    definitions.graph.get(one.asset)
    reference = find_reference(instance.log, definitions.graph, one.asset, one.reference)
    if reference is None:
        model = f"{one.reference!r}" if one.reference else "model"
        return Evaluation((), f"no {model} was made from {one.asset!r} yet", cursor)
    after = int(cursor) if cursor is not None else reference.seq
    found, done = arrived_since(
        instance, one.asset, after, known=reference.versions, most=one.max_partitions_per_tick
    )
    seeing = _Seeing(definitions, instance, one, reference)
    if not found:
        # The reference's own values may be gone by the time that they are needed.
        if not is_profiled(reference.parts, instance):
            seeing.prepare()
        return Evaluation((), f"nothing new of {one.asset!r} has arrived", str(max(done, after)))
    return seeing.evaluated(found, now.timestamp(), str(done))


@dataclass(frozen=True, slots=True)
class _Seeing:
    """One tick with something to compare."""

    definitions: Definitions
    instance: Instance
    one: DriftSensorDefinition
    reference: Reference

    @property
    def schema(self) -> Any:
        return schema_of(self.definitions.graph, self.one.asset)

    def prepare(self) -> Profile:
        """Return the profile of the reference, made and kept where it is new."""
        try:
            return profile_of(self.reference.parts, self.instance, self.definitions.resources, self.schema)
        except (NotFoundError, IntegrityError) as error:
            model = slot_name((self.reference.model.asset, self.reference.model.partition))
            raise NotFoundError(
                f"what {model} learned from is gone, and no profile of it was kept ({error}); "
                "with the next model there is a reference again"
            ) from error

    def evaluated(self, arrived: Sequence[Arrived], at: float, cursor: str) -> Evaluation:
        reports = self._compared(arrived)
        history = self._history()
        held = held_back(
            self.one,
            at,
            {one.fact.partition: reports[one.fact.partition].verdict for one in arrived},
            history,
            metric_changes(self.instance, self.one.require_metric_drop, arrived, self.reference),
        )
        held |= {key: self._why_not(key) for key, reason in held.items() if not reason}
        drifted = [one for one in arrived if held.get(one.fact.partition) == ""]
        asked = list(self._requests(drifted, reports)) if drifted else []
        keys = {partition: request.run_key for request, partitions in asked for partition in partitions}
        facts = [
            DriftEvaluated(
                at=at,
                asset=self.one.asset,
                partition=one.fact.partition,
                data_version=one.fact.data_version,
                sensor=self.one.name,
                reference=self.reference.to_json(),
                verdict=reports[one.fact.partition].verdict,
                why=reports[one.fact.partition].why(one.name),
                report=reports[one.fact.partition].to_json(),
                run_key=keys.get(one.fact.partition),
                held=held.get(one.fact.partition, ""),
            )
            for one in arrived
        ]
        reason = "; ".join(f"{one.why}{f' ({one.held})' if one.held else ''}" for one in facts[:5])
        return Evaluation([request for request, _ in asked], reason, cursor, facts=facts)

    def _compared(self, arrived: Sequence[Arrived]) -> dict[str | None, DriftReport]:
        from mlorch.drift import compare_partitions, rule_of
        from mlorch.drift.profile import read

        known = self.prepare()
        kinds = {name: column.kind for name, column in known.columns.items()}
        current: dict[str | None, Profile] = {}
        for one in arrived:
            frame = frame_of(one.fact, self.instance, self.definitions.resources)
            current[one.fact.partition] = read(frame, kinds)
            keep_profile(gathered([frame], self.schema).compacted(), [one.fact], self.instance, self.schema)
        rule = rule_of(
            watch=self.one.watch,
            weights=self.one.weights,
            share=self.one.share,
            min_rows=self.one.min_rows,
            thresholds=self.one.thresholds,
        )
        past = list(self._past(arrived))
        return compare_partitions(known, current, rule, past=past)

    def _past(self, arrived: Sequence[Arrived]) -> Iterator[Profile]:
        """Yield the profiles of the newest other partitions, those aside whose values are gone."""
        new = {one.fact.partition for one in arrived}
        latest = self.instance.log.latest(AssetMaterialized.kind, [self.one.asset])
        others = [record for (_, partition), record in latest.items() if partition not in new]
        for record in sorted(others, key=lambda each: -each.seq)[:MOST_PAST]:
            assert isinstance(record.event, AssetMaterialized)
            try:
                yield profile_of([record.event], self.instance, self.definitions.resources, self.schema)
            except (NotFoundError, IntegrityError):
                continue

    def _history(self) -> list[DriftEvaluated]:
        if self.one.consecutive == 1 and not self.one.cooldown:
            return []
        records = self.instance.log.read(
            kinds={DriftEvaluated.kind}, asset=self.one.asset, newest_first=True, limit=_HISTORY
        )
        found = [record.event for record in records if isinstance(record.event, DriftEvaluated)]
        return [one for one in found if one.sensor == self.one.name]

    def _requests(
        self, drifted: Sequence[Arrived], reports: Mapping[str | None, DriftReport]
    ) -> Iterator[tuple[RunRequest, list[str | None]]]:
        """Yield the runs to ask for, each with the partitions whose drift it is for."""
        is_divided = bool(self._divided())
        if self.one.retrain == "partition" and is_divided:
            groups = [[one] for one in drifted]
        else:
            groups = [list(drifted)]
        for group in groups:
            partitions = [one.fact.partition for one in group]
            why = "; ".join(reports[one.fact.partition].why(one.name) for one in group[:3])
            tags = {WHY: f"{why}{f' and {len(group) - 3} more' if len(group) > 3 else ''}"}
            partition = None
            if is_divided:
                if self.one.retrain == "all":
                    tags |= dict(zip(RANGE, self._span(), strict=True))
                else:
                    partition = partitions[0]
            yield RunRequest(self._run_key(group), partition_key=partition, tags=tags), partitions

    def _run_key(self, group: Sequence[Arrived]) -> str:
        """Return (job, partition, reference version, current version), of several partitions shortened."""
        target = self.one.target
        job = target.names[0] if target.names else "assets"
        if len(group) == 1:
            partition, version = group[0].fact.partition or "", group[0].fact.data_version
        else:
            partition = f"{group[0].fact.partition}…{group[-1].fact.partition}"
            lines = sorted(f"{one.fact.partition}@{one.fact.data_version}" for one in group)
            version = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        what = "all" if self.one.retrain == "all" else partition
        return f"{job}|{what}|{self.reference.version}|{version}"

    def _why_not(self, partition: str | None) -> str:
        """Return why what is run can't be run for a partition; "" where it can."""
        if partition is None or self.one.retrain != "partition":
            return ""
        for definition in self._divided():
            try:
                definition.validate_partition_key(partition)
            except UnknownPartitionError:
                return f"what it runs has no partition {partition!r}"
        return ""

    def _divided(self) -> list[PartitionsDefinition]:
        """Return the partitions of what is run, none where it has none."""
        target, graph = self.one.target, resolved(self.definitions.graph, self.instance.log)
        job = self.definitions.job(target.names[0]) if target.names else None
        if job is not None and not isinstance(job, AssetJob):
            return [job.partitions_def] if job.partitions_def is not None else []
        keys = select(target.selection if job is None else job.selection, graph)
        return list(dict.fromkeys(graph.divided[key] for key in keys if key in graph.divided))

    def _span(self) -> tuple[str, str]:
        """Return the first and the last partition of the asset that were made."""
        latest = self.instance.log.latest(AssetMaterialized.kind, [self.one.asset])
        made = [partition for _, partition in latest if partition is not None]
        if not made:
            raise UserError(
                f"{self.one}: {self.one.asset!r} has no partitions, so 'all' those of the job can't be told; "
                "give retrain='partition' and a job without partitions"
            )
        divided = self.definitions.graph.divided.get(self.one.asset)
        order = {key: number for number, key in enumerate(divided.get_partition_keys() if divided else made)}
        made = sorted((key for key in made if key in order), key=order.__getitem__)
        return made[0], made[-1]
