"""The keys of dynamic partitions: what was added and taken out, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlorch.definitions.partitions import check_partition_key, listed
from mlorch.events import PartitionsAdded, PartitionsDeleted
from mlorch.log import EventLog


def dynamic_keys(log: EventLog) -> Mapping[str, Sequence[str]]:
    """Return the keys of each set by its name, in the order in which they were added."""
    found: dict[str, dict[str, None]] = {}
    for record in log.read(kinds={PartitionsAdded.kind, PartitionsDeleted.kind}):
        event = record.event
        if isinstance(event, PartitionsAdded):
            found.setdefault(event.name, {}).update(dict.fromkeys(event.keys))
        elif isinstance(event, PartitionsDeleted):
            keys = found.setdefault(event.name, {})
            for key in event.keys:
                keys.pop(key, None)
    return {name: tuple(keys) for name, keys in found.items()}


def add_keys(log: EventLog, name: str, keys: Sequence[str], at: float) -> list[str]:
    """Add keys to a set and return those that it did not have; `at` is in seconds since the epoch.

    Raises InvalidDefinitionError for a key that can't be one; then none is added.
    """
    wanted = listed(keys)
    for key in wanted:
        check_partition_key(key)
    known = set(dynamic_keys(log).get(name, ()))
    new = [key for key in dict.fromkeys(wanted) if key not in known]
    if new:
        log.append([PartitionsAdded(at=at, name=name, keys=tuple(new))])
    return new


def delete_keys(log: EventLog, name: str, keys: Sequence[str], at: float) -> list[str]:
    """Take keys out of a set and return those that it had; what was made of them stays."""
    known = set(dynamic_keys(log).get(name, ()))
    gone = [key for key in dict.fromkeys(listed(keys)) if key in known]
    if gone:
        log.append([PartitionsDeleted(at=at, name=name, keys=tuple(gone))])
    return gone
