"""Everything that a project declares, in one checked value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from mlorch.definitions.asset_checks import AssetChecksDefinition
from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.doubles import with_doubles
from mlorch.definitions.executors import ExecutorDefinition
from mlorch.definitions.graph import AssetGraph, make_graph
from mlorch.definitions.io import IOManager
from mlorch.definitions.jobs import AssetJob, JobDefinition
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.nodes import OpNode
from mlorch.definitions.schedules import ScheduleDefinition
from mlorch.definitions.sensors import SensorDefinition
from mlorch.definitions.signature import EMPTY
from mlorch.definitions.specs import AssetSpec
from mlorch.definitions.wiring import check_nested, check_resource, makes_something
from mlorch.errors import InvalidDefinitionError, MissingDefinitionError, nearest

if TYPE_CHECKING:
    from mlorch.definitions.automation import AutomationCondition


class Definitions:
    """What exists: assets, jobs, schedules, sensors and resources.

    Raises InvalidDefinitionError, naming what is wrong, where they contradict each other. What they name and
    another Definitions may declare is missed later: where the graph is asked for, as `merge` may add it.
    """

    def __init__(
        self,
        assets: Iterable[AssetsDefinition | AssetSpec] = (),
        *,
        asset_checks: Iterable[AssetChecksDefinition] | None = None,
        jobs: Iterable[AssetJob | JobDefinition] = (),
        schedules: Iterable[ScheduleDefinition] = (),
        sensors: Iterable[SensorDefinition] = (),
        resources: Mapping[str, Any] | None = None,
        executor: ExecutorDefinition | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        given = (*assets, *(asset_checks or ()))
        self.assets = tuple(one for one in given if not isinstance(one, AssetChecksDefinition))
        checks = {id(one): one for one in given if isinstance(one, AssetChecksDefinition)}
        self.asset_checks = tuple(checks.values())
        self.schedules: dict[str, ScheduleDefinition] = _named(schedules, "schedule")
        self.sensors: dict[str, SensorDefinition] = _named(sensors, "sensor")
        if _has_conditions(self.assets, self.asset_checks):
            self._add_implicit_sensor()
        self.executor = executor
        self.metadata = dict(metadata or {})
        self.jobs: dict[str, AssetJob | JobDefinition] = _named((*jobs, *self._jobs_meant()), "job")
        of_checks = {name: one for check in self.asset_checks for name, one in check.resource_defs.items()}
        given_resources = {**of_checks, **(resources or {})}
        self.resources = with_doubles(given_resources) if given_resources else {}
        self._graph: AssetGraph | None = None
        self._incomplete: MissingDefinitionError | None = None
        try:
            self._graph = self._checked()
        except MissingDefinitionError as error:
            self._incomplete = error

    @property
    def graph(self) -> AssetGraph:
        """Every asset by key. Raises MissingDefinitionError where they name what they do not declare."""
        if self._graph is None:
            raise self._incomplete or MissingDefinitionError("the definitions are not complete")
        return self._graph

    def _checked(self) -> AssetGraph:
        graph = make_graph(self.assets, self.asset_checks)
        self._check_jobs()
        _check_resources(graph, self.resources)
        self._check_ops()
        return graph

    def job(self, name: str) -> AssetJob | JobDefinition:
        """Return the job called `name`. Raises InvalidDefinitionError, suggesting the nearest."""
        if self._incomplete is not None:
            raise self._incomplete
        try:
            return self.jobs[name]
        except KeyError:
            raise InvalidDefinitionError(f"there is no job {name!r}{nearest(name, self.jobs)}") from None

    @classmethod
    def merge(cls, *several: Definitions) -> Self:
        """Return all of them as one. Raises InvalidDefinitionError where two differ on a resource."""
        resources: dict[str, Any] = {}
        for one in several:
            for name, resource in one.resources.items():
                if resources.setdefault(name, resource) is not resource:
                    raise InvalidDefinitionError(f"the resource {name!r} is declared twice, differently")
        return cls(
            [asset for one in several for asset in one.assets],
            asset_checks=[check for one in several for check in one.asset_checks],
            jobs=[job for one in several for job in one.jobs.values()],
            schedules=[schedule for one in several for schedule in one.schedules.values()],
            sensors=[sensor for one in several for sensor in one.sensors.values() if not sensor.is_implicit],
            resources=resources,
        )

    def _add_implicit_sensor(self) -> None:
        from mlorch.definitions.automation_sensors import implicit_sensor

        made = implicit_sensor(self.sensors.values())
        if made is not None:
            self.sensors[made.name] = made

    def _jobs_meant(self) -> list[AssetJob | JobDefinition]:
        return [job for one in self.timed() for job in one.target.jobs]

    def _check_ops(self) -> None:
        for job in self.jobs.values():
            if isinstance(job, JobDefinition):
                for path, node in job.op_nodes.items():
                    known = {**self.resources, **job.resource_defs}
                    _check_op_resources(f"job {job.name!r}, op {path!r}", node, known)
            elif self.assets:
                _check_hooks(job.hooks, self.resources)

    def timed(self) -> Iterator[ScheduleDefinition | SensorDefinition]:
        """Yield what runs something by itself."""
        yield from self.schedules.values()
        yield from self.sensors.values()

    def _check_jobs(self) -> None:
        for one in self.timed():
            for name in one.target.names:
                if name not in self.jobs:
                    raise MissingDefinitionError(
                        f"{one} runs the job {name!r}, which is not declared{nearest(name, self.jobs)}"
                    )
            for name in one.required_resource_keys:
                check_resource(str(one), name, EMPTY, self.resources)
            for name, wanted in one.resource_params.items():
                check_resource(str(one), name, wanted, self.resources)


def load_assets_from_modules(
    modules: Sequence[ModuleType],
    *,
    group_name: str | None = None,
    key_prefix: str | Sequence[str] | None = None,
    automation_condition: AutomationCondition | None = None,
) -> list[AssetsDefinition | AssetSpec]:
    """Return the assets found as attributes of the modules, each once, in the order they stand there.

    Those that can be made and have no `automation_condition` get this one.
    """
    found: dict[int, AssetsDefinition | AssetSpec] = {}
    for module in modules:
        for value in vars(module).values():
            for one in value if isinstance(value, list | tuple) else (value,):
                if isinstance(one, AssetsDefinition | AssetSpec) and not isinstance(
                    one, AssetChecksDefinition
                ):
                    found.setdefault(id(one), one)
    if automation_condition is not None:
        condition = automation_condition
        found = {id(one): _with_condition(one, condition) for one in found.values()}
    if group_name is None and key_prefix is None:
        return list(found.values())
    keys = {str(key): key for one in found.values() for key in keys_of(one)}
    renamed = {name: key.with_prefix(key_prefix) if key_prefix else key for name, key in keys.items()}
    return [one.placed(renamed, group_name) for one in found.values()]


def _with_condition(
    one: AssetsDefinition | AssetSpec, condition: AutomationCondition
) -> AssetsDefinition | AssetSpec:
    if isinstance(one, AssetSpec) or not one.is_executable or one.is_observed:
        return one
    return one.map_asset_specs(
        lambda spec: spec.replace_attributes(automation_condition=spec.automation_condition or condition)
    )


def _has_conditions(
    assets: Iterable[AssetsDefinition | AssetSpec], checks: Iterable[AssetChecksDefinition]
) -> bool:
    """Tell whether something is made or checked here by itself."""
    makers = [one for one in assets if isinstance(one, AssetsDefinition) and one.is_executable]
    if any(spec.automation_condition is not None for one in makers for spec in one.specs.values()):
        return True
    return any(s.automation_condition is not None for one in (*makers, *checks) for s in one.check_specs)


def keys_of(one: AssetsDefinition | AssetSpec) -> Iterable[AssetKey]:
    """Return the keys of what is declared."""
    return one.keys if isinstance(one, AssetsDefinition) else (one.key,)


def _named(several: Iterable[Any], what: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in several:
        if found.setdefault(one.name, one) is not one:
            raise InvalidDefinitionError(f"the {what} {one.name!r} is declared twice; rename one")
    return found


def _check_resources(graph: AssetGraph, resources: Mapping[str, Any]) -> None:
    if resources:
        check_nested(resources)
    makers = {
        f"asset {node.key!r}": node.definition for node in graph.nodes.values() if node.definition is not None
    }
    makers |= {f"check {key.name!r}": definition for key, definition in graph.checks.items()}
    for owner, definition in makers.items():
        for op_node in definition.op_nodes.values():
            _check_op_resources(owner, op_node, resources)


def _check_hooks(hooks: Iterable[Any], resources: Mapping[str, Any]) -> None:
    for hook in sorted(hooks, key=lambda one: one.name):
        for name in sorted(hook.required_resource_keys):
            check_resource(f"hook {hook.name!r}", name, EMPTY, resources)


def _check_op_resources(owner: str, node: OpNode, resources: Mapping[str, Any]) -> None:
    _check_hooks(node.hooks, resources)
    op = node.op
    for name in op.required_resource_keys:
        check_resource(owner, name, EMPTY, resources)
    for name, wanted in op.signature.resources.items():
        check_resource(owner, name, wanted, resources)
    for out in op.outs.values():
        key = out.io_manager_key
        if key is not None and key not in resources:
            raise MissingDefinitionError(
                f"{owner}: no resource gives its io_manager_key {key!r}{nearest(key, resources)}"
            )
        keeper = resources.get(key or "io_manager")
        if keeper is not None and not (isinstance(keeper, IOManager) or makes_something(keeper)):
            raise InvalidDefinitionError(
                f"{owner}: the resource {key or 'io_manager'!r} should be an IOManager, "
                f"not a {type(keeper).__name__}"
            )
