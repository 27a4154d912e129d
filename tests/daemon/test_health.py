"""What a daemon says of itself over HTTP, and that it says so when its loop hangs."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from mlorch.daemon.health import HANGING, Health, serving
from mlorch.errors import UserError
from mlorch.settings import DaemonSettings
from tests.daemon.conftest import MakeProject
from tests.daemon.test_daemon import EVERY_MINUTE


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def health_at(port: int) -> tuple[int, dict[str, Any]]:
    code, text = ask(port, "/health")
    return code, json.loads(text)


def test_a_loop_that_hangs_is_told_of_and_one_that_goes_on_again():
    now = 1_000.0
    health = Health(lambda: now)
    settings = DaemonSettings(health_port=free_port())
    with serving(health, settings):
        health.beat(role="at work", code="ok", waiting=2, going=1)
        now += HANGING - 1
        code, said = health_at(settings.health_port)
        assert (code, said["status"], said["last_turn_seconds_ago"]) == (200, "ok", HANGING - 1)
        assert said["queue"] == {"waiting": 2, "going": 1}
        now += 2
        code, said = health_at(settings.health_port)
        assert (code, said["status"]) == (503, "hanging")
        assert "mlorch_up 0\n" in ask(settings.health_port, "/metrics")[1]
        health.beat(role="at work")
        assert health_at(settings.health_port)[0] == 200


def test_a_database_that_cannot_be_reached_is_told_of_until_it_can():
    health = Health()
    settings = DaemonSettings(health_port=free_port())
    with serving(health, settings):
        health.beat(role="at work", code="ok")
        health.cannot_reach_database()
        code, said = health_at(settings.health_port)
        assert (code, said["status"], said["database"], said["role"]) == (503, "error", "error", "at work")
        health.beat(role="at work", code="ok")
        assert health_at(settings.health_port)[0] == 200


def test_there_is_nothing_else_and_nothing_to_change():
    settings = DaemonSettings(health_port=free_port())
    with serving(Health(), settings):
        assert ask(settings.health_port, "/other")[0] == 404
        with socket.create_connection(("127.0.0.1", settings.health_port)) as connection:
            connection.sendall(b"POST /health HTTP/1.0\r\n\r\n")
            assert b" 501 " in connection.recv(100)


def test_without_a_port_nothing_is_served():
    with serving(Health(), DaemonSettings()):
        pass


def test_a_port_that_is_taken_is_named():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(UserError, match=r"health_port: 127\.0\.0\.1:\d+ can't be served"),
        serving(Health(), DaemonSettings(health_port=server.getsockname()[1])),
    ):
        pass


def test_a_real_daemon_says_how_it_is(make_project: MakeProject):
    port = free_port()
    project = make_project(EVERY_MINUTE, f"daemon.health_port = {port}", pace=60.0)
    project.start()

    def metrics() -> dict[str, str]:
        try:
            lines = ask(port, "/metrics")[1].splitlines()
        except OSError:
            return {}
        return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    project.wait(lambda: float(metrics().get('mlorch_runs_ended_total{status="SUCCESS"}', 0)) > 0)
    found = metrics()
    assert float(found['mlorch_ticks_total{status="SUCCESS"}']) >= 1
    assert (found["mlorch_up"], found["mlorch_at_work"], found["mlorch_code_ok"]) == ("1", "1", "1")
    code, said = health_at(port)
    assert (code, said["role"], said["code"], said["database"]) == (200, "at work", "ok", "ok")
    project.write("nonsense")
    project.wait(lambda: health_at(port)[1]["code"] == "error")
    assert health_at(port)[0] == 200
