"""Where steps are performed: here, in threads, or in worker processes."""

from __future__ import annotations

import sys
from collections.abc import Callable
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

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Performing:
        """Begin a call; it may be done on return."""

    def stop(self) -> None:
        """End what runs in other processes; what runs in this one can only be waited for."""

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

    def stop(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class ThreadsExecutor:
    """Performs calls in threads of this process."""

    def __init__(self, workers: int) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self.workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="mlorch")

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Performing:
        return self._pool.submit(fn, *args)

    def stop(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


class ProcessesExecutor:
    """Performs calls in worker processes that outlive the run: the next finds the user's modules imported."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Performing:
        from concurrent.futures import BrokenExecutor

        call: Performing
        try:
            call = self._pool().submit(fn, *args)
        except BrokenExecutor:
            # A worker died after the pool was looked at; now there is another pool.
            call = self._pool().submit(fn, *args)
        return call

    def stop(self) -> None:
        self._pool().shutdown(kill_workers=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _pool(self) -> Any:
        """Return the pool of this process, a new one where a worker of the former died."""
        from loky import get_reusable_executor

        # Other initargs are other workers: those that were warm may look for modules elsewhere.
        return get_reusable_executor(
            max_workers=self.workers, initializer=_look_in, initargs=(tuple(sys.path),)
        )


def _look_in(folders: tuple[str, ...]) -> None:
    sys.path[:] = folders


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
