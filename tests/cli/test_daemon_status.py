"""mlorch status: how what goes by itself stands."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import contextmanager

import pytest

from mlorch.events import CodeLoaded, CodeRejected, InstigatorStarted, TickEvaluated
from mlorch.instance import Instance
from mlorch.storage.leases import Holder

WATCHED = """\
from mlorch import DefaultSensorStatus, Definitions, RunRequest, asset, define_asset_job, sensor


@asset
def numbers() -> list[int]:
    return [1, 2, 3]


adding = define_asset_job("adding", selection=["numbers"])


@sensor(job=adding, default_status=DefaultSensorStatus.RUNNING)
def files(context):
    return RunRequest()


defs = Definitions([numbers], jobs=[adding], sensors=[files])
"""
ERROR = {"type": "ValueError", "message": "no such folder\nreally"}


@pytest.fixture
def watched(project):
    project.write("shop.py", WATCHED)
    return project


def append(project, *facts):
    with Instance.local(project.folder) as instance:
        instance.log.append(facts)


def failed(name):
    return TickEvaluated(at=1.0, name=name, number=3, status="FAILURE", error=ERROR, failures=3)


@contextmanager
def daemon_of(project):
    """What holds the lease that a daemon at work holds: this process."""
    host, pid = socket.gethostname(), os.getpid()
    holder = Holder(f"daemon/{host}/{pid}/1700000000", host, pid, "mlorch daemon", time.time())
    with Instance.local(project.folder) as instance:
        instance.leases.acquire(["daemon"], holder, 60.0, time.time())
        yield
        instance.leases.release(holder)


def test_status_says_nothing_of_what_is_fine(watched):
    assert watched("status").out.splitlines()[1:] == ["numbers  MISSING"]


def test_status_tells_that_runs_wait_and_no_daemon_runs(watched):
    watched("job", "execute", "adding", "--detach")
    assert "1 run waits and no daemon runs: start one with 'mlorch daemon'" in watched("status").out
    watched("job", "execute", "adding", "--detach")
    assert "2 runs wait and no daemon runs" in watched("status").out
    with daemon_of(watched):
        assert "no daemon runs" not in watched("status").out


def test_status_tells_what_fails_as_long_as_it_is_turned_on_and_declared(watched):
    append(watched, InstigatorStarted(at=0.5, name="sensor/files"), failed("sensor/files"))
    append(watched, InstigatorStarted(at=0.5, name="sensor/gone"), failed("sensor/gone"))
    out = watched("status").out
    assert "sensor files failed 3 times in a row: ValueError: no such folder; 'mlorch sensor preview" in out
    assert "gone" not in out
    watched("sensor", "stop", "files")
    assert "failed" not in watched("status").out


def test_status_tells_that_the_daemon_could_not_load_the_code(watched):
    append(watched, CodeLoaded(at=1.0, fingerprint="a1"), CodeRejected(at=2.0, fingerprint="b2", error=ERROR))
    assert "could not load" not in watched("status").out
    with daemon_of(watched):
        assert "could not load the code as it is now: ValueError: no such folder\n" in watched("status").out
        append(watched, CodeLoaded(at=3.0, fingerprint="a1"))
        assert "could not load" not in watched("status").out


def test_the_daemon_is_shown_with_its_queue_without_importing_the_code(watched):
    watched("job", "execute", "adding", "--detach")
    append(watched, CodeRejected(at=2.0, fingerprint="b2", error=ERROR))
    append(watched, InstigatorStarted(at=0.5, name="sensor/files"), failed("sensor/files"))
    watched.write("shop.py", "1 / 0")
    none = watched("status", "--daemon")
    assert none.code == 1
    assert "none: start one with 'mlorch daemon'" in none.out
    with daemon_of(watched):
        answer = watched("status", "--daemon")
        assert answer.code == 0
        assert f"process {os.getpid()} on {socket.gethostname()}, since 2023-11-14 22:13:20 UTC" in answer.out
        assert "1 wait, 0 go, the oldest since" in answer.out
        assert "does not load since 1970-01-01 00:00:02 UTC: ValueError: no such folder" in answer.out
        assert "sensor files failed 3 times in a row" in answer.out
        found = json.loads(watched("status", "--daemon", "--json").out)
    assert found["daemon"]["pid"] == os.getpid()
    assert (found["queue"]["waiting"], found["code"]["status"]) == (1, "rejected")
    assert found["running"] == {"schedules": 0, "sensors": 1}
    assert [one["name"] for one in found["failing"]] == ["sensor/files"]


def test_a_project_without_a_past_has_no_daemon(watched):
    found = json.loads(watched("status", "--daemon", "--json").out)
    assert (found["daemon"], found["code"], found["queue"]["waiting"]) == (None, None, 0)
    assert not (watched.folder / ".mlorch").exists()


def test_a_run_that_waits_says_for_what(watched):
    watched("job", "execute", "adding", "--detach")
    append(watched, CodeRejected(at=2.0, fingerprint="b2", error=ERROR))
    with daemon_of(watched):
        assert "the code does not load: ValueError: no such folder" in watched("runs", "show").out
        append(watched, CodeLoaded(at=time.time(), fingerprint="b2"))
        assert "more urgent runs go first" in watched("runs", "show").out


def test_a_run_that_waits_for_a_limit_says_which(watched):
    watched.edit("pyproject.toml", "[tool.mlorch]\n", "[tool.mlorch]\nmax_concurrent_runs = 0\n")
    watched("job", "execute", "adding", "--detach")
    with daemon_of(watched):
        assert "the limit of runs (0 at once) is reached" in watched("runs", "show").out
