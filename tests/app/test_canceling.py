"""Runs end when they are asked to, whether they go, wait, or are dead already; what was made is kept."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlorch import Instance, asset, materialize
from mlorch.app.canceling import Canceled, cancel_runs
from mlorch.app.holding import holding
from mlorch.app.limits import admitted
from mlorch.app.running import find_run, newest_runs
from mlorch.definitions.limits import Limits
from mlorch.errors import NotFoundError, RunCanceledError, UserError
from mlorch.events import AssetMaterialized, RunStarted

SLOW = """
import sys, time
from mlorch import Instance, asset, materialize

@asset
def first() -> int:
    return 1

@asset
def slow(first: int) -> int:
    print("working", flush=True)
    time.sleep(60)
    return first

materialize([first, slow], instance=Instance.local(sys.argv[1]))
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    with Instance.local(tmp_path) as instance:
        yield instance


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has made `first` and makes `slow` for a minute."""
    command = [sys.executable, "-c", SLOW, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        yield process
        process.kill()


def started(instance: Instance) -> str:
    while not (found := newest_runs(instance, 1)):
        time.sleep(0.05)
    return found[0].run_id


def test_a_run_that_goes_ends_within_seconds_and_keeps_what_it_made(slow, instance):
    run_id = started(instance)
    began = time.monotonic()
    assert cancel_runs(instance, [run_id[:8]]) == [Canceled(run_id, "CANCELED")]
    assert time.monotonic() - began < 5
    assert slow.wait(5) != 0
    made = [one.event.asset for one in instance.log.read(kinds={AssetMaterialized.kind})]
    assert made == ["first"]
    assert find_run(instance, "last").status == "CANCELED"
    assert instance.leases.canceled() == {}


def test_a_run_that_died_is_marked(slow, instance):
    run_id = started(instance)
    slow.kill()
    slow.wait()
    assert cancel_runs(instance, ["last"]) == [Canceled(run_id, "DEAD")]
    run = find_run(instance, run_id)
    assert run.status == "CANCELED"
    assert run.finished.reason.startswith("its process had died; canceled by ")
    with pytest.raises(UserError, match=f"run {run_id} has ended already: CANCELED"):
        cancel_runs(instance, [run_id])


def test_a_run_that_ended_is_not_canceled_nor_one_that_never_was(instance):
    run_id = materialize([asset(name="a")(lambda: 1)], instance=instance).run_id
    with pytest.raises(UserError, match=f"run {run_id} has ended already: SUCCESS"):
        cancel_runs(instance, ["last"])
    with pytest.raises(NotFoundError, match="there is no run 'zz'"):
        cancel_runs(instance, ["zz"])
    assert cancel_runs(instance, [], every=True) == []
    for number in range(2):
        instance.log.append([RunStarted(run_id=f"zz{number}", at=1.0)])
    with pytest.raises(UserError, match="2 runs begin with 'zz'"):
        cancel_runs(instance, ["zz"])
    assert {one.status for one in cancel_runs(instance, [], every=True)} == {"DEAD"}


def test_nothing_is_canceled_in_memory():
    with pytest.raises(UserError, match="no other process sees an instance in memory"):
        cancel_runs(Instance.ephemeral(), [], every=True)


def test_a_run_that_waits_for_a_limit_never_begins(instance):
    raised: list[BaseException] = []
    told = threading.Event()

    def queue() -> None:
        try:
            with admitted(instance, Limits(runs=0), "queued", {}, waiting=lambda _: told.set()):
                raise AssertionError("it began")
        except RunCanceledError as error:
            raised.append(error)

    thread = threading.Thread(target=queue)
    thread.start()
    assert told.wait(10)
    assert cancel_runs(instance, ["queu"]) == [Canceled("queued", "WAITING")]
    thread.join()
    assert "run queued was canceled while it waited: canceled by " in str(raised[0])


def test_a_run_that_waits_for_another_that_makes_the_same_never_begins(instance):
    with holding(instance.leases, [("a", None)], "one", None, print):
        instance.leases.cancel("two", "by ada", time.time())
        with (
            pytest.raises(RunCanceledError, match="run two was canceled while it waited: by ada"),
            holding(instance.leases, [("a", None)], "two", None, lambda _: None),
        ):
            pass


def test_a_run_in_a_thread_is_interrupted_there(instance):
    raised: list[BaseException] = []
    told: list[str] = []

    def work() -> None:
        try:
            with holding(instance.leases, [("a", None)], "one", None, told.append):
                instance.leases.cancel("one", "by ada", time.time())
                while True:
                    time.sleep(0.01)
        except KeyboardInterrupt as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert raised
    assert told == ["run one is asked to end: by ada"]
    assert instance.leases.runs(time.time()) == set()


def test_runs_that_one_process_carries_out_are_asked_for_by_their_names(instance):
    with holding(instance.leases, [("a", None)], "backfill", None, print) as held:
        assert held.why_canceled("part") is None
        instance.leases.cancel("part", "by ada", time.time())
        deadline = time.monotonic() + 5
        while held.why_canceled("part") is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert held.why_canceled("part") == "by ada"
        assert held.why_canceled() is None
