"""Workers outside this process: each performs one call at a time, and dies alone."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Generic, Protocol, Self, TypeVar

from mlorch.errors import StepTimeoutError, WorkerError
from mlorch.execution.executors.calls import Performing
from mlorch.execution.executors.limits import too_long
from mlorch.execution.executors.parcels import pack, unpack


class Worker(Protocol):
    """Performs one parcel at a time in a process of its own."""

    is_alive: bool

    def perform(self, parcel: bytes) -> Future[bytes]:
        """Begin; the future raises WorkerError, which says why, where the worker ends before the call."""

    def end(self) -> None:
        """End the worker with all that runs there."""


W = TypeVar("W", bound=Worker)


@dataclass(slots=True, eq=False)
class _Call:
    parcel: bytes
    timeout: float | None
    future: Future[Any] = field(default_factory=Future)
    begun_at: float = 0.0


class Crew(Generic[W]):
    """Gives each call to a worker that is free; calls for which none is free wait in turn.

    `hire` returns another worker, or None where there is none just now: then whoever knows that there is one
    again calls `advance`. Each future is done once, whatever happens to its worker.
    """

    def __init__(self, workers: int, hire: Callable[[], W | None]) -> None:
        self.workers = workers
        self.free: list[W] = []
        self._hire = hire
        self._waiting: deque[_Call] = deque()
        self._busy: dict[_Call, W] = {}
        self._lock = threading.RLock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, timeout: float | None = None) -> Performing:
        try:
            call = _Call(pack(fn, args, timeout), timeout)
        except WorkerError as error:
            return _failed(error)
        with self._lock:
            self._waiting.append(call)
        self.advance()
        return call.future

    def advance(self) -> None:
        """Give calls that wait to workers that are free."""
        while (found := self._match()) is not None:
            call, worker = found
            call.begun_at = monotonic()
            worker.perform(call.parcel).add_done_callback(partial(self._finish, call, worker))

    def fail(self, reason: str) -> None:
        """Fail the calls that wait for a worker."""
        with self._lock:
            calls = list(self._waiting)
            self._waiting.clear()
        for call in calls:
            _settle(call, WorkerError(reason))

    def stop(self) -> None:
        self.fail("the run was broken off before a worker was free for the step")
        with self._lock:
            busy = list(self._busy.items())
        for call, worker in busy:
            worker.end()
            # An interrupt may have come before the worker was given the call.
            _settle(call, WorkerError("the run was broken off while the step was performed"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            calls = [*self._busy, *self._waiting]
        wait([call.future for call in calls])

    def _match(self) -> tuple[_Call, W] | None:
        with self._lock:
            if not self._waiting or len(self._busy) >= self.workers:
                return None
            try:
                worker = self.free.pop() if self.free else self._hire()
            except WorkerError as error:
                self.fail(str(error))
                return None
            except Exception as error:  # noqa: BLE001 - steps fail with the reason, whatever it is
                self.fail(f"no worker could be started: {type(error).__name__}: {error}")
                return None
            if worker is None:
                return None
            call = self._waiting.popleft()
            self._busy[call] = worker
            return call, worker

    def _finish(self, call: _Call, worker: W, answer: Future[bytes]) -> None:
        with self._lock:
            self._busy.pop(call, None)
            if worker.is_alive:
                self.free.append(worker)
        try:
            self.advance()
        finally:
            _settle(call, answer.exception() or answer.result())


def _failed(error: Exception) -> Performing:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def _settle(call: _Call, answer: bytes | BaseException) -> None:
    """Let a call be done, unless it is."""
    value, error = None, answer if isinstance(answer, BaseException) else None
    if isinstance(answer, bytes):
        try:
            value = unpack(answer)
        except BaseException as raised:  # noqa: BLE001 - what a call raises is its result
            error = raised
    with suppress(InvalidStateError):
        if error is None:
            call.future.set_result(value)
        else:
            call.future.set_exception(_judged(error, call))


def _judged(error: BaseException, call: _Call) -> BaseException:
    """Return the error of a call; where a worker ended as its call had taken too long, that it did."""
    is_over = call.timeout is not None and monotonic() - call.begun_at >= call.timeout
    if is_over and isinstance(error, WorkerError) and call.timeout is not None:
        return StepTimeoutError(f"{too_long(call.timeout)} and was ended with its worker")
    return error
