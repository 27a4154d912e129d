"""kill -9 at moments drawn at random, then a retry from the failure: nothing is lost, nothing made twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from mlorch import Instance
from mlorch.app.retrying import retry_run
from mlorch.events import AssetMaterialized, RunStarted
from mlorch.queries.runs import RunStatus

DEFINITIONS = """
import sys, time
from mlorch import AssetIn, Instance, asset, graph_asset, materialize, op


def step(*above: int) -> int:
    time.sleep(0.06)
    return 1 + sum(above)


def link(index):
    given = {f"x{up}": AssetIn(f"a{up}") for up in (index - 1, index - 3) if up >= 0}
    names = ", ".join(given)
    function = eval(f"lambda {names}: step({names})", {"step": step})
    return asset(name=f"a{index}", ins=given)(function)


@op
def one() -> int:
    return step()


@op
def two(number: int) -> int:
    return step(number)


@graph_asset
def drawn():
    return two(two.alias("middle")(one()))


ASSETS = [*(link(index) for index in range(12)), drawn]
"""

CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from mlorch import Instance, materialize
from retried import ASSETS

with Instance.local(sys.argv[1]) as instance:
    print("ready", flush=True)
    materialize(ASSETS, instance=instance)
"""


def killed(folder, seconds):
    """Run the assets and kill the process so long after it began with them; tell whether it died of it."""
    command = [sys.executable, "-c", CHILD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.kill()
        return process.wait(timeout=30) == -signal.SIGKILL


@pytest.mark.slow
def test_a_killed_run_is_finished_by_its_retry(tmp_path, monkeypatch):
    (tmp_path / "retried.py").write_text(DEFINITIONS)
    monkeypatch.syspath_prepend(tmp_path)
    import retried  # type: ignore[import-not-found]

    chance = random.Random(7)
    kept = 0
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "retried.py").write_text(DEFINITIONS)
        if not killed(folder, chance.uniform(0.1, 1.1)):
            continue
        with Instance.local(folder) as instance:
            runs = instance.get_runs()
            if not runs or runs[0].is_success:
                continue
            assert runs[0].status is RunStatus.DEAD
            before = made(instance)
            kept += len(before)
            result = retry_run(retried.ASSETS, instance, runs[0].run_id)
            assert made(instance) == Counter({f"a{index}": 1 for index in range(12)} | {"drawn": 1})
            assert len(result.materializations) == 13 - len(before)
            assert result.asset_value("drawn") == 3
            numbers = [1]
            for index in range(1, 12):
                numbers.append(1 + numbers[index - 1] + (numbers[index - 3] if index >= 3 else 0))
            assert [result.asset_value(f"a{index}") for index in range(12)] == numbers
            assert len([one for one in instance.log.read() if isinstance(one.event, RunStarted)]) == 2
    assert kept, "every run was killed before it had made anything"


def made(instance):
    events = [one.event for one in instance.log.read(kinds={AssetMaterialized.kind})]
    return Counter(one.asset for one in events)
