"""mlorch up: the daemon and the MLflow UI, which begin and end together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from mlorch.app.overseeing import daemon_at_work
from mlorch.daemon.together import run_together
from mlorch.instance import Instance

HERE = "127.0.0.1"


@contextmanager
def upped(project, *words):
    """`mlorch up` as a process of its own, which ends with the block."""
    command = [sys.executable, "-P", "-m", "mlorch", "up", *words]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        command, cwd=project.folder, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)
        process.stderr.close()


def daemon_of(project, *, is_there=True):
    """The daemon at work, waited for."""
    deadline = time.monotonic() + 30
    with Instance.local(project.folder) as instance:
        while time.monotonic() < deadline:
            found = daemon_at_work(instance)
            if (found is not None) == is_there:
                return found
            time.sleep(0.1)
    raise AssertionError("the daemon is not as it should be")


def test_ctrl_c_ends_the_daemon_gracefully(project):
    with upped(project) as process:
        daemon_of(project)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        said = process.stderr.read()
    assert "MLflow is turned off" in said
    assert "info stopped" in said
    daemon_of(project, is_there=False)


def test_a_daemon_that_dies_ends_it_all_with_one(project):
    with upped(project) as process:
        os.kill(daemon_of(project).pid, signal.SIGKILL)
        assert process.wait(30) == 1
        assert "the daemon ended by itself with exit code -9" in process.stderr.read()


def test_what_ends_by_itself_ends_the_others(project):
    said: list[str] = []
    commands = {"the daemon": ("-C", str(project.folder), "daemon"), "the version": ("version",)}
    assert run_together(commands, said.append)
    assert said == ["the version ended by itself with exit code 0; the daemon is ended too"]
    daemon_of(project, is_there=False)


@pytest.mark.parametrize("is_server", [False, True])
def test_a_port_that_is_taken_is_said_at_once_unless_a_server_has_the_ui(project, is_server):
    uri = 'tracking_uri = "http://127.0.0.1:9"' if is_server else ""
    project.edit("pyproject.toml", "[tool.mlorch.mlflow]\nenabled = false", f"[tool.mlorch.mlflow]\n{uri}")
    with socket.create_server((HERE, 0)) as other:
        port = str(other.getsockname()[1])
        if not is_server:
            answer = project("up", "--port", port)
            assert answer.code == 2
            assert f"port {port} of 127.0.0.1 can't be used" in answer.err
            return
        with upped(project, "--port", port) as process:
            daemon_of(project)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert "http://127.0.0.1:9" in process.stderr.read()
