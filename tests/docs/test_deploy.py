"""What docs/deploy.md and deploy/ name exists, and what of it can run without a container does."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from mlorch.cli.main import app
from mlorch.daemon.health import Health, serving
from mlorch.mirrors.mlflow import quiet
from mlorch.settings import DaemonSettings
from mlorch.settings.kinds import KINDS, VARIABLES

HOUSE = Path(__file__).parents[2]
DEPLOY = HOUSE / "deploy"
PAGE = HOUSE / "docs" / "deploy.md"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
FILES = [
    PAGE,
    HOUSE / "docs" / "reference" / "retention.md",
    *(one for one in DEPLOY.rglob("*") if one.is_file()),
]

HANDING_OVER = 15.0
"""Seconds that a daemon gives runs which are handed over."""


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def unit(path: Path) -> dict[str, list[str]]:
    """The lines of a unit by their names."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def mlflow_server() -> Any:
    """The command `mlflow server`."""
    with quiet():
        from mlflow.cli import server
    return server


def seconds(text: str) -> float:
    """Of "2m" and "1m" in a compose file."""
    return float(text.removesuffix("m")) * 60 if text.endswith("m") else float(text.removesuffix("s"))


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_units(path: Path, tmp_path: Path, needs_program: Any):
    # Only the place of the program is another.
    text = path.read_text().replace("/srv/flights/.venv/bin/", f"{Path(sys.executable).parent}/")
    copy = tmp_path / path.name
    copy.write_text(text)
    done = subprocess.run([needs_program("systemd-analyze"), "verify", copy], capture_output=True, text=True)
    mine = [line for line in done.stderr.splitlines() if path.name in line]
    assert (done.returncode, mine) == (0, [])


def test_systemd_waits_longer_than_the_daemon_takes_to_stop():
    one = unit(DEPLOY / "systemd" / "mlorch-daemon.service")
    (said,) = [line for line in one["Environment"] if line.startswith("MLORCH_DAEMON_STOP_TIMEOUT_SECONDS=")]
    assert float(one["TimeoutStopSec"][0]) > float(said.partition("=")[2]) + HANDING_OVER
    assert (one["KillMode"], one["KillSignal"], one["Restart"]) == (["mixed"], ["SIGTERM"], ["always"])
    assert one["ExecStart"][0].endswith("/mlorch daemon")


def test_compose_names_only_what_it_declares():
    found = compose()
    services = found["services"]
    for name, one in services.items():
        assert set(one.get("secrets", ())) <= set(found["secrets"]), name
        assert {each.partition(":")[0] for each in one.get("volumes", ())} <= set(found["volumes"]), name
        assert set(one.get("depends_on", ())) <= set(services), name
        assert {each["source"] for each in one.get("configs", ())} <= set(found["configs"]), name
        assert "healthcheck" in one, name
        for variable, value in one["environment"].items():
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in one["secrets"], name
    used = {each for one in services.values() for each in one.get("secrets", ())}
    assert used == set(found["secrets"])
    assert all((HOUSE / "deploy" / each["build"]["context"]).is_dir() for each in (services["daemon"],))
    assert (HOUSE / services["daemon"]["build"]["dockerfile"]).is_file()


def test_compose_runs_two_daemons_and_gives_them_time_to_stop():
    one = compose()["services"]["daemon"]
    assert one["deploy"]["replicas"] == 2
    limit = float(one["environment"]["MLORCH_DAEMON_STOP_TIMEOUT_SECONDS"])
    assert seconds(one["stop_grace_period"]) > limit + HANDING_OVER
    assert one["init"]
    assert "ports" not in one
    assert all(each.startswith("127.0.0.1:") for each in compose()["services"]["mlflow"]["ports"])


def test_no_file_of_a_deployment_has_a_password():
    for path in FILES:
        for word in re.findall(r"://\w+:([^@\s]+)@", path.read_text()):
            assert word in ("PASSWORD", "$word"), path


def test_the_image_copies_what_is_there():
    text = (DEPLOY / "Dockerfile").read_text()
    assert "install -m 0755 deploy/with-secrets" in text
    assert os.access(DEPLOY / "with-secrets", os.X_OK)
    assert 'ENTRYPOINT ["with-secrets"]' in text
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    assert {"deploy/secrets", ".mlorch", "data", ".git"} <= set(ignored)
    assert "/deploy/secrets/" in (HOUSE / ".gitignore").read_text().split()


