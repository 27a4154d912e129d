"""What was made, as planning sees it: the latest fact of each slot."""

from __future__ import annotations

from collections.abc import Mapping

from mlorch.events import AssetMaterialized, AssetObserved, Input
from mlorch.log import Record, Slot

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

    def current(self, slot: Slot) -> Input:
        """Return the slot's version as a consumer reads it now; INITIAL where nothing is recorded."""
        record = self._made.get(slot)
        if self._observed:
            seen = self._observed.get(slot)
            if seen is not None and (record is None or 0 < record.seq < seen.seq):
                record = seen
        if record is None:
            return Input(slot[0], slot[1], INITIAL, None)
        version: str = record.event.data_version  # type: ignore[union-attr]
        return Input(slot[0], slot[1], version, record.seq or None)

    def is_declared(self, slot: Slot) -> bool:
        """Say whether the slot's version means something by itself: code declared, given, or observed."""
        event = self.made(slot)
        return event is None or event.is_code_declared or event.is_user_provided

    def observed(self, slot: Slot) -> AssetObserved | None:
        """Return the latest observation of a slot."""
        record = self._observed.get(slot)
        return record.event if record is not None else None  # type: ignore[return-value]
