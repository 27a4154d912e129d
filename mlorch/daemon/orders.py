"""What the daemon and the process that has the user's code say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlorch.events import RunQueued
from mlorch.planning.ticks import Instigator

BEGUN = ""
"""What a worker tells the daemon when its run has begun; anything else is what it waits for."""

Stamp = tuple[int, int]
"""When a file was changed last, in nanoseconds, and its size in bytes."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The definitions were imported."""

    instigators: tuple[Instigator, ...]
    files: Mapping[str, Stamp]
    """The files that they came from."""
    fingerprint: str
    has_freshness: bool = False
    """Whether there is an asset that is to be fresh by some time."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The definitions do not import."""

    error: Mapping[str, Any]
    files: Mapping[str, Stamp]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Fork:
    """Have a process of its own carry out a run, or without one evaluate what it is asked."""

    token: int
    run: RunQueued | None = None


@dataclass(frozen=True, slots=True)
class Forked:
    """The process that was asked for is there."""

    token: int
    pid: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A process ended: with an exit code, or by a signal where that is negative."""

    token: int
    code: int


@dataclass(frozen=True, slots=True)
class Freshness:
    """Ask an evaluator how fresh the assets are."""

    now: float


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an evaluator found out besides ticks: facts to be recorded, or why it could not."""

    facts: tuple[Any, ...] = ()
    error: str = ""
