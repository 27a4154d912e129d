"""What a project declares, with the verbs that people call on it: what `mlorch.Definitions` is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlorch.definitions import definitions as declared
from mlorch.definitions.assets import AssetsDefinition, map_asset_specs
from mlorch.definitions.jobs import AssetJob, JobDefinition
from mlorch.errors import InvalidDefinitionError, nearest

if TYPE_CHECKING:
    from mlorch.app.results import ExecutionResult
    from mlorch.definitions.graph import AssetGraph
    from mlorch.definitions.keys import CoercibleToAssetKey
    from mlorch.definitions.schedules import ScheduleDefinition
    from mlorch.definitions.selections import CoercibleToAssetSelection
    from mlorch.definitions.sensors import SensorDefinition
    from mlorch.definitions.specs import AssetSpec
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
            executor="in_process",
        )
        held = instance or Instance.ephemeral()
        result = launch(self.definitions, held, self.definition, request)
        if raise_on_error:
            result.raise_failure()
        return result

    def __repr__(self) -> str:
        return f"<job {self.name}>"


class AssetValueLoader:
    """Loads values of assets out of one instance."""

    def __init__(self, definitions: Definitions, instance: Instance) -> None:
        self._definitions = definitions
        self._instance = instance

    def load_asset_value(
        self, asset_key: object, *, python_type: Any = None, partition_key: str | None = None
    ) -> Any:
        """Return the latest value of an asset. Raises NotFoundError."""
        return self._definitions.load_asset_value(
            asset_key, python_type=python_type, instance=self._instance, partition_key=partition_key
        )


class Definitions(declared.Definitions):
    """What exists: assets, jobs, schedules, sensors and resources.

    Raises InvalidDefinitionError, naming what is wrong, where they contradict each other.
    """

    def resolve_job_def(self, name: str) -> ResolvedJob:
        """Return the job called `name`, to run. Raises InvalidDefinitionError, suggesting the nearest."""
        return ResolvedJob(self.job(name), self)

    get_job_def = resolve_job_def

    def resolve_schedule_def(self, name: str) -> ScheduleDefinition:
        """Return a schedule, which knows the partitions of its job. Raises InvalidDefinitionError."""
        from mlorch.app.ticking import resolved_schedule

        return resolved_schedule(self, name)

    get_schedule_def = resolve_schedule_def

    def resolve_sensor_def(self, name: str) -> SensorDefinition:
        """Return a sensor. Raises InvalidDefinitionError, suggesting the nearest."""
        if name not in self.sensors:
            raise InvalidDefinitionError(f"there is no sensor {name!r}{nearest(name, self.sensors)}")
        return self.sensors[name]

    get_sensor_def = resolve_sensor_def

    def resolve_asset_graph(self) -> AssetGraph:
        """Return every asset by key, with its edges. Raises MissingDefinitionError."""
        return self.graph

    get_asset_graph = resolve_asset_graph

    def resolve_assets_def(self, key: CoercibleToAssetKey) -> AssetsDefinition:
        """Return what makes an asset, or declares it as external. Raises InvalidDefinitionError."""
        node = self.graph.get(key)
        return node.definition or AssetsDefinition(specs=[node.spec])

    get_assets_def = resolve_assets_def

    def resolve_all_asset_specs(self) -> Sequence[AssetSpec]:
        """Return what is said of every asset, also of those that are only depended on."""
        return [node.spec for node in self.graph.nodes.values()]

    get_all_asset_specs = resolve_all_asset_specs

    def map_asset_specs(
        self, *, func: Callable[[AssetSpec], AssetSpec], selection: CoercibleToAssetSelection | None = None
    ) -> Definitions:
        """Return a copy with what a function makes of the specs of all its assets, or of those selected."""
        from mlorch.planning.selection import AssetSelection

        chosen = None if selection is None else AssetSelection.from_coercible(selection).resolve(self.graph)

        def mapped(spec: AssetSpec) -> AssetSpec:
            return func(spec) if chosen is None or spec.key in chosen else spec

        return Definitions(
            map_asset_specs(mapped, self.assets),
            asset_checks=self.asset_checks,
            jobs=self.jobs.values(),
            schedules=self.schedules.values(),
            sensors=self.sensors.values(),
            resources=self.resources,
            executor=self.executor,
            metadata=self.metadata,
        )

    map_resolved_asset_specs = map_asset_specs

    @contextmanager
    def get_asset_value_loader(self, instance: Instance | None = None) -> Iterator[AssetValueLoader]:
        """Give what loads values of several assets; `instance` defaults to the project's."""
        from mlorch.instance import Instance

        if instance is not None:
            yield AssetValueLoader(self, instance)
            return
        with Instance.get() as held:
            yield AssetValueLoader(self, held)

    @staticmethod
    def validate_loadable(defs: declared.Definitions) -> None:
        """Raise InvalidDefinitionError for what shows when names are resolved: of assets, and in jobs."""
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
