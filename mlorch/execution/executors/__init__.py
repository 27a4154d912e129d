"""Where steps are performed: here, in threads, in worker processes, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable

from mlorch.errors import InvalidConfigError, nearest
from mlorch.execution.executors.calls import Performing as Performing
from mlorch.execution.executors.calls import StepExecutor as StepExecutor
from mlorch.execution.executors.in_process import InProcessExecutor
from mlorch.execution.executors.processes import ProcessesExecutor
from mlorch.execution.executors.threads import ThreadsExecutor

EXECUTORS: dict[str, Callable[[int], StepExecutor]] = {
    "in_process": lambda _: InProcessExecutor(),
    "threads": ThreadsExecutor,
    "processes": ProcessesExecutor,
}


def open_executor(name: str, workers: int) -> StepExecutor:
    """Return the executor called `name`. Raises InvalidConfigError for an unknown name."""
    if name not in EXECUTORS:
        known = ", ".join(EXECUTORS)
        raise InvalidConfigError(
            f"there is no executor {name!r}{nearest(name, EXECUTORS)} (there are: {known})"
        )
    return EXECUTORS[name](workers)
