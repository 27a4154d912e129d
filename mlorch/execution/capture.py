"""What steps print, kept for each step though steps share one process."""

from __future__ import annotations

import io
import logging
import sys
import traceback
from contextvars import ContextVar
from threading import Lock
from types import TracebackType
from typing import Any, TextIO

from mlorch.planning.fingerprint.sources import PARSING

LIMIT = 1_000_000
"""Characters kept of each stream of a step, and of its log records; the rest is counted, not kept."""


class Captured:
    """What one attempt wrote to each stream, and its log records: (seconds since the epoch, level, text)."""

    __slots__ = ("_dropped", "_kept", "_log", "_room")

    def __init__(self) -> None:
        self._log: list[tuple[float, str, str]] = []
        self._kept: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._room = {"stdout": LIMIT, "stderr": LIMIT, "log": LIMIT}
        self._dropped = {"stdout": 0, "stderr": 0, "log": 0}

    def write(self, stream: str, text: str) -> None:
        kept = self._cut(stream, text)
        if kept:
            self._kept[stream].append(kept)

    def add_record(self, at: float, level: str, text: str) -> None:
        kept = self._cut("log", text)
        if kept or not text:
            self._log.append((at, level, kept))

    def text(self, stream: str) -> str:
        return "".join(self._kept[stream]) + self._rest(stream)

    @property
    def log(self) -> list[tuple[float, str, str]]:
        rest = self._rest("log").strip()
        return [*self._log, (self._log[-1][0], "WARNING", rest)] if rest else self._log

    @property
    def is_empty(self) -> bool:
        return not (self._log or any(self._kept.values()))

    def _cut(self, where: str, text: str) -> str:
        kept = text[: self._room[where]]
        self._room[where] -= len(kept)
        self._dropped[where] += len(text) - len(kept)
        return kept

    def _rest(self, where: str) -> str:
        dropped = self._dropped[where]
        return f"\n… {dropped} characters more were not kept\n" if dropped else ""


class LogHandler(logging.Handler):
    """Hands the records of `context.log` to a Captured."""

    def __init__(self, captured: Captured) -> None:
        super().__init__()
        self._captured = captured

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                text = f"{text}\n{traceback_text(*record.exc_info[1:])}".rstrip("\n")
            self._captured.add_record(record.created, record.levelname, text)
        except Exception:  # noqa: BLE001 - as with all of logging: a message that can't be put together stops nothing
            self.handleError(record)


def traceback_text(error: BaseException, start: TracebackType | None) -> str:
    """Return an error with its traceback from `start` on, as Python draws it."""
    with PARSING:
        return "".join(traceback.TracebackException(type(error), error, start).format())


_current: ContextVar[Captured | None] = ContextVar("mlorch_captured", default=None)


class _Tee(io.TextIOBase):
    """Stands for a stream while steps run: hands text on, and keeps it for the step that wrote it.

    What goes around it is not kept: `sys.stdout.buffer`, file descriptors, child processes.
    """

    def __init__(self, name: str, original: TextIO) -> None:
        self._name = name
        self._original = original

    def write(self, text: str) -> int:
        captured = _current.get()
        if captured is not None:
            captured.write(self._name, text)
        return self._original.write(text)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        self._original.flush()

    def isatty(self) -> bool:
        return self._original.isatty()

    def fileno(self) -> int:
        return self._original.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._original.encoding


class _Streams:
    """sys.stdout and sys.stderr, replaced while at least one step of this process runs."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._originals: tuple[TextIO, TextIO] | None = None

    def take(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._originals = sys.stdout, sys.stderr
                sys.stdout, sys.stderr = _Tee("stdout", sys.stdout), _Tee("stderr", sys.stderr)

    def give_back(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._originals is not None:
                sys.stdout, sys.stderr = self._originals


_streams = _Streams()


class capturing:
    """Keep in `captured` what this thread of work writes while the block runs."""

    __slots__ = ("_captured", "_token")

    def __init__(self, captured: Captured) -> None:
        self._captured = captured

    def __enter__(self) -> None:
        _streams.take()
        self._token = _current.set(self._captured)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
        _streams.give_back()
