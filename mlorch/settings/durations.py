"""Durations as people write them: "90d", "12h"."""

from __future__ import annotations

import re
from datetime import timedelta

FOREVER = "forever"
"""How a duration without an end is written."""

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(\d+) ?([wdhms])")


def read_duration(text: str) -> timedelta | None:
    """Return what a text such as "90d" means, None for "forever" and "".

    Raises ValueError for anything else, and for less than a second.
    """
    if text in ("", FOREVER):
        return None
    found = _DURATION.fullmatch(text)
    if found is None or not int(found[1]):
        raise ValueError(text)
    try:
        return timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    except OverflowError:
        raise ValueError(text) from None


def duration_text(duration: timedelta | None) -> str:
    """Return the duration as it is written, in the largest unit up to days that divides it."""
    if duration is None:
        return FOREVER
    seconds = round(duration.total_seconds())
    return next(f"{seconds // _UNITS[unit]}{unit}" for unit in "dhms" if seconds % _UNITS[unit] == 0)
