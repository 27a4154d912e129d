"""One run: its identity, and what was settled before its first step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.config import Config, RunConfig, make_config
from mlorch.definitions.fields import Fields, values_of
from mlorch.definitions.graph import AssetGraph
from mlorch.errors import InvalidConfigError, nearest
from mlorch.execution.metadata import plain
from mlorch.planning.versions import config_digest


@dataclass(frozen=True, slots=True)
class AssetConfig:
    """The config of an asset in this run: its values, as recorded, their digest, and the secrets in them."""

    value: Config
    recorded: Mapping[str, Any]
    digest: str
    secrets: frozenset[str] = frozenset()


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
    secrets: tuple[str, ...] = ()
    """Texts that must not be kept anywhere, those before that are parts of others."""


SHORTEST_SECRET = 4
"""Characters. What is shorter is a number or a flag from the environment and can be guessed anyhow; masking
every "1" would leave no text readable."""


def settle_configs(
    graph: AssetGraph, keys: Iterable[str], run_config: RunConfig | Mapping[str, Any] | None
) -> dict[str, AssetConfig]:
    """Return the config of each of the assets that takes one, and of those that the run config names.

    Raises InvalidConfigError for an unknown asset or field, a wrong value, or a field that needs one.
    """
    given = _by_asset(graph, run_config)
    configs = {}
    for key in dict.fromkeys((*keys, *given)):
        definition = graph.nodes[key].definition
        wanted = definition.signature.config if definition is not None else None
        if wanted is None:
            if key in given:
                raise InvalidConfigError(f"the run config names {key!r}, an asset without a config parameter")
            continue
        config = make_config(wanted, given.get(key, {}), f"the config of asset {key!r}")
        recorded = config.recorded()
        recorded = config.recorded()
        secrets = frozenset(config.secrets())
        configs[key] = AssetConfig(config.resolved(), recorded, config_digest(recorded), secrets)
    return configs


def settle_resources(
    graph: AssetGraph, keys: Iterable[str], resources: Mapping[str, Any]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the resources that making the assets takes, resolved, and the secret texts among them.

    The IO managers of what they read are among them. Raises InvalidConfigError, naming the variable, where an
    environment variable is missing.
    """
    if not resources:
        return {}, frozenset()
    names = {"io_manager"}
    for node in (graph.nodes[key] for key in keys):
        if node.definition is not None:
            names.update(node.definition.signature.resources)
        for one in (node, *(graph.nodes[up] for up in node.upstream)):
            if one.definition is not None and one.definition.io_manager_key is not None:
                names.add(one.definition.io_manager_key)
    return resolve_resources(resources, names)


def resolve_resources(
    resources: Mapping[str, Any], names: Iterable[str]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the named resources, those that there are, resolved, and the secret texts among them."""
    wanted = {name: resources[name] for name in sorted(names) if name in resources}
    fields = [one for one in wanted.values() if isinstance(one, Fields)]
    secrets = frozenset().union(*(one.secrets() for one in fields))
    resolved = {name: one.resolved() if isinstance(one, Fields) else one for name, one in wanted.items()}
    return resolved, secrets


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


def _by_asset(graph: AssetGraph, run_config: RunConfig | Mapping[str, Any] | None) -> dict[str, Any]:
    if run_config is None:
        return {}
    if isinstance(run_config, RunConfig):
        run_config = {"ops": {name: {"config": one} for name, one in run_config.ops.items()}}
    _check_section(run_config, "ops", "the run config")
    ops = run_config.get("ops") or {}
    if not isinstance(ops, Mapping):
        raise InvalidConfigError(f"the run config: ops should be {{ASSET: …}}, not {ops!r}; {_SHAPE}")
    found = {}
    for name, section in ops.items():
        key = name if name in graph.nodes else str(name).replace("__", "/")
        if key not in graph.nodes:
            raise InvalidConfigError(f"the run config names {name!r}, no asset{nearest(key, graph.nodes)}")
        _check_section(section, "config", f"the run config of {name!r}")
        config = section.get("config") or {}
        if isinstance(config, Fields):
            config = values_of(config)
        if not isinstance(config, Mapping):
            raise InvalidConfigError(f"the run config of {name!r} should be fields, not {config!r}; {_SHAPE}")
        found[key] = config
    return found


_SHAPE = "write {ops: {ASSET: {config: {FIELD: VALUE}}}}"


def _check_section(section: Any, only: str, where: str) -> None:
    """Refuse a section that is no mapping, or has another key than the one it may have."""
    if not isinstance(section, Mapping):
        raise InvalidConfigError(f"{where} should be {{{only}: …}}, not {section!r}; {_SHAPE}")
    for name in section:
        if name == "resources" and only == "ops":
            raise InvalidConfigError(f"{where} can't configure resources; give resources=… another value")
        if name != only:
            raise InvalidConfigError(f"{where} has no section {name!r}{nearest(str(name), [only])}; {_SHAPE}")
