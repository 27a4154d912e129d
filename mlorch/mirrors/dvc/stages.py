"""What the facts amount to as a DVC pipeline: a stage for each asset whose values lie in the project, or for
several that are made together."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from hashlib import md5
from itertools import pairwise
from typing import NamedTuple

from mlorch.events import AssetMaterialized, Json
from mlorch.log import Slot
from mlorch.mirrors.dvc.groups import Group, groups, stage_name
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


class Code(NamedTuple):
    """The code version of an asset as it is now, and as its values were made with."""

    name: str
    """Of the asset in the params file."""
    now: str
    then: str


class Metrics(NamedTuple):
    """A metrics file and its content."""

    entry: Entry
    text: str


@dataclass(frozen=True, slots=True)
class Stage:
    """An asset as DVC sees it, or several that are made together."""

    name: str
    command: str
    deps: tuple[str, ...]
    consumed: tuple[Entry, ...]
    """The deps as they were when the values were made; what was not there then is missing."""
    held: tuple[Held, ...]
    made: tuple[Made, ...]
    """The facts behind the outs."""
    codes: tuple[Code, ...]
    """Only of assets that declare a code version."""
    metrics: tuple[Metrics, ...]

    @property
    def outs(self) -> tuple[Entry, ...]:
        return tuple(sorted(entry for held in self.held for entry in held.entries))


def make_stages(made: Mapping[Slot, Made], past: Past, defined: Defined | None) -> list[Stage]:
    """Return the stages of the assets that are defined, or of all, in order of the assets' names."""
    where = places(made, defined)
    together = groups(where, defined)
    reads = {group.name: _oldest_read(group, where) for group in together}
    _break_cycles(reads, together)
    old = _old_facts(reads, where, past)
    held = {asset: place.holding(_facts(place)) for asset, place in where.items()}
    differing: dict[tuple[str, frozenset[_Change]], Held] = {}
    stages = []
    for group in together:
        consumed: list[Entry] = []
        for asset, read in reads[group.name].items():
            upstream = where[asset]
            changes = _changes(group, upstream, read)
            # Many assets may have missed the same: the directory is put together once.
            if changes and (asset, changes) not in differing:
                differing[asset, changes] = upstream.holding(_earlier(upstream, changes, old))
            consumed += (differing[asset, changes] if changes else held[asset]).entries
        deps = [path for asset in reads[group.name] for path in where[asset].paths()]
        stages.append(_stage(group, [held[asset] for asset in group.assets], deps, consumed, defined))
    return stages


def _facts(place: Place) -> dict[str | None, AssetMaterialized]:
    return {partition: made.fact for partition, made in place.made.items()}


def _oldest_read(group: Group, where: Mapping[str, Place]) -> _Read:
    oldest: _Read = {}
    for made in (made for place in group.places for made in place.made.values()):
        for asset, partition, _, seq in made.fact.inputs:
            # DVC refuses a stage that reads its own output, as where a partition reads the one before.
            if asset not in where or asset in group.assets:
                continue
            read = oldest.setdefault(asset, {})
            if seq is not None and seq < read.get(partition, seq + 1):
                read[partition] = seq
    return oldest


def _break_cycles(reads: dict[str, _Read], together: Collection[Group]) -> None:
    """Leave out what the longest unmade stage of each circle read: DVC refuses a pipeline with a circle.

    Facts run in a circle only where definitions were turned around and not everything was made again since.
    """
    stage_of = {asset: group for group in together for asset in group.assets}
    named = {group.name: group for group in together}
    while True:
        try:
            graph = {name: {stage_of[asset].name for asset in read} for name, read in reads.items()}
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle = error.args[1]
            upstream, consumer = min(pairwise(circle), key=lambda edge: named[edge[1]].newest.seq)
            for asset in named[upstream].assets:
                reads[consumer].pop(asset, None)
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


def _changes(consumer: Group, upstream: Place, read: Mapping[str | None, int]) -> frozenset[_Change]:
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
    group: Group, held: list[Held], deps: list[str], consumed: list[Entry], defined: Defined | None
) -> Stage:
    return Stage(
        name=group.name,
        command=group.command,
        deps=tuple(sorted(deps)),
        consumed=tuple(sorted(consumed)),
        held=tuple(held),
        made=tuple(made for place in group.places for made in place.made.values()),
        codes=tuple(sorted(code for place in group.places for code in _codes(place, defined))),
        metrics=tuple(found for place in group.places for found in _metrics(place)),
    )


def _codes(place: Place, defined: Defined | None) -> Iterator[Code]:
    """Yield the code version where one is declared; that of then is of all values, not only of the newest."""
    newest = place.newest.fact
    recorded = newest.code_version if newest.is_code_declared else None
    now = recorded if defined is None else defined[place.asset]
    if now is not None:
        facts = [made.fact for made in place.made.values()]
        then = {fact.code_version if fact.is_code_declared else UNDECLARED for fact in facts}
        yield Code(stage_name(place.asset), now, ", ".join(sorted(then)))


def _metrics(place: Place) -> Iterator[Metrics]:
    text = _metrics_text(place)
    if text:
        yield Metrics(_text_entry(f"metrics/{place.asset}.json", text), text)


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
