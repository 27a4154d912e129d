"""Where steps are performed: here, in threads, or in worker processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Protocol, Self

from mlorch.errors import InvalidConfigError, nearest


class Performing(Protocol):
    """A call on its way; a `concurrent.futures.Future` is one."""

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised."""

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        """Call `fn` with this when it is done, in any thread."""


class StepExecutor(Protocol):
    """Performs calls, at most `workers` at once; leaving it waits for them."""

    workers: int

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Performing: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> object: ...


class _Performed:
    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def result(self) -> Any:
        return self._value

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        fn(self)


class InProcessExecutor:
    """Performs each call as it is submitted, in the thread that submits it."""

    workers = 1

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Performing:
        return _Performed(fn(*args))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class PoolExecutor:
    """Performs calls in the threads or processes of a `concurrent.futures` executor."""

    def __init__(self, pool: Executor, workers: int, *, is_reused: bool = False) -> None:
        self.workers = workers
        self._pool = pool
        self._is_reused = is_reused

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Performing:
        return self._pool.submit(fn, *args)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_reused:
            self._pool.shutdown()


def _in_process(_: int) -> StepExecutor:
    return InProcessExecutor()


def _threads(workers: int) -> StepExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return PoolExecutor(ThreadPoolExecutor(workers, thread_name_prefix="mlorch"), workers)


def _processes(workers: int) -> StepExecutor:
    from loky import get_reusable_executor

    # Its workers outlive the run: the next one finds the user's modules imported.
    return PoolExecutor(get_reusable_executor(max_workers=workers), workers, is_reused=True)


EXECUTORS: dict[str, Callable[[int], StepExecutor]] = {
    "in_process": _in_process,
    "threads": _threads,
    "processes": _processes,
}


def open_executor(name: str, workers: int) -> StepExecutor:
    """Return the executor called `name`. Raises InvalidConfigError for an unknown name."""
    try:
        return EXECUTORS[name](workers)
    except KeyError:
        known = ", ".join(EXECUTORS)
        raise InvalidConfigError(
            f"there is no executor {name!r}{nearest(name, EXECUTORS)} (there are: {known})"
        ) from None
