"""What the log says about where a materialization came from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mlorch.events import AssetMaterialized, AssetObserved, Input, RunStarted
from mlorch.log import EventLog, Record, slot_name

_MADE = (AssetMaterialized.kind,)
_KNOWN = (AssetMaterialized.kind, AssetObserved.kind)
_RECENT = 100
_ANCESTORS = 5_000
_REMEMBERED = 20_000


class Read(NamedTuple):
    """An upstream partition in the version that was read, and the fact of it, where there is one."""

    one: Input
    fact: AssetMaterialized | AssetObserved | None

    @property
    def name(self) -> str:
        return f"{slot_name(self.one[:2])}@{self.one.data_version}"

    @property
    def inputs(self) -> tuple[Input, ...]:
        return self.fact.inputs if isinstance(self.fact, AssetMaterialized) else ()

    @property
    def code_version(self) -> str:
        return self.fact.code_version if isinstance(self.fact, AssetMaterialized) else ""


@dataclass(frozen=True, slots=True)
class Origin:
    """A materialization and what it came from."""

    event: AssetMaterialized
    run: RunStarted | None
    direct: tuple[Read, ...]
    indirect: tuple[Read, ...]
    """What the direct ones came from, nearest first."""
    is_cut: bool
    """True where there are more than fit: `indirect` then lacks the farthest."""
    previous: AssetMaterialized | None
    """The materialization before: of the same partition or, where this is its first, of the one before it."""

    @property
    def sources(self) -> tuple[Read, ...]:
        """The indirect ones that came from nothing."""
        return tuple(read for read in self.indirect if not read.inputs)


class History:
    """Reads in the log, from the point of view of a follower that is behind it."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._facts: dict[int, AssetMaterialized | AssetObserved | None] = {}
        self._runs: dict[str, RunStarted | None] = {}
        self._made: dict[str, dict[str | None, list[int]]] = {}
        self._complete: set[str] = set()

    def learn(self, records: Iterable[Record]) -> None:
        """Keep facts at hand that are about to be asked for."""
        if len(self._facts) > _REMEMBERED:
            self._facts.clear()
        for seq, event in records:
            if isinstance(event, AssetMaterialized | AssetObserved):
                self._facts[seq] = event
            if isinstance(event, AssetMaterialized) and event.asset in self._made:
                seqs = self._made[event.asset].setdefault(event.partition, [])
                if not seqs or seqs[-1] < seq:
                    seqs.append(seq)
            if isinstance(event, RunStarted):
                self._runs[event.run_id] = event

    def run(self, run_id: str) -> RunStarted | None:
        if run_id not in self._runs:
            found = self._log.read(kinds=(RunStarted.kind,), run_id=run_id, limit=1)
            self._runs[run_id] = found[0].event if found else None  # type: ignore[assignment]
        return self._runs[run_id]

    def origin(self, record: Record) -> Origin:
        """Return where the materialization in a record came from."""
        seq, event = record
        assert isinstance(event, AssetMaterialized)
        direct = tuple(self._read(one) for one in event.inputs)
        indirect, is_cut = self._ancestors(direct)
        previous = self._previous(seq, event)
        return Origin(event, self.run(event.run_id), direct, indirect, is_cut, previous)

    def _read(self, one: Input) -> Read:
        return Read(one, self._fact(one.seq) if one.seq is not None else None)

    def _fact(self, seq: int) -> AssetMaterialized | AssetObserved | None:
        if seq not in self._facts:
            found = self._log.read(after=seq - 1, kinds=_KNOWN, limit=1)
            is_it = bool(found) and found[0].seq == seq
            self._facts[seq] = found[0].event if is_it else None  # type: ignore[assignment]
        return self._facts[seq]

    def _ancestors(self, direct: Iterable[Read]) -> tuple[tuple[Read, ...], bool]:
        found: dict[str, Read] = {}
        seen = {read.name for read in direct}
        nearest = list(direct)
        while nearest:
            further = []
            for one in (one for read in nearest for one in read.inputs):
                read = self._read(one)
                if read.name not in seen:
                    if len(found) == _ANCESTORS:
                        return tuple(found.values()), True
                    seen.add(read.name)
                    found[read.name] = read
                    further.append(read)
            nearest = further
        return tuple(found.values()), False

    def _previous(self, seq: int, event: AssetMaterialized) -> AssetMaterialized | None:
        slots = self._slots(event.asset, event.partition, seq)
        before = _last_before(slots.get(event.partition, ()), seq)
        if before is None and _has_order(event):
            earlier = (key for key in slots if key is not None and key < (event.partition or ""))
            for key in sorted(earlier, reverse=True):
                before = _last_before(slots[key], seq)
                if before is not None:
                    break
        found = self._fact(before) if before is not None else None
        return found if isinstance(found, AssetMaterialized) else None

    def _slots(self, asset: str, partition: str | None, seq: int) -> dict[str | None, list[int]]:
        """Return the numbers of an asset's materializations by partition: recent ones, or all if need be."""
        if asset not in self._made:
            self._load(asset, _RECENT)
        slots = self._made[asset]
        if asset not in self._complete and _last_before(slots.get(partition, ()), seq) is None:
            self._load(asset, None)
        return self._made[asset]

    def _load(self, asset: str, limit: int | None) -> None:
        found = self._log.read(kinds=_MADE, asset=asset, limit=limit, newest_first=True)
        if limit is None or len(found) < limit:
            self._complete.add(asset)
        slots: dict[str | None, list[int]] = {}
        for seq, event in reversed(found):
            slots.setdefault(event.partition, []).append(seq)  # type: ignore[union-attr]
        self._made[asset] = slots


def _last_before(seqs: Sequence[int], seq: int) -> int | None:
    position = bisect_left(seqs, seq)
    return seqs[position - 1] if position else None


def _has_order(event: AssetMaterialized) -> bool:
    """Say whether the partition before, in the order of keys, is one to compare with."""
    declared = str(event.definition.get("partitions") or "")
    return event.partition is not None and not declared.startswith("Static")
