"""Runs of the queue: whatever becomes of them, the log says once how they ended."""

from __future__ import annotations

from pathlib import Path

import pytest

import mlorch as ml
from mlorch.app.ending import end
from mlorch.app.materializing import Request
from mlorch.app.queueing import carry_out_queued, enqueue
from mlorch.errors import AlreadyDoneError
from mlorch.events import BackfillFinished, RunFinished, RunStarted
from mlorch.instance import Instance
from mlorch.settings import Settings

KEYS = ml.StaticPartitionsDefinition(["a", "b"])


@ml.asset
def number() -> int:
    return 1


@ml.asset(partitions_def=KEYS)
def divided() -> int:
    return 2


DEFINITIONS = ml.Definitions([number, divided])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(project=tmp_path)


@pytest.fixture
def instance(settings: Settings):
    with Instance.of(settings) as found:
        yield found


def ends(instance: Instance, kind: str) -> list[tuple[str, str]]:
    found = [one.event for one in instance.log.read(kinds={kind})]
    return [(one.status, one.reason) for one in found if isinstance(one, RunFinished | BackfillFinished)]


def test_a_run_that_is_carried_out_begins_and_ends_once(instance: Instance, settings: Settings):
    queued = enqueue(instance, settings, selection=("number",))
    carry_out_queued(DEFINITIONS, instance, queued, Request())
    assert ends(instance, RunFinished.kind) == [("SUCCESS", "")]
    with pytest.raises(AlreadyDoneError):
        carry_out_queued(DEFINITIONS, instance, queued, Request())
    assert len(instance.log.read(kinds={RunStarted.kind})) == 1


def test_a_backfill_that_is_carried_out_ends_once(instance: Instance, settings: Settings):
    queued = enqueue(instance, settings, selection=("divided",), partitions=("a...b",), is_backfill=True)
    carry_out_queued(DEFINITIONS, instance, queued, Request())
    assert [status for status, _ in ends(instance, BackfillFinished.kind)] == ["SUCCESS"]
    assert instance.get_materialized_partitions("divided") == {"a", "b"}


def test_a_run_that_can_not_begin_fails_and_says_why(instance: Instance, settings: Settings):
    queued = enqueue(instance, settings, selection=("nothing",))
    carry_out_queued(DEFINITIONS, instance, queued, Request())
    ((status, reason),) = ends(instance, RunFinished.kind)
    assert status == "FAILURE"
    assert "nothing" in reason


def test_a_run_that_was_taken_out_of_the_queue_does_not_begin(instance: Instance, settings: Settings):
    queued = enqueue(instance, settings, selection=("number",))
    assert end(instance, queued, "CANCELED", "not needed")
    assert not end(instance, queued, "CANCELED", "nor by another")
    with pytest.raises(AlreadyDoneError):
        carry_out_queued(DEFINITIONS, instance, queued, Request())
    assert ends(instance, RunFinished.kind) == [("CANCELED", "not needed")]
    assert not instance.get_materialized_partitions("number")
