"""What conditions are evaluated of: assets and checks, their partitions, and how these hang together.

An asset is called by its key here, a check "asset:check".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from mlorch.definitions.automation import AutomationCondition
from mlorch.definitions.checks import AssetCheckKey, AssetCheckSpec
from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.inference import default_mapping
from mlorch.definitions.mappings import (
    AllPartitionMapping,
    IdentityPartitionMapping,
    PartitionMapping,
    TimeWindowPartitionMapping,
)
from mlorch.definitions.partitions import PartitionsDefinition
from mlorch.planning.automation.partitions import Partitions, Subset, places

_FEW = 64
"""Partitions that are mapped one by one; what more of them read is taken for everything."""


class Targets:
    """The assets and checks of a graph at one moment, `now`.

    Assets without a condition have the `default`.
    """

    def __init__(self, graph: AssetGraph, now: datetime, default: AutomationCondition | None = None) -> None:
        self.graph = graph
        self.now = now
        self._default = default
        self._partitions: dict[str, Partitions] = {}
        self._by_definition: dict[PartitionsDefinition | None, Partitions] = {}
        # To compare long lists of keys takes long.
        self._by_id: dict[int, Partitions] = {}
        self._edges: dict[tuple[str, str], Edge] = {}

    @cached_property
    def checks(self) -> Mapping[str, AssetCheckSpec]:
        """What is said of each check."""
        makers = {id(one): one for one in self.graph.checks.values()}
        specs = (spec for one in makers.values() for spec in one.check_specs)
        return {spec.key.to_user_string(): spec for spec in specs}

    @cached_property
    def checks_of(self) -> Mapping[str, Sequence[str]]:
        """The checks of each asset that has any."""
        found: dict[str, list[str]] = {}
        for name, spec in self.checks.items():
            found.setdefault(str(spec.asset_key), []).append(name)
        return found

    def check_key(self, name: str) -> AssetCheckKey:
        return self.checks[name].key

    def is_check(self, name: str) -> bool:
        return name not in self.graph.nodes

    def is_made_here(self, name: str) -> bool:
        """Tell whether a run can make it."""
        return self.is_check(name) or not self.graph.nodes[name].is_external

    def condition(self, name: str) -> AutomationCondition | None:
        if self.is_check(name):
            return self.checks[name].automation_condition
        found = self.graph.nodes[name].spec.automation_condition
        return self._default if found is None else found

    def partitions(self, name: str) -> Partitions:
        """Return the partitions of an asset or check; those that are divided alike share them."""
        found = self._partitions.get(name)
        if found is None:
            definition = self.definition(name)
            found = self._by_id.get(id(definition)) or self._by_definition.get(definition)
            if found is None:
                found = self._by_definition[definition] = Partitions(definition, self.now)
            self._partitions[name] = self._by_id[id(definition)] = found
        return found

    def definition(self, name: str) -> PartitionsDefinition | None:
        one = self.checks[name] if self.is_check(name) else self.graph.nodes[name]
        return one.partitions_def

    def dependencies(self, name: str) -> Sequence[str]:
        """Return the assets that an asset or check is made from, each once, in order of their keys."""
        if self.is_check(name):
            spec = self.checks[name]
            return sorted({str(spec.asset_key), *spec.additional_deps})
        return sorted(self.graph.nodes[name].upstream)

    def edge(self, name: str, upstream: str) -> Edge:
        """Return which partitions of what is upstream each partition reads."""
        found = self._edges.get((name, upstream))
        if found is None:
            found = Edge(
                self.partitions(name), self.partitions(upstream), self._mappings(name, upstream), self.now
            )
            self._edges[name, upstream] = found
        return found

    def goes_along(self, name: str, upstream: str) -> bool:
        """Tell whether one run can make both, partition by partition."""
        return self.is_made_here(upstream) and self.edge(name, upstream).is_same

    def together(self, name: str) -> Sequence[str]:
        """Return the other assets that can only be made with an asset."""
        maker = None if self.is_check(name) else self.graph.nodes[name].definition
        if maker is None or maker.can_subset or len(maker.specs) < 2:
            return ()
        return [spec.name for spec in maker.specs.values() if spec.name != name]

    def below(self, name: str) -> list[str]:
        """Return the assets that are made from one, directly or not, in order of their keys."""
        found: set[str] = set()
        waiting = list(self.graph.downstream.get(name, ()))
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting.extend(self.graph.downstream[one])
        return sorted(found)

    def _mappings(self, name: str, upstream: str) -> Sequence[PartitionMapping]:
        if self.is_check(name):
            same = self.partitions(name) is self.partitions(upstream)
            return [IdentityPartitionMapping() if same else AllPartitionMapping()]
        declared = [one for one in self.graph.nodes[name].dependencies if one.key == upstream]
        if not declared:
            return [default_mapping(self.definition(name), self.definition(upstream))]
        return [self.graph.mapping(name, one) for one in declared]


class Edge:
    """Which partitions `above` are read by those `below`."""

    def __init__(
        self, below: Partitions, above: Partitions, mappings: Sequence[PartitionMapping], now: datetime
    ) -> None:
        self.below = below
        self.above = above
        self.mappings = mappings
        self._now = now
        self.is_same = below is above and all(_is_same(one, below.definition) for one in mappings)
        """Whether each partition reads that of its own key and no other."""
        self._is_whole = above.definition is None or any(
            isinstance(one, AllPartitionMapping) for one in mappings
        )
        self._read: dict[int, Subset] = {}
        self._readers: dict[int, Subset] = {}

    def read_by(self, below: Subset) -> Subset:
        """Return what these partitions read; everything, where they are many."""
        if self.is_same or not below:
            return below
        if self._is_whole or below.bit_count() > _FEW:
            return self.above.full
        return _union(self._read_by_one(place) for place in places(below))

    def readers_of(self, above: Subset, among: Subset) -> Subset:
        """Return those `among` the partitions below that read at least one of these."""
        if self.is_same:
            return above & among
        if not above or not among:
            return 0
        if self._is_whole:
            return among
        if among.bit_count() <= above.bit_count():
            return _union(1 << place for place in places(among) if self._read_by_one(place) & above)
        return _union(self._readers_of_one(place) for place in places(above)) & among

    def _read_by_one(self, place: int) -> Subset:
        found = self._read.get(place)
        if found is None:
            key, below, above = self.below.keys[place], self.below.definition, self.above.definition
            assert above is not None
            several = (one.upstream_partitions(key, below, above, self._now).keys for one in self.mappings)
            found = self._read[place] = _union(map(self.above.subset, several))
        return found

    def _readers_of_one(self, place: int) -> Subset:
        found = self._readers.get(place)
        if found is None:
            key, below, above = self.above.keys[place], self.below.definition, self.above.definition
            assert above is not None
            assert key is not None
            several = (one.downstream_partitions(key, above, below, self._now) for one in self.mappings)
            found = self._readers[place] = _union(map(self.below.subset, several))
        return found


def _union(several: Iterable[Subset]) -> Subset:
    found = 0
    for one in several:
        found |= one
    return found


def _is_same(mapping: PartitionMapping, definition: PartitionsDefinition | None) -> bool:
    if isinstance(mapping, TimeWindowPartitionMapping):
        return mapping.start_offset == mapping.end_offset == 0
    return definition is None or isinstance(mapping, IdentityPartitionMapping)
