"""One run: its identity, and what was settled before its first step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.config import RunConfig
from mlorch.definitions.graph import AssetGraph
from mlorch.execution import settling
from mlorch.execution.context import plain
from mlorch.execution.settling import NodeConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What every step of a run shares."""

    run_id: str
    job: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    configs: Mapping[str, NodeConfig] = field(default_factory=dict)
    """By asset key, of the assets that take a config."""
    resources: Mapping[str, Any] = field(default_factory=dict)
    """By name, with environment variables resolved."""
    secrets: tuple[str, ...] = ()
    """Texts that must not be kept anywhere, those before that are parts of others."""


SHORTEST_SECRET = 4
"""Characters. What is shorter is a number or a flag from the environment and can be guessed anyhow; masking
every "1" would leave no text readable."""


def settle_configs(
    graph: AssetGraph, keys: Iterable[str], run_config: RunConfig | Mapping[str, Any] | None
) -> dict[str, NodeConfig]:
    """Return the config of each of the assets that takes one.

    Raises InvalidConfigError for an unknown asset or field, a wrong value, or a field that needs one.
    """
    found = settling.settle_configs(config_classes(graph), run_config, [(key,) for key in keys])
    return {path[0]: config for path, config in found.items()}


def config_classes(graph: AssetGraph) -> dict[settling.Path, Any]:
    """Return the Config of every node that a run config may name, by its path; None where it takes none."""
    return {
        (key,): node.definition.signature.config if node.definition is not None else None
        for key, node in graph.nodes.items()
    }


def settle_resources(
    graph: AssetGraph, keys: Iterable[str], resources: Mapping[str, Any]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the resources that making the assets takes, resolved, and the secret texts among them.

    The IO managers of what they read are among them. Raises InvalidConfigError, naming the variable, where an
    environment variable is missing.
    """
    if not resources:
        return {}, frozenset()
    return settling.settle_resources(resources, resource_names(graph, keys))


def resource_names(graph: AssetGraph, keys: Iterable[str]) -> set[str]:
    """Return the names of the resources that making the assets takes, and reading what they read."""
    names = {"io_manager"}
    for node in (graph.nodes[key] for key in keys):
        if node.definition is not None:
            names.update(node.definition.signature.resources)
        for one in (node, *(graph.nodes[up] for up in node.upstream)):
            if one.definition is not None and one.definition.io_manager_key is not None:
                names.add(one.definition.io_manager_key)
    return names


def settle_secrets(*several: Iterable[str]) -> tuple[str, ...]:
    """Return the texts to be masked, longer ones first."""
    texts = {text for one in several for text in one if len(text) >= SHORTEST_SECRET}
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def facts_of(definition: AssetsDefinition) -> dict[str, Any]:
    """Return what is recorded about a definition with each of its materializations."""
    spec, function = definition.spec, definition.function
    return {
        "group": spec.group_name,
        "kinds": list(spec.kinds),
        "tags": dict(spec.tags),
        "owners": list(spec.owners),
        "description": spec.description,
        "deps": list(dict.fromkeys(dependency.key for dependency in definition.dependencies)),
        "partitions": str(spec.partitions_def) if spec.partitions_def is not None else None,
        "source": f"{function.__module__}:{function.__qualname__}",
        "metadata": plain(spec.metadata) if spec.metadata else {},
    }
