"""Which processes of this machine still live."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def birth_of(pid: int) -> str | None:
    """Return what tells a living process from every other that had or will have its number.

    None where there is no such process, and where this can't be told: everywhere but on Linux.
    """
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
        place = _place()
    except OSError:
        return None
    # The name, in parentheses, may hold anything; its state comes next, and its start, in ticks, 19 words on.
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{place} {rest[18]}"


def is_dead(pid: int, birth: str | None) -> bool:
    """Tell whether the process that was born so is known to have ended; False where that can't be told."""
    if birth is None:
        return False
    try:
        seen_from_here = birth.startswith(f"{_place()} ")
    except OSError:
        return False
    return seen_from_here and birth_of(pid) != birth


def _place() -> str:
    # Numbers of processes mean something within one boot and one namespace (a container has its own).
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.readlink(_PROC / 'self/ns/pid')}"
