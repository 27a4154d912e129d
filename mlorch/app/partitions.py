"""The partitions that assets have now, those known at run time among them, and how to change these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mlorch.definitions.definitions import Definitions
from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.partitions import PartitionsDefinition
from mlorch.errors import InvalidSelectionError, UnknownPartitionError, UserError, nearest
from mlorch.log import EventLog
from mlorch.planning.dynamic import delete_keys, dynamic_keys


def resolved(graph: AssetGraph, log: EventLog) -> AssetGraph:
    """Return the graph with the keys that its dynamic partitions have now; the same graph if it has none."""
    dynamic = {key: definition for key, definition in graph.divided.items() if definition.dynamic_names}
    if not dynamic:
        return graph
    recorded = dynamic_keys(log)
    known: dict[int, PartitionsDefinition] = {}
    nodes = dict(graph.nodes)
    for key, definition in dynamic.items():
        if id(definition) not in known:
            known[id(definition)] = definition.with_dynamic_keys(recorded)
        nodes[key] = replace(nodes[key], spec=replace(nodes[key].spec, partitions_def=known[id(definition)]))
    return AssetGraph(nodes, graph.downstream, graph.checks)


def dynamic_sets(definitions: Definitions) -> Mapping[str, Sequence[str]]:
    """Return the assets that each named set of dynamic partitions divides."""
    found: dict[str, list[str]] = {}
    for key, node in definitions.graph.nodes.items():
        for name in node.partitions_def.dynamic_names if node.partitions_def is not None else ():
            found.setdefault(name, []).append(key)
    return found


def require_set(definitions: Definitions, name: str) -> None:
    """Raise InvalidSelectionError, suggesting the nearest, unless an asset has a set so named."""
    sets = dynamic_sets(definitions)
    if name not in sets:
        known = f"; there are {', '.join(sorted(sets))}" if sets else "; no asset has any"
        raise InvalidSelectionError(f"there are no dynamic partitions {name!r}{nearest(name, sets) or known}")


def partition_keys(definitions: Definitions, log: EventLog, name: str) -> list[str]:
    """Return the keys that an asset, or a named set of dynamic partitions, has now.

    Raises UserError where the asset has no partitions, and InvalidSelectionError for an unknown name.
    """
    graph = definitions.graph
    sets = dynamic_sets(definitions)
    if name not in graph.nodes and name in sets:
        return list(dynamic_keys(log).get(name, ()))
    if name not in graph.nodes:
        hint = nearest(name, [*graph.nodes, *sets])
        raise InvalidSelectionError(f"there is no asset and no set of dynamic partitions {name!r}{hint}")
    definition = resolved(graph, log).nodes[name].partitions_def
    if definition is None:
        raise UserError(f"asset {name!r} has no partitions")
    return definition.get_partition_keys()


def delete_known(log: EventLog, name: str, keys: Sequence[str], at: float) -> None:
    """Take keys out of a set. Raises UnknownPartitionError, suggesting the nearest, for one it lacks."""
    known = dynamic_keys(log).get(name, ())
    for key in keys:
        if key not in set(known):
            raise UnknownPartitionError(
                f"there is no key {key!r} among the dynamic partitions {name!r}{nearest(key, known[:1000])}"
            )
    delete_keys(log, name, keys, at)
