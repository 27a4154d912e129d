"""Two runs at once: each asset partition is made by one at a time, and both succeed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from mlorch import Definitions, Instance, asset
from mlorch.app.materializing import Listener, Request, run_request
from mlorch.errors import BusyError
from mlorch.events import AssetMaterialized

SLOW = """
import sys, time
from mlorch import Instance, asset, materialize

@asset
def slow() -> int:
    print("working", flush=True)
    time.sleep(float(sys.argv[2]))
    return 1

materialize([slow], instance=Instance.local(sys.argv[1]))
"""


@asset
def slow() -> int:
    return 2


@asset
def other() -> int:
    return 3


@pytest.fixture
def busy(tmp_path):
    """Another process that makes `slow` for two seconds."""
    command = [sys.executable, "-c", SLOW, str(tmp_path), "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "working\n"
        yield process
        process.kill()


def test_the_second_run_is_told_who_holds_what_and_waits(busy, tmp_path):
    told: list[str] = []
    with Instance.local(tmp_path) as instance:
        result = run_request(Definitions([slow]), instance, Request(), Listener(waiting=told.append))
        made = [one.event for one in instance.log.read(kinds={AssetMaterialized.kind})]
    assert result.success
    assert len(told) == 1
    assert told[0].startswith("slow is being made by run ")
    assert f"process {busy.pid} " in told[0]
    first, second = made
    assert first.at <= second.started_at


def test_a_run_that_may_not_wait_says_who_is_in_the_way(busy, tmp_path):
    with Instance.local(tmp_path) as instance, pytest.raises(BusyError, match=f"process {busy.pid}"):
        run_request(Definitions([slow]), instance, Request(patience=0.2))


def test_other_assets_are_not_held_up(busy, tmp_path):
    with Instance.local(tmp_path) as instance:
        assert run_request(Definitions([other]), instance, Request(patience=0.0)).success


def test_what_a_killed_run_held_is_free_at_once(busy, tmp_path):
    os.kill(busy.pid, signal.SIGKILL)
    busy.wait()
    began = time.monotonic()
    with Instance.local(tmp_path) as instance:
        assert run_request(Definitions([slow]), instance, Request(patience=10.0)).success
    assert time.monotonic() - began < 5
