"""What every executor promises."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlorch.errors import StepTimeoutError, WorkerError
from mlorch.execution.executors import StepExecutor, open_executor
from tests.clusters import dask_cluster

Open = Callable[[int], StepExecutor]

HERE = ("in_process", "threads")
ELSEWHERE = ("processes", "dask")
LONG = 60.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dask_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster.address


def opening(name: str, request: pytest.FixtureRequest) -> Open:
    at = request.getfixturevalue("address") if name == "dask" else ""
    return lambda workers: open_executor(name, workers, address=at)


@pytest.fixture(params=[*HERE, *ELSEWHERE])
def opened(request: pytest.FixtureRequest) -> Open:
    return opening(request.param, request)


@pytest.fixture(params=ELSEWHERE)
def elsewhere(request: pytest.FixtureRequest) -> Open:
    return opening(request.param, request)


def error_of(call: Any) -> BaseException:
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - whatever it is, the test looks at it
        call.result()
    return raised.value


def doubled(number: int) -> int:
    return 2 * number


def refuse(text: str) -> None:
    raise ValueError(text)


def process_after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def spin(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def lock() -> Any:
    return threading.Lock()


class Strange(Exception):
    """Neither it nor what it holds can be pickled."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one)
        self.lock = threading.Lock()


def be_strange() -> None:
    raise Strange("this one", "other")


def at_once(folder: Path, name: int) -> int:
    """Return how many of these ran when this one did."""
    mine = folder / str(name)
    mine.touch()
    time.sleep(0.2)
    count = len(list(folder.iterdir()))
    mine.unlink()
    return count


# Results


def test_a_call_comes_to_what_it_returns(opened: Open) -> None:
    with opened(2) as executor:
        calls = [executor.submit(doubled, number) for number in range(20)]
        assert [call.result() for call in calls] == [2 * number for number in range(20)]


def test_functions_without_a_name_travel_with_what_they_hold(opened: Open) -> None:
    held = {"x": 3}
    with opened(1) as executor:
        assert executor.submit(lambda number: number + held["x"], 1).result() == 4


def test_what_a_call_raises_is_raised_where_its_result_is_asked_for(opened: Open) -> None:
    with opened(1) as executor:
        error = error_of(executor.submit(refuse, "no such day"))
        assert (type(error), str(error)) == (ValueError, "no such day")
        assert executor.submit(doubled, 1).result() == 2


def test_whoever_waits_is_told_once_also_when_it_was_done_before(opened: Open) -> None:
    with opened(1) as executor:
        call = executor.submit(doubled, 1)
        call.result()
        told: list[Any] = []
        call.add_done_callback(told.append)
        assert told == [call]


def test_leaving_waits_for_what_runs(opened: Open) -> None:
    with opened(2) as executor:
        calls = [executor.submit(process_after, 0.2) for _ in range(3)]
    started = time.monotonic()
    for call in calls:
        call.result()
    assert time.monotonic() - started < 0.1


def test_no_more_calls_run_at_once_than_workers(opened: Open, tmp_path: Path) -> None:
    with opened(2) as executor:
        calls = [executor.submit(at_once, tmp_path, number) for number in range(6)]
        found = [call.result() for call in calls]
    assert max(found) <= executor.workers <= 2


def test_calls_run_at_once(elsewhere: Open, tmp_path: Path) -> None:
    with elsewhere(2) as executor:
        for call in [executor.submit(doubled, 1) for _ in range(2)]:
            call.result()
        calls = [executor.submit(at_once, tmp_path, number) for number in range(6)]
        assert max(call.result() for call in calls) == 2


# Time limits


def test_a_call_within_its_time_is_left_alone(opened: Open) -> None:
    with opened(1) as executor:
        assert executor.submit(doubled, 1, timeout=LONG).result() == 2


def test_a_call_that_takes_too_long_fails_with_the_limit(opened: Open) -> None:
    with opened(2) as executor:
        beside = executor.submit(process_after, 1.0)
        late = executor.submit(process_after, 0.5, timeout=0.2)
        error = error_of(late)
        assert isinstance(error, StepTimeoutError)
        assert "time limit of 0.2 s" in str(error)
        assert beside.result() > 0


def test_a_call_that_takes_too_long_is_ended_elsewhere(elsewhere: Open) -> None:
    with elsewhere(1) as executor:
        started = time.monotonic()
        assert isinstance(error_of(executor.submit(spin, LONG, timeout=0.2)), StepTimeoutError)
        assert time.monotonic() - started < LONG / 2
        assert executor.submit(doubled, 1).result() == 2


# What does not travel, and who dies


def test_an_argument_that_cannot_be_pickled_fails_its_call_only(elsewhere: Open) -> None:
    with elsewhere(1) as executor:
        error = error_of(executor.submit(doubled, threading.Lock()))
        assert isinstance(error, WorkerError)
        assert "could not be sent to its worker: TypeError: cannot pickle" in str(error)
        assert executor.submit(doubled, 1).result() == 2


def test_a_result_that_cannot_be_pickled_fails_its_call_only(elsewhere: Open) -> None:
    with elsewhere(1) as executor:
        error = error_of(executor.submit(lock))
        assert isinstance(error, WorkerError)
        assert "could not be sent back: TypeError: cannot pickle" in str(error)
        assert executor.submit(doubled, 1).result() == 2


def test_an_error_that_cannot_be_pickled_is_told_by_its_text(elsewhere: Open) -> None:
    with elsewhere(1) as executor:
        error = error_of(executor.submit(be_strange))
        assert isinstance(error, WorkerError)
        assert str(error) == "Strange: this one"


def test_a_worker_that_dies_takes_nobody_along(elsewhere: Open) -> None:
    with elsewhere(2) as executor:
        beside = executor.submit(process_after, 1.0)
        error = error_of(executor.submit(die))
        assert isinstance(error, WorkerError)
        assert "worker" in str(error)
        assert beside.result() not in (0, os.getpid())
        assert executor.submit(doubled, 1).result() == 2


def test_a_call_that_exits_does_not_take_the_worker_along(elsewhere: Open) -> None:
    with elsewhere(1) as executor:
        before = executor.submit(os.getpid).result()
        assert isinstance(error_of(executor.submit(sys.exit, 3)), SystemExit)
        assert executor.submit(os.getpid).result() == before


def test_what_stops_ends_what_runs_and_what_waits(elsewhere: Open) -> None:
    with elsewhere(1) as executor:
        executor.submit(doubled, 1).result()
        calls = [executor.submit(process_after, LONG) for _ in range(2)]
        started = time.monotonic()
        executor.stop()
        errors = [error_of(call) for call in calls]
    assert [type(one) for one in errors] == [WorkerError, WorkerError]
    assert time.monotonic() - started < LONG / 2
