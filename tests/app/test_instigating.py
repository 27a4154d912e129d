"""Schedules and sensors by hand, beside a daemon that evaluates them."""

from __future__ import annotations

import pytest

from mlorch import Definitions, RunRequest, asset, define_asset_job, sensor
from mlorch.app.instigating import find_instigators, set_cursor
from mlorch.errors import AlreadyDoneError
from mlorch.events import TickEvaluated
from mlorch.log import MemoryLog
from mlorch.planning import once


@asset
def numbers() -> int:
    return 1


@sensor(job=define_asset_job("adding", selection=["numbers"]))
def files(context):
    return RunRequest()


DEFINITIONS = Definitions([numbers], sensors=[files])


def view(log):
    return find_instigators(DEFINITIONS, log, "sensor", ["files"])[0]


def tick(number, cursor=None):
    return TickEvaluated(at=100.0, name="sensor/files", number=number, status="SKIPPED", cursor=cursor)


def test_a_tick_that_is_evaluated_while_the_cursor_is_set_is_dropped():
    log = MemoryLog()
    set_cursor(log, view(log), "mine")
    with pytest.raises(AlreadyDoneError):
        log.append([tick(1, "its")], once=[once.tick("sensor/files", 1, 100.0)])
    assert view(log).state.last.cursor == "mine"


def test_a_cursor_is_set_after_a_tick_that_was_recorded_meanwhile():
    log = MemoryLog()
    before = view(log)
    log.append([tick(1, "its")], once=[once.tick("sensor/files", 1, 100.0)])
    set_cursor(log, before, "mine")
    last = view(log).state.last
    assert (last.number, last.cursor) == (2, "mine")
