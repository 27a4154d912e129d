"""Partitions: the parts into which an asset is divided, each with its key.

Those of time are in windows.py, those known at run time in dynamic.py, those of many dimensions in multi.py.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from mlorch.errors import InvalidDefinitionError, InvalidSelectionError, UnknownPartitionError, nearest


class PartitionKeyRange(NamedTuple):
    """The partitions from one key to another, both included."""

    start: str
    end: str


class PartitionsDefinition(ABC):
    """What partitions there are, in order. A value: immutable, hashable, equal to its like, picklable.

    `current_time` says at which moment to look and is now if left out; only partitions of time depend on it.
    """

    @abstractmethod
    def get_partition_keys(self, current_time: datetime | None = None) -> list[str]:
        """Return every key, in order."""

    @abstractmethod
    def has_partition_key(self, key: str, current_time: datetime | None = None) -> bool:
        """Tell whether there is a partition of this key."""

    @abstractmethod
    def get_first_partition_key(self, current_time: datetime | None = None) -> str | None:
        """Return the first key, or None where there is none."""

    @abstractmethod
    def get_last_partition_key(self, current_time: datetime | None = None) -> str | None:
        """Return the last key, or None where there is none."""

    @abstractmethod
    def get_partition_keys_in_range(
        self, partition_key_range: PartitionKeyRange, current_time: datetime | None = None
    ) -> list[str]:
        """Return the keys of a range, in order.

        Raises UnknownPartitionError for an end that does not exist, InvalidSelectionError for a range
        that runs backwards.
        """

    @abstractmethod
    def _hint(self, key: str, current_time: datetime | None) -> str:
        """Return what helps somebody who gave a key that does not exist, as the end of a sentence."""

    def may_have_partition_key(self, key: str) -> bool:
        """Tell whether there is, was or will be a partition of this key, as far as the code alone says."""
        return self.has_partition_key(key)

    @property
    def dynamic_names(self) -> tuple[str, ...]:
        """The names of the sets in which keys are added and removed at run time."""
        return ()

    def with_dynamic_keys(self, keys: Mapping[str, Sequence[str]]) -> PartitionsDefinition:
        """Return the definition with the keys that its dynamic sets have, by their names."""
        return self

    def get_num_partitions(self, current_time: datetime | None = None) -> int:
        """Return how many partitions there are."""
        return len(self.get_partition_keys(current_time))

    def validate_partition_key(self, key: str, current_time: datetime | None = None) -> None:
        """Raise UnknownPartitionError, which says what would be right, unless there is such a partition."""
        if not self.has_partition_key(key, current_time):
            raise self._unknown(key, current_time)

    def _unknown(self, key: str, current_time: datetime | None) -> UnknownPartitionError:
        first, last = self.get_first_partition_key(current_time), self.get_last_partition_key(current_time)
        there = "it has none yet" if first is None else f"it has {first!r} to {last!r}"
        return UnknownPartitionError(
            f"there is no partition {key!r} in {self!r}; {there}{self._hint(key, current_time)}"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is cached."""
        return {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]


class ListedPartitions(PartitionsDefinition):
    """Partitions whose keys are a list, in its order; the time is nothing to them."""

    partition_keys: tuple[str, ...]

    def get_partition_keys(self, current_time: datetime | None = None) -> list[str]:
        return list(self.partition_keys)

    def has_partition_key(self, key: str, current_time: datetime | None = None) -> bool:
        return key in self._positions

    def get_first_partition_key(self, current_time: datetime | None = None) -> str | None:
        return self.partition_keys[0] if self.partition_keys else None

    def get_last_partition_key(self, current_time: datetime | None = None) -> str | None:
        return self.partition_keys[-1] if self.partition_keys else None

    def get_num_partitions(self, current_time: datetime | None = None) -> int:
        return len(self.partition_keys)

    def get_partition_keys_in_range(
        self, partition_key_range: PartitionKeyRange, current_time: datetime | None = None
    ) -> list[str]:
        for key in partition_key_range:
            self.validate_partition_key(key)
        first, last = (self._positions[key] for key in partition_key_range)
        if first > last:
            raise runs_backwards(partition_key_range)
        return list(self.partition_keys[first : last + 1])

    def in_order(self, keys: Iterable[str]) -> list[str]:
        """Return keys of the list, in its order."""
        return sorted(keys, key=self._positions.__getitem__)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {key: index for index, key in enumerate(self.partition_keys)}

    def _hint(self, key: str, current_time: datetime | None) -> str:
        return nearest(key, self.partition_keys[:1000])  # comparing with more takes noticeably long


@dataclass(frozen=True, init=False, repr=False)
class StaticPartitionsDefinition(ListedPartitions):
    """Partitions listed by hand, in the order of the list.

    Raises InvalidDefinitionError for a key that occurs twice or can't name a file.
    """

    partition_keys: tuple[str, ...]

    def __init__(self, partition_keys: Sequence[str]) -> None:
        vars(self)["partition_keys"] = listed(partition_keys)
        for key in self.partition_keys:
            check_partition_key(key)
        if len(self._positions) < len(self.partition_keys):
            twice = next(
                key for index, key in enumerate(self.partition_keys) if self._positions[key] != index
            )
            raise InvalidDefinitionError(f"the partition key {twice!r} occurs twice; leave one out")

    def __repr__(self) -> str:
        some = ", ".join(map(repr, self.partition_keys[:3])) + (", …" if len(self.partition_keys) > 3 else "")
        return f"StaticPartitionsDefinition([{some}])"


def listed(partition_keys: Sequence[str]) -> tuple[str, ...]:
    """Return the keys. Raises InvalidDefinitionError for one text, whose letters are hardly meant."""
    if isinstance(partition_keys, str):
        raise InvalidDefinitionError(f"partition keys are a list; write [{partition_keys!r}]")
    return tuple(partition_keys)


def check_partition_key(key: str) -> None:
    """Raise InvalidDefinitionError for a key that can't name a file below its asset's folder."""
    if not isinstance(key, str):
        raise InvalidDefinitionError(f"a partition key is text, not {key!r}; write {str(key)!r}")
    if _PLAIN.fullmatch(key):
        return
    if not key:
        raise InvalidDefinitionError("a partition key must not be empty")
    if not key.isprintable():
        raise InvalidDefinitionError(f"partition key {key!r} must not hold a line break or control character")
    if "..." in key:
        raise InvalidDefinitionError(f"partition key {key!r}: '...' stands for a range; use something else")
    if "\\" in key or not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise InvalidDefinitionError(
            f"partition key {key!r} must name a file below its asset's folder: it must not start or end "
            "with '/', hold '\\', or have a part that is empty, '.' or '..'"
        )


_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


def runs_backwards(given: PartitionKeyRange) -> InvalidSelectionError:
    """Return the error for a range whose end comes before its start."""
    return InvalidSelectionError(
        f"the range from {given.start!r} to {given.end!r} runs backwards; give the earlier key first"
    )


def moment_of(current_time: datetime | None) -> datetime:
    """Return the given moment, or now."""
    return datetime.now(UTC) if current_time is None else current_time
