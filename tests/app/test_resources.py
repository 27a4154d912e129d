"""How long resources live: as long as the run where steps share a process, as long as the step elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlorch import (
    AssetsDefinition,
    ConfigurableResource,
    Definitions,
    EnvVar,
    InitResourceContext,
    Instance,
    RetryPolicy,
    asset,
    materialize,
    resource,
)
from mlorch.app.materializing import Request, run_request
from mlorch.errors import ResourceError


class Journal(ConfigurableResource):
    """Writes down what becomes of it, a line each, with the process it is in."""

    path: str

    def setup_for_execution(self, context: InitResourceContext) -> None:
        self.write(f"up in {context.run_id}")

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        self.write("down")

    def write(self, line: str) -> None:
        with Path(self.path).open("a") as file:
            file.write(f"{os.getpid()} {line}\n")


class Unreachable(ConfigurableResource):
    journal: Journal
    password: str = "none"

    def setup_for_execution(self, context: InitResourceContext) -> None:
        raise ConnectionError(f"no answer with {self.password}")


@asset
def first(journal: Journal) -> int:
    journal.write("first")
    return 1


@asset
def second(first: int, journal: Journal) -> int:
    journal.write("second")
    return first + 1


@asset(deps=[first])
def failing(journal: Journal) -> int:
    journal.write("failing")
    raise ValueError("no")


@asset
def lost(unreachable: Unreachable) -> int:
    return 1


def lines(path: Path) -> list[tuple[str, str]]:
    return [(pid, line) for pid, _, line in (one.partition(" ") for one in path.read_text().splitlines())]


def run(tmp_path: Path, assets: list[AssetsDefinition], executor: str):
    journal = tmp_path / "journal"
    definitions = Definitions(assets, resources={"journal": Journal(path=str(journal))})
    with Instance.local(tmp_path) as instance:
        result = run_request(definitions, instance, Request(executor=executor, workers=2))
    return result, lines(journal)


@pytest.mark.parametrize("executor", ["in_process", "threads"])
def test_a_run_in_this_process_sets_up_once_and_tears_down_at_its_end(tmp_path, executor):
    result, told = run(tmp_path, [first, second], executor)
    assert result.success
    assert [line for _, line in told] == [f"up in {result.run_id}", "first", "second", "down"]


def test_it_is_torn_down_where_a_step_fails_too(tmp_path):
    result, told = run(tmp_path, [first, failing], "in_process")
    assert not result.success
    assert [line for _, line in told] == [f"up in {result.run_id}", "first", "failing", "down"]


def test_in_worker_processes_each_step_has_its_own(tmp_path):
    result, told = run(tmp_path, [first, second], "processes")
    assert result.success, result.failures
    up = f"up in {result.run_id}"
    assert [line for _, line in told] == [up, "first", "down", up, "second", "down"]
    assert str(os.getpid()) not in {pid for pid, _ in told}


def test_what_no_step_takes_is_not_set_up(tmp_path):
    @asset
    def plain() -> int:
        return 1

    journal = Journal(path=str(tmp_path / "journal"))
    assert materialize([plain], resources={"journal": journal}).success
    assert not (tmp_path / "journal").exists()


def test_one_that_cannot_be_set_up_fails_the_step_that_takes_it_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("LOST_PASSWORD", "hunter22")
    journal = Journal(path=str(tmp_path / "journal"))
    unreachable = Unreachable(journal=journal, password=EnvVar("LOST_PASSWORD"))
    result = materialize(
        [first, lost],
        resources={"journal": journal, "unreachable": unreachable},
        raise_on_error=False,
    )
    assert [one.asset for one in result.materializations] == ["first"]
    (failure,) = result.failures
    assert failure.error["type"] == "ResourceError"
    assert failure.error["message"] == (
        "the resource 'unreachable' (Unreachable) can't be set up: ConnectionError: no answer with ***"
    )
    assert "in setup_for_execution" in failure.error["traceback"]
    assert "hunter22" not in str(failure)
    assert [line for _, line in lines(tmp_path / "journal")].count("down") == 1
    with pytest.raises(ResourceError, match="can't be set up"):
        result.raise_failure()


def test_a_retry_asks_for_it_again():
    attempts = []

    @resource
    def flaky():
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("not yet")
        return 5

    @asset(required_resource_keys={"flaky"}, retry_policy=RetryPolicy(max_retries=1))
    def number(context):
        return context.resources.flaky

    assert materialize([number], resources={"flaky": flaky}).asset_value("number") == 5
