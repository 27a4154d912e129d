"""Where steps are performed: here, in threads, or in worker processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from mlorch.errors import InvalidConfigError, nearest


class InProcessExecutor(Executor):
    """Performs each call as it is submitted, in the thread that submits it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _threads(workers: int) -> Executor:
    return ThreadPoolExecutor(workers, thread_name_prefix="mlorch")


def _processes(workers: int) -> Executor:
    from loky import get_reusable_executor

    # Reused between runs of one process: its workers keep the user's modules imported.
    executor: Executor = get_reusable_executor(max_workers=workers)
    return executor


def _in_process(workers: int) -> Executor:
    return InProcessExecutor()


EXECUTORS: dict[str, Callable[[int], Executor]] = {
    "in_process": _in_process,
    "threads": _threads,
    "processes": _processes,
}


def open_executor(name: str, workers: int) -> Executor:
    """Return the executor called `name`. Raises InvalidConfigError for an unknown name."""
    try:
        return EXECUTORS[name](workers)
    except KeyError:
        known = ", ".join(EXECUTORS)
        raise InvalidConfigError(
            f"there is no executor {name!r}{nearest(name, EXECUTORS)} (there are: {known})"
        ) from None


def workers_of(name: str, workers: int) -> int:
    """Return how many steps the executor performs at once."""
    return 1 if name == "in_process" else workers
