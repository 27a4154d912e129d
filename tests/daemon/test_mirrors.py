"""People are told of what goes wrong by itself, beside the daemon."""

from __future__ import annotations

from tests.daemon.conftest import MakeProject
from tests.daemon.project import NOON
from tests.receivers import hook

BROKEN = """
    import mlorch as ml

    @ml.asset
    def model() -> int:
        raise ValueError("no data")

    job = ml.define_asset_job("training", "model")

    @ml.schedule(cron_schedule="* * * * *", job=job, default_status="RUNNING")
    def minutely(context):
        return ml.RunRequest()

    @ml.sensor(job=job, minimum_interval_seconds=600, default_status="RUNNING")
    def later(context):
        raise KeyError("nothing there")

    defs = ml.Definitions([model], schedules=[minutely], sensors=[later])
"""


def test_a_job_that_fails_is_told_each_time_and_its_process_ends_with_the_daemon(make_project: MakeProject):
    with hook(503) as server:
        project = make_project(BROKEN, f'[tool.mlorch.notifications]\nwebhook = "{server.url}"\n', pace=60.0)
        daemon = project.start(until=NOON + 120 * 60)
        failed = "tried: job training, run "
        project.wait(lambda: len({title for title in server.titles if title.startswith(failed)}) >= 2)
        assert all(title.endswith("failed: model") for title in server.titles if failed in title)
        assert "ValueError: no data" in server.posted[-1]["notice"]["text"]
        daemon.terminate()
        assert daemon.wait(30) == 0
        project.wait(lambda: not project.processes("mlorch.app.following"))
        told = [one["notice"]["id"] for one in server.posted]
        # What could not be sent at first was sent again, and nothing else twice.
        assert sorted(told[1:]) == sorted(set(told))
