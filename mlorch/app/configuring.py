"""The verbs about run configs: their schema, a form to fill in, and whether one holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlorch.app.preparing import Owner, configs_of, owners_of, resource_names
from mlorch.definitions.config import Config, RunConfig
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.jobs import JobDefinition
from mlorch.definitions.mapped import ConfigMapping, PartitionedConfig
from mlorch.definitions.schemas import node_place, run_scaffold, run_schema, run_sections
from mlorch.execution.sections import Path, read_sections
from mlorch.execution.settling import needed_names, settle_configs, settle_resources
from mlorch.planning.check_selection import select_checks
from mlorch.planning.checking import checkers
from mlorch.planning.selection import select


@dataclass(frozen=True, slots=True)
class Configurable:
    """A job, or a selection, as far as a run config goes."""

    title: str
    wanted: Mapping[Path, type[Config] | None]
    resources: Mapping[str, Any]
    config: Any
    """The job's own."""


def configurable(definitions: Definitions, name: str) -> Configurable:
    """Return the job called `name`, or the assets of a selection. Raises InvalidSelectionError."""
    job = definitions.jobs.get(name)
    graph = definitions.graph
    owners: list[Owner]
    if isinstance(job, JobDefinition):
        owners = [job]
    else:
        selection = job.selection if job is not None else name
        made = owners_of(graph, select(selection, graph))
        owners = [*made, *checkers(graph, select_checks(selection, graph))]
    taken = {name for owner in owners for name in resource_names(owner, graph)}
    names = needed_names(definitions.resources, taken)
    return Configurable(
        f"The run config of {'job ' if job is not None else ''}{name}",
        dict(config for owner in owners for config in configs_of(owner)),
        {one: made for one, made in definitions.resources.items() if one in names},
        job.config if job is not None else None,
    )


def config_schema(found: Configurable) -> dict[str, Any]:
    """Return the JSON schema of the run config."""
    if isinstance(found.config, ConfigMapping) and found.config.config_class is not None:
        return {**found.config.config_class.model_json_schema(), "title": found.title}
    return run_schema(found.title, run_sections(found.wanted, found.resources))


def config_scaffold(found: Configurable) -> str:
    """Return YAML to fill in, with what the job says already."""
    is_worked_out = isinstance(found.config, ConfigMapping | PartitionedConfig)
    given = read_sections(None if is_worked_out else found.config)
    places = {node_place(path): one for path, one in given.ops.items()}
    places |= {("resources", name): one for name, one in given.resources.items()}
    return run_scaffold(found.title, run_sections(found.wanted, found.resources), places)


def validate_config(
    definitions: Definitions, found: Configurable, run_config: RunConfig | Mapping[str, Any] | None
) -> None:
    """Check a run config as a run would. Raises InvalidConfigError with everything that is wrong."""
    config = found.config.resolve(run_config) if isinstance(found.config, ConfigMapping) else run_config
    graph = definitions.graph
    everything = (*owners_of(graph, graph.nodes), *checkers(graph, graph.checks))
    classes = dict(config for owner in everything for config in configs_of(owner))
    settle_configs(classes, config, found.wanted)
    settle_resources(definitions.resources, found.resources, read_sections(config).resources)
