"""Run configs, checked without a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlorch.app.preparing import owners_of, prepare_run
from mlorch.app.projects import ResolvedJob
from mlorch.definitions.config import RunConfig
from mlorch.definitions.jobs import AssetJob, JobDefinition
from mlorch.definitions.mapped import config_of
from mlorch.errors import UserError
from mlorch.planning.selection import select


def validate_run_config(
    job_def: JobDefinition | ResolvedJob, run_config: RunConfig | Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Check a run config, or the job's own, as a run would; return it as a run records it.

    Raises InvalidConfigError with all that is wrong, and UserError for a job whose assets nobody knows.
    """
    if isinstance(job_def, ResolvedJob):
        return _validated(job_def.definition, run_config, job_def)
    if isinstance(job_def, JobDefinition):
        return _validated(job_def, run_config, None)
    raise UserError(
        f"{job_def!r} knows its assets only among definitions; give Definitions(…).resolve_job_def(NAME)"
    )


def _validated(
    job: AssetJob | JobDefinition,
    run_config: RunConfig | Mapping[str, Any] | None,
    within: ResolvedJob | None,
) -> Mapping[str, Any]:
    config = config_of(job.config, None, run_config)
    resources: dict[str, Any] = dict(within.definitions.resources) if within is not None else {}
    if isinstance(job, JobDefinition):
        found = prepare_run("", [job], None, {**resources, **job.resource_defs}, run_config=config)
    else:
        assert within is not None
        graph = within.definitions.graph
        owners = owners_of(graph, select(job.selection, graph))
        found = prepare_run("", owners, graph, resources, run_config=config)
    return found.run_config
