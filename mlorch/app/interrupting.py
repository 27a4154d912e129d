"""Ending what a thread of this process does, as Ctrl-C would."""

from __future__ import annotations

import ctypes
import signal
import threading

from mlorch.storage.interrupts import is_handled


def interrupt(thread: threading.Thread) -> None:
    """Raise KeyboardInterrupt in a thread: at once in the main one, in others when they next run Python."""
    is_main = thread is threading.main_thread()
    if is_main and is_handled() and thread.ident is not None:
        # A signal, unlike the exception alone, wakes a thread that sleeps or waits for something.
        signal.pthread_kill(thread.ident, signal.SIGINT)
    elif thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt)
        )
