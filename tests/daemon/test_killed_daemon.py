"""kill -9 of the daemon, its workers and whatever it forked, at random moments of a day that goes fast.

Afterwards every tick has one outcome, no run was lost or doubled, and no value is half written.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress

import pytest

from mlorch.app.queueing import enqueue
from mlorch.definitions.tags import PARENT
from mlorch.events import (
    AssetMaterialized,
    BackfillFinished,
    Event,
    RunFinished,
    RunQueued,
    RunStarted,
    StepStarted,
    TickEvaluated,
)
from mlorch.instance import Instance
from mlorch.iomanagers.hashes import md5
from tests.daemon.conftest import MakeProject
from tests.daemon.project import NOON, Project

DEFINITIONS = """
    import time
    import mlorch as ml

    keys = ml.StaticPartitionsDefinition([f"k{number}" for number in range(20)])

    @ml.asset
    def first() -> int:
        time.sleep(0.3)
        return 1

    @ml.asset
    def second(first: int) -> int:
        return first + 1

    @ml.asset(partitions_def=keys)
    def divided(context) -> str:
        time.sleep(0.3)
        return context.partition_key

    @ml.op
    def note(context):
        with open("noted", "a") as file:
            file.write(context.run.tags["due"] + chr(10))
        time.sleep(0.1)

    @ml.job
    def noting():
        note()

    job = ml.define_asset_job("job", ml.AssetSelection.assets("first", "second"))
    on = ml.DefaultSensorStatus.RUNNING

    @ml.schedule(cron_schedule="* * * * *", job=noting, default_status="RUNNING", catchup="all")
    def minutely(context):
        due = context.scheduled_execution_time.isoformat()
        return ml.RunRequest(run_key=due, tags={"due": due})

    @ml.sensor(job=job, minimum_interval_seconds=300, default_status=on)
    def counting(context):
        count = int(context.cursor or 0)
        context.update_cursor(str(count + 1))
        return ml.RunRequest(run_key=str(count))

    defs = ml.Definitions([first, second, divided], jobs=[noting], schedules=[minutely], sensors=[counting])
