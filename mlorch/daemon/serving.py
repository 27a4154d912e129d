"""The daemon as a process: its signals, and what it says."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from mlorch.daemon.daemon import Daemon
from mlorch.daemon.health import Health, serving
from mlorch.definitions.fields import mask
from mlorch.errors import UnreachableError
from mlorch.instance import Instance
from mlorch.settings import Settings

logger = logging.getLogger(__name__)


def serve(
    settings: Settings,
    *,
    is_verbose: bool = False,
    now: Callable[[], float] = time.time,
    pace: float = 1.0,
) -> None:
    """Run the daemon of a project until a signal ends it; the clock is as of Daemon.

    Raises StorageError for a database that can't be used; a server that does not answer is waited for.
    """
    say(settings.daemon.log_format, is_verbose=is_verbose)
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    health = Health()
    with serving(health, settings.daemon):
        instance = _open(settings, asked, health)
        if instance is None:
            return
        with instance:
            daemon = Daemon(settings, instance, now, pace, health=health)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: daemon.stop())
            if asked.is_set():
                daemon.stop()
            daemon.run()


def _open(settings: Settings, asked: threading.Event, health: Health) -> Instance | None:
    """Return the instance as soon as its database answers; None where the daemon is asked to end before."""
    pause = _FIRST_PAUSE
    while not asked.is_set():
        try:
            return Instance.of(settings)
        except UnreachableError as error:
            logger.error("%s; trying again in %g s", error, pause)
            health.cannot_reach_database()
            asked.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
    return None


_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
"""Seconds after which a database that did not answer is tried again, and at most."""


def say(form: str, *, is_verbose: bool = False) -> None:
    """Have what mlorch logs written to standard error, as lines of text or of JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    logger = logging.getLogger("mlorch")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if is_verbose else logging.INFO)


class _Text(logging.Formatter):
    """`2026-01-31T06:00:00Z info at work`, passwords in URLs masked."""

    def format(self, record: logging.LogRecord) -> str:
        text: str = mask(super().format(record))
        return f"{_moment(record)} {record.levelname.lower()} {text}"


class _Json(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the error where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": mask(record.getMessage()),
        }
        if record.exc_info:
            said["error"] = mask(self.formatException(record.exc_info))
        return json.dumps(said)


def _moment(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
