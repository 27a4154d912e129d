"""Opening what performs the steps of a run."""

from __future__ import annotations

from typing import Protocol

from mlorch.errors import UserError
from mlorch.execution.executors import StepExecutor, open_executor
from mlorch.instance import Instance
from mlorch.iomanagers.memory import MemoryStore

ELSEWHERE = ("processes", "dask")
"""Executors whose workers see nothing of this process's memory."""


class Chosen(Protocol):
    """What says how steps are performed: a request."""

    @property
    def executor(self) -> str: ...

    @property
    def workers(self) -> int | None: ...

    @property
    def address(self) -> str: ...


def executor_for(chosen: Chosen, instance: Instance) -> StepExecutor:
    """Return the executor that is chosen, to be entered. Raises UserError where it can't see the values."""
    if chosen.executor in ELSEWHERE and isinstance(instance.store, MemoryStore):
        raise UserError(
            f"executor {chosen.executor!r} needs values that its workers can read; use Instance.local(path), "
            "or executor 'threads' with an instance in memory"
        )
    return open_executor(chosen.executor, chosen.workers, address=chosen.address)
