"""Executors: the same run in this process, in threads and in worker processes."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from importlib import import_module

import pytest

from mlorch import ConfigurableResource, Definitions, Instance, RetryPolicy, asset
from mlorch.app.materializing import Request, run_request
from mlorch.app.results import ExecutionResult
from mlorch.errors import InvalidConfigError, UserError
from mlorch.execution.executors import EXECUTORS, open_executor


@asset(code_version="1")
def numbers() -> list[int]:
    return [1, 2, 3]


@asset(code_version="1")
def doubled(numbers: list[int]) -> list[int]:
    print("doubling")
    return [one * 2 for one in numbers]


@asset(code_version="1")
def total(numbers: list[int], doubled: list[int]) -> int:
    return sum(numbers) + sum(doubled)


@asset
def process() -> int:
    return os.getpid()


@asset
def killed() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 1


@asset
def below(killed: int) -> int:
    return killed


@asset(retry_policy=RetryPolicy(max_retries=1))
def killed_once(context) -> int:
    if context.retry_number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 7


class Strange(Exception):
    """Neither it nor what it holds can be pickled."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one)
        self.lock = threading.Lock()


@asset
def strange() -> int:
    raise Strange("this one", "other")


@asset
def unpicklable():
    return threading.Lock()


class Connection(ConfigurableResource):
    url: str = "x"

    def __getstate__(self):
        raise TypeError("a connection stays where it is")


@asset
def connected(connection: Connection) -> str:
    return connection.url


def run(assets, folder, executor="processes", workers=2, **more) -> ExecutionResult:
    with Instance.local(folder) as instance:
        request = Request(executor=executor, workers=workers)
        return run_request(Definitions(assets, **more), instance, request)


@pytest.mark.parametrize("executor", sorted(EXECUTORS))
def test_a_run_comes_to_the_same_everywhere(executor, tmp_path):
    with Instance.local(tmp_path) as instance:
        assets = Definitions([total, doubled, numbers])
        result = run_request(assets, instance, Request(executor=executor, workers=3))
        assert [one.step for one in result.materializations] == ["numbers", "doubled", "total"]
        assert result.asset_value("total") == 18
        facts = [one.event for one in instance.log.read()]
    assert [one.stdout for one in facts if one.kind == "output_captured"] == ["doubling\n"]
    made = {one.asset: one for one in facts if one.kind == "asset_materialized"}
    assert [(one.asset, one.data_version) for one in made["total"].inputs] == [
        ("numbers", made["numbers"].data_version),
        ("doubled", made["doubled"].data_version),
    ]


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_work_at_once_and_never_more_than_asked_for(workers):
    together = threading.Barrier(workers)
    lock, running, most = threading.Lock(), [0], [0]

    def step():
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait(timeout=60)
        with lock:
            running[0] -= 1
        return 1

    assets = Definitions(asset(name=f"a{i}")(step) for i in range(6))
    request = Request(executor="threads", workers=workers)
    assert run_request(assets, Instance.ephemeral(), request).success
    assert most[0] == workers


def test_an_unknown_executor_is_named_with_the_nearest():
    with pytest.raises(InvalidConfigError, match=r"no executor 'thread'; did you mean 'threads'"):
        open_executor("thread", 2)


def test_workers_are_refused_where_values_are_only_in_memory():
    with pytest.raises(UserError, match="needs values that its workers can read"):
        run_request(Definitions([numbers]), Instance.ephemeral(), Request(executor="processes"))


def test_workers_outlive_a_run(tmp_path):
    first, second = (run([process], tmp_path, workers=1).asset_value("process") for _ in range(2))
    assert first == second != os.getpid()


def test_a_worker_that_dies_fails_its_step_with_a_reason_and_blocks_what_is_below(tmp_path):
    result = run([killed, below], tmp_path)
    (failure,) = result.failures
    assert (failure.step, failure.error["type"]) == ("killed", "WorkerError")
    assert "SIGKILL" in failure.error["message"]
    assert [(one.step, one.is_blocked) for one in result.skipped] == [("below", True)]
    assert result.exit_code == 1


def test_a_run_goes_on_with_new_workers_after_one_has_died(tmp_path):
    result = run([killed, numbers, doubled, total], tmp_path, workers=1)
    assert [one.step for one in result.failures] == ["killed"]
    assert [one.step for one in result.materializations] == ["numbers", "doubled", "total"]


def test_a_step_whose_worker_died_is_tried_again_as_its_policy_says(tmp_path):
    result = run([killed_once], tmp_path)
    assert result.success
    assert [one.attempt for one in result.materializations] == [2]


def test_what_cannot_come_back_from_a_worker_is_told_by_its_text(tmp_path):
    result = run([strange, unpicklable], tmp_path)
    errors = {one.step: one.error for one in result.failures}
    assert errors["strange"]["type"] == "Strange"
    assert errors["strange"]["traceback"].endswith("Strange: this one\n")
    assert "can't be pickled" in errors["unpicklable"]["message"]


def test_what_cannot_be_sent_to_a_worker_says_why(tmp_path):
    (failure,) = run([connected], tmp_path, resources={"connection": Connection()}).failures
    assert (failure.error["type"], failure.error["exit_code"]) == ("WorkerError", 1)
    assert "be sent to its worker: TypeError: a connection stays where it is" in failure.error["message"]


@pytest.fixture
def restless():
    """Threads take turns whenever Python collects garbage."""

    def give_way(phase, info):
        time.sleep(0.0001)

    gc.callbacks.append(give_way)
    yield
    gc.callbacks.remove(give_way)


def test_steps_whose_source_is_parsed_at_once_do_not_disturb_each_other(tmp_path, monkeypatch, restless):
    """Python before 3.11.8 fails where two threads parse at once, as drawing a traceback does too."""
    monkeypatch.syspath_prepend(tmp_path)
    much = "".join(f"value_{i} = [1, (2, {{'x': {i}}}), lambda x: x + {i}]\n" for i in range(300))
    assets = []
    for i in range(8):
        number = "x" if i % 2 else i
        function = f"\n@asset\ndef parsed_{i}() -> int:\n    return sum([1, 2, int('{number}')])\n"
        (tmp_path / f"parsed_at_once_{i}.py").write_text(f"from mlorch import asset\n{much}{function}")
        assets.append(getattr(import_module(f"parsed_at_once_{i}"), f"parsed_{i}"))
    result = run_request(Definitions(assets), Instance.ephemeral(), Request(executor="threads", workers=8))
    assert [one.error["type"] for one in result.failures] == ["ValueError"] * 4
