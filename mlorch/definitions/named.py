"""Which upstream partitions are read where somebody named the keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from mlorch.definitions.mappings import PartitionMapping, UpstreamPartitions, all_keys, given_key
from mlorch.definitions.partitions import PartitionsDefinition, StaticPartitionsDefinition, listed
from mlorch.errors import InvalidDefinitionError, nearest


@dataclass(frozen=True, init=False, repr=False)
class StaticPartitionMapping(PartitionMapping):
    """Listed partitions of both sides, paired by hand: to each upstream key the downstream keys that read it.

    Raises InvalidDefinitionError where it is no mapping.
    """

    pairs: tuple[tuple[str, tuple[str, ...]], ...]

    def __init__(
        self, downstream_partition_keys_by_upstream_partition_key: Mapping[str, str | Collection[str]]
    ) -> None:
        given = downstream_partition_keys_by_upstream_partition_key
        if not isinstance(given, Mapping):
            raise InvalidDefinitionError(
                "StaticPartitionMapping takes {upstream key: downstream key or keys}"
            )
        vars(self)["pairs"] = tuple(
            (up, (down,) if isinstance(down, str) else tuple(dict.fromkeys(down)))
            for up, down in given.items()
        )

    def upstream_partitions(
        self,
        downstream_key: str | None,
        downstream_def: PartitionsDefinition | None,
        upstream_def: PartitionsDefinition,
        now: datetime,
    ) -> UpstreamPartitions:
        key = given_key(downstream_key, downstream_def)
        found = self._upstream.get(key, ())
        return UpstreamPartitions(tuple(_listed(upstream_def).in_order(found)))

    def downstream_partitions(
        self,
        upstream_key: str,
        upstream_def: PartitionsDefinition,
        downstream_def: PartitionsDefinition | None,
        now: datetime,
    ) -> tuple[str, ...]:
        return tuple(_listed(downstream_def).in_order(self._downstream.get(upstream_key, ())))

    def validate(
        self, downstream_def: PartitionsDefinition | None, upstream_def: PartitionsDefinition | None
    ) -> None:
        for what, definition, keys in (
            ("upstream", upstream_def, self._downstream),
            ("downstream", downstream_def, self._upstream),
        ):
            known = _listed(definition).partition_keys
            for gone in keys.keys() - set(known):
                raise InvalidDefinitionError(
                    f"StaticPartitionMapping: there is no {what} partition {gone!r} in {definition!r}"
                    f"{nearest(gone, known)}; it takes {{upstream key: downstream key or keys}}"
                )

    @cached_property
    def _downstream(self) -> dict[str, tuple[str, ...]]:
        return dict(self.pairs)

    @cached_property
    def _upstream(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for up, several in self.pairs:
            for down in several:
                found.setdefault(down, []).append(up)
        return found

    def __repr__(self) -> str:
        return f"StaticPartitionMapping({self._downstream!r})"


@dataclass(frozen=True, init=False)
class SpecificPartitionsPartitionMapping(PartitionMapping):
    """The upstream partitions named, in this order, for every downstream partition."""

    partition_keys: tuple[str, ...]

    def __init__(self, partition_keys: Sequence[str]) -> None:
        vars(self)["partition_keys"] = tuple(dict.fromkeys(listed(partition_keys)))

    def upstream_partitions(
        self,
        downstream_key: str | None,
        downstream_def: PartitionsDefinition | None,
        upstream_def: PartitionsDefinition,
        now: datetime,
    ) -> UpstreamPartitions:
        there = [key for key in self.partition_keys if upstream_def.has_partition_key(key, now)]
        if len(there) == len(self.partition_keys):
            return UpstreamPartitions(self.partition_keys)
        gone = (key for key in self.partition_keys if key not in there)
        return UpstreamPartitions(tuple(there), tuple(gone))

    def downstream_partitions(
        self,
        upstream_key: str,
        upstream_def: PartitionsDefinition,
        downstream_def: PartitionsDefinition | None,
        now: datetime,
    ) -> tuple[str, ...]:
        is_read = upstream_key in self.partition_keys and upstream_def.has_partition_key(upstream_key, now)
        return all_keys(downstream_def, now) if is_read else ()

    def validate(
        self, downstream_def: PartitionsDefinition | None, upstream_def: PartitionsDefinition | None
    ) -> None:
        if upstream_def is None:
            raise InvalidDefinitionError(
                "SpecificPartitionsPartitionMapping needs an upstream asset with partitions; "
                "leave the mapping out"
            )
        for key in self.partition_keys:
            if not upstream_def.may_have_partition_key(key):
                raise InvalidDefinitionError(
                    f"SpecificPartitionsPartitionMapping: {upstream_def!r} has no partition {key!r}"
                )


def _listed(definition: PartitionsDefinition | None) -> StaticPartitionsDefinition:
    if isinstance(definition, StaticPartitionsDefinition):
        return definition
    what = "no partitions" if definition is None else repr(definition)
    raise InvalidDefinitionError(
        f"StaticPartitionMapping needs a StaticPartitionsDefinition on both sides, not {what}; "
        "declare another mapping, such as AllPartitionMapping()"
    )
