"""mlorch job: jobs of assets and of ops, listed, run, and looked at afterwards."""

from __future__ import annotations

import json

import pytest

OPS = '''\
from mlorch import (
    Config, Definitions, DynamicOut, DynamicOutput, asset, config_mapping, define_asset_job, job, op,
    static_partitioned_config, threads_executor,
)


class Size(Config):
    size: int = 2


@op(out=DynamicOut())
def parts(context, config: Size):
    """Divide the work."""
    context.log.info("dividing by %d", config.size)
    for number in range(config.size):
        yield DynamicOutput(number, f"p{number}")


@op
def work(number: int) -> int:
    if number > 5:
        raise ValueError("too much")
    return number * 10


@op
def total(numbers) -> int:
    return sum(numbers)


@job(tags={"team": "ml"}, executor_def=threads_executor)
def dividing():
    """Divide, work, add up."""
    total(parts().map(work).collect())


@config_mapping(config_schema={"many": int})
def simple(given):
    return {"ops": {"parts": {"config": {"size": given["many"]}}}}


@job(config=simple)
def simpler():
    total(parts().map(work).collect())


@static_partitioned_config(["a", "b"])
def by_letter(key):
    return {"ops": {"parts": {"config": {"size": {"a": 1, "b": 3}[key]}}}}


@job(config=by_letter)
def lettered():
    total(parts().map(work).collect())


@asset(code_version="1")
def numbers() -> list[int]:
    return [1, 2]


defs = Definitions(
    [numbers],
    jobs=[dividing, simpler, lettered, define_asset_job("nightly", "numbers", description="Every night.")],
)
'''


@pytest.fixture
def jobs(project):
    (project.folder / "shop.py").write_text(OPS)
    return project


def test_jobs_are_listed_with_what_they_make(jobs):
    lines = jobs("job", "list").out.splitlines()
    assert [line.split()[:3] for line in lines[1:3]] == [["dividing", "3", "ops"], ["simpler", "3", "ops"]]
    found = {one["job"]: one for one in json.loads(jobs("job", "list", "--json").out)}
    assert (found["nightly"]["kind"], found["nightly"]["description"]) == ("assets", "Every night.")
    assert found["lettered"]["partitions"] is not None
    assert found["dividing"]["tags"] == {"team": "ml"}


def test_a_job_of_ops_tells_each_step_and_is_found_among_the_runs(jobs):
    answer = jobs("job", "execute", "dividing")
    assert answer.code == 0, answer.err
    assert "done     work[p1]" in answer.err
    assert "log      parts  INFO: dividing by 2" in answer.err
    assert "4 done in" in answer.err
    (run,) = json.loads(jobs("runs", "list", "--json").out)
    assert (run["job"], run["status"], run["counts"]["done"]) == ("dividing", "SUCCESS", 4)
    shown = jobs("runs", "show", "last").out
    assert "done     total" in shown
    assert "team=ml" in shown
    assert "dividing by 2" in jobs("runs", "logs", "last").out
    assert not (jobs.folder / "data").exists() or not list((jobs.folder / "data").iterdir())


def test_a_failed_op_fails_the_run_and_is_named(jobs):
    answer = jobs(
        "job", "execute", "dividing", "--config-json", '{"ops": {"parts": {"config": {"size": 7}}}}'
    )
    assert answer.code == 1
    assert "failed   work[p6]  ValueError" in answer.err
    assert "blocked  total" in answer.err
    assert "too much" in jobs("runs", "show", "last").out


def test_a_config_mapping_is_asked_once(jobs):
    answer = jobs("job", "execute", "simpler", "--config-json", '{"many": 3}', "--json")
    assert json.loads(answer.out)["success"] is True
    assert "5 done in" in answer.err
    answer = jobs("job", "execute", "simpler", "--config-json", '{"mny": 3}')
    assert answer.code == 2
    assert "did you mean 'many'" in answer.err


def test_a_partition_chooses_its_config(jobs):
    assert "3 done in" in jobs("job", "execute", "lettered", "--partition", "a").err
    assert "5 done in" in jobs("job", "execute", "lettered", "--partition", "b").err
    answer = jobs("job", "execute", "lettered")
    assert (answer.code, "name a partition" in answer.err) == (2, True)
    assert jobs("job", "execute", "lettered", "--partition", "z").code == 2


def test_a_job_of_assets_makes_its_selection(jobs):
    answer = jobs("job", "execute", "nightly", "--tag", "by=me")
    assert (answer.code, "made     numbers" in answer.err) == (0, True)
    assert "by=me" in jobs("runs", "show", "last").out


def test_an_unknown_job_is_named_with_the_nearest(jobs):
    answer = jobs("job", "execute", "nightli")
    assert answer.code == 2
    assert "did you mean 'nightly'" in answer.err
