"""What a running step may ask and say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from mlorch.definitions.keys import AssetKey, key_text
from mlorch.definitions.multi import MultiPartitionKey
from mlorch.definitions.partitions import PartitionKeyRange
from mlorch.definitions.resources import RequiredResources
from mlorch.definitions.results import DataProvenance, DataVersion
from mlorch.definitions.signature import EMPTY
from mlorch.errors import NotFoundError, TypeCheckError, UserError, nearest
from mlorch.execution.capture import Captured, LogHandler
from mlorch.execution.metadata import plain

if TYPE_CHECKING:
    from mlorch.definitions.assets import AssetsDefinition
    from mlorch.definitions.checks import AssetCheckKey, AssetCheckSpec
    from mlorch.definitions.ops import OpDefinition
    from mlorch.definitions.partitions import PartitionsDefinition
    from mlorch.definitions.windows import TimeWindow
    from mlorch.events import AssetMaterialized
    from mlorch.execution.call import Argument


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a step runs: its run, its op, and what it may reach."""

    run_id: str
    step: str
    attempt: int = 1
    job_name: str | None = None
    run_tags: Mapping[str, str] = field(default_factory=dict)
    run_config: Mapping[str, Any] = field(default_factory=dict)
    op_config: Any = None
    """The config of the op, as fields by name."""
    resources: Mapping[str, Any] = field(default_factory=dict)
    required_resources: frozenset[str] = frozenset()
    """The names of those that the op declares."""
    op: OpDefinition | None = None
    assets_def: AssetsDefinition | None = None
    open_instance: Callable[[], Any] | None = None
    load_value: Callable[[tuple[str, str | None], Any], Any] | None = None
    """Loads the latest value of an asset partition, as a type."""
    upstream: Mapping[str, Argument] = field(default_factory=dict)
    """By parameter, or by the asset where none takes it, what it reads."""
    log_level: int = logging.DEBUG
    checks: Sequence[AssetCheckSpec] = ()
    """Those of which the op gives the results."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The run of a step: `context.run`."""

    run_id: str
    job_name: str | None
    tags: Mapping[str, str]
    run_config: Mapping[str, Any]


