"""What the facts amount to as a DVC pipeline: one stage for each asset whose values lie in the project."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from hashlib import md5
from itertools import pairwise

from mlorch.events import AssetMaterialized, Json
from mlorch.log import Slot
from mlorch.mirrors.dvc.places import Entry, Held, Made, Place, is_kept, places

Defined = Mapping[str, str | None]
"""The code version of each asset that is defined now; None where it declares none."""

Past = Callable[[str, Collection[int]], Mapping[int, AssetMaterialized]]
"""Return those facts of an asset that have these numbers, as far as they are known."""

_Read = dict[str, dict[str | None, int]]
"""By upstream asset and partition: the number of the oldest fact that a value stands on."""

_Change = tuple[str | None, int | None]
"""A partition, and the number of the fact that was read instead of the newest; None where it was not seen."""

UNDECLARED = "undeclared"
"""Stands for the code version of what was made while none was declared: a run id would say nothing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """An asset as DVC sees it."""

    name: str
    command: str
    deps: tuple[str, ...]
    consumed: tuple[Entry, ...]
    """The deps as they were when the values were made; what was not there then is missing."""
    held: Held
    made: tuple[Made, ...]
    """The facts behind the outs."""
    code_now: str | None
    """None where the asset declares no code version."""
    code_then: str
    metrics: Entry | None
    metrics_text: str

    @property
    def outs(self) -> tuple[Entry, ...]:
        return self.held.entries


def make_stages(made: Mapping[Slot, Made], past: Past, defined: Defined | None) -> list[Stage]:
    """Return the stages of the assets that are defined, or of all, in order of the assets' names."""
    where = places(made, defined)
    reads = {asset: _oldest_read(place, where) for asset, place in where.items()}
    _break_cycles(reads, where)
    old = _old_facts(reads, where, past)
    held = {asset: place.holding(_facts(place)) for asset, place in where.items()}
    differing: dict[tuple[str, frozenset[_Change]], Held] = {}
    stages = []
    for asset, place in where.items():
        consumed: list[Entry] = []
        for name, read in reads[asset].items():
            upstream = where[name]
            changes = _changes(place, upstream, read)
            # Many assets may have missed the same: the directory is put together once.
            if changes and (name, changes) not in differing:
                differing[name, changes] = upstream.holding(_earlier(upstream, changes, old))
            consumed += (differing[name, changes] if changes else held[name]).entries
        deps = [path for name in reads[asset] for path in where[name].paths()]
        stages.append(_stage(place, held[asset], sorted(deps), sorted(consumed), defined))
    return stages


def stage_name(asset: str) -> str:
    """Return a name that DVC allows: "prefix--name" for "prefix/name".

    Names in which that could mean two assets, or that have a dot, end in the digest of the key.
    """
    name = asset.replace("/", "--").replace(".", "-")
    if "." in asset or "--" in asset or "-/" in asset:
        return f"{name}-{md5(asset.encode(), usedforsecurity=False).hexdigest()[:8]}"
    return name


def _facts(place: Place) -> dict[str | None, AssetMaterialized]:
    return {partition: made.fact for partition, made in place.made.items()}


def _oldest_read(place: Place, where: Mapping[str, Place]) -> _Read:
    oldest: _Read = {}
    for made in place.made.values():
        for asset, partition, _, seq in made.fact.inputs:
            # DVC refuses a stage that reads its own output, as where a partition reads the one before.
            if asset not in where or asset == place.asset:
                continue
            read = oldest.setdefault(asset, {})
            if seq is not None and seq < read.get(partition, seq + 1):
                read[partition] = seq
    return oldest


def _break_cycles(reads: dict[str, _Read], where: Mapping[str, Place]) -> None:
    """Leave out what the longest unmade asset of each circle read: DVC refuses a pipeline with a circle.

    Facts run in a circle only where definitions were turned around and not everything was made again since.
    """
    while True:
        try:
            TopologicalSorter(reads).prepare()
        except CycleError as error:
            circle = error.args[1]
            upstream, consumer = min(pairwise(circle), key=lambda edge: where[edge[1]].newest.seq)
            del reads[consumer][upstream]
        else:
            return


