"""What schedules and sensors ask for is checked before it is queued."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import SecretStr

from mlorch import (
    AssetCheckKey,
    AssetCheckResult,
    AssetKey,
    AssetMaterialization,
    AssetSelection,
    Config,
    ConfigurableResource,
    DailyPartitionsDefinition,
    Definitions,
    DynamicPartitionsDefinition,
    EnvVar,
    Instance,
    RunConfig,
    RunRequest,
    SensorResult,
    asset,
    asset_check,
    config_mapping,
    daily_partitioned_config,
    define_asset_job,
    job,
    op,
    sensor,
)
from mlorch.app.ticking import evaluate
from mlorch.events import AssetMaterialized, InstigatorStarted, PartitionsAdded, PartitionsDeleted
from mlorch.planning.ticks import TickAsked

CUSTOMERS = DynamicPartitionsDefinition("customers")


class Settings(Config):
    size: int = 1
    token: SecretStr = SecretStr("")


class Service(ConfigurableResource):
    password: SecretStr


@asset
def numbers(config: Settings):
    return config.size


@asset(deps=[numbers])
def total():
    return 1


@asset(partitions_def=DailyPartitionsDefinition("2026-01-01"))
def days():
    return 1


@asset(partitions_def=CUSTOMERS)
def customers():
    return 1


@asset_check(asset=total)
def positive():
    return AssetCheckResult(passed=True)


@op
def say():
    return 1


@job
def saying():
    say()


@daily_partitioned_config(start_date="2026-01-01")
def by_day(start, end):
    return {}


@job(config=by_day)
def daily_saying():
    say()


NUMBERS = define_asset_job("numbers_job", selection=["numbers", "total"])
DAYS = define_asset_job("days_job", selection=["days"], config={"loggers": {}})
CUSTOMERS_JOB = define_asset_job("customers_job", selection=["customers"])


def ask(answer, *, instance=None, **options):
    @sensor(**options)
    def arrivals():
        return answer

    definitions = Definitions(
        [numbers, total, days, customers],
        asset_checks=[positive],
        jobs=[saying],
        sensors=[arrivals],
        resources={"service": Service.configure_at_launch()},
    )
    held = instance or Instance.ephemeral()
    return evaluate(definitions, held, TickAsked(name="sensor/arrivals", number=1, due=1.8e9))


def test_one_of_several_jobs_is_named():
    (run,) = ask(RunRequest(job_name="saying"), jobs=[NUMBERS, saying]).runs
    assert run.job == "saying"


def test_a_target_of_assets_is_run_without_a_job():
    (run,) = ask(RunRequest(), target=AssetSelection.assets(numbers, total)).runs
    assert (run.job, run.selection) == (None, ("numbers", "total"))
    (some,) = ask(RunRequest(asset_selection=[AssetKey("total")]), asset_selection="*").runs
    assert (some.job, some.selection) == (None, ("total",))


def test_a_part_of_a_job_and_some_checks_may_be_asked_for():
    check = AssetCheckKey(AssetKey("total"), "positive")
    request = RunRequest(asset_selection=["total"], asset_check_keys=[check], stale_assets_only=True)
    (run,) = ask(request, job=NUMBERS).runs
    assert (run.job, run.selection) == ("numbers_job", ("total",))
    assert (run.checks, run.only) == (("total:positive",), "stale")


def test_a_target_of_checks_alone_is_those_checks_and_not_everything():
    check = AssetCheckKey(AssetKey("total"), "positive")
    (run,) = ask(RunRequest(), target=AssetSelection.checks(check)).runs
    assert (run.job, run.selection, run.checks) == (None, (), ("total:positive",))
    request = RunRequest(asset_selection=[], asset_check_keys=[check])
    (alone,) = ask(request, job=NUMBERS).runs
    assert (alone.selection, alone.checks) == ((), ("total:positive",))


def test_a_range_of_partitions_is_a_backfill():
    tags = {
        "dagster/asset_partition_range_start": "2026-01-02",
        "dagster/asset_partition_range_end": "2026-01-04",
    }
    (run,) = ask(RunRequest(tags=tags), job=DAYS).runs
    assert (run.partition, run.partitions, run.is_backfill) == (None, ("2026-01-02...2026-01-04",), True)
    assert (run.selection, run.config) == (("days",), {"loggers": {}})


def test_an_ops_job_takes_a_partition_of_its_config():
    (run,) = ask(RunRequest(partition_key="2026-01-05"), job=daily_saying).runs
    assert (run.job, run.partition) == ("daily_saying", "2026-01-05")


@pytest.mark.parametrize(
    ("request_", "options", "message"),
    [
        (RunRequest(), {"jobs": [NUMBERS, saying]}, "several jobs; say which one: .*numbers_job"),
        (RunRequest(job_name="sayin"), {"jobs": [NUMBERS, saying]}, "did you mean 'saying'"),
        (RunRequest(job_name="saying"), {"job": NUMBERS}, "may run 'numbers_job'"),
        (RunRequest(), {}, "not told what it may run; declare it with job="),
        (RunRequest(asset_selection=["days"]), {"job": NUMBERS}, "the asset 'days'"),
        (RunRequest(asset_selection=["days"]), {"job": saying}, "makes no assets"),
        (RunRequest(partition_key="2026-01-01"), {"job": NUMBERS}, "leave partition_key out"),
        (RunRequest(partition_key="2025-01-01"), {"job": DAYS}, "no partition '2025-01-01'"),
        (RunRequest(), {"job": DAYS}, r"say which: RunRequest\(partition_key"),
        (RunRequest(), {"job": daily_saying}, r"say which: RunRequest\(partition_key"),
        (RunRequest(run_config={"op": {}}), {"job": NUMBERS}, "no section 'op'; did you mean 'ops'"),
        (RunRequest(run_config={"ops": {"number": {}}}), {"job": NUMBERS}, "did you mean 'numbers'"),
        (
            RunRequest(run_config={"ops": {"numbers": {"config": {"size": "many"}}}}),
            {"job": NUMBERS},
            "field 'size'",
        ),
        (
            RunRequest(asset_check_keys=[AssetCheckKey(AssetKey("total"), "positiv")]),
            {"job": NUMBERS},
            "did you mean 'total:positive'",
        ),
        (["numbers"], {"job": NUMBERS}, "gave 'numbers'; a RunRequest"),
        (RunRequest(asset_selection=[]), {"job": NUMBERS}, "a run of no asset"),
        (RunRequest(asset_selection=[]), {"target": "*"}, "a run of no asset"),
    ],
)
def test_what_can_not_be_run_fails_the_tick_and_says_what_would_be_right(request_, options, message):
    outcome = ask(request_, **options)
    assert (outcome.status, outcome.runs) == ("FAILURE", ())
    assert "sensor 'arrivals'" in outcome.error["message"]
    assert re.search(message, outcome.error["message"]), outcome.error["message"]
    assert outcome.error["traceback"] == ""


def test_runs_are_checked_against_the_partitions_that_the_same_answer_adds_and_deletes():
    instance = Instance.ephemeral()
    instance.add_dynamic_partitions("customers", ["old"])
    changes: list[Any] = [CUSTOMERS.build_add_request(["ann"]), CUSTOMERS.build_delete_request(["old"])]
    outcome = ask(
        SensorResult([RunRequest(partition_key="ann")], dynamic_partitions_requests=changes),
        job=CUSTOMERS_JOB,
        instance=instance,
    )
    assert [run.partition for run in outcome.runs] == ["ann"]
    assert [type(fact) for fact in outcome.facts] == [PartitionsAdded, PartitionsDeleted]
    assert [fact.keys for fact in outcome.facts] == [("ann",), ("old",)]
    gone = ask(
        SensorResult([RunRequest(partition_key="old")], dynamic_partitions_requests=changes),
        job=CUSTOMERS_JOB,
        instance=instance,
    )
    assert (gone.status, gone.facts) == ("FAILURE", ())
    assert instance.get_dynamic_partitions("customers") == ("old",)


def test_a_key_that_can_not_be_one_is_refused():
    change = CUSTOMERS.build_add_request(["ann"])._replace(partition_keys=("a...b",))
    outcome = ask(SensorResult(dynamic_partitions_requests=[change]), job=CUSTOMERS_JOB)
    assert "'...' stands for a range" in outcome.error["message"]


def test_reports_and_facts_come_with_the_outcome():
    fact = InstigatorStarted(at=1.0, name="sensor/other")
    outcome = ask(SensorResult(asset_events=[AssetMaterialization("total")], facts=[fact]))
    made, other = outcome.facts
    assert isinstance(made, AssetMaterialized)
    assert (made.asset, other) == ("total", fact)
    assert outcome.status == "SKIPPED"


def test_a_config_is_kept_with_the_names_of_environment_variables():
    config = RunConfig(
        {
            "numbers": Settings(size=3, token=EnvVar("TOKEN"))  # type: ignore[arg-type]
        }
    )
    (run,) = ask(RunRequest(run_config=config), job=NUMBERS).runs
    assert run.config == {"ops": {"numbers": {"config": {"size": 3, "token": {"env": "TOKEN"}}}}}


@pytest.mark.parametrize(
    "config",
    [
        {"ops": {"numbers": {"config": {"token": "hunter2"}}}},
        {"resources": {"service": {"config": {"password": "hunter2"}}}},
    ],
    ids=["op", "resource"],
)
def test_a_secret_that_stands_in_a_config_as_text_is_refused(config):
    outcome = ask(RunRequest(run_config=config), job=NUMBERS)
    assert outcome.status == "FAILURE"
    assert "EnvVar('NAME')" in outcome.error["message"]
    assert "hunter2" not in outcome.error["message"]


@config_mapping(config_schema=Settings)
def simpler(val):
    return {"ops": {"numbers": {"config": {"size": val.size}}}}


MAPPED = define_asset_job("mapped_job", selection=["numbers"], config=simpler)


def test_a_simpler_config_of_a_job_is_checked_as_such():
    outcome = ask(RunRequest(run_config={"size": 3}), job=MAPPED)
    assert outcome.error == {}
    (run,) = outcome.runs
    assert run.config == {"size": 3}
    assert "'siz'" in ask(RunRequest(run_config={"siz": 3}), job=MAPPED).error["message"]
    assert "EnvVar('NAME')" in ask(RunRequest(run_config={"token": "x"}), job=MAPPED).error["message"]
