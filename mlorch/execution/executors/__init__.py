"""Where steps are performed: here, in threads, in worker processes, or on a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable

from mlorch.errors import InvalidConfigError, nearest
from mlorch.execution.executors.calls import Performing as Performing
from mlorch.execution.executors.calls import StepExecutor as StepExecutor
from mlorch.execution.executors.dask import DaskExecutor
from mlorch.execution.executors.in_process import InProcessExecutor
from mlorch.execution.executors.processes import ProcessesExecutor
from mlorch.execution.executors.threads import ThreadsExecutor

EXECUTORS: dict[str, Callable[[int | None, str], StepExecutor]] = {
    "in_process": lambda _workers, _address: InProcessExecutor(),
    "threads": lambda workers, _address: ThreadsExecutor(workers or _cores()),
    "processes": lambda workers, _address: ProcessesExecutor(workers or _cores()),
    "dask": DaskExecutor,
}


def open_executor(name: str, workers: int | None = None, *, address: str = "") -> StepExecutor:
    """Return the executor called `name`, for at most so many steps at once.

    Without `workers` there are as many as cores, or with Dask as threads in the cluster at `address`; without
    an address Dask starts a cluster on this machine. Raises InvalidConfigError for an unknown name.
    """
    if name not in EXECUTORS:
        known = ", ".join(EXECUTORS)
        raise InvalidConfigError(
            f"there is no executor {name!r}{nearest(name, EXECUTORS)} (there are: {known})"
        )
    return EXECUTORS[name](workers, address)


def _cores() -> int:
    return os.cpu_count() or 1
