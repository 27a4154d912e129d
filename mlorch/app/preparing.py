"""What a run needs before its first step: configs, resources and secrets, settled and checked."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.config import Config, RunConfig
from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.graphs import GraphDefinition, OpNode
from mlorch.definitions.hooks import HookDefinition
from mlorch.definitions.jobs import JobDefinition
from mlorch.definitions.mapped import ConfigMapping, fixed_config
from mlorch.definitions.tags import max_runtime_of
from mlorch.events import RunStarted
from mlorch.execution.hand import RunInHand
from mlorch.execution.metadata import plain
from mlorch.execution.run import Run, settle_secrets
from mlorch.execution.sections import NOTHING, read_sections
from mlorch.execution.settling import NodeConfig, settle_configs, settle_resources
from mlorch.log import Slot
from mlorch.planning.checking import checkers
from mlorch.planning.plan import PlannedStep

Owner = AssetsDefinition | JobDefinition
"""What ops belong to."""


def prepare_run(
    run_id: str,
    owners: Iterable[Owner],
    graph: AssetGraph | None,
    resources: Mapping[str, Any],
    *,
    run_config: RunConfig | Mapping[str, Any] | None,
    job: str | None = None,
    tags: Mapping[str, str] | None = None,
    hooks: Iterable[HookDefinition] = (),
) -> Run:
    """Settle what making the owners takes; a run config may name whatever is in the graph beside them.

    Raises InvalidConfigError for an unknown name or field, a wrong or missing value, or an environment
    variable that is not set, and UserError for a tag that means something and is wrong.
    """
    if tags:
        max_runtime_of(tags)
    chosen = list(owners)
    may_differ = run_config is not None or any(map(_takes_config, chosen))
    configs = settle_owners(chosen, graph, run_config) if may_differ else {}
    names = {name for owner in chosen for name in resource_names(owner, graph)} if resources else set()
    names.update(name for hook in hooks for name in hook.required_resource_keys)
    told = read_sections(run_config) if run_config is not None else NOTHING
    given = told.resources
    resolved, secrets = settle_resources(resources, names, given) if resources or given else ({}, ())
    given_secrets = [one.secrets for one in configs.values() if one.secrets]
    return Run(
        run_id=run_id,
        job=job,
        tags=tags or {},
        run_config=_recorded(run_config),
        configs=configs,
        resources=resolved,
        log_level=told.log_level or logging.DEBUG,
        secrets=settle_secrets(secrets, *given_secrets) if secrets or given_secrets else (),
    )


def _takes_config(owner: Owner) -> bool:
    """Tell whether an op of it takes a config, or stands in a graph, which may give it one."""
    return any(node.path or node.op.config is not None for node in owner.op_nodes.values())


def settle_owners(
    owners: Sequence[Owner], graph: AssetGraph | None, run_config: RunConfig | Mapping[str, Any] | None
) -> dict[tuple[str, ...], NodeConfig]:
    """Return the config of each op of the owners that takes one, by its place. Raises as prepare_run."""
    needed = dict(config for owner in owners for config in configs_of(owner))
    everyone: list[Owner] = [getattr(owner, "whole", None) or owner for owner in owners]
    if run_config is not None and graph is not None:
        everyone += (*owners_of(graph, graph.nodes), *checkers(graph, graph.checks))
    wanted = {path: config for owner in everyone for path, config in configs_of(owner)}
    graphs = {path: config for owner in everyone for path, config in _graph_configs_of(owner)}
    return settle_configs(wanted, run_config, needed, graphs)


def in_hand(run: Run, steps: Sequence[PlannedStep], **facts: Any) -> RunInHand:
    """Return a run that is ready to carry out its steps of a plan; `facts` are those of RunStarted."""
    partitions = dict.fromkeys(key for step in steps for key in step.unit.partitions)
    slots = dict.fromkeys(slot for step in steps for slot in step.unit.slots)
    started = RunStarted(
        run_id=run.run_id,
        at=time.time(),
        job=run.job,
        partitions=tuple(partitions),
        steps=len(steps),
        targets=by_asset(slots),
        tags=run.tags,
        config=run.run_config,
        **facts,
    )
    return RunInHand(run, started)


def by_asset(slots: Iterable[Slot]) -> dict[str, list[str] | None]:
    """Return the partition keys of slots by asset, None for an asset without partitions."""
    found: dict[str, list[str] | None] = {}
    for key, partition in slots:
        if partition is None:
            found[key] = None
        else:
            keys = found.setdefault(key, [])
            assert keys is not None, "an asset has partitions or it has none"
            keys.append(partition)
    return found


def slots_of(targets: Mapping[str, Sequence[str] | None]) -> Iterator[Slot]:
    """Yield the slots that stand in the log by asset."""
    for key, partitions in targets.items():
        yield from ((key, one) for one in (partitions if partitions is not None else (None,)))


def owners_of(graph: AssetGraph, keys: Iterable[str]) -> Iterator[AssetsDefinition]:
    """Yield what makes the assets, each once."""
    seen = set()
    for key in keys:
        definition = graph.nodes[key].definition
        if definition is not None and id(definition) not in seen:
            seen.add(id(definition))
            yield definition


def configs_of(owner: Owner) -> Iterator[tuple[tuple[str, ...], type[Config] | None]]:
    """Yield where each op of an owner stands in a run config, and the Config that it takes."""
    section = section_of(owner)
    for node in owner.op_nodes.values():
        yield (*section, *node.path.split(".")) if node.path else section, node.op.config


def _graph_configs_of(owner: Owner) -> Iterator[tuple[tuple[str, ...], ConfigMapping]]:
    """Yield where each graph of an owner stands that gives its ops their config, outer ones first."""
    graph = owner.graph if isinstance(owner, JobDefinition) else owner.node
    if isinstance(graph, GraphDefinition):
        yield from _graph_configs(graph, section_of(owner))


def _graph_configs(
    graph: GraphDefinition, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], ConfigMapping]]:
    if graph.config is not None:
        yield path, graph.config if isinstance(graph.config, ConfigMapping) else fixed_config(graph.config)
    for name, node in graph.nodes.items():
        if isinstance(node.definition, GraphDefinition):
            yield from _graph_configs(node.definition, (*path, name))


def section_of(owner: Owner) -> tuple[str, ...]:
    """Return where the ops of an owner stand in a run config: those of a job's graph at the top."""
    return (owner.name,) if isinstance(owner, AssetsDefinition) else ()


def resource_names(owner: Owner, graph: AssetGraph | None) -> Iterator[str]:
    """Yield the resources that an owner takes, the IO managers of what it reads among them."""
    yield "io_manager"
    for node in owner.op_nodes.values():
        yield from _taken(node)
    if graph is None or not isinstance(owner, AssetsDefinition):
        return
    for dependency in owner.dependencies:
        reader = graph.reader(dependency)
        if reader is not None:
            yield reader
        above = graph.nodes[dependency.key].definition
        if above is not None:
            for node in above.op_nodes.values():
                yield from (out.io_manager_key for out in node.op.outs.values() if out.io_manager_key)


def _taken(node: OpNode) -> Iterator[str]:
    op = node.op
    yield from op.signature.resources
    yield from op.required_resource_keys
    yield from (name for hook in node.hooks for name in hook.required_resource_keys)
    yield from (out.io_manager_key for out in op.outs.values() if out.io_manager_key)
    yield from (one.input_manager_key for one in op.ins.values() if one.input_manager_key)


def _recorded(run_config: RunConfig | Mapping[str, Any] | None) -> dict[str, Any]:
    if run_config is None:
        return {}
    given = run_config if isinstance(run_config, Mapping) else run_config.to_config_dict()
    return plain(given)
