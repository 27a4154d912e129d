"""The daemon with real processes: what is due runs, once, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import time

from mlorch.events import (
    AssetMaterialized,
    CodeLoaded,
    CodeRejected,
    RunFinished,
    RunQueued,
    RunStarted,
    TickEvaluated,
)
from mlorch.instance import Instance
from tests.daemon.conftest import MakeProject
from tests.daemon.project import NOON, Project, processes_of

EVERY_MINUTE = """
    import mlorch as ml

    @ml.asset
    def number() -> int:
        return 1

    job = ml.define_asset_job("job", "number")

    @ml.schedule(cron_schedule="* * * * *", job=job, default_status="RUNNING", catchup="all")
    def minutely(context):
        due = context.scheduled_execution_time.isoformat()
        return ml.RunRequest(run_key=due, tags={"due": due})

    defs = ml.Definitions([number], schedules=[minutely])
"""


def test_a_schedule_runs_its_job_at_each_of_its_times(make_project: MakeProject):
    project = make_project(EVERY_MINUTE, pace=60.0)
    project.start(until=NOON + 30 * 60)
    project.wait(lambda: len(project.facts(RunFinished.kind)) >= 3)
    ticks = _ticks(project)
    dues = [one.due or 0.0 for one in ticks]
    assert dues == [dues[0] + 60 * place for place in range(len(dues))]
    runs = [one for one in project.facts(RunQueued.kind) if isinstance(one, RunQueued)]
    assert [one.run_id for one in runs] == [run_id for tick in ticks for run_id in tick.runs]
    ended = [one for one in project.facts(RunFinished.kind) if isinstance(one, RunFinished)]
    assert {one.status for one in ended} == {"SUCCESS"}
    started = next(one for one in project.facts(RunStarted.kind) if isinstance(one, RunStarted))
    assert started.tags["mlorch/schedule"] == "minutely"
    assert started.source["schedule"] == "minutely"


def test_a_worker_that_is_killed_fails_its_run_and_what_is_left_is_made(make_project: MakeProject):
    project = make_project(
        """
        import time
        from pathlib import Path
        import mlorch as ml

        @ml.asset
        def first() -> int:
            return 1

        @ml.asset(deps=[first])
        def second() -> int:
            if not Path("go").exists():
                time.sleep(60)
            return 2

        job = ml.define_asset_job("job", "*")

        @ml.sensor(job=job, minimum_interval_seconds=1, default_status=ml.DefaultSensorStatus.RUNNING)
        def once(context):
            return ml.RunRequest(run_key="only")

        defs = ml.Definitions([first, second], sensors=[once])
        """,
        "[tool.mlorch.run_retries]\nmax_retries = 1",
    )
    project.start()
    project.wait(lambda: len(project.facts(AssetMaterialized.kind)) == 1)
    (started,) = project.facts(RunStarted.kind)
    assert isinstance(started, RunStarted)
    (project.folder / "go").touch()
    os.kill(int(started.source["pid"]), signal.SIGKILL)
    project.wait(lambda: len(project.facts(RunFinished.kind)) == 2)
    first, second = (one for one in project.facts(RunFinished.kind) if isinstance(one, RunFinished))
    assert (first.status, second.status) == ("FAILURE", "SUCCESS")
    assert "its process died" in first.reason
    made = [one.asset for one in project.facts(AssetMaterialized.kind) if isinstance(one, AssetMaterialized)]
    assert made == ["first", "second"], "what was made before is kept"


def test_a_daemon_that_is_killed_leaves_runs_to_end_and_the_next_one_goes_on(make_project: MakeProject):
    last = NOON + 300
    slow = EVERY_MINUTE.replace("return 1", "import time; time.sleep(2); return 1")
    project = make_project(slow, pace=20.0)
    daemon = project.start(until=last)
    project.wait(lambda: bool(project.facts(RunStarted.kind)))
    daemon.kill()
    daemon.wait()
    project.start(until=last)
    project.wait(lambda: any(one.due == last for one in _ticks(project)) and project.is_quiet())
    ended = [one for one in project.facts(RunFinished.kind) if isinstance(one, RunFinished)]
    assert {one.status for one in ended} == {"SUCCESS"}, project.said()
    assert len(ended) == len(project.facts(RunStarted.kind)) == len(_ticks(project))


def test_changed_code_is_used_and_code_that_does_not_load_is_not(make_project: MakeProject):
    project = make_project(EVERY_MINUTE, pace=60.0)
    project.start()
    project.wait(lambda: bool(project.facts(AssetMaterialized.kind)))
    project.write("import nothing_of_this_name")
    project.wait(lambda: bool(project.facts(CodeRejected.kind)))
    runs = len(project.facts(RunFinished.kind))
    project.wait(lambda: len(project.facts(RunFinished.kind)) > runs + 1)
    (rejected,) = project.facts(CodeRejected.kind)
    assert isinstance(rejected, CodeRejected)
    assert "nothing_of_this_name" in rejected.error["message"]
    project.write(EVERY_MINUTE.replace("number", "other"))
    project.wait(lambda: len(project.facts(CodeLoaded.kind)) == 2)
    project.wait(
        lambda: any(
            one.asset == "other"
            for one in project.facts(AssetMaterialized.kind)
            if isinstance(one, AssetMaterialized)
        )
    )


def test_of_two_daemons_one_works_and_the_other_takes_over(make_project: MakeProject):
    project = make_project(EVERY_MINUTE, pace=60.0)
    first = project.start()
    project.wait(lambda: bool(project.facts(RunFinished.kind)))
    project.start()
    time.sleep(1.5)
    assert project.said().count("info at work") == 1
    first.kill()
    first.wait()
    began = time.monotonic()
    project.wait(lambda: project.said().count("info at work") == 2)
    assert time.monotonic() - began < 15
    before = len(project.facts(RunFinished.kind))
    project.wait(lambda: len(project.facts(RunFinished.kind)) > before + 1)
    dues = [one.due or 0.0 for one in _ticks(project)]
    assert dues == [dues[0] + 60 * place for place in range(len(dues))]


def test_a_process_that_is_lost_with_the_code_is_replaced(make_project: MakeProject):
    project = make_project(EVERY_MINUTE, pace=60.0)
    project.start()
    project.wait(lambda: bool(project.facts(RunFinished.kind)))
    for pid in project.processes():
        os.kill(pid, signal.SIGKILL)
    project.wait(lambda: len(project.facts(CodeLoaded.kind)) == 2)
    before = len(project.facts(TickEvaluated.kind))
    project.wait(lambda: len(project.facts(TickEvaluated.kind)) > before)
    assert all(
        one.status == "SUCCESS" for one in project.facts(TickEvaluated.kind) if isinstance(one, TickEvaluated)
    )


def test_a_sensor_that_takes_too_long_is_ended_and_others_go_on(make_project: MakeProject):
    project = make_project(
        """
        import time
        import mlorch as ml

        @ml.asset
        def number() -> int:
            return 1

        job = ml.define_asset_job("job", "number")
        on = ml.DefaultSensorStatus.RUNNING

        @ml.sensor(job=job, minimum_interval_seconds=1, default_status=on, time_limit=2)
        def endless(context):
            time.sleep(600)

        @ml.sensor(job=job, minimum_interval_seconds=1, default_status=on)
        def quick(context):
            return ml.SkipReason("nothing is new")

        defs = ml.Definitions([number], sensors=[endless, quick])
        """
    )
    project.start()

    def ticks(name: str) -> list[TickEvaluated]:
        found = project.facts(TickEvaluated.kind)
        return [one for one in found if isinstance(one, TickEvaluated) and one.name == f"sensor/{name}"]

    project.wait(lambda: bool(ticks("endless")) and len(ticks("quick")) >= 3)
    first = ticks("endless")[0]
    assert (first.status, first.error["type"], first.failures) == ("FAILURE", "TimeoutError", 1)
    assert {one.status for one in ticks("quick")} == {"SKIPPED"}


def test_a_daemon_ends_as_it_is_asked_to_and_leaves_nothing_behind(make_project: MakeProject):
    project = make_project(EVERY_MINUTE, pace=60.0)
    daemon = project.start()
    project.wait(lambda: bool(project.facts(RunFinished.kind)))
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=20) == 0
    project.wait(lambda: not processes_of(str(project.folder)), 10)
    assert project.is_quiet()
    with Instance.of(project.settings) as instance:
        assert not instance.living()


def _ticks(project: Project) -> list[TickEvaluated]:
    return [one for one in project.facts(TickEvaluated.kind) if isinstance(one, TickEvaluated)]
