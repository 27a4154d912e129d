"""Which partitions are read where one side, or both, have several dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import NamedTuple

from mlorch.definitions.mappings import (
    IdentityPartitionMapping,
    PartitionMapping,
    TimeWindowPartitionMapping,
    UpstreamPartitions,
)
from mlorch.definitions.multi import SEPARATOR, MultiPartitionsDefinition
from mlorch.definitions.partitions import PartitionsDefinition
from mlorch.definitions.windows import TimeWindowPartitionsDefinition
from mlorch.errors import InvalidDefinitionError, UnknownPartitionError


class DimensionPartitionMapping(NamedTuple):
    """What an upstream dimension is to a downstream one: its name, and which partitions are read."""

    dimension_name: str
    partition_mapping: PartitionMapping


class Link(NamedTuple):
    """A dimension of each side, "" for the only one of a side that has no names for them."""

    upstream: str
    downstream: str
    mapping: PartitionMapping


@dataclass(frozen=True)
class _ByDimension(PartitionMapping):
    """Dimension by dimension; one without a link reads, and is read by, everything."""

    def _links(self, down: PartitionsDefinition, up: PartitionsDefinition) -> Sequence[Link]:
        raise NotImplementedError

    def upstream_partitions(
        self,
        downstream_key: str | None,
        downstream_def: PartitionsDefinition | None,
        upstream_def: PartitionsDefinition,
        now: datetime,
    ) -> UpstreamPartitions:
        down = _partitioned(downstream_def)
        parts, downs, ups = _parts(downstream_key, down), _dimensions(down), _dimensions(upstream_def)
        links = {one.upstream: one for one in self._links_of(down, upstream_def)}
        there: list[Sequence[str]] = []
        wanted: list[Sequence[str]] = []
        for name, definition in ups.items():
            link = links.get(name)
            if link is None:
                found = UpstreamPartitions(tuple(definition.get_partition_keys(now)))
            else:
                part = parts[link.downstream]
                found = link.mapping.upstream_partitions(part, downs[link.downstream], definition, now)
            there.append(found.keys)
            wanted.append((*found.keys, *found.required_but_nonexistent))
        keys = tuple(map(SEPARATOR.join, product(*there)))
        if list(map(len, there)) == list(map(len, wanted)):
            return UpstreamPartitions(keys)
        known = set(keys)
        all_wanted = map(SEPARATOR.join, product(*wanted))
        return UpstreamPartitions(keys, tuple(key for key in all_wanted if key not in known))

    def downstream_partitions(
        self,
        upstream_key: str,
        upstream_def: PartitionsDefinition,
        downstream_def: PartitionsDefinition | None,
        now: datetime,
    ) -> tuple[str, ...]:
        if downstream_def is None or not upstream_def.has_partition_key(upstream_key, now):
            return ()
        parts, ups = _parts(upstream_key, upstream_def), _dimensions(upstream_def)
        links = self._links_of(downstream_def, upstream_def)
        readers: list[Sequence[str]] = []
        for name, definition in _dimensions(downstream_def).items():
            keys: Sequence[str] | None = None
            for link in links:
                if link.downstream == name:
                    up = link.upstream
                    found = link.mapping.downstream_partitions(parts[up], ups[up], definition, now)
                    keys = found if keys is None else [key for key in found if key in set(keys)]
            readers.append(definition.get_partition_keys(now) if keys is None else keys)
        return tuple(map(SEPARATOR.join, product(*readers)))

    def _links_of(self, down: PartitionsDefinition, up: PartitionsDefinition) -> Sequence[Link]:
        """Return the links, kept for the pair asked for last: to compare long lists of keys takes long."""
        known = vars(self).get("_linked")
        if known is None or known[0] is not down or known[1] is not up:
            known = vars(self)["_linked"] = down, up, self._links(down, up)
        return known[2]


@dataclass(frozen=True)
class MultiToSingleDimensionPartitionMapping(_ByDimension):
    """Between partitions of several dimensions, on either side, and those of one of these alone.

    The dimension is the one named or else the only one that is equal to the other side or, where the other
    side is of time, the only one of time; windows of different lengths are read by overlap.
    """

    partition_dimension_name: str | None = None

    def validate(
        self, downstream_def: PartitionsDefinition | None, upstream_def: PartitionsDefinition | None
    ) -> None:
        self._links(_partitioned(downstream_def), _partitioned(upstream_def))

    def _links(self, down: PartitionsDefinition, up: PartitionsDefinition) -> Sequence[Link]:
        is_up = isinstance(up, MultiPartitionsDefinition)
        if is_up == isinstance(down, MultiPartitionsDefinition):
            raise InvalidDefinitionError(
                "MultiToSingleDimensionPartitionMapping needs several dimensions on exactly one side, not "
                f"{down!r} that reads {up!r}; for both declare a MultiPartitionMapping"
            )
        multi, single = (up, down) if is_up else (down, up)
        name, mapping = self._matching(multi, single)  # type: ignore[arg-type]
        return [Link(name, "", mapping) if is_up else Link("", name, mapping)]

    def _matching(
        self, multi: MultiPartitionsDefinition, single: PartitionsDefinition
    ) -> tuple[str, PartitionMapping]:
        given = self.partition_dimension_name
        names = multi.partition_dimension_names if given is None else (given,)
        several = [(name, multi.get_partitions_def_for_dimension(name)) for name in names]
        equal = [name for name, definition in several if definition == single]
        if len(equal) == 1:
            return equal[0], IdentityPartitionMapping()
        of_time = [name for name, one in several if isinstance(one, TimeWindowPartitionsDefinition)]
        if not equal and len(of_time) == 1 and isinstance(single, TimeWindowPartitionsDefinition):
            return of_time[0], TimeWindowPartitionMapping()
        fits = f"{len(equal)} dimensions of {multi!r} fit {single!r}" if equal else (
            f"no dimension of {multi!r} fits {single!r}"
        )  # fmt: skip
        cure = f"choose one: {', '.join(equal)}" if equal else "declare another mapping"
        raise InvalidDefinitionError(f"MultiToSingleDimensionPartitionMapping: {fits}; {cure}")


@dataclass(frozen=True, init=False)
class MultiPartitionMapping(_ByDimension):
    """Between two sides of several dimensions: to an upstream dimension the downstream one and the mapping.

    A dimension that is not named, on either side, stands for all its keys.
    """

    links: tuple[Link, ...]

    def __init__(
        self, downstream_mappings_by_upstream_dimension: Mapping[str, DimensionPartitionMapping]
    ) -> None:
        given = downstream_mappings_by_upstream_dimension
        vars(self)["links"] = tuple(Link(name, *given[name]) for name in sorted(given))

    def validate(
        self, downstream_def: PartitionsDefinition | None, upstream_def: PartitionsDefinition | None
    ) -> None:
        for definition in (downstream_def, upstream_def):
            if not isinstance(definition, MultiPartitionsDefinition):
                raise InvalidDefinitionError(
                    "MultiPartitionMapping needs a MultiPartitionsDefinition on both sides, not "
                    f"{definition!r}; for one side declare MultiToSingleDimensionPartitionMapping()"
                )
        for link in self.links:
            down = downstream_def.get_partitions_def_for_dimension(link.downstream)  # type: ignore[union-attr]
            up = upstream_def.get_partitions_def_for_dimension(link.upstream)  # type: ignore[union-attr]
            link.mapping.validate(down, up)

    def reads_earlier(self) -> bool:
        return any(one.mapping.reads_earlier() for one in self.links)

    def _links(self, down: PartitionsDefinition, up: PartitionsDefinition) -> Sequence[Link]:
        return self.links


def _dimensions(definition: PartitionsDefinition) -> dict[str, PartitionsDefinition]:
    if isinstance(definition, MultiPartitionsDefinition):
        return dict(definition.partitions_defs)
    return {"": definition}


def _parts(key: str | None, definition: PartitionsDefinition) -> dict[str, str]:
    if key is None:
        raise UnknownPartitionError(f"no partition key was given; choose one of {definition!r}")
    if isinstance(definition, MultiPartitionsDefinition):
        return definition.get_partition_key_from_str(key).keys_by_dimension
    return {"": key}


def _partitioned(definition: PartitionsDefinition | None) -> PartitionsDefinition:
    if definition is None:
        raise InvalidDefinitionError(
            "a mapping of dimensions needs partitions on both sides; leave the mapping out to read all"
        )
    return definition
