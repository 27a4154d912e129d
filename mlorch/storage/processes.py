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


def is_alive(pid: int, birth: str | None) -> bool | None:
    """Tell whether the process that was born so still lives; None where that can't be told from here."""
    if birth is None:
        return None
    try:
        seen_from_here = birth.startswith(f"{_place()} ")
    except OSError:
        return None
    return birth_of(pid) == birth if seen_from_here else None


def _place() -> str:
    # Numbers of processes mean something within one boot and one namespace (a container has its own).
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.readlink(_PROC / 'self/ns/pid')}"
