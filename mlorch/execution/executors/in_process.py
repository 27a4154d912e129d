"""Steps performed here, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from mlorch.execution.executors.calls import Performing
from mlorch.execution.executors.limits import time_limit


class InProcessExecutor:
    """Performs each call as it is submitted, in the thread that submits it."""

    workers = 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, timeout: float | None = None) -> Performing:
        try:
            if timeout is None:
                return _Performed(fn(*args))
            with time_limit(timeout):
                return _Performed(fn(*args))
        except Exception as error:  # noqa: BLE001 - what a call raises is its result
            return _Performed(None, error)

    def stop(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class _Performed:
    __slots__ = ("_error", "_value")

    def __init__(self, value: Any, error: Exception | None = None) -> None:
        self._value = value
        self._error = error

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        fn(self)
