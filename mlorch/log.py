"""The log of facts: its protocol, one that lives in memory, how to follow it, and its latest facts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import NamedTuple, Protocol

from mlorch.errors import AlreadyDoneError
from mlorch.events import (
    AssetMaterialized,
    AssetObserved,
    Event,
    FreshnessChanged,
    Input,
    StepFailed,
    TickEvaluated,
)

Slot = tuple[str, str | None]
"""An asset key ("prefix/name") and one of its partitions, or None where it has none."""

LATEST_KINDS = (
    AssetMaterialized.kind,
    AssetObserved.kind,
    StepFailed.kind,
    TickEvaluated.kind,
    FreshnessChanged.kind,
)
"""The kinds of which a log keeps the latest of each slot at hand."""


def slot_name(slot: Slot) -> str:
    """Return "asset" or "asset[partition]"."""
    return slot[0] if slot[1] is None else f"{slot[0]}[{slot[1]}]"


class Record(NamedTuple):
    """A fact and its number; numbers grow, and a lower one is never seen later than a higher one."""

    seq: int
    event: Event


class EventLog(Protocol):
    """Facts, appended once and never changed.

    Each method raises StorageError where the medium fails, and OSError where the disk is full.
    """

    def append(self, events: Sequence[Event], *, once: Collection[str] = ()) -> list[int]:
        """Keep all events or none, in this order, in one transaction; return their numbers.

        An input without a number is given that of its slot's fact earlier in the batch, if there is one.
        Each name in `once` is used up, with events or without: raises AlreadyDoneError, and keeps nothing,
        where one was before. So who can't tell whether an append was kept may repeat it.
        """

    def used(self, names: Collection[str]) -> set[str]:
        """Return those of the names that were used up: their append was kept."""

    def read(
        self,
        after: int = 0,
        *,
        kinds: Collection[str] | None = None,
        run_id: str | None = None,
        asset: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Record]:
        """Return the records numbered above `after` that match every filter, in order of their numbers."""

    def latest(
        self,
        kind: str,
        assets: Collection[str] | None = None,
        slots: Collection[Slot] | None = None,
    ) -> dict[Slot, Record]:
        """Return the newest record of one of LATEST_KINDS for each slot: all, of these assets, these.

        A step that failed counts for each slot that it was to make, a tick for (its name, None). Raises
        KeyError for any other kind.
        """

    def position(self, follower: str) -> int:
        """Return the last number that a follower is done with; 0 where it never advanced."""

    def advance(self, follower: str, seq: int) -> None:
        """Record durably that a follower is done with everything up to `seq`; a lower number is ignored."""


class MemoryLog:
    """An EventLog in memory, for tests and for `Instance.ephemeral()`."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._latest: dict[str, dict[Slot, Record]] = {kind: {} for kind in LATEST_KINDS}
        self._positions: dict[str, int] = {}
        self._used: set[str] = set()
        self._lock = Lock()

    def append(self, events: Sequence[Event], *, once: Collection[str] = ()) -> list[int]:
        with self._lock:
            if before := self._used.intersection(once):
                raise AlreadyDoneError(before)
            self._used.update(once)
            records = number(events, len(self._records) + 1)
            self._records.extend(records)
            for record in records:
                for slot in slots_of(record.event):
                    self._latest[record.event.kind][slot] = record
            return [record.seq for record in records]

    def used(self, names: Collection[str]) -> set[str]:
        return self._used.intersection(names)

    def read(
        self,
        after: int = 0,
        *,
        kinds: Collection[str] | None = None,
        run_id: str | None = None,
        asset: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Record]:
        found = [
            record
            for record in self._records[after:]
            if (kinds is None or record.event.kind in kinds)
            and (run_id is None or record.event.run_id == run_id)
            and (asset is None or getattr(record.event, "asset", None) == asset)
        ]
        if newest_first:
            found.reverse()
        return found if limit is None else found[:limit]

    def latest(
        self,
        kind: str,
        assets: Collection[str] | None = None,
        slots: Collection[Slot] | None = None,
    ) -> dict[Slot, Record]:
        found = self._latest[kind]
        if slots is not None:
            found = {slot: found[slot] for slot in slots if slot in found}
        if assets is None:
            return dict(found)
        wanted = set(assets)
        return {slot: record for slot, record in found.items() if slot[0] in wanted}

    def position(self, follower: str) -> int:
        return self._positions.get(follower, 0)

    def advance(self, follower: str, seq: int) -> None:
        self._positions[follower] = max(seq, self.position(follower))


