"""Which versions of an asset arrived, and what metrics say of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mlorch.app.references import Reference
from mlorch.definitions.drift_sensors import MetricDrop
from mlorch.definitions.keys import key_text
from mlorch.events import AssetMaterialized
from mlorch.instance import Instance
from mlorch.log import slot_name
from mlorch.planning.retraining import Change


@dataclass(frozen=True, slots=True)
class Arrived:
    """A version that was not there before."""

    seq: int
    fact: AssetMaterialized

    @property
    def name(self) -> str:
        return slot_name((self.fact.asset, self.fact.partition))


def arrived_since(
    instance: Instance, asset: str, after: int, *, known: Collection[tuple[str | None, str]], most: int
) -> tuple[list[Arrived], int]:
    """Return the newest version of each partition that came after a fact, and up to which fact that is.

    Left out is what came as it was before, and what is `known`. With more than `most` partitions the rest
    waits, as does what a run made that still goes on: it may train with it.
    """
    records = instance.log.read(after, kinds={AssetMaterialized.kind}, asset=asset)
    if not records:
        return [], after
    before = {
        (one.event.partition): one.event.data_version
        for one in instance.log.read(kinds={AssetMaterialized.kind}, asset=asset)
        if isinstance(one.event, AssetMaterialized) and one.seq <= after
    }
    found: dict[str | None, Arrived] = {}
    going_on: dict[str, bool] = {}
    for seq, fact in records:
        assert isinstance(fact, AssetMaterialized)
        if fact.run_id not in going_on:
            run = instance.get_run_by_id(fact.run_id)
            going_on[fact.run_id] = run is not None and run.is_alive and run.finished is None
        is_new = before.get(fact.partition) != fact.data_version
        is_more = is_new and fact.partition not in found and len(found) == most
        if going_on[fact.run_id] or is_more:
            break
        after = seq
        before[fact.partition] = fact.data_version
        if is_new:
            found[fact.partition] = Arrived(seq, fact)
    return [one for one in found.values() if (one.fact.partition, one.fact.data_version) not in known], after


def metric_changes(
    instance: Instance, wanted: MetricDrop | None, arrived: Sequence[Arrived], reference: Reference
) -> dict[str | None, Change]:
    """Return what the metric is for each partition where it is known, beside what it was before.

    Before is the mean over the partitions of the reference, or over all others where it is not known there.
    """
    if wanted is None:
        return {}
    latest = instance.log.latest(AssetMaterialized.kind, [key_text(wanted.asset)])
    values = {
        partition: float(value)
        for (_, partition), record in latest.items()
        if isinstance(record.event, AssetMaterialized)
        and isinstance(value := record.event.metrics.get(wanted.metric), int | float)
    }
    new = {one.fact.partition for one in arrived}
    learned = [values[one.partition] for one in reference.parts if one.partition in values.keys() - new]
    others = learned or [value for partition, value in values.items() if partition not in new]
    if not others:
        return {}
    before = sum(others) / len(others)
    return {partition: Change(values[partition], before) for partition in new if partition in values}
