"""kill -9 of a backfill at any moment, resumed until it is done: every asset partition is made once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from mlorch import Instance
from mlorch.app.backfills import cancel_backfill, find_backfill, newest_backfills
from mlorch.events import AssetMaterialized, RunFinished, RunStarted

CHILD = """
import sys, time
from mlorch import DailyPartitionsDefinition, Definitions, Instance, asset
from mlorch.app.backfilling import run_backfill
from mlorch.app.backfills import newest_backfills, resume_backfill
from mlorch.app.choosing import Choice
from mlorch.app.materializing import Request
from mlorch.execution import writer

writer.FLUSH_SECONDS = 0.02
days = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-21")


@asset(partitions_def=days, code_version="1")
def first() -> int:
    time.sleep(float(sys.argv[2]))
    return 1


@asset(partitions_def=days, code_version="1")
def second(first: int) -> int:
    time.sleep(float(sys.argv[2]))
    return first + 1


@asset(code_version="1")
def total(second: dict[str, int]) -> int:
    return sum(second.values())


definitions, request = Definitions([first, second, total]), Request(executor="threads", workers=2)
with Instance.local(sys.argv[1]) as instance:
    print("open", flush=True)
    if newest_backfills(instance):
        result = resume_backfill(definitions, instance, "last", request)
    else:
        result = run_backfill(definitions, instance, request, Choice(every=True))
    assert result.success
"""


def start(folder, seconds=0.01):
    """Begin or resume the backfill of 41 steps that take so long."""
    command = [sys.executable, "-c", CHILD, str(folder), str(seconds)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n", child.communicate()[1]
    return child


def made(instance):
    facts = [one.event for one in instance.log.read(kinds={AssetMaterialized.kind})]
    return Counter((one.asset, one.partition) for one in facts)


def wait_for_something(child, instance):
    while not made(instance):
        assert child.poll() is None, child.communicate()[1]
        time.sleep(0.01)


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_backfill_is_finished_by_resuming_and_makes_nothing_twice(tmp_path, seed):
    chance = random.Random(seed)
    deaths = 0
    for _ in range(30):
        child = start(tmp_path)
        time.sleep(chance.uniform(0.02, 0.3))
        child.kill()
        _, errors = child.communicate()
        deaths += child.returncode == -signal.SIGKILL
        with Instance.local(tmp_path) as instance:
            status = newest_backfills(instance)[0].status if newest_backfills(instance) else ""
        if status == "SUCCESS":
            break
        assert status in ("", "DEAD"), errors
    assert deaths >= 1
    with Instance.local(tmp_path) as instance:
        assert newest_backfills(instance)[0].status == "SUCCESS"
        assert set(made(instance).values()) == {1}
        assert len(made(instance)) == 41
        ids = {
            kind.kind: {one.event.run_id for one in instance.log.read(kinds={kind.kind})} for kind in _ENDS
        }
        assert ids["run_started"] == ids["run_finished"]
        found = find_backfill(instance, "last")
        assert (found.counts["made"], found.counts["planned"]) == (41, 41)


_ENDS = (RunStarted, RunFinished)


def test_a_backfill_is_canceled_from_another_process_and_keeps_what_it_made(tmp_path):
    child = start(tmp_path, 0.2)
    with Instance.local(tmp_path) as instance:
        wait_for_something(child, instance)
        assert newest_backfills(instance)[0].status == "STARTED"
        assert {run.status for run in instance.get_runs()} <= {"STARTED", "SUCCESS"}
        assert cancel_backfill(instance, "last").status == "CANCELED"
        child.communicate()
        found = find_backfill(instance, "last")
        assert found.status == "CANCELED"
        assert found.finished is not None
        assert found.finished.reason.startswith("canceled by ")
        assert 0 < found.counts["made"] < 41
        assert found.open_runs == []
    again = start(tmp_path)
    _, errors = again.communicate()
    assert again.returncode == 0, errors
    with Instance.local(tmp_path) as instance:
        assert set(made(instance).values()) == {1}
        assert len(made(instance)) == 41


def test_a_dead_backfill_can_be_marked_as_canceled(tmp_path):
    child = start(tmp_path, 0.2)
    with Instance.local(tmp_path) as instance:
        wait_for_something(child, instance)
        child.kill()
        child.communicate()
        assert cancel_backfill(instance, "last").status == "DEAD"
        assert newest_backfills(instance)[0].status == "CANCELED"
        assert {run.status for run in instance.get_runs()} <= {"SUCCESS", "CANCELED"}