def _old_facts(
    reads: Mapping[str, _Read], where: Mapping[str, Place], past: Past
) -> dict[int, AssetMaterialized]:
    """Return the facts that values stand on although newer ones of the same slot were recorded."""
    wanted: dict[str, set[int]] = {}
    for read in reads.values():
        for asset, partitions in read.items():
            made = where[asset].made
            numbers = {seq for key, seq in partitions.items() if key in made and seq != made[key].seq}
            if numbers:
                wanted.setdefault(asset, set()).update(numbers)
    return {seq: fact for asset, numbers in wanted.items() for seq, fact in past(asset, numbers).items()}


def _changes(consumer: Place, upstream: Place, read: Mapping[str | None, int]) -> frozenset[_Change]:
    """Return where the upstream as the consumer's values know it differs from what it is now.

    DVC compares whole directories. What was read counts as it was read. Of the rest, what was there when the
    consumer was last made is none of its business and counts as it is now; what came later it has not seen.
    """
    newest, made = consumer.newest, upstream.made
    found: set[_Change] = {
        (partition, number)
        for partition, number in read.items()
        if partition in made and made[partition].seq != number
    }
    found.update(
        (fact.partition, None)
        for _, fact in upstream.since(newest.seq)
        if fact.partition not in read and fact.run_id != newest.fact.run_id
    )
    return frozenset(found)


def _earlier(
    upstream: Place, changes: frozenset[_Change], old: Mapping[int, AssetMaterialized]
) -> dict[str | None, AssetMaterialized]:
    facts = _facts(upstream)
    for partition, number in changes:
        fact = None if number is None else old.get(number)
        if fact is not None and is_kept(fact):
            facts[partition] = fact
        else:
            del facts[partition]
    return facts


def _stage(
    place: Place, held: Held, deps: list[str], consumed: list[Entry], defined: Defined | None
) -> Stage:
    asset, newest = place.asset, place.newest.fact
    recorded = newest.code_version if newest.is_code_declared else None
    metrics_text = _metrics_text(place)
    return Stage(
        name=stage_name(asset),
        command=f"mlorch materialize {asset}" + (" --all-partitions --stale" if place.is_directory else ""),
        deps=tuple(deps),
        consumed=tuple(consumed),
        held=held,
        made=tuple(place.made.values()),
        code_now=recorded if defined is None else defined[asset],
        code_then=_code_then(place),
        metrics=_text_entry(f"metrics/{asset}.json", metrics_text) if metrics_text else None,
        metrics_text=metrics_text,
    )


def _code_then(place: Place) -> str:
    """Return the code versions of all values: never that of now where one of them is older."""
    versions = {
        made.fact.code_version if made.fact.is_code_declared else UNDECLARED for made in place.made.values()
    }
    return ", ".join(sorted(versions))


def _metrics_text(place: Place) -> str:
    """Return JSON: name → number, of a partitioned asset by partition; "" where nothing was measured."""
    numbers = {
        str(partition): {
            name: number
            for name, one in sorted(made.fact.metrics.items())
            if (number := _number(one)) is not None
        }
        for partition, made in place.made.items()
        if made.fact.metrics
    }
    found = {partition: each for partition, each in sorted(numbers.items()) if each}
    if not found:
        return ""
    content = found if place.is_directory else found["None"]
    return json.dumps(content, indent=2) + "\n"


def _number(value: Json) -> float | None:
    """Return a number, the last one of a series, or None for what JSON has no number for."""
    last = value[-1][1] if isinstance(value, list) and value else value
    return last if isinstance(last, int | float) and math.isfinite(last) else None


def _text_entry(path: str, text: str) -> Entry:
    content = text.encode()
    return Entry(path, md5(content, usedforsecurity=False).hexdigest(), len(content))
