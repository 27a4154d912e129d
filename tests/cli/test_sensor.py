"""mlorch sensor: list, start, stop, preview, cursor."""

from __future__ import annotations

import json

import pytest

from mlorch.events import TickEvaluated
from mlorch.instance import Instance

SENSORS = """\
from mlorch import (
    Definitions, DefaultSensorStatus, RunRequest, SensorResult, SkipReason, asset, define_asset_job, sensor,
)


@asset
def numbers() -> list[int]:
    return [1, 2, 3]


adding = define_asset_job("adding", selection=["numbers"])


@sensor(job=adding, minimum_interval_seconds=5, default_status=DefaultSensorStatus.RUNNING)
def files(context):
    count = int(context.cursor or 0)
    if count > 5:
        return SkipReason("all files were seen")
    context.update_cursor(str(count + 1))
    return RunRequest(run_key=f"file-{count}", run_config={})


@sensor(job=adding)
def broken(context):
    raise ValueError("no such folder")


defs = Definitions([numbers], jobs=[adding], sensors=[files, broken])
"""


@pytest.fixture
def watched(project):
    project.write("shop.py", SENSORS)
    return project


def ticks(project):
    with Instance.local(project.folder) as instance:
        return [one.event for one in instance.log.read(kinds={TickEvaluated.kind})]


def test_the_list_tells_how_often_each_is_asked_and_what_its_last_tick_came_to(watched):
    lines = {line.split()[0]: line for line in watched("sensor", "list").out.splitlines()}
    assert "RUNNING" in lines["files"]
    assert "5 s" in lines["files"]
    assert "STOPPED" in lines["broken"]
    watched("sensor", "cursor", "files", "--set", "3")
    assert "SKIPPED: the cursor was set by" in watched("sensor", "list").out
    found = {one["name"]: one for one in json.loads(watched("sensor", "list", "--json").out)}
    assert found["files"]["last_tick"]["cursor"] == "3"
    assert found["files"]["interval_seconds"] == 5


def test_sensors_are_turned_on_and_off(watched):
    assert "sensor broken is running; next tick: " in watched("sensor", "start", "broken").out
    assert "sensor broken is stopped" in watched("sensor", "stop", "broken").out
    answer = watched("sensor", "stop", "fils")
    assert answer.code == 2
    assert "did you mean 'files'?" in answer.err


def test_a_preview_takes_the_recorded_cursor_or_the_one_given_and_records_nothing(watched):
    first = watched("sensor", "preview", "files")
    assert "run key file-0" in first.out
    assert "cursor 1" in first.out
    assert "run key file-4" in watched("sensor", "preview", "files", "--cursor", "4").out
    assert "SKIPPED: all files were seen" in watched("sensor", "preview", "files", "--cursor", "9").out
    assert ticks(watched) == []
    watched("sensor", "cursor", "files", "--set", "2")
    assert json.loads(watched("sensor", "preview", "files", "--json").out)["runs"][0]["run_key"] == "file-2"


def test_a_preview_tells_run_keys_that_had_a_run(watched):
    with Instance.local(watched.folder) as instance:
        instance.log.append([], once=["run_key:sensor/files:file-0"])
    assert "there was a run before: no other" in watched("sensor", "preview", "files").out


def test_a_preview_that_fails_ends_with_one(watched):
    answer = watched("sensor", "preview", "broken")
    assert answer.code == 1
    assert 'raise ValueError("no such folder")' in answer.err


def test_a_cursor_is_shown_set_and_cleared(watched):
    assert watched("sensor", "cursor", "files").out == "no cursor\n"
    assert "goes on from the cursor abc" in watched("sensor", "cursor", "files", "--set", "abc").out
    assert watched("sensor", "cursor", "files").out == "abc\n"
    watched("sensor", "cursor", "files", "--clear")
    assert watched("sensor", "cursor", "files").out == "no cursor\n"
    assert [one.number for one in ticks(watched)] == [1, 2]
    assert watched("sensor", "cursor", "files", "--set", "a", "--clear").code == 2
