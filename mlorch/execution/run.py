"""One run: its identity, and what was settled before its first step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.config import Config, Fields, RunConfig, make_config
from mlorch.definitions.graph import AssetGraph, AssetNode
from mlorch.errors import InvalidConfigError, nearest
from mlorch.execution.context import plain
from mlorch.planning.versions import config_digest


@dataclass(frozen=True, slots=True)
class AssetConfig:
    """The config of an asset in this run: its values, as recorded, and their digest."""

    value: Config
    recorded: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What every step of a run shares."""

    run_id: str
    job: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    configs: Mapping[str, AssetConfig] = field(default_factory=dict)
    """By asset key, of the assets that take a config."""
    resources: Mapping[str, Any] = field(default_factory=dict)
    """By name, with environment variables resolved."""
    secrets: frozenset[str] = frozenset()
    """Texts that must not be kept anywhere."""


def settle_configs(
    graph: AssetGraph, keys: Iterable[str], run_config: RunConfig | Mapping[str, Any] | None
) -> dict[str, AssetConfig]:
    """Return the config of each of the assets that takes one, before anything runs.

    Raises InvalidConfigError for an unknown asset or field, a wrong value, or a field that needs one.
    """
    given = _by_asset(graph, run_config)
    configs = {}
    for key in keys:
        definition = graph.nodes[key].definition
        wanted = definition.signature.config if definition is not None else None
        if wanted is None:
            if key in given:
                raise InvalidConfigError(f"the run config names {key!r}, an asset without a config parameter")
            continue
        config = make_config(wanted, given.get(key, {}), f"the config of asset {key!r}")
        recorded = config.recorded()
        configs[key] = AssetConfig(config.resolved(), recorded, config_digest(recorded))
    return configs


def settle_resources(
    nodes: Iterable[AssetNode], resources: Mapping[str, Any]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the resources that the assets take, resolved, and the secret texts among them.

    Raises InvalidConfigError, naming the variable, where an environment variable is missing.
    """
    names = {"io_manager"}
    for node in nodes:
        if node.definition is not None:
            names.update(node.definition.signature.resources)
            names.add(node.definition.io_manager_key or "io_manager")
    wanted = {name: resources[name] for name in sorted(names & resources.keys())}
    fields = [one for one in wanted.values() if isinstance(one, Fields)]
    secrets = frozenset().union(*(one.secrets() for one in fields)) - {""}
    resolved = {name: one.resolved() if isinstance(one, Fields) else one for name, one in wanted.items()}
    return resolved, secrets


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


def _by_asset(graph: AssetGraph, run_config: RunConfig | Mapping[str, Any] | None) -> dict[str, Any]:
    if run_config is None:
        return {}
    text = run_config.to_config_dict() if isinstance(run_config, RunConfig) else run_config
    unknown = sorted(text.keys() - {"ops", "resources", "execution", "loggers"})
    if unknown:
        raise InvalidConfigError(
            f"the run config has no section {unknown[0]!r}{nearest(unknown[0], ['ops', 'resources'])}; "
            "write {ops: {ASSET: {config: {FIELD: VALUE}}}}"
        )
    found = {}
    for name, section in (text.get("ops") or {}).items():
        key = name if name in graph.nodes else name.replace("__", "/")
        if key not in graph.nodes:
            raise InvalidConfigError(f"the run config names {name!r}, no asset{nearest(name, graph.nodes)}")
        if not isinstance(section, Mapping) or not isinstance(section.get("config", {}), Mapping):
            raise InvalidConfigError(f"the run config of {name!r} should be {{config: {{FIELD: VALUE}}}}")
        found[key] = section.get("config", {})
    return found
