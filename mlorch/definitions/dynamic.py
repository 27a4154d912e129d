"""Partitions whose keys are added and removed at run time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mlorch.definitions.partitions import ListedPartitions, check_partition_key, listed
from mlorch.errors import InvalidDefinitionError, UnknownPartitionError


class AddDynamicPartitionsRequest(NamedTuple):
    """Keys to add to a set of dynamic partitions, as a sensor asks for it."""

    partitions_def_name: str
    partition_keys: tuple[str, ...]


class DeleteDynamicPartitionsRequest(NamedTuple):
    """Keys to take out of a set of dynamic partitions, as a sensor asks for it."""

    partitions_def_name: str
    partition_keys: tuple[str, ...]


@dataclass(frozen=True, init=False, repr=False)
class DynamicPartitionsDefinition(ListedPartitions):
    """A named set of partitions; its keys are facts of an instance, in the order in which they were added.

    The name alone is what the code says: until `with_keys`, asking for keys raises UnknownPartitionError.
    Raises InvalidDefinitionError for a name that is empty.
    """

    name: str
    keys: tuple[str, ...] | None

    def __init__(self, name: str) -> None:
        if not str(name).strip():
            raise InvalidDefinitionError(
                "dynamic partitions need a name; write DynamicPartitionsDefinition('customers')"
            )
        vars(self).update(name=name, keys=None)

    def with_keys(self, keys: Sequence[str]) -> DynamicPartitionsDefinition:
        """Return the definition with these keys, which were checked when they were added."""
        found = DynamicPartitionsDefinition(self.name)
        vars(found)["keys"] = tuple(dict.fromkeys(listed(keys)))
        return found

    def build_add_request(self, partition_keys: Sequence[str]) -> AddDynamicPartitionsRequest:
        """Return what a sensor returns to add keys. Raises InvalidDefinitionError for one that can't be."""
        keys = listed(partition_keys)
        for key in keys:
            check_partition_key(key)
        return AddDynamicPartitionsRequest(self.name, keys)

    def build_delete_request(self, partition_keys: Sequence[str]) -> DeleteDynamicPartitionsRequest:
        """Return what a sensor returns to take keys out."""
        return DeleteDynamicPartitionsRequest(self.name, listed(partition_keys))

    @property
    def partition_keys(self) -> tuple[str, ...]:  # type: ignore[override]
        if self.keys is None:
            raise UnknownPartitionError(
                f"the keys of the dynamic partitions {self.name!r} are recorded, not in the code; "
                f"ask for them with instance.get_dynamic_partitions({self.name!r})"
            )
        return self.keys

    def may_have_partition_key(self, key: str) -> bool:
        return self.keys is None or self.has_partition_key(key)

    @property
    def dynamic_names(self) -> tuple[str, ...]:
        return (self.name,)

    def with_dynamic_keys(self, keys: Mapping[str, Sequence[str]]) -> DynamicPartitionsDefinition:
        return self.with_keys(keys.get(self.name, ()))

    def __repr__(self) -> str:
        return f"DynamicPartitionsDefinition({self.name!r})"
