"""kill -9 at the n-th append, for n = 1, 2, … until the run survives: nothing is lost, nothing made twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter

import pytest

from mlorch import Instance
from mlorch.events import AssetMaterialized, RunFinished, RunStarted
from tests.postgres import schemas

CHILD = """
import os, signal, sys
from mlorch import AssetIn, Instance, asset, materialize
from mlorch.execution import writer

writer.FLUSH_SECONDS = 0.0
folder, kill_at, moment = sys.argv[1], int(sys.argv[2]), sys.argv[3]


class Killing:
    def __init__(self, log):
        self.log, self.count = log, 0

    def __getattr__(self, name):
        return getattr(self.log, name)

    def append(self, events, *, once=()):
        self.count += 1
        if self.count == kill_at and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        numbers = self.log.append(events, once=once)
        if self.count == kill_at and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return numbers


first = asset(name="s0", code_version="1")(lambda: 1)
second = asset(name="s1", code_version="1", ins={"x": AssetIn("s0")})(lambda x: x + 1)
held = Instance.local(folder, storage=sys.argv[4] or None)
killed = Instance(Killing(held.log), held.store, held.leases)
assert materialize([first, second], instance=killed, only_stale=True).success
"""


def run(folder, storage, kill_at, moment):
    command = [sys.executable, "-c", CHILD, str(folder), str(kill_at), moment, storage or ""]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def new_storage(request):
    """Gives the URL of another empty database each time; None for the file in an instance's folder."""
    if request.param == "sqlite":
        yield lambda: None
        return
    with schemas(request.getfixturevalue("postgres")) as new:
        yield new


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_killed_at_any_append_is_finished_by_the_next(tmp_path, new_storage, moment):
    deaths = 0
    for kill_at in range(1, 30):
        folder, storage = tmp_path / f"{kill_at}", new_storage()
        died = run(folder, storage, kill_at, moment).returncode == -signal.SIGKILL
        deaths += died
        again = run(folder, storage, 0, moment)
        assert again.returncode == 0, again.stderr
        with Instance.local(folder, storage=storage) as instance:
            records = instance.log.read()
        made = Counter(one.event.asset for one in records if isinstance(one.event, AssetMaterialized))
        assert made == {"s0": 1, "s1": 1}, f"killed {moment} append {kill_at}"
        values = [json.loads((folder / f"data/s{i}.json").read_text()) for i in range(2)]
        assert values == [1, 2]
        ended = {one.event.run_id for one in records if isinstance(one.event, RunFinished)}
        begun = [one.event.run_id for one in records if isinstance(one.event, RunStarted)]
        assert len(set(begun) - ended) <= 1
        if not died:
            break
    assert deaths >= 3, "the run was never killed where it matters"
