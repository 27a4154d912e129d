"""The daemon as a process: its signals, and what it says."""

from __future__ import annotations

import json
import logging
import signal
import sys
from datetime import UTC, datetime

from mlorch.daemon.daemon import Daemon
from mlorch.definitions.fields import mask
from mlorch.instance import Instance
from mlorch.settings import Settings


def serve(settings: Settings, *, is_verbose: bool = False) -> None:
    """Run the daemon of a project until a signal ends it."""
    say(settings.daemon.log_format, is_verbose=is_verbose)
    with Instance.of(settings) as instance:
        daemon = Daemon(settings, instance)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: daemon.stop())
        daemon.run()


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