"""

SETTINGS = "[tool.mlorch.run_retries]\nmax_retries = 50"


class Killer:
    """Kills something at random moments, and starts the daemon again where it was that."""

    def __init__(self, project: Project, seed: int, until: float) -> None:
        self.project = project
        self.until = until
        self._random = random.Random(seed)
        self._daemon = project.start(until=until)
        self.killed: Counter[str] = Counter()

    def kill(self) -> None:
        time.sleep(self._random.uniform(0.05, 2.0))
        kind = self._random.choice(("daemon", "forked", "forked", "host"))
        forked = self.project.processes()
        if kind == "daemon" or not forked:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = self.project.start(until=self.until)
            self.killed["daemon"] += 1
            return
        # The process with the code was there first; the younger ones are those that it forked.
        pid = min(forked) if kind == "host" else self._random.choice(forked)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.killed[kind] += 1


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("minutes", "kills", "pace"),
    [(40, 8, 120.0), pytest.param(24 * 60, 200, 240.0, marks=pytest.mark.soak)],
)
def test_nothing_is_lost_or_doubled_whatever_dies(
    make_project: MakeProject, minutes: int, kills: int, pace: float
):
    project = make_project(DEFINITIONS, SETTINGS, pace=pace)
    seed = random.randrange(10**6)
    with Instance.of(project.settings) as instance:
        backfill = enqueue(
            instance,
            project.settings,
            selection=("divided",),
            partitions=("k0...k19",),
            is_backfill=True,
        )
    killer = Killer(project, seed, NOON + 60 * minutes)
    while sum(killer.killed.values()) < kills or project.now() < killer.until:
        if sum(killer.killed.values()) < kills:
            killer.kill()
        else:
            time.sleep(0.5)
    # What was asked for last is still on its way.
    project.wait(lambda: _is_settled(project, minutes), 60.0 + minutes / 4)
    context = f"seed {seed}, killed {dict(killer.killed)}"
    _check_ticks(project, minutes, context)
    _check_runs(project, context)
    _check_values(project, backfill.run_id)


def _is_settled(project: Project, minutes: int) -> bool:
    return any(one.due == NOON + 60 * minutes for one in _ticks(project)) and project.is_quiet()


def _ticks(project: Project) -> list[TickEvaluated]:
    return [one for one in project.facts(TickEvaluated.kind) if isinstance(one, TickEvaluated)]


def _check_ticks(project: Project, minutes: int, context: str) -> None:
    dues = Counter(one.due for one in _ticks(project) if one.name == "schedule/minutely")
    first = min(due for due in dues if due is not None)
    last = NOON + 60 * minutes
    assert set(dues) == {first + 60 * place for place in range(int((last - first) / 60) + 1)}, context
    assert set(dues.values()) == {1}, context
    numbers = [one.number for one in _ticks(project) if one.name == "sensor/counting"]
    assert numbers == list(range(1, len(numbers) + 1)), context
    failed = [one for one in _ticks(project) if one.status == "FAILURE"]
    # An evaluation that was killed is the only thing that may fail, and it moves no cursor.
    assert {one.error["type"] for one in failed} <= {"WorkerError"}, context


def _check_runs(project: Project, context: str) -> None:
    facts = project.facts()
    queued = {one.run_id: one for one in facts if isinstance(one, RunQueued) and not one.is_backfill}
    begun = Counter(one.run_id for one in facts if isinstance(one, RunStarted))
    ended = Counter(one.run_id for one in facts if isinstance(one, RunFinished))
    assert set(begun.values()) <= {1}, context
    assert set(ended.values()) == {1}, context
    assert set(begun) <= set(ended), context
    assert set(queued) <= set(ended), context
    asked = [run_id for one in _ticks(project) for run_id in one.runs]
    assert set(asked) <= set(queued), context
    assert len(asked) == len(set(asked)), context
    _check_groups(facts, queued, asked, context)
    by_key = Counter(
        (one.source["schedule"], one.source["run_key"]) for one in queued.values() if "schedule" in one.source
    )
    assert set(by_key.values()) == {1}, context
    noted = set((project.folder / "noted").read_text().split())
    assert noted == {run_key for _, run_key in by_key}, context


def _check_groups(facts: list[Event], queued: dict[str, RunQueued], asked: list[str], context: str) -> None:
    """What a tick asked for succeeded in the end, by that run or by one that goes on with it, and once."""
    status = {one.run_id: one.status for one in facts if isinstance(one, RunFinished)}
    after = {one.retries: one.run_id for one in queued.values() if one.retries is not None}
    assert len(after) == sum(one.retries is not None for one in queued.values()), context
    for run_id in asked:
        while status[run_id] != "SUCCESS":
            assert run_id in after, f"{context}: nothing goes on with run {run_id}"
            run_id = after[run_id]
    parents = Counter(one.tags.get(PARENT) for one in facts if isinstance(one, RunStarted))
    del parents[None]
    assert set(parents.values()) <= {1}, context


def _check_values(project: Project, backfill_id: str) -> None:
    facts = project.facts()
    made = [one for one in facts if isinstance(one, AssetMaterialized)]
    for one in made:
        assert one.uri is not None
        assert one.size is not None
    latest = {(one.asset, one.partition): one for one in made}
    for one in latest.values():
        assert md5((project.folder / str(one.uri)).read_bytes()) == one.content_hash
    data = project.folder / "data"
    left = [str(path) for path in data.rglob("*") if path.is_file() and ".tmp" in path.name]
    assert len(left) <= 200, "what dies may leave a temporary file, which is no value"
    assert {partition for asset, partition in latest if asset == "divided"} == {f"k{n}" for n in range(20)}
    ends = [one for one in facts if isinstance(one, BackfillFinished)]
    assert "SUCCESS" in {one.status for one in ends}
    assert backfill_id in {one.run_id for one in ends}
    begun = {(one.run_id, one.step, one.attempt) for one in facts if isinstance(one, StepStarted)}
    assert {(one.run_id, one.step, one.attempt) for one in made} <= begun
    with Instance.of(project.settings) as instance:
        # All that is alive is the daemon itself.
        assert {name.partition("/")[0] for name in instance.living()} <= {"daemon"}
