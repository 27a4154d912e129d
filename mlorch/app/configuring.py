"""The verbs about run configs: their schema, a form to fill in, and whether one holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from mlorch.app.preparing import Owner, configs_of, owners_of, resource_names, settle_owners
from mlorch.definitions.config import Config, RunConfig, make_config
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.environment import Late
from mlorch.definitions.fields import values_of
from mlorch.definitions.jobs import AssetJob, JobDefinition
from mlorch.definitions.mapped import ConfigMapping, PartitionedConfig
from mlorch.definitions.resources import AtLaunch, ConfigurableResourceFactory, configured
from mlorch.definitions.schemas import node_place, run_scaffold, run_schema, run_sections
from mlorch.errors import InvalidConfigError
from mlorch.execution.sections import Path, read_sections, shown
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


def check_kept_config(
    definitions: Definitions, job: AssetJob | JobDefinition | None, run_config: Mapping[str, Any]
) -> None:
    """Check a run config that is kept until its run begins: as a run would, and that no secret stands in it.

    Raises InvalidConfigError with what is wrong.
    """
    if job is not None and isinstance(job.config, ConfigMapping):
        if job.config.config_class is not None:
            made = make_config(job.config.config_class, run_config, "the run config")
            _refuse_secrets(made, "the run config")
        return
    graph = definitions.graph
    owners: list[Owner] = [job] if isinstance(job, JobDefinition) else []
    settle_owners(owners, None if owners else graph, run_config)
    sections = read_sections(run_config)
    everyone = owners or [*owners_of(graph, graph.nodes), *checkers(graph, graph.checks)]
    classes = dict(config for owner in everyone for config in configs_of(owner))
    for path, given in sections.ops.items():
        kind = classes.get(path) or classes.get(tuple(name.replace("__", "/") for name in path))
        if kind is not None:
            where = f"the config of {shown(path)}"
            _refuse_secrets(make_config(kind, given, where), where)
    for name, given in sections.resources.items():
        found = definitions.resources.get(name)
        if given and isinstance(found, ConfigurableResourceFactory | AtLaunch):
            where = f"the config of resource {name!r}"
            values = values_of(configured(found, given, where))
            _refuse_secrets({field: one for field, one in values.items() if field in given}, where)


def _refuse_secrets(value: Any, where: str) -> None:
    """Raise InvalidConfigError for a secret that stands in a value itself, not in the environment."""
    if isinstance(value, SecretStr | SecretBytes):
        raise InvalidConfigError(
            f"{where}: a secret would be kept in the log until the run begins; give its environment "
            "variable instead: EnvVar('NAME'), or {'env': 'NAME'} in a dict"
        )
    if isinstance(value, Late):
        return
    if isinstance(value, BaseModel):
        # What nobody gave comes from the code again.
        value = {name: one for name, one in values_of(value).items() if name in value.model_fields_set}
    if isinstance(value, Mapping):
        for name, one in value.items():
            _refuse_secrets(one, f"{where}, field {name!r}")
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            _refuse_secrets(one, where)
