"""Partitions of several dimensions: one for each combination of their keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import product
from math import prod
from typing import NamedTuple, Self

from mlorch.definitions.dynamic import DynamicPartitionsDefinition
from mlorch.definitions.partitions import (
    PartitionKeyRange,
    PartitionsDefinition,
    StaticPartitionsDefinition,
)
from mlorch.definitions.windows import TimeWindow, TimeWindowPartitionsDefinition
from mlorch.errors import InvalidDefinitionError, UnknownPartitionError, nearest

SEPARATOR = "|"
"""Stands between the keys of the dimensions."""


class MultiPartitionKey(str):
    """The key of a partition of several dimensions: text, "2024-01-01|us", that knows its parts.

    Made from the keys by dimension; in the text they come in the order of the dimensions' names.
    """

    __slots__ = ("_names",)
    _names: tuple[str, ...]

    def __new__(cls, keys_by_dimension: Mapping[str, str]) -> Self:
        names = tuple(sorted(keys_by_dimension))
        return cls._of(names, SEPARATOR.join(keys_by_dimension[name] for name in names))

    @classmethod
    def _of(cls, names: tuple[str, ...], text: str) -> Self:
        key = str.__new__(cls, text)
        key._names = names
        return key

    @property
    def keys_by_dimension(self) -> dict[str, str]:
        """The key in each dimension, by its name."""
        return dict(zip(self._names, self.split(SEPARATOR), strict=True))

    def __getnewargs__(self) -> tuple[dict[str, str]]:  # type: ignore[override]
        return (self.keys_by_dimension,)


class PartitionDimension(NamedTuple):
    """One dimension of partitions that have several."""

    name: str
    partitions_def: PartitionsDefinition


@dataclass(frozen=True, init=False, repr=False)
class MultiPartitionsDefinition(PartitionsDefinition):
    """A partition for each combination of the keys of any number of dimensions, which are sorted by name.

    The last dimension changes fastest. A range goes from one key to another in every dimension. Raises
    InvalidDefinitionError for no dimension, a dimension that is not listed, of time or dynamic, and a key of
    one that holds a character of `|,[]`.
    """

    partitions_defs: tuple[PartitionDimension, ...]

    def __init__(self, partitions_defs: Mapping[str, PartitionsDefinition]) -> None:
        if not partitions_defs:
            raise InvalidDefinitionError(
                "MultiPartitionsDefinition needs a dimension; write {'date': DailyPartitionsDefinition(…), …}"
            )
        found = (PartitionDimension(name, partitions_defs[name]) for name in sorted(partitions_defs))
        vars(self)["partitions_defs"] = tuple(found)
        for one in self.partitions_defs:
            _check_dimension(one)

    def get_partition_keys(self, current_time: datetime | None = None) -> list[str]:
        definitions = [one.partitions_def for one in self.partitions_defs]
        return self._joined([one.get_partition_keys(current_time) for one in definitions])

    def has_partition_key(self, key: str, current_time: datetime | None = None) -> bool:
        parts = key.split(SEPARATOR)
        return len(parts) == len(self.partitions_defs) and all(
            one.partitions_def.has_partition_key(part, current_time)
            for one, part in zip(self.partitions_defs, parts, strict=True)
        )

    def may_have_partition_key(self, key: str) -> bool:
        parts = key.split(SEPARATOR)
        return len(parts) == len(self.partitions_defs) and all(
            one.partitions_def.may_have_partition_key(part)
            for one, part in zip(self.partitions_defs, parts, strict=True)
        )

    def get_first_partition_key(self, current_time: datetime | None = None) -> str | None:
        definitions = [one.partitions_def for one in self.partitions_defs]
        return self._corner([one.get_first_partition_key(current_time) for one in definitions])

    def get_last_partition_key(self, current_time: datetime | None = None) -> str | None:
        definitions = [one.partitions_def for one in self.partitions_defs]
        return self._corner([one.get_last_partition_key(current_time) for one in definitions])

    def get_num_partitions(self, current_time: datetime | None = None) -> int:
        return prod(one.partitions_def.get_num_partitions(current_time) for one in self.partitions_defs)

    def get_partition_keys_in_range(
        self, partition_key_range: PartitionKeyRange, current_time: datetime | None = None
    ) -> list[str]:
        for key in partition_key_range:
            self.validate_partition_key(key, current_time)
        ranges = map(PartitionKeyRange, *(key.split(SEPARATOR) for key in partition_key_range))
        return self._joined(
            [
                one.partitions_def.get_partition_keys_in_range(part, current_time)
                for one, part in zip(self.partitions_defs, ranges, strict=True)
            ]
        )

    @cached_property
    def partition_dimension_names(self) -> tuple[str, ...]:
        """The names of the dimensions, sorted."""
        return tuple(one.name for one in self.partitions_defs)

    def get_partitions_def_for_dimension(self, dimension_name: str) -> PartitionsDefinition:
        """Return the definition of a dimension. Raises InvalidDefinitionError, suggesting the nearest."""
        for one in self.partitions_defs:
            if one.name == dimension_name:
                return one.partitions_def
        raise InvalidDefinitionError(
            f"there is no dimension {dimension_name!r} in {self!r}"
            f"{nearest(dimension_name, self.partition_dimension_names)}"
        )

    def get_partition_key_from_str(self, partition_key: str) -> MultiPartitionKey:
        """Return the key with its parts. Raises UnknownPartitionError where their number is another."""
        parts = partition_key.split(SEPARATOR)
        if len(parts) != len(self.partitions_defs):
            raise UnknownPartitionError(f"{partition_key!r} is no key of {self!r}{self._shape}")
        return MultiPartitionKey._of(self.partition_dimension_names, partition_key)

    @cached_property
    def time_window_dimension(self) -> PartitionDimension:
        """The one dimension of time. Raises InvalidDefinitionError where there is none, or are several."""
        found = [
            one
            for one in self.partitions_defs
            if isinstance(one.partitions_def, TimeWindowPartitionsDefinition)
        ]
        if len(found) != 1:
            raise InvalidDefinitionError(
                f"a time window needs exactly one dimension of time; {self!r} has {len(found)}"
            )
        return found[0]

    def time_window_for_partition_key(self, partition_key: str) -> TimeWindow:
        """Return the window of the key in the one dimension of time.

        Raises InvalidDefinitionError where there is none, or are several, and UnknownPartitionError for a
        key that no window has or ever will have.
        """
        name, definition = self.time_window_dimension
        part = self.get_partition_key_from_str(partition_key).keys_by_dimension[name]
        return definition.time_window_for_partition_key(part)  # type: ignore[attr-defined, no-any-return]

    @property
    def dynamic_names(self) -> tuple[str, ...]:
        return tuple(name for one in self.partitions_defs for name in one.partitions_def.dynamic_names)

    def with_dynamic_keys(self, keys: Mapping[str, Sequence[str]]) -> MultiPartitionsDefinition:
        if not self.dynamic_names:
            return self
        return MultiPartitionsDefinition(
            {one.name: one.partitions_def.with_dynamic_keys(keys) for one in self.partitions_defs}
        )

    def _joined(self, keys: Sequence[Sequence[str]]) -> list[str]:
        names, make = self.partition_dimension_names, MultiPartitionKey._of
        return [make(names, text) for text in map(SEPARATOR.join, product(*keys))]

    def _corner(self, keys: Sequence[str | None]) -> str | None:
        known = [key for key in keys if key is not None]
        if len(known) < len(keys):
            return None
        return MultiPartitionKey._of(self.partition_dimension_names, SEPARATOR.join(known))

    @property
    def _shape(self) -> str:
        return f"; write it as {SEPARATOR.join(self.partition_dimension_names)!r}"

    def _hint(self, key: str, current_time: datetime | None) -> str:
        parts = key.split(SEPARATOR)
        if len(parts) != len(self.partitions_defs):
            return self._shape
        for (name, definition), part in zip(self.partitions_defs, parts, strict=True):
            if not definition.has_partition_key(part, current_time):
                return f"; {name!r} has no {part!r}{definition._hint(part, current_time)}"
        return ""

    def __repr__(self) -> str:
        words = ", ".join(f"{one.name!r}: {one.partitions_def!r}" for one in self.partitions_defs)
        return f"MultiPartitionsDefinition({{{words}}})"


_RESERVED = frozenset("|,[]")


def _check_dimension(dimension: PartitionDimension) -> None:
    name, definition = dimension
    allowed = StaticPartitionsDefinition, TimeWindowPartitionsDefinition, DynamicPartitionsDefinition
    if not isinstance(definition, allowed):
        raise InvalidDefinitionError(
            f"dimension {name!r} should be partitions that are listed, of time or dynamic, not {definition!r}"
        )
    if isinstance(definition, TimeWindowPartitionsDefinition):
        keys: Sequence[str] = [definition.format.write(definition.first)]
    elif isinstance(definition, DynamicPartitionsDefinition) and definition.keys is None:
        return
    else:
        keys = definition.partition_keys
    bad = next((key for key in keys if not _RESERVED.isdisjoint(key)), None)
    if bad is not None:
        cure = (
            f"; take it out: mlorch partitions delete {definition.name} {bad!r}"
            if isinstance(definition, DynamicPartitionsDefinition)
            else ""
        )
        raise InvalidDefinitionError(
            f"dimension {name!r}: the key {bad!r} must not hold '|', ',', '[' or ']'{cure}"
        )
