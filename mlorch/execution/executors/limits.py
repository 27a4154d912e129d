"""Time limits of calls, kept by the process that performs them."""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mlorch.errors import StepTimeoutError

GRACE = 5.0
"""Seconds that a call has to clean up after its limit, before its worker is ended."""


@contextmanager
def time_limit(seconds: float | None, *, may_end_process: bool = False) -> Iterator[None]:
    """Raise StepTimeoutError in the block once it has taken so long.

    Only the main thread can be interrupted, and not in native code; in another thread the block is judged
    when it ends. With `may_end_process` the process ends instead, in the main thread after GRACE.
    """
    if seconds is None:
        yield
        return
    is_main = threading.current_thread() is threading.main_thread()
    if may_end_process:
        faulthandler.dump_traceback_later(seconds + GRACE * is_main, exit=True, file=sys.__stderr__ or 2)
    try:
        with _alarm(seconds) if is_main else _verdict(seconds):
            yield
    finally:
        if may_end_process:
            faulthandler.cancel_dump_traceback_later()


def too_long(seconds: float) -> str:
    return f"the step took longer than its time limit of {seconds:g} s (its timeout=)"


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise StepTimeoutError(f"{too_long(seconds)} and was interrupted")

    before = signal.signal(signal.SIGALRM, ring)
    # Again and again: the code may take it for an error of its own and go on.
    signal.setitimer(signal.ITIMER_REAL, seconds, GRACE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _verdict(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    taken = time.monotonic() - started
    if taken > seconds:
        raise StepTimeoutError(f"{too_long(seconds)}: {taken:.3g} s")