INITIAL = "INITIAL"
"""The data version of an asset that was never materialized nor observed."""


class History:
    """The latest materialization and observation of each slot; a run adds what it makes."""

    def __init__(self, made: Mapping[Slot, Record], observed: Mapping[Slot, Record] | None = None) -> None:
        self._made = dict(made)
        self._observed = dict(observed or {})

    def made(self, slot: Slot) -> AssetMaterialized | None:
        """Return the latest materialization of a slot."""
        record = self._made.get(slot)
        return record.event if record is not None else None  # type: ignore[return-value]

    def add(self, record: Record) -> None:
        """Take over what a run made. A number of 0 means that the fact waits to be appended."""
        event = record.event
        if isinstance(event, AssetMaterialized):
            self._made[event.asset, event.partition] = record
        elif isinstance(event, AssetObserved):
            self._observed[event.asset, event.partition] = record

    def current(self, slot: Slot) -> Input:
        """Return the slot's version as a consumer reads it now; INITIAL where nothing is recorded."""
        record = self._made.get(slot)
        if self._observed:
            seen = self._observed.get(slot)
            if seen is not None and (record is None or _is_later(seen, record)):
                record = seen
        if record is None:
            return Input(slot[0], slot[1], INITIAL, None)
        version: str = record.event.data_version  # type: ignore[union-attr, assignment]
        return Input(slot[0], slot[1], version, record.seq or None)

    def data_version(self, slot: Slot) -> str:
        """Return the version alone of `current`."""
        if self._observed:
            return self.current(slot).data_version
        record = self._made.get(slot)
        return INITIAL if record is None else record.event.data_version  # type: ignore[union-attr, return-value]

    def is_declared(self, slot: Slot) -> bool:
        """Say whether the slot's version means something by itself: code declared, given, or observed."""
        event = self.made(slot)
        return event is None or event.is_code_declared or event.is_user_provided

    def observed(self, slot: Slot) -> AssetObserved | None:
        """Return the latest observation of a slot."""
        record = self._observed.get(slot)
        return record.event if record is not None else None  # type: ignore[return-value]


def _is_later(one: Record, other: Record) -> bool:
    """Tell which of two facts came later; those that wait to be appended come after the others."""
    if one.seq and other.seq:
        return one.seq > other.seq
    return not one.seq and (bool(other.seq) or one.event.at > other.event.at)


def follow(
    log: EventLog, follower: str, handle: Callable[[list[Record]], None], *, batch: int = 500
) -> Iterator[int]:
    """Hand every record that the follower has not seen to `handle`, in batches; yield each number reached.

    The position advances after `handle` returned, so a crash in between hands the batch over once more:
    `handle` must be idempotent. Ends when the log has nothing more.
    """
    while records := log.read(log.position(follower), limit=batch):
        handle(records)
        log.advance(follower, records[-1].seq)
        yield records[-1].seq


def slots_of(event: Event) -> Sequence[Slot]:
    """Return the slots whose latest fact of its kind the event now is."""
    if isinstance(event, AssetMaterialized | AssetObserved | FreshnessChanged):
        return ((event.asset, event.partition),)
    if isinstance(event, TickEvaluated):
        return () if event.is_belated else ((event.name, None),)
    return event.failed if isinstance(event, StepFailed) else ()


def number(events: Iterable[Event], first: int) -> list[Record]:
    """Number events from `first` on, and give inputs made in the same batch the number of their fact."""
    made: dict[Slot, int] = {}
    records = []
    for seq, event in enumerate(events, first):
        inputs = number_inputs(event, seq, made)
        if isinstance(event, AssetMaterialized) and inputs is not event.inputs:
            event = replace(event, inputs=inputs)
        records.append(Record(seq, event))
    return records


def number_inputs(event: Event, seq: int, made: dict[Slot, int]) -> tuple[Input, ...]:
    """Return the event's inputs with the numbers of what was `made` before in the batch; add what it made."""
    if not isinstance(event, AssetMaterialized | AssetObserved):
        return ()
    inputs = event.inputs if isinstance(event, AssetMaterialized) else ()
    if any(one.seq is None for one in inputs):
        inputs = tuple(
            one if one.seq is not None else one._replace(seq=made.get((one.asset, one.partition)))
            for one in inputs
        )
    made[event.asset, event.partition] = seq
    return inputs
