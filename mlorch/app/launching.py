"""The verb launch: run a job of a project by its name, be it of assets or of ops."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlorch.app.inputs import given_inputs
from mlorch.app.jobs import run_job
from mlorch.app.materializing import Listener, Request, plan_request, run_request
from mlorch.app.preparing import settle_owners
from mlorch.app.results import ExecutionResult
from mlorch.app.targets import Partitions
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.jobs import AssetJob, JobDefinition
from mlorch.definitions.mapped import PartitionedConfig, config_of
from mlorch.errors import UserError
from mlorch.instance import Instance
from mlorch.planning.selection import select


def launch(
    definitions: Definitions,
    instance: Instance,
    job: AssetJob | JobDefinition,
    request: Request | None = None,
    listener: Listener | None = None,
) -> ExecutionResult:
    """Carry out a job; what the request says is laid over what the job says.

    Raises UserErrors before any step runs; failures are in the result.
    """
    asked = _asked(definitions, job, request or Request())
    asked = replace(asked, declared=asked.declared or job.executor_def or definitions.executor)
    if isinstance(job, AssetJob):
        return run_request(definitions, instance, asked, listener or Listener())
    return run_job(job, instance, asked, listener, resources=definitions.resources, is_config_whole=True)


def check_launch(
    definitions: Definitions, instance: Instance, job: AssetJob | JobDefinition, request: Request
) -> Request:
    """Return the request with what the job says; raises what `launch` would for the request itself.

    What the process that carries it out has to have, such as environment variables, is not looked at.
    """
    asked = _asked(definitions, job, request)
    if isinstance(job, AssetJob):
        plan_request(definitions, instance, asked)
        return asked
    given_inputs(job, asked.run_config)
    settle_owners([job], None, asked.run_config)
    if asked.partitions.key is not None and job.partitions_def is not None:
        job.partitions_def.validate_partition_key(asked.partitions.key)
    return asked


def _asked(definitions: Definitions, job: AssetJob | JobDefinition, request: Request) -> Request:
    asked = of_job(job, request)
    if isinstance(job, JobDefinition):
        if asked.partitions.range is not None or asked.partitions.all:
            raise UserError(f"{job!r} makes no assets; run it for one partition at a time")
    elif isinstance(job.config, PartitionedConfig) and not _is_partitioned(asked, definitions):
        # The partition chose the config, and there is nothing else for it to choose.
        return replace(asked, partitions=Partitions())
    return asked


def of_job(job: AssetJob | JobDefinition, request: Request) -> Request:
    """Return a request with what the job says where the request says nothing.

    Raises UserError where the job's config is one for each partition and none is named.
    """
    key = request.partitions.key
    tags = {**job.tags, **request.tags}
    if isinstance(job.config, PartitionedConfig) and key is not None:
        tags = {**job.config.get_tags_for_partition_key(key), **tags}
    given: dict[str, Any] = {
        "job": job.name,
        "tags": tags,
        "run_config": config_of(job.config, key, request.run_config),
    }
    if isinstance(job, AssetJob):
        given["selection"] = request.selection or job.selection
        given["op_retry_policy"] = request.op_retry_policy or job.op_retry_policy
        given["hooks"] = request.hooks | job.hooks
    return replace(request, **given)


def _is_partitioned(asked: Request, definitions: Definitions) -> bool:
    nodes = definitions.graph.nodes
    return any(nodes[key].partitions_def is not None for key in select(asked.selection, definitions.graph))
