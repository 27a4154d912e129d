"""Waiting for a database whose server went away: a run of hours does not end for that."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from mlorch.errors import UnreachableError

T = TypeVar("T")

PATIENCE = 600.0
"""Seconds after which it is given up."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0


def patiently(act: Callable[[], T]) -> T:
    """Do something that asks a database, again and again while its server can't be reached.

    It may have been done already each time. Raises UnreachableError after PATIENCE seconds.
    """
    deadline, pause = time.monotonic() + PATIENCE, _FIRST_PAUSE
    while True:
        try:
            return act()
        except UnreachableError:
            if time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
