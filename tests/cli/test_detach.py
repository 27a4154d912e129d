"""--detach: runs put into the queue by hand, looked at there, and taken out again."""

from __future__ import annotations

import json

import pytest

from mlorch.app.queueing import carry_out_queued
from mlorch.app.requesting import request_of
from mlorch.events import RunQueued
from mlorch.instance import Instance
from mlorch.queries.runs import queued_runs
from mlorch.settings import read_settings

QUEUED = """\
from pathlib import Path

from pydantic import SecretStr

from mlorch import Config, DailyPartitionsDefinition, Definitions, asset, define_asset_job, job, op

days = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-04")


class Training(Config):
    rate: float = 0.5
    token: SecretStr = SecretStr("none")


@asset
def model(config: Training) -> float:
    return config.rate


@asset
def flaky() -> int:
    return int(Path("fixed").read_text())


@asset(partitions_def=days)
def daily(context) -> list[str]:
    return list(context.partition_keys)


@op
def one() -> int:
    return 1


@job
def ops():
    one()


defs = Definitions(
    [model, flaky, daily],
    jobs=[define_asset_job("train", ["model"], tags={"team": "data"}), ops],
)
"""


@pytest.fixture
def shop(project):
    project.write("shop.py", QUEUED)
    return project


def queued(project):
    with Instance.local(project.folder) as instance:
        return list(queued_runs(instance.log).values())


def carry_out(project):
    """What the daemon's workers do."""
    from mlorch.app.opening import load_definitions

    project("job", "list")
    settings = read_settings(project.folder)
    with Instance.of(settings) as instance:
        for one in queued_runs(instance.log).values():
            carry_out_queued(load_definitions(settings), instance, one, request_of(settings))


def config(**fields):
    return "--config-json", json.dumps({"ops": {"model": {"config": fields}}})


def test_a_job_waits_with_its_tags_and_config_and_is_carried_out_as_it_was_asked_for(shop):
    answer = shop("job", "execute", "train", "--detach", "--tag", "a=b", *config(rate=0.25))
    assert answer.code == 0
    run = queued(shop)[0]
    assert answer.out == f"run {run.run_id} waits in the queue\n"
    assert "no daemon runs" in answer.err
    assert (run.job, run.tags) == ("train", {"team": "data", "a": "b"})
    carry_out(shop)
    found = json.loads(shop("runs", "show", "--json").out)
    assert (found["run_id"], found["status"]) == (run.run_id, "SUCCESS")
    with Instance.local(shop.folder) as instance:
        assert instance.get_run_by_id(run.run_id).run_config == {"ops": {"model": {"config": {"rate": 0.25}}}}


def test_what_is_printed_as_json_names_the_run(shop):
    found = json.loads(shop("job", "execute", "ops", "--detach", "--json").out)
    assert found == {"run_id": queued(shop)[0].run_id, "status": "QUEUED"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("job", "execute", "trai"), "did you mean 'train'?"),
        (("job", "execute", "train", "--partition", "2024-01-01"), "no selected asset is partitioned"),
        (("job", "execute", "train", "--tag", "mlorch/max_runtime=long"), "max_runtime"),
        (("job", "execute", "train", "--tag", "mlorch/priority=high"), "whole number"),
        (("job", "execute", "train", "--executor", "threads"), "--executor says how this process works"),
        (("materialize", "modell"), "did you mean 'model'?"),
        (("materialize", "daily"), "say which partitions"),
        (("materialize", "daily", "--partition", "2025-01-01"), "there is no partition '2025-01-01'"),
        (("materialize", "daily", "--all-partitions"), "mlorch backfill --all --detach"),
        (("materialize", "--job", "ops"), "makes no assets"),
        (("backfill", "daily", "--partitions", "2025-01-01"), "there is no partition '2025-01-01'"),
        (("backfill", "daily"), "say which partitions"),
        (("job", "execute", "train", *config(rat=1)), "did you mean 'rate'?"),
        (("materialize", "model", *config(token="swordfish")), "a secret would be kept in the log"),
        (("materialize", "model", *config(token="***")), "a secret that was masked"),
        (("runs", "retry", "abc"), "there is no run 'abc'"),
    ],
)
def test_what_is_wrong_is_said_at_once_and_nothing_waits(shop, words, message):
    answer = shop(*words, "--detach")
    assert answer.code == 2
    assert message in answer.err
    assert queued(shop) == []
    assert not [one for one in shop.folder.glob(".mlorch/*.db*") if b"swordfish" in one.read_bytes()]


