"""mlorch runs retry, and runs that are tried again by themselves, as people type it."""

from __future__ import annotations

import json

import pytest

FLAKY = """
import os
from mlorch import Definitions, asset, job, op

@asset(code_version="1")
def source() -> int:
    return 1

@asset(code_version="1")
def fragile(source: int) -> int:
    if not os.path.exists("mended"):
        raise ConnectionError("the network is away")
    return source + 1

@op
def first() -> int:
    return 1

@op
def second(number: int) -> int:
    if not os.path.exists("mended"):
        raise ConnectionError("the network is away")
    return number + 1

@job(tags={"mlorch/max_retries": "1"})
def ops():
    second(first())

defs = Definitions(assets=[source, fragile], jobs=[ops])
"""


@pytest.fixture
def flaky(project):
    project.write("shop.py", FLAKY)
    return project


def test_a_run_is_retried_from_its_failure(flaky):
    assert flaky("materialize").code == 1
    first = json.loads(flaky("runs", "list", "--json").out)[0]
    flaky.write("mended", "")
    done = flaky("runs", "retry", "last")
    assert done.code == 0
    assert "made     fragile" in done.err
    assert "made     source" not in done.err
    shown = flaky("runs", "show").out
    assert f"retry of:   {first['run_id'][:8]}, the first {first['run_id'][:8]}" in shown
    assert "retried by: " in flaky("runs", "show", first["run_id"]).out
    newest, oldest = json.loads(flaky("runs", "list", "--json").out)
    assert (newest["parent_run_id"], newest["root_run_id"]) == (first["run_id"], first["run_id"])
    assert json.loads(flaky("runs", "show", oldest["run_id"], "--json").out)["retries"] == [newest["run_id"]]
    again = flaky("runs", "retry")
    assert (again.code, "succeeded: nothing is left to make" in again.err) == (2, True)
    whole = flaky("runs", "retry", first["run_id"], "--from-start", "--json")
    assert sorted(one["asset"] for one in json.loads(whole.out)["materializations"]) == ["fragile", "source"]


def test_a_run_that_fails_is_tried_again_by_itself(flaky):
    done = flaky("materialize", "--tag", "mlorch/max_retries=2")
    assert done.code == 1
    assert done.err.count("failed and is run again, from failure") == 2
    runs = json.loads(flaky("runs", "list", "--json").out)
    assert [one["made"] for one in runs] == [[], [], ["source"]]
    assert [one["tags"].get("mlorch/retry_number") for one in runs] == ["2", "1", None]


def test_the_settings_say_how_often_where_no_tag_does(flaky):
    limit = "[tool.mlorch.run_retries]\nmax_retries = 1\n\n"
    flaky.edit("pyproject.toml", "[tool.mlorch]\n", f"{limit}[tool.mlorch]\n")
    assert flaky("materialize").err.count("is run again") == 1
    assert flaky("materialize", "--tag", "mlorch/max_retries=0").err.count("is run again") == 0
    assert flaky("runs", "retry").err.count("is run again") == 0, "the retry by hand was the one"


def test_jobs_of_ops_are_tried_again(flaky):
    done = flaky("job", "execute", "ops")
    assert (done.code, done.err.count("is run again")) == (1, 1)
    flaky.write("mended", "")
    assert flaky("runs", "retry").code == 0
    steps = [one["step"] for one in json.loads(flaky("runs", "show", "--json").out)["facts"] if "step" in one]
    assert "first" not in steps
