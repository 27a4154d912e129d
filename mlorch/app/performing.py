"""Opening what performs the steps of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from mlorch.definitions.config import RunConfig
from mlorch.definitions.executors import ExecutorDefinition
from mlorch.errors import InvalidConfigError, UserError
from mlorch.execution.executors import StepExecutor, open_executor
from mlorch.execution.sections import NOTHING, read_sections
from mlorch.instance import Instance
from mlorch.iomanagers.memory import MemoryStore

ELSEWHERE = ("processes", "dask")
"""Executors whose workers see nothing of this process's memory."""


class Chosen(Protocol):
    """What says how steps are performed: a request."""

    @property
    def executor(self) -> str | None: ...

    @property
    def workers(self) -> int | None: ...

    @property
    def run_config(self) -> RunConfig | Mapping[str, Any] | None: ...

    @property
    def declared(self) -> ExecutorDefinition | None: ...

    @property
    def otherwise(self) -> ExecutorDefinition: ...

    @property
    def address(self) -> str: ...


def executor_for(
    chosen: Chosen, instance: Instance, declared: ExecutorDefinition | None = None
) -> StepExecutor:
    """Return the executor that is chosen, to be entered; `declared` is what the definitions say.

    Raises UserError where it can't see the values.
    """
    found = settle_executor(chosen, declared)
    if found.name in ELSEWHERE and isinstance(instance.store, MemoryStore):
        raise UserError(
            f"executor {found.name!r} needs values that its workers can read; use Instance.local(path), "
            "or executor 'threads' with an instance in memory"
        )
    return open_executor(found.name, found.max_concurrent, address=found.address or chosen.address)


def settle_executor(chosen: Chosen, declared: ExecutorDefinition | None = None) -> ExecutorDefinition:
    """Return the executor that is named first: asked for, in the run config, declared, in the settings.

    Raises InvalidConfigError for a field that means something and is not carried out here.
    """
    told = read_sections(chosen.run_config) if chosen.run_config is not None else NOTHING
    known = [one for one in (chosen.declared or declared, chosen.otherwise) if one is not None]
    name = chosen.executor or told.executor or known[0].name
    config = next((one.config for one in known if one.name == name), {})
    if told.executor in (None, name):
        config = {**config, **told.execution}
    workers = chosen.workers or config.get("max_concurrent") or chosen.otherwise.max_concurrent
    found = ExecutorDefinition(name, {**config, "max_concurrent": workers or 0})
    if found.tag_concurrency_limits:
        raise InvalidConfigError(
            f"the executor {name!r}: tag_concurrency_limits are not kept within a run; give the ops a pool"
        )
    if not found.are_retries_enabled:
        raise InvalidConfigError(
            f"the executor {name!r}: retries can't be disabled; leave out the retry_policy of the ops"
        )
    return found
