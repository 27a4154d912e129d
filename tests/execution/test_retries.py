"""A failed step is tried again, under every executor, and the run comes to what it would have come to."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import (
    AssetExecutionContext,
    AssetOut,
    Backoff,
    Definitions,
    Failure,
    Instance,
    Jitter,
    Output,
    RetryPolicy,
    RetryRequested,
    asset,
    job,
    materialize,
    multi_asset,
    op,
)
from mlorch.app.materializing import Request, run_request
from mlorch.errors import InvalidDefinitionError, RunFailedError, StepTimeoutError
from mlorch.events import AssetMaterialized, OutputCaptured, StepFailed, StepRetried, StepStarted


def tried(folder):
    """Count the calls of a step over all processes, and return the number of this one."""
    with (folder / "tries").open("a") as file:
        file.write("x")
    return (folder / "tries").stat().st_size


def facts(result, kind):
    return [one for one in result.all_events if isinstance(one, kind)]


@pytest.mark.parametrize("executor", ["in_process", "threads", "processes"])
def test_every_executor_tries_again(tmp_path, executor):
    folder = tmp_path / "tries"
    folder.mkdir()

    @asset(retry_policy=RetryPolicy(max_retries=2))
    def flaky(context: AssetExecutionContext) -> int:
        if tried(folder) < 3:
            raise ConnectionError(f"attempt {context.retry_number}")
        return context.retry_number

    with Instance.local(tmp_path) as instance:
        result = run_request(Definitions([flaky]), instance, Request(executor=executor, workers=1))
        assert result.success
        assert result.asset_value("flaky") == 2
    assert [(one.attempt, one.delay, one.error["message"]) for one in facts(result, StepRetried)] == [
        (1, 0.0, "attempt 0"),
        (2, 0.0, "attempt 1"),
    ]
    assert [one.attempt for one in facts(result, StepStarted)] == [1, 2, 3]
    assert [one.attempt for one in facts(result, AssetMaterialized)] == [3]


def test_the_last_attempt_decides_what_failed():
    @asset(retry_policy=RetryPolicy(max_retries=1))
    def broken() -> int:
        raise ValueError("always")

    result = materialize([broken], raise_on_error=False)
    assert [one.attempt for one in facts(result, StepFailed)] == [2]
    assert (result.success, result.exit_code, result.retry_attempts_for_node("broken")) == (False, 1, 1)
    with pytest.raises(ValueError, match="always"):
        materialize([broken])


@pytest.mark.parametrize(
    ("raised", "policy", "attempts"),
    [
        (Failure("no", allow_retries=False), RetryPolicy(max_retries=5), 1),
        (Failure("no"), RetryPolicy(max_retries=2), 3),
        (Failure("no"), None, 1),
        (RetryRequested(max_retries=2), None, 3),
        (RetryRequested(max_retries=0), RetryPolicy(max_retries=5), 1),
        (RetryRequested(max_retries=3), RetryPolicy(max_retries=1), 4),
        (SystemExit(3), RetryPolicy(max_retries=1), 2),
    ],
    ids=str,
)
def test_how_often_a_step_is_tried(raised, policy, attempts):
    @asset(retry_policy=policy)
    def broken() -> int:
        raise raised

    result = materialize([broken], raise_on_error=False)
    assert [one.attempt for one in facts(result, StepStarted)] == list(range(1, attempts + 1))
    assert not result.success


def test_a_step_that_asked_in_vain_fails_with_the_cause():
    @asset
    def asks() -> int:
        try:
            raise ConnectionError("the network is away")
        except ConnectionError as error:
            raise RetryRequested(max_retries=1) from error

    failure = materialize([asks], raise_on_error=False).failures[0]
    assert (failure.error["type"], failure.error["message"]) == ("ConnectionError", "the network is away")
    assert "in asks" in failure.error["traceback"]


def test_a_worker_that_dies_is_another_attempt(tmp_path):
    folder = tmp_path / "tries"
    folder.mkdir()

    @asset(retry_policy=RetryPolicy(max_retries=1))
    def fragile() -> int:
        if tried(folder) == 1:
            os.kill(os.getpid(), 9)
        return 1

    with Instance.local(tmp_path) as instance:
        result = run_request(Definitions([fragile]), instance, Request(executor="processes", workers=1))
    assert result.success
    assert [one.error["type"] for one in facts(result, StepRetried)] == ["WorkerError"]


def test_a_step_that_takes_too_long_is_another_attempt(tmp_path):
    @asset(timeout=0.1, retry_policy=RetryPolicy(max_retries=1))
    def slow() -> int:
        if tried(tmp_path) == 1:
            time.sleep(10)
        return 1

    result = materialize([slow])
    retried = facts(result, StepRetried)
    assert [one.error["type"] for one in retried] == ["StepTimeoutError"]
    assert "its time limit of 0.1 s (its timeout=)" in retried[0].error["message"]
    assert "time.sleep" in retried[0].error["traceback"], "it says where the time went"


def test_what_a_worker_leaves_undone_is_raised_as_it_is(tmp_path):
    @asset(timeout=0.2)
    def slow() -> int:
        time.sleep(10)
        return 1

    with Instance.local(tmp_path) as instance:
        result = run_request(Definitions([slow]), instance, Request(executor="processes", workers=1))
    with pytest.raises((StepTimeoutError, RunFailedError), match=r"time limit of 0\.2 s"):
        result.raise_failure()


def test_others_go_on_while_a_step_waits():
    order = []

    @asset(retry_policy=RetryPolicy(max_retries=1, delay=0.2))
    def waits() -> int:
        order.append("waits")
        if order.count("waits") == 1:
            raise ValueError
        return 1

    @asset(deps=[waits])
    def below() -> None:
        order.append("below")

    @asset
    def beside() -> None:
        order.append("beside")

    assert materialize([waits, below, beside]).success
    assert order == ["waits", "beside", "waits", "below"]


def test_an_attempt_waits_for_a_worker(tmp_path):
    """Ten steps that fail at once are tried again two at a time."""
    running, most = [0], [0]

    def step(context) -> int:
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.01)
        running[0] -= 1
        if context.retry_number == 0:
            raise ValueError
        return 1

    policy = RetryPolicy(max_retries=1, delay=0.02)
    assets = [asset(name=f"a{index}", retry_policy=policy)(step) for index in range(10)]
    result = run_request(Definitions(assets), Instance.ephemeral(), Request(executor="threads", workers=2))
    assert result.success
    assert most[0] == 2


def test_each_asset_of_a_generator_is_made_once_whatever_its_attempts():
    calls = []

    @multi_asset(
        outs={"first": AssetOut(), "second": AssetOut(is_required=False), "third": AssetOut()},
        retry_policy=RetryPolicy(max_retries=1),
    )
    def several(context):
        calls.append(context.retry_number)
        print(f"attempt {context.retry_number}")
        yield Output(len(calls), "first")
        if len(calls) == 1:
            yield Output(0, "second")
            raise ValueError
        yield Output(3, "third")

    result = materialize([several])
    made = [(one.asset, one.attempt) for one in facts(result, AssetMaterialized)]
    assert sorted(made) == [("first", 2), ("second", 1), ("third", 2)]
    assert [result.asset_value(name) for name in ("first", "second", "third")] == [2, 0, 3]
    assert [one.stdout for one in facts(result, OutputCaptured)] == ["attempt 0\n", "attempt 1\n"]


def test_what_only_a_first_attempt_made_is_known_when_the_last_fails():
    calls = []

    @multi_asset(outs={"first": AssetOut(), "second": AssetOut()}, retry_policy=RetryPolicy(max_retries=1))
    def several():
        calls.append(1)
        if len(calls) == 1:
            yield Output(1, "first")
        raise ValueError

    result = materialize([several], raise_on_error=False)
    assert [one.asset for one in result.materializations] == ["first"]
    assert result.asset_value("first") == 1


def test_policies_of_jobs_hold_for_ops_without_one():
    tries = []

    @op
    def plain() -> None:
        tries.append("plain")
        raise ValueError

    @op(retry_policy=RetryPolicy(max_retries=0))
    def own() -> None:
        tries.append("own")
        raise ValueError

    @job(op_retry_policy=RetryPolicy(max_retries=2))
    def both():
        plain()
        own()
        plain.with_retry_policy(RetryPolicy(max_retries=1)).alias("once")()

    assert not both.execute_in_process(raise_on_error=False).success
    assert sorted(tries) == ["own"] + ["plain"] * 5


def test_how_long_a_run_may_take_holds_for_all_its_steps():
    tries = []

    @asset(retry_policy=RetryPolicy(max_retries=9, delay=0.01))
    def slow() -> int:
        tries.append(1)
        time.sleep(10)
        return 1

    @asset
    def late() -> int:
        return 1

    began = time.monotonic()
    result = materialize([slow, late], tags={"dagster/max_runtime": "0.2"}, raise_on_error=False)
    assert time.monotonic() - began < 3
    assert len(tries) == 1, "no attempt begins after the end"
    said = "the run took longer than its limit of 0.2 s (tag mlorch/max_runtime); give it longer, then "
    assert [one.error["message"] for one in result.failures] == [
        f"{said}'mlorch runs retry' makes what is left"
    ]
    assert [(one.step, one.is_blocked) for one in result.skipped] == [("late", True)]
    ended = result.all_events[-1]
    assert (ended.status, "limit of 0.2 s" in ended.reason, result.exit_code) == ("FAILURE", True, 1)


def test_a_step_waits_for_no_attempt_beyond_the_end_of_its_run():
    @asset(retry_policy=RetryPolicy(max_retries=9, delay=60))
    def flaky() -> int:
        raise ValueError("not yet")

    result = materialize([flaky], tags={"mlorch/max_runtime": "5"}, raise_on_error=False)
    assert [one.error["type"] for one in result.failures] == ["ValueError"]


@given(
    attempt=st.integers(1, 8),
    delay=st.floats(0, 100),
    chance=st.floats(0, 1),
    backoff=st.sampled_from([None, *Backoff]),
)
def test_waits_grow_as_declared(attempt, delay, chance, backoff):
    plain = RetryPolicy(9, delay, backoff)
    factor = {None: 1, Backoff.LINEAR: attempt, Backoff.EXPONENTIAL: 2**attempt - 1}[backoff]
    assert plain.wait(attempt, chance) == pytest.approx(delay * factor)
    full = RetryPolicy(9, delay, backoff, Jitter.FULL).wait(attempt, chance)
    assert 0 <= full <= delay * factor + 1e-9
    around = RetryPolicy(9, delay, backoff, Jitter.PLUS_MINUS).wait(attempt, chance)
    assert abs(around - delay * factor) <= delay + 1e-9


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_time_limit_is_above_zero(timeout):
    with pytest.raises(InvalidDefinitionError, match="'step' has timeout="):
        op(name="step", timeout=timeout)(lambda: 1)