def test_every_variable_of_mlorch_that_is_named_is_one():
    known = set(VARIABLES) | {"MLORCH_PROJECT"}
    named = {each for path in FILES for each in re.findall(r"MLORCH_[A-Z_]+", path.read_text())}
    assert named
    assert {each.removesuffix("_FILE") for each in named} - known == set()


def test_every_variable_of_mlflow_that_is_named_is_one():
    server = mlflow_server()
    import mlflow.environment_variables

    known = {name for name in dir(mlflow.environment_variables) if name.startswith("MLFLOW_")}
    known |= {str(one.envvar) for one in server.params if one.envvar}
    named = {each for path in FILES for each in re.findall(r"\bMLFLOW_[A-Z_]+", path.read_text())}
    assert {each.removesuffix("_FILE") for each in named} - known == set()


def test_every_option_of_the_mlflow_server_is_one():
    server = mlflow_server()
    known = {option for one in server.params for option in one.opts}
    command = compose()["services"]["mlflow"]["command"]
    line = unit(DEPLOY / "systemd" / "mlorch-mlflow.service")["ExecStart"][0].split()
    given = {word for word in (*command, *line) if word.startswith("--")}
    given |= {word for word in re.findall(r"--[a-z-]+", PAGE.read_text()) if "allowed" in word}
    assert len(given) > 3
    assert given - known == set()


def test_every_setting_that_the_page_names_is_one():
    known = {name.rpartition(".")[2] for name in KINDS}
    blocks = "\n".join(re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.S))
    named = re.findall(r"^(\w+) = ", blocks, re.M)
    named += re.findall(r"`((?!mlorch_)\w+_(?:seconds|port|host|format))\b", PAGE.read_text())
    assert len(named) > 5
    assert set(named) - known == set()


def test_every_metric_that_the_page_names_is_one():
    health = Health()
    health.beat(ticks={"SUCCESS": 1}, ended={"SUCCESS": 1})
    known = set(re.findall(r"^# TYPE (\w+)", health.to_metrics(), re.M))
    named = set(re.findall(r"`(mlorch_\w+)", PAGE.read_text()))
    assert len(named) > 5
    assert named - known == set()


def test_every_command_that_is_named_is_one():
    root = get_command(app)
    called = re.findall(r"(?:`|^\$ |with-secrets )mlorch ([a-z][^`\n#]*)", PAGE.read_text(), re.M)
    assert len(called) >= 6
    for text in called:
        command: Any = root
        words = text.split()
        while words and (commands := getattr(command, "commands", {})):
            word = words.pop(0)
            assert word in commands, text
            command = commands[word]
        options = {option for one in command.params for option in one.opts}
        assert {word for word in words if word.startswith("--")} <= options, text


def test_secrets_get_from_their_files_into_variables(tmp_path: Path):
    (tmp_path / "storage").write_text('postgresql+psycopg://u:it\'s a "$secret"@h/d\n')
    environment = {
        "PATH": os.environ["PATH"],
        "SECRETS_FOLDER": str(tmp_path),
        "MLORCH_STORAGE_FILE": str(tmp_path / "storage"),
        "SSL_CERT_FILE": "/etc/ssl/certs/ca.pem",
    }
    show = [shutil.which("env") or "env"]
    done = subprocess.run([DEPLOY / "with-secrets", *show], env=environment, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert 'MLORCH_STORAGE=postgresql+psycopg://u:it\'s a "$secret"@h/d' in lines
    assert "SSL_CERT_FILE=/etc/ssl/certs/ca.pem" in lines
    assert not [line for line in lines if line.startswith("MLORCH_STORAGE_FILE")]
    gone = {**environment, "MLORCH_STORAGE_FILE": str(tmp_path / "none")}
    assert subprocess.run([DEPLOY / "with-secrets", *show], env=gone, capture_output=True).returncode != 0


def test_the_health_check_of_the_daemon_answers():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    _, _, flag, code = compose()["services"]["daemon"]["healthcheck"]["test"]
    assert f"MLORCH_DAEMON_HEALTH_PORT={8787}" in (DEPLOY / "Dockerfile").read_text()
    command = [sys.executable, flag, code.replace("8787", str(port))]
    health = Health()
    with serving(health, DaemonSettings(health_port=port)):
        assert subprocess.run(command).returncode == 0
        health.cannot_reach_database()
        assert subprocess.run(command, capture_output=True).returncode != 0
