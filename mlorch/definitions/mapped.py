"""Configs of jobs that are worked out: from a partition, or from a simpler config."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlorch.definitions.config import Config, RunConfig, make_config, plain_config
from mlorch.definitions.fields import Resolving
from mlorch.definitions.partitions import PartitionsDefinition, StaticPartitionsDefinition
from mlorch.definitions.shapes import config_class
from mlorch.definitions.windows import (
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    TimeWindowPartitionsDefinition,
    WeeklyPartitionsDefinition,
)
from mlorch.errors import InvalidDefinitionError, UserError

GivenConfig = RunConfig | Mapping[str, Any]


class PartitionedConfig:
    """The run config of each partition. Calling it calls the decorated function."""

    def __init__(
        self,
        partitions_def: PartitionsDefinition,
        run_config_for_partition_key_fn: Callable[[str], GivenConfig],
        *,
        decorated_fn: Callable[..., GivenConfig] | None = None,
        tags_for_partition_key_fn: Callable[[str], Mapping[str, str]] | None = None,
    ) -> None:
        self.partitions_def = partitions_def
        self.run_config_for_partition_key_fn = run_config_for_partition_key_fn
        self.tags_for_partition_key_fn = tags_for_partition_key_fn
        self._decorated = decorated_fn or run_config_for_partition_key_fn

    def get_partition_keys(self, current_time: Any = None) -> list[str]:
        return self.partitions_def.get_partition_keys(current_time)

    def get_run_config_for_partition_key(self, partition_key: str) -> GivenConfig:
        """Return the run config of a partition. Raises UnknownPartitionError."""
        self.partitions_def.validate_partition_key(partition_key)
        return self.run_config_for_partition_key_fn(partition_key)

    def get_tags_for_partition_key(self, partition_key: str) -> dict[str, str]:
        return dict(self.tags_for_partition_key_fn(partition_key)) if self.tags_for_partition_key_fn else {}

    def __call__(self, *args: Any, **kwargs: Any) -> GivenConfig:
        return self._decorated(*args, **kwargs)


class ConfigMapping:
    """Turns a simpler config into the config of what is inside a job or graph.

    `config_schema` is a Config or a dict of fields; without it anything may be given.
    """

    def __init__(self, config_fn: Callable[[Any], GivenConfig], config_schema: Any = None) -> None:
        self.config_fn = config_fn
        self.name = getattr(config_fn, "__name__", "config")
        self.config_class = None if config_schema is None else config_class(config_schema, self.name)
        self._takes_class = isinstance(config_schema, type) and issubclass(config_schema, Config)

    def resolve(self, given: Any, where: str = "the run config") -> GivenConfig:
        """Return the config that a given one stands for. Raises InvalidConfigError, naming `where`."""
        if self.config_class is None:
            return self.config_fn(given or {})
        config = Resolving()(make_config(self.config_class, given, where))
        return self.config_fn(config if self._takes_class else plain_config(config))

    def __call__(self, given: Any) -> GivenConfig:
        return self.config_fn(given)


def fixed_config(config: GivenConfig) -> ConfigMapping:
    """Return what gives the same config to what is inside a graph whatever it is given itself: nothing."""
    return ConfigMapping(lambda _: config, {})


JobConfig = GivenConfig | PartitionedConfig | ConfigMapping


def config_of(
    config: JobConfig | None, partition_key: str | None = None, given: GivenConfig | None = None
) -> GivenConfig | None:
    """Return the run config of a job: `given` with a run, or the job's own, worked out.

    Raises UserError where that of a partition is asked for and no partition is named.
    """
    if isinstance(config, ConfigMapping):
        return config.resolve(given)
    if given is not None:
        return given
    if not isinstance(config, PartitionedConfig):
        return config
    if partition_key is None:
        raise UserError("the config of this job is one for each partition; name a partition")
    return config.get_run_config_for_partition_key(partition_key)


def config_mapping(function: Callable[..., Any] | None = None, *, config_schema: Any = None) -> Any:
    """Declare that a function turns a simpler config into that of a job or graph.

    Its parameter may be annotated with a Config instead of giving `config_schema`.
    """
    namespace = sys._getframe(1).f_locals

    def define(decorated: Callable[..., Any]) -> ConfigMapping:
        schema = config_schema
        if schema is None:
            # A class that stands in a function is found among the caller's names alone.
            known = {**decorated.__globals__, **namespace}
            parameters = inspect.signature(decorated, eval_str=True, globals=known).parameters.values()
            schema = next((one.annotation for one in parameters if _is_config(one.annotation)), None)
        return ConfigMapping(decorated, schema)

    return define if function is None else define(function)


def partitioned_config(
    partitions_def: PartitionsDefinition,
    tags_for_partition_key_fn: Callable[[str], Mapping[str, str]] | None = None,
) -> Callable[[Callable[[str], GivenConfig]], PartitionedConfig]:
    """Declare the run config of each partition: a function of the partition key."""
    return lambda function: PartitionedConfig(
        partitions_def, function, tags_for_partition_key_fn=tags_for_partition_key_fn
    )


def static_partitioned_config(
    partition_keys: Sequence[str], tags_for_partition_key_fn: Callable[[str], Mapping[str, str]] | None = None
) -> Callable[[Callable[[str], GivenConfig]], PartitionedConfig]:
    """Declare the run config of each of the keys: a function of the key."""
    return partitioned_config(StaticPartitionsDefinition(partition_keys), tags_for_partition_key_fn)


def hourly_partitioned_config(start_date: Any, **options: Any) -> Callable[[Any], PartitionedConfig]:
    """Declare the run config of each hour: a function of its start and end.

    The options are those of HourlyPartitionsDefinition, and tags_for_partition_fn of the same two.
    """
    return _windowed(HourlyPartitionsDefinition, start_date, options)


def daily_partitioned_config(start_date: Any, **options: Any) -> Callable[[Any], PartitionedConfig]:
    """Declare the run config of each day, as `hourly_partitioned_config` does."""
    return _windowed(DailyPartitionsDefinition, start_date, options)


def weekly_partitioned_config(start_date: Any, **options: Any) -> Callable[[Any], PartitionedConfig]:
    """Declare the run config of each week, as `hourly_partitioned_config` does."""
    return _windowed(WeeklyPartitionsDefinition, start_date, options)


def monthly_partitioned_config(start_date: Any, **options: Any) -> Callable[[Any], PartitionedConfig]:
    """Declare the run config of each month, as `hourly_partitioned_config` does."""
    return _windowed(MonthlyPartitionsDefinition, start_date, options)


def _windowed(
    kind: type[Any], start_date: Any, options: Mapping[str, Any]
) -> Callable[[Any], PartitionedConfig]:
    tags = options.get("tags_for_partition_fn")
    given = {
        name: one for name, one in options.items() if name != "tags_for_partition_fn" and one is not None
    }
    try:
        windows: TimeWindowPartitionsDefinition = kind(start_date=start_date, **given)
    except TypeError as error:
        raise InvalidDefinitionError(f"a config by {kind.__name__}: {error}") from None

    def at(function: Callable[..., Any]) -> Callable[[str], Any]:
        return lambda key: function(*windows.time_window_for_partition_key(key))

    return lambda function: PartitionedConfig(
        windows,
        at(function),
        decorated_fn=function,
        tags_for_partition_key_fn=at(tags) if tags is not None else None,
    )


def _is_config(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Config)
