"""Ticks that are made up for by hand, beside a daemon that makes up for others."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlorch.app.opening import load_definitions
from mlorch.daemon.belated import make_up
from mlorch.events import InstigatorStarted, RunQueued, TickEvaluated
from mlorch.instance import Instance
from tests.daemon.conftest import MakeProject
from tests.daemon.project import NOON

CALLED = """
    from pathlib import Path

    import mlorch as ml

    @ml.asset
    def number() -> int:
        return 1

    @ml.schedule(cron_schedule="* * * * *", target="number", catchup="all")
    def minutely(context):
        due = context.scheduled_execution_time
        with Path(__file__).with_name("calls").open("a") as file:
            print(due.timestamp(), file=file)
        return ml.RunRequest()

    defs = ml.Definitions([number], schedules=[minutely])
"""


def test_a_daemon_calls_nothing_for_what_was_made_up_for_by_hand(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
):
    project = make_project(CALLED)
    monkeypatch.setattr(sys, "path", list(sys.path))
    definitions = load_definitions(project.settings)
    del sys.modules["defs"]
    by_hand = [NOON - 120, NOON - 240]
    with Instance.of(project.settings) as instance:
        instance.log.append([InstigatorStarted(at=NOON - 301, name="schedule/minutely")])
        for due in by_hand:
            outcome = make_up(definitions, instance, "tried", "schedule/minutely", due)
            assert outcome is not None
            assert outcome.status == "SUCCESS"
        assert make_up(definitions, instance, "tried", "schedule/minutely", NOON - 240) is None
    project.start(until=NOON + 30)
    project.wait(lambda: len(project.facts(TickEvaluated.kind)) == 6)
    dues = [one.due or 0.0 for one in project.facts(TickEvaluated.kind) if isinstance(one, TickEvaluated)]
    assert sorted(dues) == [NOON - 60 * back for back in (5, 4, 3, 2, 1, 0)]
    assert len(project.facts(RunQueued.kind)) == 6
    called = [float(line) for line in Path(project.folder, "calls").read_text().split()]
    assert sorted(called) == sorted([*dues, NOON - 240])
