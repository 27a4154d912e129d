"""mlorch runs, as people type it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

from mlorch import Instance
from mlorch.app.canceling import cancel_runs
from mlorch.app.limits import admitted
from mlorch.definitions.limits import Limits
from mlorch.events import RunStarted

SLOW = """
import time
from mlorch import asset

@asset
def slow() -> int:
    time.sleep(60)
    return 1
"""


def test_a_run_is_canceled_from_another_terminal_and_ends_with_1(project):
    project.write("shop.py", SLOW)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MLORCH_")}
    command = [sys.executable, "-c", "from mlorch.cli.main import run; run()", "materialize"]
    with subprocess.Popen(
        command, cwd=project.folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            while "STARTED" not in project("runs", "list").out:
                assert process.poll() is None
            done = project("runs", "cancel", "last")
            assert (done.code, done.err) == (0, "")
            assert done.out.endswith("ended; what it had made is kept\n")
            assert process.wait(10) == 1
            said = process.stderr.read()
        finally:
            process.kill()
    assert "is asked to end: canceled by " in said
    assert said.endswith("mlorch: interrupted; what was made is recorded\n")
    assert project("runs", "cancel", "last").code == 2


def test_canceling_says_what_became_of_each_run(project):
    assert project("runs", "cancel", "--all").out == "no run goes or waits\n"
    with Instance.local(project.folder) as instance:
        instance.log.append([RunStarted(run_id="dead" * 8, at=1.0)])
    assert project("runs", "cancel").err == "mlorch: name the runs to cancel, or give --all\n"
    assert project("runs", "cancel", "dead", "--all").code == 2
    assert "there is no run 'zz'" in project("runs", "cancel", "zz").err
    found = json.loads(project("runs", "cancel", "--all", "--json").out)
    assert found == [{"run_id": "dead" * 8, "status": "DEAD"}]
    assert f"run {'dead' * 8} has ended already: CANCELED" in project("runs", "cancel", "dead").err


def test_a_run_waits_for_the_limit_of_runs(project):
    project.edit("pyproject.toml", "[tool.mlorch.mlflow]", "max_concurrent_runs = 1\n[tool.mlorch.mlflow]")
    told: list[str] = []
    with Instance.local(project.folder) as instance, admitted(instance, Limits(runs=1), "other", {}):
        threading.Timer(1.0, lambda: cancel_runs(instance, [], every=True)).start()
        told.append(project("materialize", "numbers").err)
    assert "the limit of runs (1 at once, held by other) is reached; run " in told[0]
    assert " was canceled while it waited: canceled by " in told[0]
    assert project("materialize", "numbers").code == 0
