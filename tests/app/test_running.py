"""The runs: which there were, how they ended, and what they said."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from mlorch import Definitions, Instance, asset, materialize
from mlorch.app.materializing import Request, run_request
from mlorch.app.running import find_run, newest_runs
from mlorch.errors import NotFoundError, UserError
from mlorch.events import RunStarted


@asset
def fine() -> int:
    print("working")
    return 1


@asset
def broken() -> int:
    raise ValueError("no")


@asset
def below(broken: int) -> int:
    return broken


def test_the_newest_runs_come_first():
    instance = Instance.ephemeral()
    ids = [materialize([fine], instance=instance).run_id for _ in range(4)]
    assert [one.run_id for one in newest_runs(instance, 3)] == ids[:0:-1]
    assert newest_runs(Instance.ephemeral(), 3) == []


def test_a_run_says_how_it_ended_and_what_it_came_to():
    instance = Instance.ephemeral()
    materialize([fine, broken, below], instance=instance, raise_on_error=False)
    (run,) = newest_runs(instance, 5)
    assert run.status == "FAILURE"
    assert run.counts_text == "1 made, 1 failed, 1 blocked"
    assert run.duration_text.endswith(" s")
    assert sorted(run.steps) == ["broken", "fine"]
    assert [one.stdout for one in run.outputs] == ["working\n"]
    assert [one.step for one in run.failures] == ["broken"]
    found = run.as_json()
    assert (found["status"], found["steps"], found["made"]) == ("FAILURE", 3, ["fine"])
    assert found["counts"] == {"made": 1, "skipped": 0, "failed": 1, "blocked": 1}
    assert found["finished_at"] >= found["started_at"]


def test_what_is_known_about_a_run_is_told_and_nothing_that_is_empty():
    instance = Instance.ephemeral()
    request = Request(
        job="nightly",
        tags={"why": "test", "who": "me"},
        source={"command": "mlorch materialize"},
        git={"commit": "0123456789abcdef", "dirty": True},
    )
    run_request(Definitions([fine]), instance, request)
    assert newest_runs(instance, 1)[0].about() == {
        "job": "nightly",
        "tags": "why=test, who=me",
        "command": "mlorch materialize",
        "git": "0123456789ab and local changes",
    }
    materialize([fine], instance=instance)
    assert newest_runs(instance, 1)[0].about() == {}


def test_a_run_is_found_by_the_beginning_of_its_id():
    instance = Instance.ephemeral()
    for run_id in ("aa1", "aa2", "b"):
        instance.log.append([RunStarted(run_id=run_id, at=1.0)])
    assert find_run(instance, "b").run_id == "b"
    assert find_run(instance, "aa1").run_id == "aa1"
    assert find_run(instance, "last").run_id == "b"
    with pytest.raises(UserError, match="2 runs begin with 'aa'; give more of the id"):
        find_run(instance, "aa")
    with pytest.raises(NotFoundError, match="there is no run 'zz'; 'mlorch runs list' lists them"):
        find_run(instance, "zz")
    with pytest.raises(NotFoundError, match="there is no run 'last'"):
        find_run(Instance.ephemeral(), "last")


GOING = """
import sys, time
from mlorch import Instance, asset, materialize

@asset
def slow() -> int:
    print("working", flush=True)
    time.sleep(60)
    return 1

materialize([slow], instance=Instance.local(sys.argv[1]))
"""


def test_a_run_that_goes_is_told_from_one_that_died(tmp_path):
    command = [sys.executable, "-c", GOING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "working\n"
        with Instance.local(tmp_path) as instance:
            while not newest_runs(instance, 1):
                time.sleep(0.05)
            (run,) = newest_runs(instance, 1)
            assert (run.status, run.counts_text) == ("STARTED", "1 planned")
            assert run.duration_text.endswith(" s so far")
            process.kill()
            process.wait()
            (run,) = newest_runs(instance, 1)
            assert (run.status, run.duration_text) == ("DEAD", "-")
            assert run.as_json()["counts"] is None
