"""The example through the real daemon: retrained by its drift sensor, and by its monthly schedule."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from mlorch import Instance
from mlorch.events import (
    AssetMaterialized,
    DriftEvaluated,
    Event,
    InstigatorStarted,
    RunFinished,
    RunStarted,
    TickEvaluated,
)
from mlorch.mirrors.mlflow import quiet

HOUSE = Path(__file__).parents[2]
EXAMPLE = HOUSE / "examples" / "nyc_flights"
SERVING = HOUSE / "tests" / "daemon" / "serving.py"
COMMANDS = Path(sys.executable).parent
BEFORE = ("--partition-range", "2013-06-01...2013-08-01")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class World:
    """A copy of the example that knows the summer and has learned from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        git = {
            f"GIT_{who}_{what}": "t@localhost"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        path = f"{COMMANDS}{os.pathsep}{os.environ['PATH']}"
        self.environment = {
            **os.environ,
            **git,
            "PATH": path,
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "",
        }
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "demo"))
        self.run("git", "init", "--quiet")
        self.run("mlorch", "init")
        self.arrive(*BEFORE)
        self.run("mlorch", "materialize", "model", "--partition", "2013-08-01")

    def run(self, *command: str) -> None:
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def arrive(self, *months: str) -> None:
        self.run("mlorch", "materialize", "flights", "weather", "features", *months)

    def facts(self, *kinds: type[Any]) -> list[Any]:
        with Instance.local(self.folder) as instance:
            return [one.event for one in instance.log.read(kinds={kind.kind for kind in kinds})]

    def started(self, tag: str, value: str) -> list[RunStarted]:
        return [one for one in self.facts(RunStarted) if one.tags.get(tag) == value]

    def ended(self, run: RunStarted) -> RunFinished | None:
        return next((one for one in self.facts(RunFinished) if one.run_id == run.run_id), None)

    def ticks(self) -> list[TickEvaluated]:
        return [one for one in self.facts(TickEvaluated) if one.name == "sensor/drifted"]

    @contextmanager
    def daemon(self, *command: str) -> Iterator[Callable[[Callable[[], Any]], Any]]:
        """Give what waits until something is so, while a daemon runs."""
        log = self.folder / "daemon.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=file, stderr=file
            )

        def wait(find: Callable[[], Any]) -> Any:
            deadline = time.monotonic() + 120
            while not (found := find()):
                assert process.poll() is None, log.read_text()[-5_000:]
                assert time.monotonic() < deadline, log.read_text()[-5_000:]
                time.sleep(0.2)
            return found

        try:
            yield wait
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def in_dvc(self) -> dict[str, int]:
        """Return how many files DVC knows of each asset."""
        stages = yaml.safe_load((self.folder / "dvc.lock").read_text())["stages"]
        return {name: one["outs"][0].get("nfiles", 1) for name, one in stages.items()}

    def mlflow(self) -> Any:
        with quiet():
            from mlflow import MlflowClient

            return MlflowClient(f"sqlite:///{self.folder / 'mlruns' / 'mlflow.db'}")

    def runs(self, asset: str) -> list[Any]:
        client = self.mlflow()
        experiment = client.get_experiment_by_name(f"nyc-flights/{asset}")
        return [] if experiment is None else list(client.search_runs([experiment.experiment_id]))


@pytest.fixture
def world(tmp_path: Path, needs_program: Any) -> World:
    needs_program("git")
    return World(tmp_path / "flights")


def partitions(facts: list[Event], run: RunStarted) -> dict[str, str | None]:
    return {
        one.asset: one.partition
        for one in facts
        if isinstance(one, AssetMaterialized) and one.run_id == run.run_id
    }


def test_it_is_retrained_by_drift_and_by_the_calendar(world: World) -> None:
    world.arrive("--partition", "2013-09-01")
    with world.daemon("mlorch", "daemon", "--health-port", "0") as wait:
        (run,) = wait(lambda: world.started("mlorch/sensor", "drifted"))
        assert wait(lambda: world.ended(run)).status == "SUCCESS"
        assert partitions(world.facts(AssetMaterialized), run) == dict.fromkeys(
            ("flights", "weather", "features", "model", "evaluation"), "2013-09-01"
        )
        (seen,) = world.facts(DriftEvaluated)
        assert (seen.partition, seen.verdict, seen.report["drifted"][0]) == ("2013-09-01", "drift", "late")
        assert seen.run_key == run.tags["mlorch/run_key"]
        assert run.tags["mlorch/why"] == seen.why
        assert seen.why.startswith("drift of late in features[2013-09-01]: effect 0.15 ≥ 0.1")
        check_mlflow(world, wait, run, seen)
        wait(
            lambda: world.in_dvc() == {"flights": 4, "weather": 4, "features": 4, "model": 2, "evaluation": 1}
        )

    # The first of November, shortly before six: the schedule runs October, and drift asks for nothing more.
    clock = datetime(2013, 11, 1, 5, 59, 50, tzinfo=ZoneInfo("America/New_York")).timestamp()
    with Instance.local(world.folder) as instance:
        instance.log.append([InstigatorStarted(at=clock, name="schedule/monthly")])
    numbers = map(repr, (clock, time.time(), 5.0, float("inf")))
    with world.daemon(sys.executable, "-P", str(SERVING), str(world.folder), *numbers) as wait:
        (monthly,) = wait(lambda: world.started("mlorch/schedule", "monthly"))
        assert wait(lambda: world.ended(monthly)).status == "SUCCESS"
        assert partitions(world.facts(AssetMaterialized), monthly)["model"] == "2013-10-01"
        count = len(world.ticks())
        wait(lambda: len(world.ticks()) > count)
    assert len(world.facts(DriftEvaluated)) == 1
    assert len(world.started("mlorch/sensor", "drifted")) == 1


def check_mlflow(world: World, wait: Callable[..., Any], run: RunStarted, seen: DriftEvaluated) -> None:
    """The run says first why it ran, and the evaluation of drift stands in the experiment of the features."""
    job = wait(
        lambda: next(
            (
                one
                for one in world.runs("__jobs__")
                if one.data.tags.get("mlorch.run_id") == run.run_id and one.info.status == "FINISHED"
            ),
            None,
        )
    )
    assert job.data.tags["mlflow.note.content"].splitlines()[0] == f"Why: {seen.why} (sensor drifted)."
    (drift,) = [one for one in world.runs("features") if one.data.tags["mlorch.role"] == "drift"]
    assert drift.info.run_name == "drift features[2013-09-01]"
    assert drift.data.metrics["drift.late.effect"] == pytest.approx(0.154, abs=0.01)
    assert drift.data.tags["mlorch.drift.model"] == "model[2013-08-01]"
