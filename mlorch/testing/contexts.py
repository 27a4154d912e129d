"""Contexts to call assets and ops with."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple, Self

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.config import make_config, plain_config
from mlorch.definitions.partitions import PartitionKeyRange
from mlorch.execution.capture import Captured
from mlorch.execution.context import (
    AssetCheckExecutionContext,
    AssetExecutionContext,
    OpExecutionContext,
    Surroundings,
)
from mlorch.execution.hooks import HookContext
from mlorch.instance import Instance
from mlorch.testing.resources import GivenResources, opened_resources

_LOG = logging.getLogger("mlorch")


class DirectOpExecutionContext(OpExecutionContext):
    """A context that is no run's: it gives what a direct call leaves out, and keeps what is said to it.

    Left as a context manager it tears down the resources that were asked for.
    """

    def __init__(
        self, around: Surroundings, partitions: Sequence[str] | PartitionKeyRange, cleanups: ExitStack
    ) -> None:
        super().__init__(around, captured=Captured(), partitions=tuple(partitions))
        self.resources = GivenResources(around.resources)
        self.mlorch_resources = around.resources
        self.mlorch_config = around.op_config
        self._span = partitions if isinstance(partitions, PartitionKeyRange) else None
        self._cleanups = cleanups

    def mlorch_enter(self, called: Any) -> None:
        """Know what is called from now on. Raises UnknownPartitionError where it has no such partition."""
        owner = called if isinstance(called, AssetsDefinition) else None
        op = called if owner is None else owner.op
        self._around = replace(self._around, op=op, assets_def=owner, step=called.name)
        self._asset_keys = tuple(spec.key for spec in owner.specs.values()) if owner is not None else ()
        self._partitions_def = owner.partitions_def if owner is not None else None
        self._find_partitions()
        if op.config is not None and not (self.mlorch_config is None and op.signature.config is not None):
            self.op_config = plain_config(make_config(op.config, self.mlorch_config, f"the config of {op}"))

    def _find_partitions(self) -> None:
        known = self._partitions_def
        if known is None:
            return
        if self._span is not None:
            self._partitions = tuple(known.get_partition_keys_in_range(self._span))
        for key in self._partitions:
            if not known.may_have_partition_key(key):
                known.validate_partition_key(key)

    @property
    def log(self) -> logging.Logger:
        """The logger "mlorch", which pytest's `caplog` sees."""
        return _LOG

    def get_output_metadata(
        self, output_name: str = "result", mapping_key: str | None = None
    ) -> Mapping[str, Any] | None:
        """Return what was said of an output by `add_output_metadata`, or None."""
        names = (output_name, None) if output_name == "result" else (output_name,)
        found = [self.metadata[name, mapping_key] for name in names if (name, mapping_key) in self.metadata]
        return {name: value for one in reversed(found) for name, value in one.items()} if found else None

    def get_events(self) -> Sequence[Any]:
        """Return what `log_event` was given."""
        return tuple(self.events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanups.close()


class DirectAssetExecutionContext(DirectOpExecutionContext, AssetExecutionContext):
    """The same, for assets."""


def build_asset_context(
    resources: Mapping[str, Any] | None = None,
    resources_config: Mapping[str, Any] | None = None,
    asset_config: Any = None,
    instance: Instance | None = None,
    partition_key: str | None = None,
    *,
    partition_key_range: PartitionKeyRange | None = None,
    run_tags: Mapping[str, str] | None = None,
) -> DirectAssetExecutionContext:
    """Return a context to call assets with.

    `resources` are set up when they are first asked for, and torn down where the context is used in a `with`.
    `instance` defaults to one in memory.
    """
    cleanups = ExitStack()
    given = _Given(resources, resources_config, asset_config, instance, run_tags)
    return DirectAssetExecutionContext(
        _surroundings(given, cleanups), _partitions(partition_key, partition_key_range), cleanups
    )


def build_op_context(
    resources: Mapping[str, Any] | None = None,
    op_config: Any = None,
    resources_config: Mapping[str, Any] | None = None,
    instance: Instance | None = None,
    config: Any = None,
    *,
    partition_key: str | None = None,
    partition_key_range: PartitionKeyRange | None = None,
    run_tags: Mapping[str, str] | None = None,
) -> DirectOpExecutionContext:
    """Return a context to call ops with; `config` and `op_config` are the same, otherwise as for assets."""
    cleanups = ExitStack()
    chosen = op_config if config is None else config
    given = _Given(resources, resources_config, chosen, instance, run_tags)
    return DirectOpExecutionContext(
        _surroundings(given, cleanups), _partitions(partition_key, partition_key_range), cleanups
    )


class DirectAssetCheckExecutionContext(DirectAssetExecutionContext, AssetCheckExecutionContext):
    """The same, for checks."""

    def mlorch_enter(self, called: Any) -> None:
        super().mlorch_enter(called)
        self._around = replace(self._around, checks=tuple(getattr(called, "check_specs", ())))


def build_asset_check_context(
    resources: Mapping[str, Any] | None = None,
    resources_config: Mapping[str, Any] | None = None,
    asset_config: Any = None,
    instance: Instance | None = None,
    *,
    partition_key: str | None = None,
) -> DirectAssetCheckExecutionContext:
    """Return a context to call checks with, otherwise as for assets."""
    cleanups = ExitStack()
    given = _Given(resources, resources_config, asset_config, instance, None)
    return DirectAssetCheckExecutionContext(
        _surroundings(given, cleanups), _partitions(partition_key, None), cleanups
    )


class DirectHookContext(HookContext):
    """The same, for hooks. Left as a context manager it tears down the resources that were asked for."""

    cleanups: ExitStack

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cleanups.close()


def build_hook_context(
    resources: Mapping[str, Any] | None = None,
    op: Any = None,
    run_id: str | None = None,
    job_name: str | None = None,
    op_exception: BaseException | None = None,
    *,
    instance: Instance | None = None,
    op_output_values: Mapping[str, Any] | None = None,
) -> DirectHookContext:
    """Return a context to call hooks with; resources are set up when they are first asked for."""
    cleanups = ExitStack()
    context = DirectHookContext(
        run_id or "EPHEMERAL",
        getattr(op, "name", "the test"),
        op,
        job_name=job_name,
        op_exception=op_exception,
        op_output_values=op_output_values or {},
        resources=GivenResources(cleanups.enter_context(opened_resources(resources, instance))),
        open_instance=cache(lambda: instance or Instance.ephemeral()),
    )
    context.cleanups = cleanups
    return context


class _Given(NamedTuple):
    """What a context was built with."""

    resources: Mapping[str, Any] | None
    resources_config: Mapping[str, Any] | None
    config: Any
    instance: Instance | None
    run_tags: Mapping[str, str] | None


def _surroundings(given: _Given, cleanups: ExitStack) -> Surroundings:
    resources = opened_resources(given.resources, given.instance, given.resources_config)
    return Surroundings(
        run_id="EPHEMERAL",
        step="the test",
        run_tags=given.run_tags or {},
        op_config=given.config,
        resources=cleanups.enter_context(resources),
        open_instance=cache(lambda: given.instance or Instance.ephemeral()),
    )


def _partitions(key: str | None, span: PartitionKeyRange | None) -> Sequence[str]:
    return span if span is not None else () if key is None else (key,)
