"""Random graphs of ops come to what plain Python makes of them, by whatever executor."""

from __future__ import annotations

import tempfile

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from mlorch import Instance, JobDefinition, job
from mlorch.app.jobs import run_job
from mlorch.app.materializing import Request
from mlorch.events import StepStarted
from tests.machines.programs import ABSENT, FAILED, Interpreter, Line, compose, programs

QUICK = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.explain},
)


def job_of(lines: list[Line]) -> JobDefinition:
    @job(name="program")
    def program():
        compose(lines)

    return program


def check(lines: list[Line], instance: Instance, executor: str) -> None:
    told = Interpreter(lines).steps
    result = run_job(job_of(lines), instance, Request(executor=executor, workers=3))
    blocked = {one.step for one in result.skipped if one.is_blocked}
    skipped = {one.step for one in result.skipped if not one.is_blocked}
    assert {one.step for one in result.failures} == {name for name, one in told.items() if one == FAILED}
    assert blocked == {name for name, one in told.items() if one == "blocked"}
    assert skipped == {name for name, one in told.items() if one == "skipped"}
    assert result.success == (FAILED not in told.values())
    begun = [(one.step, one.attempt) for one in result.all_events if isinstance(one, StepStarted)]
    assert len(set(begun)) == len(begun)
    tried = {name for name, one in told.items() if one not in ("blocked", "skipped")}
    assert {step for step, _ in begun} == tried
    for name in tried:
        value = told[name]
        if "[" in name or value in (FAILED, ABSENT) or name.startswith("spread"):
            continue
        assert result.output_for_node(name, "low" if name.startswith("part") else "result") == value


@pytest.mark.parametrize("executor", ["in_process", "threads"])
@given(lines=programs(15))
@settings(QUICK, max_examples=40)
def test_programs_here(lines, executor):
    check(lines, Instance.ephemeral(), executor)


@given(lines=programs(40))
@settings(QUICK, max_examples=2)
def test_programs_in_processes(lines):
    with tempfile.TemporaryDirectory() as folder, Instance.local(folder) as instance:
        check(lines, instance, "processes")


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("executor", "count"), [("threads", 1500), ("processes", 40)])
def test_programs_for_long(executor, count):
    @given(lines=programs(40))
    @settings(QUICK, max_examples=count)
    def long(lines):
        with tempfile.TemporaryDirectory() as folder, Instance.local(folder) as instance:
            check(lines, instance, executor)

    long()
