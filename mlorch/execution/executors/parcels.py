"""A call, and what it came to, as bytes: what goes to other processes and comes back from them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from mlorch.errors import WorkerError
from mlorch.execution.executors.limits import time_limit


def pack(fn: Callable[..., Any], args: tuple[Any, ...], timeout: float | None) -> bytes:
    """Return a call as bytes: what can be imported by its name, all else by value.

    Raises WorkerError where something in it can't be pickled.
    """
    import cloudpickle

    try:
        parcel: bytes = cloudpickle.dumps((fn, args, timeout))
    except Exception as error:
        raise WorkerError(f"the step could not be sent to its worker: {_text(error)}") from error
    return parcel


def perform_parcel(parcel: bytes, *, may_end_process: bool = True) -> bytes:
    """Perform a call in the process that it was sent to; return what it came to. Raises nothing.

    Where it `may_end_process`, a call ends it that takes too long and can't be interrupted.
    """
    try:
        fn, args, timeout = pickle.loads(parcel)
    except BaseException as error:  # noqa: BLE001 - a module of the user's may do anything as it is imported
        return _answer(None, WorkerError(f"the step could not be read by its worker: {_text(error)}"))
    try:
        with time_limit(timeout, may_end_process=may_end_process):
            value = fn(*args)
    except KeyboardInterrupt:
        return _answer(None, WorkerError("the worker was interrupted"))
    except BaseException as error:  # noqa: BLE001 - what a call raises is its result
        return _answer(None, error)
    return _answer(value, None)


def unpack(answer: bytes) -> Any:
    """Return what a call returned, or raise what it raised, or WorkerError where that can't be read here."""
    text, rest = pickle.loads(answer)
    try:
        value, error = pickle.loads(rest)
    except Exception as unreadable:
        said = text or f"what it returned can't be read here: {_text(unreadable)}"
        raise WorkerError(said) from unreadable
    if error is not None:
        raise error
    return value


def _answer(value: Any, error: BaseException | None) -> bytes:
    import cloudpickle

    text = _text(error) if error is not None else ""
    try:
        rest = cloudpickle.dumps((value, error))
    except Exception as unsendable:  # noqa: BLE001 - what does not travel ends the step, not the worker
        what = WorkerError(text or f"what the step returned could not be sent back: {_text(unsendable)}")
        rest = cloudpickle.dumps((None, what))
    return pickle.dumps((text, rest))


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
