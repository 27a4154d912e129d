"""Two daemons on one PostgreSQL server, which goes away in the middle: each tick has one run."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from mlorch.events import RunFinished, RunQueued, RunStarted, TickEvaluated
from tests.daemon.conftest import MakeProject
from tests.daemon.project import NOON, Project
from tests.postgres import cluster, programs

DEFINITIONS = """
    import mlorch as ml

    @ml.op
    def note(context):
        with open("noted", "a") as file:
            file.write(context.run.tags["due"] + chr(10))

    @ml.job
    def noting():
        note()

    @ml.schedule(cron_schedule="* * * * *", job=noting, default_status="RUNNING", catchup="all")
    def minutely(context):
        due = context.scheduled_execution_time.isoformat()
        return ml.RunRequest(run_key=due, tags={"due": due})

    defs = ml.Definitions(jobs=[noting], schedules=[minutely])
"""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("ticks", "pace"), [(24, 120.0), pytest.param(1_000, 180.0, marks=pytest.mark.soak)])
def test_each_tick_has_one_run_though_daemons_die_and_the_server_goes_away(
    make_project: MakeProject, needs_postgres: Path, ticks: int, pace: float
):
    with cluster(needs_postgres) as server:
        settings = "[tool.mlorch.run_retries]\nmax_retries = 20\n\n[tool.mlorch.daemon]\npoll_seconds = 0.5"
        project = make_project(DEFINITIONS, settings, pace=pace)
        path = project.folder / "pyproject.toml"
        url = server.url
        path.write_text(path.read_text().replace("[tool.mlorch]", f'[tool.mlorch]\nstorage = "{url}"'))
        until = NOON + 60 * ticks
        daemons = [project.start(until=until) for _ in range(2)]
        middle = NOON + 30 * ticks
        dice = random.Random(7)
        while project.now() < middle:
            time.sleep(dice.uniform(1.0, 6.0))
            place = dice.randrange(2)
            daemons[place].kill()
            daemons[place].wait()
            daemons[place] = project.start(until=until)
        project.wait(lambda: _has_started(daemons))
        server.stop()
        before = [_seconds(one.pid) for one in daemons]
        time.sleep(3.0)
        used = [_seconds(one.pid) - was for one, was in zip(daemons, before, strict=True)]
        assert max(used) < 1.0, "who waits for a server does not spin"
        server.start()
        project.wait(lambda: _is_settled(project, until), 60.0 + ticks / 2)
        _check(project, until)
        for one in daemons:
            one.terminate()
        assert [one.wait(timeout=30) for one in daemons] == [0, 0], project.said()[-3_000:]


@pytest.fixture
def needs_postgres() -> Path:
    found = programs()
    if found is None:
        reason = "needs a PostgreSQL server (Debian package 'postgresql'), which is not there"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; in CI everything a test needs is there", pytrace=False)
        pytest.skip(reason)
    return found


def _has_started(daemons: list[subprocess.Popen[bytes]]) -> bool:
    """Tell whether each of them is done with starting, which takes a second of processor."""
    before = [_seconds(one.pid) for one in daemons]
    time.sleep(0.5)
    return all(_seconds(one.pid) - was < 0.2 for one, was in zip(daemons, before, strict=True))


def _is_settled(project: Project, until: float) -> bool:
    return any(one.due == until for one in _ticks(project)) and project.is_quiet()


def _ticks(project: Project) -> list[TickEvaluated]:
    return [one for one in project.facts(TickEvaluated.kind) if isinstance(one, TickEvaluated)]


def _check(project: Project, until: float) -> None:
    dues = Counter(one.due for one in _ticks(project))
    first = min(due for due in dues if due is not None)
    assert dues == Counter(first + 60 * place for place in range(int((until - first) / 60) + 1))
    assert {one.status for one in _ticks(project)} == {"SUCCESS"}
    queued = [one for one in project.facts(RunQueued.kind) if isinstance(one, RunQueued)]
    asked = [one for one in queued if one.retries is None]
    assert len(asked) == len(dues)
    begun = Counter(one.run_id for one in project.facts(RunStarted.kind))
    ended = Counter(one.run_id for one in project.facts(RunFinished.kind))
    assert set(begun.values()) == {1}
    assert set(ended.values()) == {1}
    assert set(ended) == {one.run_id for one in queued}
    noted = (project.folder / "noted").read_text().split()
    assert set(noted) == {str(one.source["run_key"]) for one in asked}


def _seconds(pid: int) -> float:
    """Return the seconds of processor that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