def test_a_range_of_partitions_is_made_by_one_run(shop):
    shop("materialize", "daily", "--partition-range", "2024-01-02...2024-01-03", "--detach")
    carry_out(shop)
    found = json.loads(shop("runs", "show", "--json").out)
    assert (found["status"], found["partitions"]) == ("SUCCESS", ["2024-01-02", "2024-01-03"])


def test_a_job_is_narrowed_to_a_selection(shop):
    shop("materialize", "model", "--job", "train", "--detach")
    run = queued(shop)[0]
    assert (run.job, run.selection) == ("train", ("model",))


def test_a_backfill_waits_is_carried_out_and_then_nothing_is_left(shop):
    answer = shop("backfill", "daily", "--all", "--detach")
    name = queued(shop)[0].run_id
    assert answer.out == f"backfill {name} waits in the queue\n"
    assert "QUEUED" in shop("backfills", "list").out
    assert "waits: no daemon runs" in shop("backfills", "show").out
    assert "waits in the queue; it can't be resumed" in shop("backfills", "resume", name).err
    carry_out(shop)
    found = json.loads(shop("backfills", "list", "--json").out)
    assert [(one["backfill_id"], one["status"]) for one in found] == [(name, "SUCCESS")]
    assert found[0]["counts"]["made"] == 3
    again = shop("backfill", "daily", "--missing", "--detach")
    assert "nothing was queued" in again.out


def test_a_backfill_that_waits_is_canceled_before_it_begins(shop):
    shop("backfill", "daily", "--all", "--detach")
    assert "will not begin" in shop("backfills", "cancel", "last").out
    assert queued(shop) == []
    assert "ended: canceled by" in shop("backfills", "show").out
    carry_out(shop)
    assert [one["status"] for one in json.loads(shop("backfills", "list", "--json").out)] == ["CANCELED"]


def test_runs_that_wait_are_listed_shown_and_canceled(shop):
    shop("job", "execute", "train", "--detach")
    shop("job", "execute", "ops", "--detach")
    name = queued(shop)[1].run_id
    assert shop("runs", "list").out.count("QUEUED") == 2
    assert "no daemon runs: start one with 'mlorch daemon'" in shop("runs", "show", name).out
    assert shop("runs", "cancel", name).out == f"run {name[:8]} will not begin\n"
    assert "CANCELED" in shop("runs", "show", name).out
    assert [one.job for one in queued(shop)] == ["train"]
    assert "has ended already" in shop("runs", "cancel", name).err
    assert "will not begin" in shop("runs", "cancel", "--all").out
    assert queued(shop) == []


def test_a_run_that_never_began_is_asked_for_once_more(shop):
    shop("job", "execute", "train", "--detach", *config(rate=0.25))
    first = queued(shop)[0]
    assert "waits in the queue; it can't be retried" in shop("runs", "retry", first.run_id, "--detach").err
    shop("runs", "cancel", first.run_id)
    assert "ended before it began" in shop("runs", "retry", first.run_id).err
    assert shop("runs", "retry", first.run_id, "--detach").code == 0
    again = queued(shop)[0]
    assert again.run_id != first.run_id
    assert (again.job, again.config, again.tags) == (first.job, first.config, first.tags)


def test_a_retry_waits_once_and_goes_on_with_the_run(shop):
    assert shop("materialize", "flaky").code == 1
    assert shop("runs", "retry", "--detach").code == 0
    waiting = queued(shop)[0]
    assert "is to be retried already" in shop("runs", "retry", waiting.retries, "--detach").err
    shop.write("fixed", "1")
    carry_out(shop)
    found = json.loads(shop("runs", "show", waiting.run_id, "--json").out)
    assert (found["status"], found["parent_run_id"]) == ("SUCCESS", waiting.retries)
    assert "nothing is left to make" in shop("runs", "retry", waiting.retries, "--detach").err


def test_from_the_start_all_is_made_again(shop):
    shop("materialize", "model")
    assert shop("runs", "retry", "--from-start", "--detach").code == 0
    carry_out(shop)
    with Instance.local(shop.folder) as instance:
        (asked,) = instance.log.read(kinds={RunQueued.kind})
        assert instance.get_run_by_id(str(asked.event.run_id)).is_success
