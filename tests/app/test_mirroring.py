"""The process beside a command tells MLflow, whatever becomes of the command, itself or the server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mlorch import Definitions, Instance, asset
from mlorch.app.materializing import Request, run_request
from mlorch.app.mirroring import materialization_of, mirror_now, mirroring, waiting
from mlorch.errors import InvalidConfigError, NotFoundError
from mlorch.settings import MlflowSettings, Settings, read_settings

PROJECT = """\
[project]
name = "shop"
[tool.mlorch.dvc]
enabled = false
"""

COMMAND = """
import os, signal, sys
from pathlib import Path
from mlorch.app.mirroring import mirroring
from mlorch.settings import read_settings
from tests.app.test_mirroring import make

settings = read_settings(Path(sys.argv[1]))
with mirroring(settings, wait=True, tell=print):
    make(settings)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@asset(code_version="1")
def numbers() -> list[int]:
    return [1, 2, 3]


@asset(code_version="1")
def total(numbers: list[int]) -> int:
    return sum(numbers)


def make(settings: Settings) -> str:
    """Make both assets, without telling anybody; return the run's id."""
    with Instance.of(settings) as instance:
        return run_request(Definitions([numbers, total]), instance, Request(project="shop")).run_id


def runs(settings: Settings) -> list[tuple[str, str]]:
    """Return name and status of what stands in MLflow, read without MLflow."""
    with closing(sqlite3.connect(settings.project / "mlruns" / "mlflow.db")) as database:
        return sorted(
            (name.partition(" @")[0], status)
            for name, status in database.execute("SELECT name, status FROM runs")
        )


def runs_of(count: int) -> list[tuple[str, str]]:
    names = ("numbers total", "numbers", "total")
    return sorted((name, "FINISHED") for name in names for _ in range(count))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one run that MLflow knows."""
    folder = tmp_path_factory.mktemp("told")
    (folder / "pyproject.toml").write_text(PROJECT)
    settings = read_settings(folder)
    lines: list[str] = []
    with mirroring(settings, wait=True, tell=lines.append) as state:
        make(settings)
    assert state.is_complete
    assert runs(settings) == runs_of(1)
    assert any(line.startswith("telling MLflow: ") for line in lines)
    return folder


@pytest.fixture
def settings(told: Path, tmp_path: Path) -> Settings:
    shutil.copytree(told, tmp_path, dirs_exist_ok=True)
    return read_settings(tmp_path)


def test_where_nothing_is_to_be_told_nothing_is_said(settings: Settings) -> None:
    lines: list[str] = []
    assert mirror_now(settings, lines.append)
    assert lines == []
    assert runs(settings) == runs_of(1)


def test_what_nobody_told_is_told_by_hand(settings: Settings) -> None:
    make(settings)
    with Instance.of(settings) as instance:
        assert waiting(settings, instance.log) == {"MLflow": (2, "materializations")}
        assert mirror_now(settings, print)
        assert waiting(settings, instance.log) == {"MLflow": (0, "materializations")}
    assert runs(settings) == runs_of(2)


def test_the_background_goes_on_when_the_command_is_killed(settings: Settings) -> None:
    house = Path(__file__).parents[2]
    command = [sys.executable, "-c", COMMAND, str(settings.project)]
    done = subprocess.run(command, cwd=house, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    until(lambda: runs(settings) == runs_of(2))


def test_the_mirror_is_killed_and_the_next_one_completes_its_work(settings: Settings) -> None:
    for _ in range(5):
        make(settings)
    others = children()
    with mirroring(settings, wait=False, tell=print):
        until(lambda: len(runs(settings)) > 4)
        for child in set(children()) - set(others):
            os.kill(child, signal.SIGKILL)
    assert len(runs(settings)) < 18
    assert mirror_now(settings, print)
    assert runs(settings) == runs_of(6)


def test_two_at_once_take_turns(settings: Settings) -> None:
    with (
        mirroring(settings, wait=True, tell=print) as first,
        mirroring(settings, wait=True, tell=print) as second,
    ):
        make(settings)
    assert first.is_complete
    assert second.is_complete
    assert runs(settings) == runs_of(2)


def test_a_deleted_store_is_filled_again_on_demand(settings: Settings) -> None:
    shutil.rmtree(settings.project / "mlruns")
    assert mirror_now(settings, print, again=True)
    assert runs(settings) == runs_of(1)


def test_a_dead_server_fails_nothing_and_its_share_waits(settings: Settings) -> None:
    far = to_server(settings, free_port())
    lines: list[str] = []
    with mirroring(far, wait=True, tell=lines.append) as state:
        assert make(far)
    assert not state.is_complete
    assert "4 materializations wait for `mlorch mirror`" in lines[-1]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_that_comes_back_gets_everything(settings: Settings) -> None:
    port = free_port()
    far = to_server(settings, port)
    assert not mirror_now(far, print)
    for server in serving(settings.project / "server", port):
        assert mirror_now(far, print)
        server.kill()
        server.wait()
    with closing(sqlite3.connect(settings.project / "server" / "mlflow.db")) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (3,)


def test_a_run_of_mlflow_leads_back_to_the_materialization(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.project / "mlruns" / "mlflow.db")) as database:
        found = dict(database.execute("SELECT name, run_uuid FROM runs"))
    (total_run,) = (run for name, run in found.items() if name.startswith("total @"))
    run_id, step = materialization_of(total_run, settings)
    assert step == "total"
    with Instance.of(settings) as instance:
        assert instance.log.read(run_id=run_id, asset="total")
    with pytest.raises(NotFoundError, match="no materialization"):
        materialization_of(found["numbers total"], settings)
    with pytest.raises(NotFoundError, match="no run"):
        materialization_of("0" * 32, settings)


def test_a_store_that_can_not_be_one_is_refused_before_anything_runs(settings: Settings) -> None:
    own = replace(settings, mlflow=MlflowSettings(tracking_uri=settings.storage_url))
    with pytest.raises(InvalidConfigError, match="mlorch's own log"), mirroring(own, wait=True, tell=print):
        pytest.fail("the block should not run")


def test_with_both_mirrors_off_there_is_no_process(settings: Settings) -> None:
    off = replace(settings, mlflow=MlflowSettings(enabled=False))
    before = children()
    with mirroring(off, wait=True, tell=print) as state:
        assert children() == before
    assert state.is_complete


def to_server(settings: Settings, port: int) -> Settings:
    """Return the settings with a server as tracking store, written where the mirror's process reads them."""
    uri = f"http://127.0.0.1:{port}"
    (settings.project / "pyproject.toml").write_text(
        f'{PROJECT}[tool.mlorch.mlflow]\ntracking_uri = "{uri}"\n'
    )
    return read_settings(settings.project)


def serving(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a real MLflow server that answers."""
    folder.mkdir()
    arguments = [
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--workers", "1", *arguments],
        cwd=folder,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as server:
        until(lambda: answers(port), 300)
        yield server
        os.killpg(server.pid, signal.SIGKILL)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def children() -> list[int]:
    """Return the processes that this one started and that live."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [
        int(child)
        for child in text.split()
        if "Z" not in Path(f"/proc/{child}/stat").read_text().split(")")[-1]
    ]


def until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)
