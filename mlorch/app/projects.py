"""What a project declares, with the verbs that people call on it: what `mlorch.Definitions` is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlorch.definitions import definitions as declared
from mlorch.definitions.jobs import AssetJob, JobDefinition

if TYPE_CHECKING:
    from mlorch.app.results import ExecutionResult
    from mlorch.instance import Instance

# The verbs are imported when they are called: workers, and commands that only look, need none of them.


class ResolvedJob:
    """A job among the definitions that it runs with."""

    def __init__(self, job: AssetJob | JobDefinition, definitions: declared.Definitions) -> None:
        self.definitions = definitions
        self.definition = job
        self.name = job.name
        self.description = job.description
        self.tags = job.tags
        self.metadata = job.metadata
        self.partitions_def = job.partitions_def

    def execute_in_process(
        self,
        *,
        run_config: Any = None,
        instance: Instance | None = None,
        partition_key: str | None = None,
        raise_on_error: bool = True,
        tags: Mapping[str, str] | None = None,
        asset_selection: Sequence[Any] | None = None,
    ) -> ExecutionResult:
        """Run the job in this process; `instance` defaults to one in memory.

        Raises what the first failed step raised unless `raise_on_error` is False, and UserErrors before any
        step runs.
        """
        from mlorch.app.launching import launch
        from mlorch.app.materializing import Request
        from mlorch.app.targets import Partitions
        from mlorch.instance import Instance

        request = Request(
            selection=asset_selection,
            partitions=Partitions(key=partition_key),
            run_config=run_config,
            tags=tags or {},
        )
        held = instance or Instance.ephemeral()
        result = launch(self.definitions, held, self.definition, request)
        if raise_on_error:
            result.raise_failure()
        return result

    def __repr__(self) -> str:
        return f"<job {self.name}>"


class Definitions(declared.Definitions):
    """What exists: assets, jobs, schedules, sensors and resources.

    Raises InvalidDefinitionError, naming what is wrong, where they contradict each other.
    """

    def resolve_job_def(self, name: str) -> ResolvedJob:
        """Return the job called `name`, to run. Raises InvalidDefinitionError, suggesting the nearest."""
        return ResolvedJob(self.job(name), self)

    get_job_def = resolve_job_def

    @staticmethod
    def validate_loadable(defs: declared.Definitions) -> None:
        """Raise InvalidDefinitionError for what only shows when names are resolved: the selections of jobs."""
        from mlorch.app.opening import check_selections

        check_selections(defs)

    def resolve_implicit_global_asset_job_def(self) -> ResolvedJob:
        """Return a job of every asset that has a function."""
        return ResolvedJob(AssetJob("__ASSET_JOB"), self)

    def load_asset_value(
        self,
        asset_key: object,
        *,
        python_type: Any = None,
        instance: Instance | None = None,
        partition_key: str | None = None,
    ) -> Any:
        """Return the latest value of an asset; `instance` defaults to the project's. Raises NotFoundError."""
        from mlorch.app.loading import load_asset

        return load_asset(asset_key, partition_key, instance=instance, definitions=self)
