"""kill -9 at the n-th append to runs of multi-assets, graphs and jobs: nothing is lost, double or half."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from mlorch import load_asset
from mlorch.app.loading import tools_of
from mlorch.app.materializing import Request, plan_request
from mlorch.definitions.signature import EMPTY
from mlorch.events import AssetMaterialized, StepSucceeded
from mlorch.execution.arguments import load
from mlorch.execution.call import Kept
from tests.crashes.killing import DEFINITIONS, LARGE
from tests.crashes.places import opened

VALUES = {"low": 1, "high": LARGE, "total": LARGE * 14, "long": len(LARGE) * 15, "short": 0}
OUTPUTS = {("begin", None): 1, ("longer", None): LARGE * 14, ("both", None): 14}


def places(*quick: tuple[str, str, str]) -> list[Any]:
    """Return every executor, moment and database; all but the quick ones only in a soak."""
    every = product(("in_process", "threads", "processes"), ("before", "after"), ("sqlite", "postgresql"))
    return [pytest.param(*one, marks=[] if one in quick else pytest.mark.soak) for one in every]


def killed(what: str, executor: str, moment: str, folder: Path, server: str) -> list[Path]:
    command = [sys.executable, "-m", "tests.crashes.killing", what, executor, moment, str(folder), server]
    here = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr + done.stdout
    return [folder / name for name in done.stdout.split()]


pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def server(request: pytest.FixtureRequest, database: str) -> str:
    """The URL of an empty database of a server; "" where each instance has a file of its own."""
    url: str = request.getfixturevalue("postgres") if database == "postgresql" else ""
    return url


@pytest.mark.parametrize(("executor", "moment", "database"), places(("threads", "before", "sqlite")))
def test_killed_runs_of_multi_assets_and_graphs_are_finished_by_the_next(tmp_path, executor, moment, server):
    places = killed("assets", executor, moment, tmp_path, server)
    assert len(places) >= 5
    for place in places:
        with opened(place, server) as instance:
            facts = [one.event for one in instance.log.read(kinds={AssetMaterialized.kind})]
            made = Counter((one.run_id, one.asset) for one in facts)
            assert set(made.values()) == {1}
            assert {one.asset for one in facts} == VALUES.keys()
            for key, value in VALUES.items():
                assert load_asset(key, instance=instance) == value
            # Of one function that makes several assets whole, the facts may be kept in two appends.
            twice = {asset for asset, count in Counter(one.asset for one in facts).items() if count > 1}
            assert twice <= {"low", "high"}
            assert plan_request(DEFINITIONS, instance, Request(only_stale=True)).steps == ()


@pytest.mark.parametrize(
    ("executor", "moment", "database"),
    places(("threads", "before", "sqlite"), ("in_process", "after", "postgresql")),
)
def test_killed_jobs_are_finished_from_where_they_stopped(tmp_path, executor, moment, server):
    places = killed("job", executor, moment, tmp_path, server)
    assert len(places) >= 5
    for place in places:
        with opened(place, server) as instance:
            facts = [one.event for one in instance.log.read(kinds={StepSucceeded.kind})]
            assert set(Counter(one.step for one in facts).values()) == {1}
            names = ["begin", "spread", *(f"square[k{number}]" for number in range(3)), "both", "longer"]
            assert sorted(one.step for one in facts) == sorted(names)
            for fact in facts:
                for one in fact.outputs:
                    value = loaded(instance, fact, one)
                    if (fact.step, one["mapping_key"]) in OUTPUTS and one["name"] != "list":
                        assert value == OUTPUTS[fact.step, None]


def loaded(instance, fact, output):
    """Return an op's output as it was kept; raises where its bytes are not those recorded."""
    kept = Kept(
        (output["slot"], None),
        output["uri"],
        output["content_hash"],
        output["io_manager"],
        output["metadata"],
        fact.run_id,
        fact.step,
        output["name"],
        is_passed=True,
    )
    return load(kept, EMPTY, tools_of(instance), {})