class OpExecutionContext:
    """The optional parameter `context` of an op's function; names and meaning are Dagster's."""

    mlorch_role: ClassVar[str] = "context"

    def __init__(
        self,
        around: Surroundings,
        *,
        captured: Captured,
        asset_keys: Sequence[AssetKey] = (),
        partitions: Sequence[str] = (),
        partitions_def: PartitionsDefinition | None = None,
    ) -> None:
        self.run_id = around.run_id
        self.job_name = around.job_name
        self.run_tags = dict(around.run_tags)
        self.run_config = around.run_config
        self.retry_number = around.attempt - 1
        self.op_config = around.op_config
        self.metadata: dict[tuple[str | None, str | None], dict[str, Any]] = {}
        """By output or asset key, and mapping or partition key; (None, None) is for every output."""
        self.metrics: dict[str, Any] = {}
        self.data_versions: dict[str | None, DataVersion] = {}
        """By asset key; None is the one asset's."""
        self.events: list[Any] = []
        """What `log_event` was given."""
        self._around = around
        self._asset_keys = tuple(asset_keys)
        self._partitions = tuple(partitions)
        self._partitions_def = partitions_def
        self._captured = captured
        self._log: logging.Logger | None = None

    @cached_property
    def resources(self) -> Any:
        around = self._around
        return RequiredResources(around.resources, around.required_resources, f"step {around.step!r}")

    @property
    def log(self) -> logging.Logger:
        """A logger whose records are kept with the step."""
        if self._log is None:
            # Not from getLogger: a logger of its own keeps steps apart and needs no clean-up.
            self._log = logging.Logger(self._around.step, self._around.log_level)  # noqa: LOG001
            self._log.addHandler(LogHandler(self._captured))
        return self._log

    @property
    def run(self) -> RunFacts:
        return RunFacts(self.run_id, self.job_name, self.run_tags, self.run_config)

    @property
    def instance(self) -> Any:
        """The instance that the run belongs to. Raises UserError where a step can't reach it."""
        if self._around.open_instance is None:
            raise UserError(f"step {self._around.step!r} has no instance to ask; give one to the context")
        return self._around.open_instance()

    @property
    def op(self) -> Any:
        """The op: `.name`, `.tags`."""
        return self._around.op

    op_def = op

    @property
    def assets_def(self) -> AssetsDefinition:
        """Raises UserError where the op is part of no asset."""
        if self._around.assets_def is None:
            raise UserError(f"op {self._around.step!r} makes no asset")
        return self._around.assets_def

    @property
    def has_assets_def(self) -> bool:
        return self._around.assets_def is not None

    def has_tag(self, key: str) -> bool:
        """Say whether the run has a tag."""
        return key in self.run_tags

    def get_tag(self, key: str) -> str | None:
        """Return a tag of the run, or None."""
        return self.run_tags.get(key)

    @property
    def op_execution_context(self) -> Self:
        """Itself: an asset's context can all that an op's can."""
        return self

    @classmethod
    def get(cls) -> Self:
        """Return the context of the step that runs here. Raises UserError outside of one."""
        found = CURRENT.get()
        if not isinstance(found, cls):
            raise UserError(f"{cls.__name__}.get() is asked for where no such step runs")
        return found

    @property
    def has_partition_key(self) -> bool:
        return len(self._partitions) == 1

    @property
    def has_partition_key_range(self) -> bool:
        return bool(self._partitions)

    @property
    def partition_key(self) -> str:
        """The partition being made. Raises UserError where there is none, or several."""
        if len(self._partitions) > 1:
            raise UserError(f"{self._name} makes {len(self._partitions)} partitions; ask for partition_keys")
        return self.partition_keys[0]

    @property
    def multi_partition_key(self) -> MultiPartitionKey:
        """The partition being made, by dimension. Raises UserError where it has one dimension only."""
        key = self.partition_key
        if not isinstance(key, MultiPartitionKey):
            raise UserError(f"{self._name} has partitions of one dimension; ask for partition_key")
        return key

    @property
    def partition_keys(self) -> Sequence[str]:
        """The partitions being made, in order. Raises UserError where there are none."""
        if not self._partitions:
            raise UserError(f"{self._name} has no partitions, so no partition_key")
        as_key = getattr(self._partitions_def, "get_partition_key_from_str", None)
        return self._partitions if as_key is None else [as_key(key) for key in self._partitions]

    @property
    def partition_key_range(self) -> PartitionKeyRange:
        """The first and the last partition being made."""
        return PartitionKeyRange(self.partition_keys[0], self.partition_keys[-1])

    @property
    def partition_time_window(self) -> TimeWindow:
        """Start of the first and end (exclusive) of the last partition, aware datetimes in their time zone.

        Raises UserError where the asset has no time partitions.
        """
        window = getattr(self._partitions_def, "time_window_for_partition_key", None)
        if window is None:
            raise UserError(f"{self._name} has no time partitions, so no time window")
        first: TimeWindow = window(self.partition_keys[0])
        return first if len(self._partitions) == 1 else first._replace(end=window(self._partitions[-1]).end)

    def asset_partition_keys_for_input(self, input_name: str) -> Sequence[str]:
        """Return the upstream partitions that an argument reads. Raises UserError for an unknown argument."""
        return [kept.slot[1] or "" for kept in self._input(input_name).kept]

    def asset_partitions_def_for_input(self, input_name: str) -> PartitionsDefinition:
        """Return the partitions of what an argument reads. Raises UserError where it has none."""
        found = self._input(input_name).partitions_def
        if found is None:
            raise UserError(f"{self._name}: what its input {input_name!r} reads has no partitions")
        return found

    def _input(self, name: str) -> Argument:
        known = self._around.upstream
        found = known.get(name) or known.get(name.replace("__", "/"))
        if found is None:
            raise UserError(f"{self._name} has no input {name!r}{nearest(name, known)}")
        return found

    def asset_partition_key_for_input(self, input_name: str) -> str:
        """Return the one upstream partition that an argument reads. Raises UserError for none or several."""
        keys = self.asset_partition_keys_for_input(input_name)
        if len(keys) != 1:
            raise UserError(f"{self._name} reads {len(keys)} partitions of {input_name!r}, not one")
        return keys[0]

    def asset_partition_key_range_for_input(self, input_name: str) -> PartitionKeyRange:
        """Return the first and the last upstream partition that an argument reads."""
        keys = self.asset_partition_keys_for_input(input_name)
        return PartitionKeyRange(keys[0], keys[-1])

    def asset_partitions_def_for_output(self, output_name: str = "result") -> PartitionsDefinition:
        """Return the partitions of what is made. Raises UserError where it has none."""
        if self._partitions_def is None:
            raise UserError(f"{self._name} has no partitions")
        return self._partitions_def

    def asset_partition_key_for_output(self, output_name: str = "result") -> str:
        return self.partition_key

    def asset_partition_keys_for_output(self, output_name: str = "result") -> Sequence[str]:
        return self.partition_keys

    def asset_partition_key_range_for_output(self, output_name: str = "result") -> PartitionKeyRange:
        return self.partition_key_range

    def asset_partitions_time_window_for_output(self, output_name: str = "result") -> TimeWindow:
        return self.partition_time_window

    def add_output_metadata(
        self,
        metadata: Mapping[str, Any],
        output_name: str | None = None,
        mapping_key: str | None = None,
    ) -> None:
        """Record facts with what the step makes; what JSON can't hold is kept as text."""
        self.metadata.setdefault((output_name, mapping_key), {}).update(plain(metadata))

    def log_event(self, event: Any) -> None:
        """Record an AssetMaterialization or AssetObservation of something made elsewhere."""
        self.events.append(event)

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a number with the materialization; with `step` it is a point of a series."""
        known = self.metrics.get(name)
        if known is not None and isinstance(known, list) == (step is None):
            raise UserError(
                f"the metric {name!r} was logged with a step and without; give each a step, or none"
            )
        if step is None:
            self.metrics[name] = float(value)
        else:
            self.metrics.setdefault(name, []).append([step, float(value)])

    @property
    def _name(self) -> str:
        keys = self._asset_keys
        return f"asset {str(keys[0])!r}" if len(keys) == 1 else f"step {self._around.step!r}"


class AssetExecutionContext(OpExecutionContext):
    """The optional parameter `context` of an asset's function; names and meaning are Dagster's."""

    @property
    def asset_key(self) -> AssetKey:
        """The asset being made. Raises UserError where there are several."""
        if len(self._asset_keys) != 1:
            raise UserError(f"{self._name} makes {len(self._asset_keys)} assets; ask for selected_asset_keys")
        return self._asset_keys[0]

    @property
    def selected_asset_keys(self) -> set[AssetKey]:
        """The assets that this step is asked to make."""
        return set(self._asset_keys)

    @property
    def selected_asset_check_keys(self) -> set[AssetCheckKey]:
        """The checks that this step is asked to evaluate."""
        return {spec.key for spec in self._around.checks}

    @property
    def check_specs(self) -> Sequence[AssetCheckSpec]:
        """What is declared of them."""
        return tuple(self._around.checks)

    @property
    def selected_output_names(self) -> set[str]:
        """The outputs that this step is asked for: of an op in a graph all but those of assets left out."""
        chosen, maker, op = self.selected_asset_keys, self.assets_def, self._around.op
        if maker.node is op or op is None:
            return {name for name, spec in maker.specs.items() if spec.key in chosen}
        places = maker.output_places
        left_out = {
            places[name][1]
            for name, spec in maker.specs.items()
            if spec.key not in chosen and maker.op_nodes[places[name][0]].op is op
        }
        return op.outs.keys() - left_out

    def asset_key_for_output(self, output_name: str = "result") -> AssetKey:
        """Return the asset that an output gives. Raises UserError for an unknown output."""
        specs = self.assets_def.specs
        if output_name not in specs:
            raise UserError(f"{self._name} has no output {output_name!r}{nearest(output_name, specs)}")
        return specs[output_name].key

    def add_asset_metadata(
        self, metadata: Mapping[str, Any], asset_key: object = None, partition_key: str | None = None
    ) -> None:
        """Record facts with one of the assets that the step makes. Raises UserError for any other."""
        if asset_key is None:
            self.add_output_metadata(metadata)
            return
        name = key_text(asset_key)
        known = [str(key) for key in self._asset_keys]
        if name not in known:
            raise UserError(f"{self._name} does not make the asset {name!r}{nearest(name, known)}")
        self.metadata.setdefault((f"asset:{name}", partition_key), {}).update(plain(metadata))

    def set_data_version(self, *given: Any) -> None:
        """Give a materialization a data version of one's own: `set_data_version([asset_key,] data_version)`.

        Raises TypeCheckError for anything else than a DataVersion.
        """
        data_version = given[-1] if given else None
        if not isinstance(data_version, DataVersion):
            raise TypeCheckError(f"a data version is given as DataVersion('…'), not as {data_version!r}")
        self.data_versions[key_text(given[0]) if len(given) > 1 else None] = data_version

    def load_asset_value(
        self, asset_key: object, *, python_type: Any = None, partition_key: str | None = None
    ) -> Any:
        """Return the latest value of an asset. Raises NotFoundError where there is none."""
        if self._around.load_value is None:
            raise NotFoundError(
                f"{self._name} can't load {key_text(asset_key)!r}: it runs without an instance"
            )
        kind = EMPTY if python_type is None else python_type
        return self._around.load_value((key_text(asset_key), partition_key), kind)

    def get_asset_provenance(self, asset_key: object) -> DataProvenance | None:
        """Return what the latest materialization of an asset was made from, or None."""
        record = self.instance.get_latest_materialization_event(asset_key)
        return None if record is None else provenance_of(record.fact)


CURRENT: ContextVar[OpExecutionContext | None] = ContextVar("mlorch_step", default=None)
"""The context of the step that runs here: functions that are not given it find it so."""


def get_dagster_logger(name: str | None = None) -> logging.Logger:
    """Return the logger of the step that runs here, or one of this name ("mlorch") outside of steps."""
    found = CURRENT.get()
    return found.log if found is not None else logging.getLogger(name or "mlorch")


class AssetCheckExecutionContext(AssetExecutionContext):
    """The optional parameter `context` of a check's function; its assets are those that it checks."""


def provenance_of(made: AssetMaterialized) -> DataProvenance:
    """Return what a materialization was made from."""
    return DataProvenance(
        made.code_version,
        {AssetKey.from_user_string(one.asset): DataVersion(one.data_version) for one in made.inputs},
        made.is_user_provided,
    )
