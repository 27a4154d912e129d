"""Steps performed in threads of this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from mlorch.execution.executors.calls import Performing
from mlorch.execution.executors.limits import time_limit


class ThreadsExecutor:
    """Performs calls in threads of this process; they can't be interrupted, and are judged when they end."""

    def __init__(self, workers: int) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self.workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="mlorch")

    def submit(self, fn: Callable[..., Any], /, *args: Any, timeout: float | None = None) -> Performing:
        if timeout is None:
            return self._pool.submit(fn, *args)
        return self._pool.submit(_limited, timeout, fn, args)

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


def _limited(seconds: float, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    with time_limit(seconds):
        return fn(*args)
