"""Sets of an asset's partitions as numbers: bit n stands for the n-th partition.

So what is missing of ten thousand partitions, or was so before, is known without walking them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from mlorch.definitions.multi import MultiPartitionsDefinition
from mlorch.definitions.partitions import PartitionsDefinition
from mlorch.definitions.windows import TimeWindowPartitionsDefinition
from mlorch.errors import InvalidDefinitionError

Subset = int
"""A set of partitions. Of an asset without partitions 1 is the whole."""


class Partitions:
    """The partitions of an asset at one moment, in order."""

    def __init__(self, definition: PartitionsDefinition | None, now: datetime) -> None:
        self.definition = definition
        self.keys: Sequence[str | None] = (
            (None,) if definition is None else definition.get_partition_keys(now)
        )
        self.full: Subset = (1 << len(self.keys)) - 1
        self._latest: dict[timedelta | None, Subset] = {}

    def subset(self, keys: Iterable[str | None]) -> Subset:
        """Return the set of these partitions; those that do not exist are left out."""
        # Of many, to put each into a growing number would take the square of their count.
        found = bytearray(len(self.keys) // 8 + 1)
        for key in keys:
            place = self.positions.get(key)
            if place is not None:
                found[place >> 3] |= 1 << (place & 7)
        return int.from_bytes(found, "little")

    def keys_of(self, subset: Subset) -> list[str | None]:
        """Return the keys of a set, in order."""
        return [self.keys[place] for place in places(subset)]

    def named(self, subset: Subset) -> tuple[str, ...]:
        """Return the keys of a set, as ranges "FIRST...LAST" where they lie together."""
        if isinstance(
            self.definition, MultiPartitionsDefinition
        ):  # a range of these is one in each dimension
            return tuple(map(str, self.keys_of(subset)))
        pairs = ((self.keys[first], self.keys[last]) for first, last in ranges(subset))
        return tuple(str(first) if first == last else f"{first}...{last}" for first, last in pairs)

    def latest(self, lookback: timedelta | None) -> Subset:
        """Return the latest partition of time, or those that begin in the time before its end.

        Everything, where there is no time in it.
        """
        found = self._latest.get(lookback)
        if found is None:
            found = self._latest[lookback] = self._in_latest(lookback)
        return found

    @cached_property
    def positions(self) -> Mapping[str | None, int]:
        return {key: place for place, key in enumerate(self.keys)}

    def written(self) -> Any:
        """Return what tells these partitions from others later, for JSON."""
        if self.definition is None:
            return None
        if isinstance(self.definition, TimeWindowPartitionsDefinition) and self.keys:
            return {"first": self.keys[0], "last": self.keys[-1], "count": len(self.keys)}
        return {"keys": list(self.keys)}

    def moved(self, written: Any) -> Moved | None:
        """Return how sets of partitions as they were are read now; None where they can't be."""
        if (self.definition is None) != (written is None):
            return None
        if written is None:
            return Moved(self.full)
        if "keys" in written:
            return self._moved_keys(written["keys"])
        count, last = written["count"], written["last"]
        if len(self.keys) >= count and self.keys[count - 1] == last and self.keys[0] == written["first"]:
            return Moved((1 << count) - 1)
        if last not in self.positions:
            return None
        shift = self.positions[last] - (count - 1)
        known = ((1 << count) - 1) << shift if shift >= 0 else ((1 << count) - 1) >> -shift
        return Moved(known, shift)

    def _moved_keys(self, keys: Sequence[str]) -> Moved:
        if list(self.keys[: len(keys)]) == keys:
            return Moved((1 << len(keys)) - 1)
        places_now = [self.positions.get(key) for key in keys]
        return Moved(self.subset(keys), 0, places_now)

    def _in_latest(self, lookback: timedelta | None) -> Subset:
        definition = self.definition
        if isinstance(definition, TimeWindowPartitionsDefinition):
            return self.subset(_latest_keys(definition, [str(key) for key in self.keys[-1:]], lookback))
        if not isinstance(definition, MultiPartitionsDefinition):
            return self.full
        try:
            name, of_time = definition.time_window_dimension
        except InvalidDefinitionError:
            return self.full
        parts = {str(key): definition.get_partition_key_from_str(str(key)) for key in self.keys}
        times = [one.keys_by_dimension[name] for one in parts.values()]
        assert isinstance(of_time, TimeWindowPartitionsDefinition)
        wanted = set(_latest_keys(of_time, times[-1:], lookback))
        return self.subset(key for key, time in zip(parts, times, strict=True) if time in wanted)


class Moved:
    """How sets of partitions as they were are read among the partitions that there are now."""

    def __init__(self, known: Subset, shift: int = 0, places_now: Sequence[int | None] = ()) -> None:
        self.known = known
        """Those that there were already."""
        self._shift = shift
        self._places = places_now

    def __call__(self, subset: Subset) -> Subset:
        if self._places:
            found = 0
            for place in places(subset):
                now = self._places[place]
                if now is not None:
                    found |= 1 << now
            return found
        return subset << self._shift if self._shift >= 0 else subset >> -self._shift


def places(subset: Subset) -> Iterator[int]:
    """Yield the positions in a set, in order."""
    while subset:
        low = subset & -subset
        yield low.bit_length() - 1
        subset ^= low


def ranges(subset: Subset) -> list[list[int]]:
    """Return a set as ranges of positions, both ends included: [[0, 9999]]."""
    found = []
    start = 0
    while subset:
        skipped = (subset & -subset).bit_length() - 1
        subset >>= skipped
        length = (~subset & (subset + 1)).bit_length() - 1
        start += skipped
        found.append([start, start + length - 1])
        subset >>= length
        start += length
    return found


def from_ranges(pairs: Iterable[Sequence[int]]) -> Subset:
    """Read what `ranges` returned."""
    found = 0
    for first, last in pairs:
        found |= ((1 << (last - first + 1)) - 1) << first
    return found


def _latest_keys(
    definition: TimeWindowPartitionsDefinition, last: Sequence[str], lookback: timedelta | None
) -> Sequence[str]:
    if not last or lookback is None:
        return last
    end = definition.time_window_for_partition_key(last[0]).end
    start = datetime.fromtimestamp(end.timestamp() - lookback.total_seconds(), definition.zone)
    first = max(definition.ceil(start), definition.first, key=datetime.timestamp)
    return definition.keys_between(first, end)
