"""What performs calls, and a call on its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self


class Performing(Protocol):
    """A call on its way; a `concurrent.futures.Future` is one."""

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised.

        Raises StepTimeoutError where it took longer than it may, and WorkerError, which says why, where it
        could not be sent, did not come back, or was ended from outside.
        """

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        """Call `fn` with this when it is done, in any thread."""


class StepExecutor(Protocol):
    """Performs calls, at most `workers` at once; leaving it waits for them."""

    workers: int

    def submit(self, fn: Callable[..., Any], /, *args: Any, timeout: float | None = None) -> Performing:
        """Begin a call, which may take `timeout` seconds; it may be done on return. Raises nothing."""

    def stop(self) -> None:
        """End what runs in other processes; what runs in this one can only be waited for."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> object: ...
