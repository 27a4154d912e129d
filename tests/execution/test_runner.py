"""The runner: what it submits, what it records when, and how it ends where something breaks it off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from mlorch import Definitions, Instance, RetryPolicy, asset
from mlorch.app.materializing import Listener, Request, run_request
from mlorch.errors import StorageError
from mlorch.events import AssetMaterialized, RunFinished, StepRetried
from mlorch.iomanagers.memory import MemoryStore
from mlorch.log import MemoryLog


@asset(code_version="1")
def first() -> int:
    return 1


@asset(code_version="1")
def second(first: int) -> int:
    return first + 1


def kinds(instance):
    return [one.event.kind for one in instance.log.read()]


def last(instance) -> RunFinished:
    event = instance.log.read(newest_first=True, limit=1)[0].event
    assert isinstance(event, RunFinished)
    return event


class Flaky(MemoryLog):
    """A log that fails at some of its appends, counted from 1."""

    def __init__(self, *fails_at: int) -> None:
        super().__init__()
        self.fails_at = fails_at
        self.appends = 0

    def append(self, events, *, once=()):
        self.appends += 1
        if self.appends in self.fails_at:
            raise StorageError("the disk is full")
        return super().append(events, once=once)


def test_a_run_tells_its_listener_each_fact_that_it_records_in_order():
    told = []
    instance = Instance.ephemeral()
    listener = Listener(happened=lambda fact: told.append((fact.kind, getattr(fact, "asset", None))))
    assert run_request(Definitions([first, second]), instance, Request(), listener).success
    recorded = [(one.event.kind, getattr(one.event, "asset", None)) for one in instance.log.read()]
    assert told == recorded
    assert [kind for kind, _ in told] == [
        "run_started",
        "step_started",
        "asset_materialized",
        "step_started",
        "asset_materialized",
        "run_finished",
    ]


def test_many_short_steps_are_recorded_in_few_transactions():
    log = Flaky()
    assets = Definitions(asset(name=f"a{i}")(lambda: 1) for i in range(100))
    began = time.monotonic()
    assert run_request(assets, Instance(log, MemoryStore()), Request()).success
    assert log.appends <= 2 + (time.monotonic() - began) / 0.25


def test_facts_are_recorded_soon_though_a_step_runs_for_long():
    """Another process sees the run and what it made, and a kill loses nothing of it."""
    log = MemoryLog()
    seen: list[str] = []

    def slow(first):
        while "asset_materialized" not in seen:
            time.sleep(0.01)
            seen[:] = [one.event.kind for one in log.read()]
        return 1

    assets = Definitions([first, asset(slow)])
    assert run_request(assets, Instance(log, MemoryStore()), Request()).success
    assert seen == ["run_started", "step_started", "asset_materialized", "step_started"]


@pytest.mark.parametrize("executor", ["in_process", "threads"])
def test_an_input_has_its_number_though_it_was_recorded_while_its_reader_ran(executor):
    log = MemoryLog()

    def reader(first):
        while not log.read(asset="first", kinds={AssetMaterialized.kind}):
            time.sleep(0.01)
        return 1

    request = Request(executor=executor, workers=2)
    assert run_request(Definitions([first, asset(reader)]), Instance(log, MemoryStore()), request).success
    made = {one.event.asset: one for one in log.read(kinds={AssetMaterialized.kind})}
    assert [one.seq for one in made["reader"].event.inputs] == [made["first"].seq]


def test_a_failure_blocks_everything_below_and_nothing_else():
    def fail(**given):
        raise ValueError("no")

    broken = asset(name="broken")(fail)
    below = asset(name="below")(lambda broken: 1)
    deeper = asset(name="deeper", deps=["below", "first"])(lambda: 1)
    result = run_request(Definitions([broken, below, deeper, first, second]), Instance.ephemeral(), Request())
    assert [one.step for one in result.failures] == ["broken"]
    assert {one.step: (one.is_blocked, one.reason) for one in result.skipped} == {
        "below": (True, "something upstream failed"),
        "deeper": (True, "something upstream failed"),
    }
    assert {one.step for one in result.materializations} == {"first", "second"}


def test_an_upstream_that_is_read_twice_is_one_input():
    both = asset(name="both", deps=["first"])(lambda first: first)
    instance = Instance.ephemeral()
    result = run_request(Definitions([first, both]), instance, Request())
    made = result.materializations[1]
    assert [(one.asset, one.partition) for one in made.inputs] == [("first", None)]
    assert result.asset_value("both") == 1


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        (RetryPolicy(max_retries=3), [0.0, 0.0, 0.0]),
        (RetryPolicy(max_retries=2, delay=0.02), [0.02, 0.02]),
        (RetryPolicy(max_retries=3, delay=0.02, backoff="LINEAR"), [0.02, 0.04, 0.06]),
        (RetryPolicy(max_retries=3, delay=0.02, backoff="EXPONENTIAL"), [0.02, 0.06, 0.14]),
    ],
    ids=["at once", "after a delay", "linear", "exponential"],
)
def test_attempts_are_as_far_apart_as_the_policy_says_and_the_last_failure_counts(policy, delays):
    at = []

    def fail(context):
        at.append(time.monotonic())
        raise ConnectionError(f"attempt {context.retry_number + 1}")

    instance = Instance.ephemeral()
    result = run_request(Definitions([asset(name="a", retry_policy=policy)(fail)]), instance, Request())
    retried = [one.event for one in instance.log.read(kinds={StepRetried.kind})]
    assert [one.delay for one in retried] == pytest.approx(delays)
    assert [one.error["message"] for one in retried] == [f"attempt {i + 1}" for i in range(len(delays))]
    assert all(late - early >= delay for early, late, delay in zip(at, at[1:], delays, strict=False))
    (failure,) = result.failures
    assert (failure.attempt, failure.error["message"]) == (len(delays) + 1, f"attempt {len(delays) + 1}")


def test_what_is_ready_does_not_wait_for_a_retry():
    order = []

    def flaky(context):
        order.append(f"flaky {context.retry_number}")
        if context.retry_number == 0:
            raise ConnectionError("once")
        return 1

    def other(context):
        order.append("other")
        return 1

    assets = [
        asset(name="flaky", retry_policy=RetryPolicy(delay=0.5))(flaky),
        asset(name="other")(other),
    ]
    assert run_request(Definitions(assets), Instance.ephemeral(), Request()).success
    assert order == ["flaky 0", "other", "flaky 1"]


@pytest.mark.parametrize("executor", ["in_process", "threads"])
def test_an_interrupt_ends_the_run_with_what_was_made(executor):
    def interrupt(first):
        raise KeyboardInterrupt

    assets = Definitions([first, asset(name="stopped")(interrupt), asset(name="z")(lambda stopped: 1)])
    instance = Instance.ephemeral()
    with pytest.raises(KeyboardInterrupt):
        run_request(assets, instance, Request(executor=executor))
    ended = last(instance)
    assert (ended.status, ended.reason, ended.counts["made"]) == ("CANCELED", "interrupted", 1)
    assert "asset_materialized" in kinds(instance)


def test_what_threads_are_making_when_the_run_is_interrupted_is_recorded():
    started = threading.Event()

    def slow():
        started.set()
        time.sleep(0.3)
        return 5

    def interrupt():
        started.wait()
        raise KeyboardInterrupt

    assets = Definitions([asset(name="slow")(slow), asset(name="stopped")(interrupt)])
    instance = Instance.ephemeral()
    with pytest.raises(KeyboardInterrupt):
        run_request(assets, instance, Request(executor="threads", workers=2))
    assert last(instance).counts["made"] == 1
    (made,) = (one.event for one in instance.log.read(kinds={AssetMaterialized.kind}))
    assert made.step == "slow"


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_log_that_fails_once_ends_the_run_and_loses_nothing(fails_at, monkeypatch):
    monkeypatch.setattr("mlorch.execution.writer.FLUSH_FACTS", 1)
    log = Flaky(fails_at)
    with pytest.raises(StorageError, match="the disk is full"):
        run_request(Definitions([first, second]), Instance(log, MemoryStore()), Request())
    facts = [one.event for one in log.read()]
    assert facts[0].kind == "run_started"
    assert (facts[-1].status, facts[-1].reason) == ("FAILURE", "StorageError: the disk is full")
    assert facts[-1].counts["made"] == sum(one.kind == "asset_materialized" for one in facts)


INTERRUPTED = """
import os, sys, time
from mlorch import Definitions, Instance, asset
from mlorch.app.materializing import Request, run_request

@asset
def first() -> int:
    return 1

@asset
def slow(first: int) -> int:
    print(os.getpid(), flush=True)
    time.sleep(60)
    return 2

if __name__ == "__main__":
    with Instance.local(sys.argv[1]) as instance:
        run_request(Definitions([first, slow]), instance, Request(executor="processes", workers=1))
"""


def test_an_interrupt_ends_worker_processes_and_the_run_within_seconds(tmp_path):
    (tmp_path / "interrupted.py").write_text(INTERRUPTED)
    command = [sys.executable, "interrupted.py", str(tmp_path / "home")]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        worker = int(process.stdout.readline())
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        process.kill()
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    with Instance.local(tmp_path / "home") as instance:
        ended = last(instance)
        assert (ended.status, ended.counts["made"]) == ("CANCELED", 1)
