"""What was made and seen of an asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mlorch.definitions.entries import EventRecord
from mlorch.definitions.keys import CoercibleToAssetKey, key_text
from mlorch.errors import UserError
from mlorch.events import AssetMaterialized, AssetObserved

if TYPE_CHECKING:
    from mlorch.log import EventLog, Record


class EventRecordsResult(NamedTuple):
    """Some records, the place where the next begin, and whether there are more."""

    records: list[EventRecord]
    cursor: str
    has_more: bool


def latest_event(log: EventLog, kind: str, key: CoercibleToAssetKey) -> EventRecord | None:
    """Return the newest fact of a kind about an asset, of whichever partition."""
    found = log.read(kinds={kind}, asset=key_text(key), newest_first=True, limit=1)
    return _record(found[0]) if found else None


def latest_version(log: EventLog, key: CoercibleToAssetKey, partition: str | None) -> EventRecord | None:
    """Return what gives the data version of an asset partition: its latest materialization or observation.

    Without a partition, that of the whole asset, or the newest of any of its partitions.
    """
    name = key_text(key)
    kinds = (AssetMaterialized.kind, AssetObserved.kind)
    if partition is None:
        newest = log.read(kinds=kinds, asset=name, newest_first=True, limit=1)
    else:
        slot = (name, partition)
        newest = [record for kind in kinds for record in log.latest(kind, slots=[slot]).values()]
    return _record(max(newest, key=lambda record: record.seq)) if newest else None


def fetch_events(
    log: EventLog, kind: str, key: CoercibleToAssetKey, limit: int, *, cursor: str | None = None
) -> EventRecordsResult:
    """Return facts of a kind about an asset, newest first, `limit` at most; a cursor goes on from there.

    Raises UserError for a cursor that no result gave.
    """
    if cursor is not None and not cursor.isdecimal():
        raise UserError(f"{cursor!r} is no cursor; take that of the result before")
    most = limit + 1 if cursor is None else None
    records = log.read(kinds={kind}, asset=key_text(key), newest_first=True, limit=most)
    older = [one for one in records if cursor is None or one.seq < int(cursor)]
    some = [_record(one) for one in older[:limit]]
    return EventRecordsResult(some, str(some[-1].storage_id) if some else cursor or "", len(older) > limit)


def _record(record: Record) -> EventRecord:
    assert isinstance(record.event, AssetMaterialized | AssetObserved)
    return EventRecord(record.seq, record.event)
