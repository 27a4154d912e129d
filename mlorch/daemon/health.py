"""Whether the daemon is well, for those who ask over HTTP: GET /health and GET /metrics."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mlorch.errors import UserError
from mlorch.settings import DaemonSettings

HANGING = 60.0
"""Seconds without a turn after which the daemon hangs; a locked database is waited for half as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What the daemon said of itself at the end of a turn."""

    at: float
    """By the monotonic clock, in seconds."""
    role: str = "standby"
    """"at work", or "standby" while another daemon is."""
    database: str = "ok"
    """"ok" or "error"."""
    code: str = "loading"
    """"ok", "loading", "not loaded" by a standby, or "error" where the project's code does not load now."""
    waiting: int = 0
    going: int = 0
    lag: float = 0.0
    """Seconds by which a tick is late that was not given out yet."""
    ticks: Mapping[str, int] = field(default_factory=dict)
    """By status, since this daemon is at work."""
    ended: Mapping[str, int] = field(default_factory=dict)
    """Runs that ended, by status, since this daemon is at work."""


class Health:
    """The last pulse of a daemon; given by its loop, and read by other threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = time.time()
        self._pulse = Pulse(at=clock())

    def beat(self, **said: Any) -> None:
        """Take note that the loop goes, and of what it says."""
        self._pulse = Pulse(at=self._clock(), **said)

    def cannot_reach_database(self) -> None:
        """Take note that the loop goes, and waits for its database."""
        self._pulse = replace(self._pulse, at=self._clock(), database="error")

    @property
    def is_well(self) -> bool:
        """Tell whether the loop goes and has its database."""
        return self._pulse.database == "ok" and not self._is_hanging(self._pulse)

    def to_json(self) -> dict[str, Any]:
        pulse = self._pulse
        return {
            "status": "ok" if self.is_well else "hanging" if self._is_hanging(pulse) else "error",
            "role": pulse.role,
            "since": self._since,
            "database": pulse.database,
            "code": pulse.code,
            "queue": {"waiting": pulse.waiting, "going": pulse.going},
            "last_turn_seconds_ago": round(self._clock() - pulse.at, 3),
        }

    def to_metrics(self) -> str:
        """Return the same in Prometheus' text format."""
        pulse = self._pulse
        gauges = {
            "mlorch_up": int(self.is_well),
            "mlorch_at_work": int(pulse.role == "at work"),
            "mlorch_code_ok": int(pulse.code == "ok"),
            "mlorch_last_turn_seconds": round(self._clock() - pulse.at, 3),
            "mlorch_tick_lag_seconds": round(pulse.lag, 3),
        }
        lines = [
            line for name, value in gauges.items() for line in (f"# TYPE {name} gauge", f"{name} {value}")
        ]
        runs = {"waiting": pulse.waiting, "going": pulse.going}
        lines += _family("mlorch_runs", "gauge", "state", runs)
        lines += _family("mlorch_ticks_total", "counter", "status", pulse.ticks)
        lines += _family("mlorch_runs_ended_total", "counter", "status", pulse.ended)
        return "\n".join([*lines, ""])

    def _is_hanging(self, pulse: Pulse) -> bool:
        return self._clock() - pulse.at > HANGING


@contextmanager
def serving(health: Health, settings: DaemonSettings) -> Iterator[None]:
    """Answer within the block, in a thread, where the settings name a port. Raises UserError."""
    if not settings.health_port:
        yield
        return
    where = settings.health_host, settings.health_port
    try:
        server = _Server(where, _handler(health))
    except OSError as error:
        raise UserError(
            f"[tool.mlorch.daemon] health_port: {where[0]}:{where[1]} can't be served: {error.strerror}"
        ) from None
    threading.Thread(target=server.serve_forever, name="mlorch-health", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where somebody hangs up."""


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/health":
                self._answer(200 if health.is_well else 503, "application/json", json.dumps(health.to_json()))
            elif path == "/metrics":
                self._answer(200, "text/plain; version=0.0.4; charset=utf-8", health.to_metrics())
            else:
                self._answer(404, "text/plain", "There are /health and /metrics.\n")

        def _answer(self, code: int, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing of each question."""

        def version_string(self) -> str:
            return "mlorch"

    return Handler


def _family(name: str, kind: str, label: str, counts: Mapping[str, int]) -> list[str]:
    return [f"# TYPE {name} {kind}", *(f'{name}{{{label}="{one}"}} {count}' for one, count in counts.items())]
