"""An interrupt waits until a transaction is over: amid one it could leave it open, and others waiting."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Deferred:
    """A handler that remembers the first interrupt and lets the second through."""

    def __init__(self) -> None:
        self.has_come = False

    def __call__(self, number: int, frame: object) -> None:
        if self.has_come:
            raise KeyboardInterrupt
        self.has_come = True


@contextmanager
def undisturbed() -> Iterator[None]:
    """Raise the KeyboardInterrupt of a signal that comes during the block when the block is over.

    In the main thread, the only one that signals interrupt, and where nobody else handles them.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    deferred = Deferred()
    signal.signal(signal.SIGINT, deferred)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if deferred.has_come:
            raise KeyboardInterrupt


def is_handled() -> bool:
    """Tell whether a signal interrupts the main thread, now or when its transaction is over."""
    handler = signal.getsignal(signal.SIGINT)
    return handler is signal.default_int_handler or isinstance(handler, Deferred)
