"""Which partitions of an upstream asset a partition of a downstream asset reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from mlorch.definitions.partitions import PartitionsDefinition
from mlorch.definitions.windows import TimeWindowPartitionsDefinition
from mlorch.errors import InvalidDefinitionError, UnknownPartitionError


@dataclass(frozen=True, slots=True)
class UpstreamPartitions:
    """Upstream keys that a partition reads, in order: those that exist, and those that should but don't."""

    keys: tuple[str, ...] = ()
    required_but_nonexistent: tuple[str, ...] = ()


class PartitionMapping(ABC):
    """Which upstream partitions each downstream partition reads, along one edge of the asset graph. A value.

    A definition or a key of None stands for an asset without partitions; `now` is when partitions must exist.
    Methods raise UnknownPartitionError for a key that its definition can't have.
    """

    @abstractmethod
    def upstream_partitions(
        self,
        downstream_key: str | None,
        downstream_def: PartitionsDefinition | None,
        upstream_def: PartitionsDefinition,
        now: datetime,
    ) -> UpstreamPartitions:
        """Return what the downstream partition reads."""

    @abstractmethod
    def downstream_partitions(
        self,
        upstream_key: str,
        upstream_def: PartitionsDefinition,
        downstream_def: PartitionsDefinition | None,
        now: datetime,
    ) -> tuple[str, ...]:
        """Return the existing downstream partitions that read the upstream partition, in key order."""

    @abstractmethod
    def validate(
        self, downstream_def: PartitionsDefinition | None, upstream_def: PartitionsDefinition | None
    ) -> None:
        """Raise InvalidDefinitionError where the mapping does not fit its two sides."""

    def reads_earlier(self) -> bool:
        """Tell whether a partition of an asset that depends on itself reads nothing but earlier ones."""
        return False

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is cached."""
        return {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True)
class IdentityPartitionMapping(PartitionMapping):
    """The upstream partition of the same key."""

    def upstream_partitions(
        self,
        downstream_key: str | None,
        downstream_def: PartitionsDefinition | None,
        upstream_def: PartitionsDefinition,
        now: datetime,
    ) -> UpstreamPartitions:
        key = given_key(downstream_key, downstream_def)
        if upstream_def.has_partition_key(key, now):
            return UpstreamPartitions((key,))
        return UpstreamPartitions((), (key,))

    def downstream_partitions(
        self,
        upstream_key: str,
        upstream_def: PartitionsDefinition,
        downstream_def: PartitionsDefinition | None,
        now: datetime,
    ) -> tuple[str, ...]:
        if downstream_def is None or not upstream_def.has_partition_key(upstream_key, now):
            return ()
        return (upstream_key,) if downstream_def.has_partition_key(upstream_key, now) else ()

    def validate(
        self, downstream_def: PartitionsDefinition | None, upstream_def: PartitionsDefinition | None
    ) -> None:
        both = (downstream_def, upstream_def)
        are_of_time = all(isinstance(one, TimeWindowPartitionsDefinition) for one in both)
        if upstream_def is None or not (are_of_time or type(downstream_def) is type(upstream_def)):
            raise InvalidDefinitionError(
                "IdentityPartitionMapping needs the same kind of partitions on both sides, not "
                f"{downstream_def!r} that reads {upstream_def!r}; "
                "declare another mapping, such as AllPartitionMapping()"
            )


@dataclass(frozen=True)
class TimeWindowPartitionMapping(PartitionMapping):
    """The upstream partitions whose windows overlap the downstream window.

    The offsets move its start and its end by so many downstream windows: `start_offset=-2` reads this window
    and the two before it. What they add ends where the upstream partitions end, so that the first windows
    read what there is. A window that is wanted and does not exist is reported, unless
    `allow_nonexistent_upstream_partitions`.

    Raises InvalidDefinitionError for offsets between which nothing lies.
    """

    start_offset: int = 0
    end_offset: int = 0
    allow_nonexistent_upstream_partitions: bool = False

    def __post_init__(self) -> None:
        if self.start_offset > self.end_offset:
            raise InvalidDefinitionError(
                f"TimeWindowPartitionMapping: start_offset {self.start_offset} lies after end_offset "
                f"{self.end_offset}, so that nothing is read; it should be at most {self.end_offset}"
            )

    def upstream_partitions(
        self,
        downstream_key: str | None,
        downstream_def: PartitionsDefinition | None,
        upstream_def: PartitionsDefinition,
        now: datetime,
    ) -> UpstreamPartitions:
        down, up = _of_time(downstream_def), _of_time(upstream_def)
        key = given_key(downstream_key, down)
        if self.start_offset == self.end_offset == 0 and down == up and up.has_partition_key(key, now):
            return UpstreamPartitions((key,))
        stop = _later(up.first, up.stop_at(now))
        start, end = self._span(down, key, up.first, stop)
        if start.timestamp() >= end.timestamp():
            return UpstreamPartitions()
        start = up.grid.floor(start)
        keys = up.keys_between(_later(start, up.first), _earlier(end, stop))
        if self.allow_nonexistent_upstream_partitions:
            return UpstreamPartitions(tuple(keys))
        before = up.keys_between(start, _earlier(end, up.first))
        after = up.keys_between(_later(start, stop), end)
        return UpstreamPartitions(tuple(keys), (*before, *after))

    def downstream_partitions(
        self,
        upstream_key: str,
        upstream_def: PartitionsDefinition,
        downstream_def: PartitionsDefinition | None,
        now: datetime,
    ) -> tuple[str, ...]:
        down, up = _of_time(downstream_def), _of_time(upstream_def)
        if not up.has_partition_key(upstream_key, now):
            return ()
        window = up.time_window_for_partition_key(upstream_key)
        first = down.shift(down.grid.floor(window.start), -self.end_offset)
        end = down.shift(down.ceil(window.end), -self.start_offset)
        if down.exclusions:  # beside a gap, one window more may reach over it
            first, end = down.shift(first, -1), down.shift(end, 1)
        keys = down.keys_between(_later(first, down.first), _earlier(end, down.stop_at(now)))
        if down.exclusions:
            keys = [one for one in keys if upstream_key in self.upstream_partitions(one, down, up, now).keys]
        return tuple(keys)

    def validate(
        self, downstream_def: PartitionsDefinition | None, upstream_def: PartitionsDefinition | None
    ) -> None:
        down, up = _of_time(downstream_def), _of_time(upstream_def)
        if down.timezone != up.timezone:
            raise InvalidDefinitionError(
                f"windows in {down.timezone!r} can't be mapped to windows in {up.timezone!r}; "
                "give both partitions definitions the same timezone"
            )

    def reads_earlier(self) -> bool:
        return self.end_offset < 0

    def _span(
        self, down: TimeWindowPartitionsDefinition, key: str, first: datetime, stop: datetime
    ) -> tuple[datetime, datetime]:
        """Return the downstream window with its ends moved, what is added within `first` to `stop`."""
        start, end = down.time_window_for_partition_key(key)
        moved_start, moved_end = down.shift(start, self.start_offset), down.shift(end, self.end_offset)
        if self.start_offset < 0:
            moved_start = _later(moved_start, _earlier(start, first))
        if self.end_offset > 0:
            moved_end = _earlier(moved_end, _later(end, stop))
        return moved_start, moved_end


@dataclass(frozen=True)
class AllPartitionMapping(PartitionMapping):
    """Every upstream partition there is, in order."""

    def upstream_partitions(
        self,
        downstream_key: str | None,
        downstream_def: PartitionsDefinition | None,
        upstream_def: PartitionsDefinition,
        now: datetime,
    ) -> UpstreamPartitions:
        return UpstreamPartitions(tuple(upstream_def.get_partition_keys(now)))

    def downstream_partitions(
        self,
        upstream_key: str,
        upstream_def: PartitionsDefinition,
        downstream_def: PartitionsDefinition | None,
        now: datetime,
    ) -> tuple[str, ...]:
        return all_keys(downstream_def, now) if upstream_def.has_partition_key(upstream_key, now) else ()

    def validate(
        self, downstream_def: PartitionsDefinition | None, upstream_def: PartitionsDefinition | None
    ) -> None:
        """It fits everything."""


@dataclass(frozen=True)
class LastPartitionMapping(PartitionMapping):
    """The last upstream partition there is."""

    def upstream_partitions(
        self,
        downstream_key: str | None,
        downstream_def: PartitionsDefinition | None,
        upstream_def: PartitionsDefinition,
        now: datetime,
    ) -> UpstreamPartitions:
        last = upstream_def.get_last_partition_key(now)
        return UpstreamPartitions(() if last is None else (last,))

    def downstream_partitions(
        self,
        upstream_key: str,
        upstream_def: PartitionsDefinition,
        downstream_def: PartitionsDefinition | None,
        now: datetime,
    ) -> tuple[str, ...]:
        return (
            all_keys(downstream_def, now) if upstream_key == upstream_def.get_last_partition_key(now) else ()
        )

    def validate(
        self, downstream_def: PartitionsDefinition | None, upstream_def: PartitionsDefinition | None
    ) -> None:
        if upstream_def is None:
            raise InvalidDefinitionError(
                "LastPartitionMapping needs an upstream asset with partitions; leave the mapping out"
            )


def all_keys(definition: PartitionsDefinition | None, now: datetime) -> tuple[str, ...]:
    """Return every key, or none where there are no partitions."""
    return () if definition is None else tuple(definition.get_partition_keys(now))


def given_key(key: str | None, definition: PartitionsDefinition | None) -> str:
    """Return the downstream key. Raises UnknownPartitionError where there is none."""
    if key is None:
        raise UnknownPartitionError(f"no partition key was given; choose one of {definition!r}")
    return key


def _of_time(definition: PartitionsDefinition | None) -> TimeWindowPartitionsDefinition:
    if isinstance(definition, TimeWindowPartitionsDefinition):
        return definition
    what = "no partitions" if definition is None else repr(definition)
    raise InvalidDefinitionError(
        f"TimeWindowPartitionMapping needs time windows on both sides, not {what}; "
        "declare another mapping, such as AllPartitionMapping()"
    )


def _earlier(one: datetime, other: datetime) -> datetime:
    return min(one, other, key=datetime.timestamp)


def _later(one: datetime, other: datetime) -> datetime:
    return max(one, other, key=datetime.timestamp)
