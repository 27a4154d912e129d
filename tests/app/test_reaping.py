"""Runs that can't go on: the log says how they ended, and what they leave is asked for once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mlorch import Instance
from mlorch.app.reaping import DIED, HANDED_OVER, again, is_to_go_on, reap
from mlorch.errors import UserError
from mlorch.events import BackfillFinished, BackfillStarted, RunFinished, RunQueued, RunStarted
from mlorch.settings import Settings
from mlorch.settings.sections import RunRetriesSettings
from mlorch.storage.leases import Holder

TWICE = RunRetriesSettings(max_retries=2)


@pytest.fixture
def instance(tmp_path: Path):
    with Instance.local(tmp_path) as opened:
        yield opened


def begun(instance: Instance, **facts) -> RunStarted:
    run = RunStarted(run_id="r1", at=time.time(), source={"host": "here", "pid": 7}, **facts)
    instance.log.append([run])
    return run


def ends(instance: Instance) -> list[RunFinished]:
    found = instance.log.read(kinds={RunFinished.kind})
    return [one.event for one in found if isinstance(one.event, RunFinished)]


def test_a_dead_run_has_failed_once_and_holds_nothing(instance: Instance):
    run = begun(instance)
    assert instance.leases is not None
    instance.leases.acquire(["a"], Holder("r1", "here", 7, "mlorch", 1.0), 60.0, time.time())
    assert reap(instance, run)
    assert not reap(instance, run)
    (end,) = ends(instance)
    assert (end.status, end.reason) == ("FAILURE", f"{DIED}: 7 on here")
    other = Holder("r2", "here", 8, "mlorch", 1.0)
    assert instance.leases.acquire(["a"], other, 60.0, time.time()) == {}


def test_a_run_that_ended_by_itself_is_left_as_it_is(instance: Instance):
    run = begun(instance)
    instance.log.append([RunFinished(run_id="r1", at=time.time(), status="SUCCESS")])
    assert not reap(instance, run)
    assert [one.status for one in ends(instance)] == ["SUCCESS"]


def test_a_dead_backfill_ends_with_its_open_runs_and_is_gone_on_with_once(instance: Instance, tmp_path: Path):
    backfill = BackfillStarted(run_id="b1", at=time.time(), selection=("a",), targets={"a": ["x", "y"]})
    instance.log.append([backfill])
    begun(instance, tags={"mlorch/backfill": "b1"})
    assert reap(instance, backfill)
    assert [(one.run_id, one.status) for one in ends(instance)] == [("r1", "FAILURE")]
    (end,) = (one.event for one in instance.log.read(kinds={BackfillFinished.kind}))
    assert isinstance(end, BackfillFinished)
    assert is_to_go_on(end)
    settings = Settings(project=tmp_path)
    asked = again(instance, settings, end)
    assert asked is not None
    assert (asked.retries, asked.is_backfill) == ("b1", True)
    assert again(instance, settings, end) is None


def test_a_failed_run_is_run_again_as_often_as_the_settings_say(instance: Instance, tmp_path: Path):
    end = RunFinished(run_id="r1", at=time.time(), status="FAILURE")
    begun(instance, job="nightly")
    instance.log.append([end])
    assert again(instance, Settings(project=tmp_path), end) is None
    asked = again(instance, Settings(project=tmp_path, run_retries=TWICE), end)
    assert isinstance(asked, RunQueued)
    assert (asked.retries, asked.job) == ("r1", "nightly")


def test_what_is_handed_over_is_made_by_the_next_whatever_the_settings_say(
    instance: Instance, tmp_path: Path
):
    begun(instance)
    end = RunFinished(run_id="r1", at=time.time(), status="CANCELED", reason=HANDED_OVER)
    instance.log.append([end])
    assert is_to_go_on(end)
    assert not is_to_go_on(RunFinished(run_id="r1", at=1.0, status="CANCELED", reason="canceled by ada"))
    asked = again(instance, Settings(project=tmp_path), end)
    assert asked is not None
    assert asked.tags == {"mlorch/is_resume_retry": "true"}


def test_a_tag_that_says_no_number_of_retries_is_told(instance: Instance, tmp_path: Path):
    begun(instance, tags={"mlorch/max_retries": "often"})
    end = RunFinished(run_id="r1", at=time.time(), status="FAILURE")
    instance.log.append([end])
    with pytest.raises(UserError, match="whole number"):
        again(instance, Settings(project=tmp_path), end)
