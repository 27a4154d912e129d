"""A daemon that is asked to stop, as systemd asks: it begins nothing, lets runs end, hands over the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from mlorch.app.queueing import enqueue
from mlorch.events import AssetMaterialized, RunFinished, RunQueued, RunStarted, StepStarted
from mlorch.instance import Instance
from tests.daemon.conftest import MakeProject
from tests.daemon.project import Project

SLOW = """
    import time
    from pathlib import Path
    import mlorch as ml

    @ml.asset
    def first() -> int:
        Path("made").open("a").write("first\\n")
        return 1

    @ml.asset(deps=[first])
    def second() -> int:
        deadline = time.monotonic() + 60
        while not Path("go").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        Path("made").open("a").write("second\\n")
        return 2

    job = ml.define_asset_job("job", "*")
    defs = ml.Definitions([first, second], jobs=[job])
"""


def stop_timeout(seconds: float) -> str:
    return f"daemon.stop_timeout_seconds = {seconds}"


def ask(project: Project) -> RunQueued:
    with Instance.of(project.settings) as instance:
        return enqueue(instance, project.settings, job="job")


def is_in_second(project: Project) -> bool:
    steps = project.facts(StepStarted.kind)
    return any(isinstance(one, StepStarted) and one.asset == "second" for one in steps)


def ended(project: Project) -> list[tuple[str, str]]:
    return [
        (one.status, one.reason) for one in project.facts(RunFinished.kind) if isinstance(one, RunFinished)
    ]


def made_in(project: Project) -> list[str]:
    return (project.folder / "made").read_text().split()


def wait_for(daemon: subprocess.Popen[bytes], seconds: float = 30.0) -> int:
    return daemon.wait(seconds)


def test_a_run_that_ends_in_time_ends_before_the_daemon_does(make_project: MakeProject):
    project = make_project(SLOW, stop_timeout(30))
    daemon = project.start()
    ask(project)
    project.wait(lambda: is_in_second(project))
    daemon.send_signal(signal.SIGTERM)
    waiting = ask(project)
    time.sleep(1.5)
    assert daemon.poll() is None
    (project.folder / "go").touch()
    assert wait_for(daemon) == 0
    assert ended(project) == [("SUCCESS", "")]
    assert made_in(project) == ["first", "second"]
    assert "stopped" in project.said()
    assert project.processes() == []
    begun = {one.run_id for one in project.facts(RunStarted.kind)}
    assert waiting.run_id not in begun
    project.start()
    project.wait(lambda: len(ended(project)) == 2)


def test_a_longer_run_is_handed_over_and_the_next_daemon_makes_what_is_left(make_project: MakeProject):
    project = make_project(SLOW, stop_timeout(0.5))
    daemon = project.start()
    asked = ask(project)
    project.wait(lambda: is_in_second(project))
    daemon.send_signal(signal.SIGTERM)
    assert wait_for(daemon) == 0
    (status, reason) = ended(project)[0]
    assert status == "CANCELED"
    assert reason.startswith("handed over")
    assert project.processes() == []
    (project.folder / "go").touch()
    project.start()
    project.wait(lambda: ("SUCCESS", "") in ended(project))
    assert made_in(project) == ["first", "second"]
    queued = [one for one in project.facts(RunQueued.kind) if isinstance(one, RunQueued)]
    assert [one.retries for one in queued] == [None, asked.run_id]
    assets = [
        one.asset for one in project.facts(AssetMaterialized.kind) if isinstance(one, AssetMaterialized)
    ]
    assert assets == ["first", "second"]


def test_a_second_signal_hurries(make_project: MakeProject):
    project = make_project(SLOW, stop_timeout(600))
    daemon = project.start()
    ask(project)
    project.wait(lambda: is_in_second(project))
    daemon.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert wait_for(daemon) == 0
    assert time.monotonic() - began < 20
    assert ended(project)[0][0] == "CANCELED"


def test_where_everything_is_killed_in_the_end_the_next_daemon_goes_on(make_project: MakeProject):
    # TimeoutStopSec of a unit, or a container that is stopped: SIGTERM, and SIGKILL for all that is left.
    project = make_project(SLOW, stop_timeout(600) + "\nrun_retries.max_retries = 1")
    daemon = project.start()
    ask(project)
    project.wait(lambda: is_in_second(project))
    daemon.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    daemon.kill()
    daemon.wait()
    for pid in project.processes():
        os.kill(pid, signal.SIGKILL)
    (project.folder / "go").touch()
    project.start()
    project.wait(lambda: ("SUCCESS", "") in ended(project))
    assert made_in(project) == ["first", "second"]


def test_a_daemon_with_nothing_to_do_stops_at_once(make_project: MakeProject):
    project = make_project(SLOW, stop_timeout(600))
    daemon = project.start()
    project.wait(lambda: "was loaded" in project.said())
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert wait_for(daemon) == 0
    assert time.monotonic() - began < 5


def test_code_that_heeds_no_signal_while_it_is_imported_keeps_no_daemon(make_project: MakeProject):
    project = make_project(
        """
        import signal
        import time
        from pathlib import Path

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Path("imports").touch()
        time.sleep(600)
        """
    )
    daemon = project.start()
    project.wait((project.folder / "imports").exists)
    daemon.send_signal(signal.SIGTERM)
    assert wait_for(daemon) == 0
    assert project.processes() == []
