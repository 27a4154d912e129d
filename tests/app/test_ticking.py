"""One tick of a schedule or sensor: what it is told, what it asks for, and what goes wrong."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from mlorch import (
    ConfigurableResource,
    DailyPartitionsDefinition,
    DefaultScheduleStatus,
    Definitions,
    EnvVar,
    Instance,
    RunRequest,
    ScheduleDefinition,
    SensorResult,
    SkipReason,
    asset,
    build_schedule_from_partitioned_job,
    define_asset_job,
    schedule,
    sensor,
)
from mlorch.app.ticking import evaluate, instigators
from mlorch.errors import InvalidDefinitionError, InvalidSelectionError
from mlorch.events import TickEvaluated
from mlorch.planning.agenda import Agenda
from mlorch.planning.ticks import TickAsked

DAILY = DailyPartitionsDefinition("2026-01-01", timezone="Europe/Berlin")


@asset
def numbers():
    return [1]


@asset(partitions_def=DAILY)
def days():
    return 1


NIGHTLY = define_asset_job("nightly", selection=[numbers], tags={"team": "ml", "a": "job"})
DAYS = define_asset_job("days_job", selection=[days])


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def ask(one, definitions=None, *, due=0.0, instance=None, **told):
    kind = one.kind
    declared: dict[str, Any] = {f"{kind}s": [one]}
    defs = definitions or Definitions([numbers, days], **declared)
    held = instance or Instance.ephemeral()
    return evaluate(defs, held, TickAsked(name=f"{kind}/{one.name}", number=1, due=due, **told))


def test_what_the_daemon_has_to_know_needs_no_code():
    @schedule(
        ["@daily", "0 6 * * mon"],
        job=NIGHTLY,
        execution_timezone="Europe/Berlin",
        default_status=DefaultScheduleStatus.RUNNING,
        catchup="all",
        max_catchup_runs=7,
    )
    def mornings():
        """Not read."""

    @sensor(job=NIGHTLY, minimum_interval_seconds=5, time_limit=3, description="waits")
    def arrivals():
        pass

    timed, asked = instigators(Definitions([numbers], schedules=[mornings], sensors=[arrivals]))
    assert (timed.name, timed.crons) == ("schedule/mornings", ("0 0 * * *", "0 6 * * MON"))
    assert (timed.timezone, timed.is_running) == ("Europe/Berlin", True)
    assert (timed.catchup, timed.max_catchup, timed.time_limit) == ("all", 7, 60.0)
    assert (asked.name, asked.interval, asked.time_limit) == ("sensor/arrivals", 5.0, 3.0)
    assert (asked.is_running, asked.description, asked.jobs) == (False, "waits", ("nightly",))


def test_a_schedule_without_a_function_runs_its_job_with_its_config_and_tags():
    plain = ScheduleDefinition(
        job=NIGHTLY, cron_schedule="@daily", run_config={"loggers": {}}, tags={"a": "schedule"}
    )
    (run,) = ask(plain).runs
    assert (run.job, run.run_key, run.partition, run.selection) == ("nightly", None, None, ())
    assert run.config == {"loggers": {}}
    assert run.tags == {"team": "ml", "a": "schedule", "mlorch/schedule": "nightly_schedule"}


def test_a_schedule_is_told_when_it_was_due_in_its_own_time_zone():
    told = []

    @schedule("@daily", job=NIGHTLY, execution_timezone="Europe/Berlin")
    def mornings(context):
        told.append(context.scheduled_execution_time)
        return {}

    assert ask(mornings, due=at("2026-07-01T00:00+02:00")).status == "SUCCESS"
    assert told == [datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Berlin"))]
    assert told[0].tzinfo == ZoneInfo("Europe/Berlin")


def test_run_keys_and_partitions_become_tags_and_a_key_asked_for_twice_is_one_run():
    @schedule("@daily", job=DAYS)
    def twice():
        yield RunRequest(run_key="k", partition_key="2026-01-02", tags={"n": 1})
        yield RunRequest(run_key="k", partition_key="2026-01-03")
        yield RunRequest(partition_key="2026-01-04")
        yield RunRequest(partition_key="2026-01-04")

    runs = ask(twice).runs
    assert [(run.run_key, run.partition) for run in runs] == [
        ("k", "2026-01-02"),
        (None, "2026-01-04"),
        (None, "2026-01-04"),
    ]
    assert runs[0].tags == {
        "n": "1",
        "mlorch/schedule": "twice",
        "mlorch/run_key": "k",
        "mlorch/partition": "2026-01-02",
    }


def test_a_sensor_is_told_what_is_known_of_the_tick_before():
    told: list[Any] = []

    @sensor(job=NIGHTLY)
    def arrivals(context):
        told.append((context.cursor, context.last_run_key, context.last_tick_completion_time))
        told.append((context.sensor_name, context.is_first_tick_since_sensor_start))
        told.append(context.instance)
        context.update_cursor("8")

    instance = Instance.ephemeral()
    before = {"cursor": "7", "last_run_key": "k", "last_completed_at": 5.0, "started_at": 4.0}
    outcome = ask(arrivals, instance=instance, **before)
    assert (outcome.status, outcome.cursor) == ("SKIPPED", "8")
    assert told == [("7", "k", 5.0), ("arrivals", False), instance]
    ask(arrivals, **before | {"started_at": 6.0})
    assert told[4] == ("arrivals", True)


@pytest.mark.parametrize(
    ("given", "status", "reason", "cursor"),
    [
        (None, "SKIPPED", "Sensor function returned an empty result", "7"),
        ([], "SKIPPED", "Sensor function returned an empty result", "7"),
        (SkipReason("nothing new"), "SKIPPED", "nothing new", "7"),
        (SensorResult(skip_reason="not yet", cursor="8"), "SKIPPED", "not yet", "8"),
        (SensorResult(run_requests=[RunRequest("k")]), "SUCCESS", "", "7"),
        ([RunRequest("k"), RunRequest("l")], "SUCCESS", "", "7"),
    ],
    ids=["none", "empty", "skip", "result-skip", "result", "list"],
)
def test_a_sensor_may_answer_in_many_forms(given, status, reason, cursor):
    @sensor(job=NIGHTLY)
    def arrivals():
        return given

    outcome = ask(arrivals, cursor="7")
    assert (outcome.status, outcome.reason, outcome.cursor) == (status, reason, cursor)
    assert bool(outcome.runs) == (status == "SUCCESS")


def test_what_a_function_raises_is_told_and_the_cursor_stays():
    @sensor(job=NIGHTLY)
    def arrivals(context):
        context.update_cursor("8")
        yield RunRequest("k")
        raise ValueError("no luck")

    outcome = ask(arrivals, cursor="7")
    assert (outcome.status, outcome.cursor, outcome.runs) == ("FAILURE", "7", ())
    assert (outcome.error["type"], outcome.error["message"]) == ("ValueError", "no luck")
    assert outcome.error["traceback"].count("File ") == 1
    assert 'raise ValueError("no luck")' in outcome.error["traceback"]


@pytest.mark.parametrize("raised", [SystemExit(3), KeyError("gone")], ids=["exit", "error"])
def test_not_even_a_function_that_exits_ends_the_daemon(raised):
    @schedule("@daily", job=NIGHTLY)
    def ends():
        raise raised

    assert ask(ends).error["type"] == type(raised).__name__


def test_an_interrupt_is_nobodys_mistake():
    @schedule("@daily", job=NIGHTLY)
    def ends():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(ends)


def test_a_name_that_is_not_declared_is_refused():
    @schedule("@daily", job=NIGHTLY)
    def mornings():
        pass

    with pytest.raises(InvalidSelectionError, match="no schedule 'morning'; did you mean 'mornings'"):
        evaluate(
            Definitions([numbers], schedules=[mornings]),
            Instance.ephemeral(),
            TickAsked(name="schedule/morning", number=1, due=0.0),
        )


class Service(ConfigurableResource):
    token: str
    closed: list[str] = []  # noqa: RUF012 - pydantic copies it

    def teardown_after_execution(self, context):
        CLOSED.append(self.token)


CLOSED: list[str] = []


def test_resources_are_set_up_for_the_tick_and_their_secrets_are_masked(monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter2")
    CLOSED.clear()

    @sensor(job=NIGHTLY, required_resource_keys={"plain"})
    def arrivals(context, service: Service):
        raise RuntimeError(f"{service.token} {context.resources.plain} refused")

    resources = {"service": Service(token=EnvVar("TOKEN")), "plain": 5}
    outcome = ask(arrivals, Definitions([numbers], sensors=[arrivals], resources=resources))
    assert outcome.error["message"] == "*** 5 refused"
    assert "hunter2" not in outcome.error["traceback"]
    assert CLOSED == ["hunter2"]


def test_secrets_in_a_reason_are_masked(monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter2")

    @sensor(job=NIGHTLY)
    def arrivals(service: Service):
        return SkipReason(f"nothing for {service.token}")

    resources = {"service": Service(token=EnvVar("TOKEN"))}
    outcome = ask(arrivals, Definitions([numbers], sensors=[arrivals], resources=resources))
    assert outcome.reason == "nothing for ***"


def test_a_sensor_goes_by_the_clock_of_the_daemon():
    @sensor(job=DAYS)
    def arrivals(context):
        return RunRequest(partition_key=f"{context.now.date()}")

    early = ask(arrivals, due=at("2026-02-02T12:00Z"))
    assert "the window of '2026-02-02' ends at 2026-02-03" in early.error["message"]


def test_a_variable_that_is_not_set_fails_the_tick_with_its_name():
    @sensor(job=NIGHTLY)
    def arrivals(service: Service):
        pass

    resources = {"service": Service(token=EnvVar("NOT_THERE"))}
    outcome = ask(arrivals, Definitions([numbers], sensors=[arrivals], resources=resources))
    assert outcome.error["type"] == "InvalidConfigError"
    assert "NOT_THERE" in outcome.error["message"]


def test_a_resource_that_nothing_gives_is_missed_when_definitions_load():
    @sensor(job=NIGHTLY)
    def arrivals(service: Service):
        pass

    with pytest.raises(InvalidDefinitionError, match=r"sensor 'arrivals' takes the resource 'service'"):
        Definitions([numbers], sensors=[arrivals]).graph  # noqa: B018


def test_a_partitioned_schedule_finds_the_partitions_of_its_assets():
    nightly = build_schedule_from_partitioned_job(DAYS, hour_of_day=3)
    definitions = Definitions([days], schedules=[nightly])
    (known,) = instigators(definitions)
    assert (known.crons, known.timezone) == (("0 3 * * *",), "Europe/Berlin")
    (run,) = ask(nightly, definitions, due=at("2026-02-02T03:00+01:00")).runs
    assert (run.partition, run.run_key, run.job) == ("2026-02-01", "2026-02-01", "days_job")


@pytest.mark.parametrize(
    ("assets", "message"),
    [([numbers], "no asset of its job has partitions"), ([numbers, days, 2], "have several")],
    ids=["none", "several"],
)
def test_a_partitioned_schedule_needs_partitions_of_one_kind(assets, message):
    @asset(partitions_def=DailyPartitionsDefinition("2026-01-01"))
    def others():
        return 1

    chosen = [others if one == 2 else one for one in assets]
    nightly = build_schedule_from_partitioned_job(define_asset_job("all_job"))
    with pytest.raises(InvalidDefinitionError, match=message):
        instigators(Definitions(chosen, schedules=[nightly]))


def test_secrets_in_a_result_are_never_a_run_config():
    @schedule("@daily", job=NIGHTLY)
    def leaks():
        return {"resources": {"x": {"config": {"token": SecretStr("hunter2")}}}}

    outcome = ask(leaks)
    assert outcome.error["type"] == "InvalidConfigError"
    assert "hunter2" not in str(outcome)
    assert "EnvVar" in outcome.error["message"]


@pytest.mark.parametrize(
    ("catchup", "most", "wanted"),
    [
        ("all", None, ["2026-02-03", "2026-02-04", "2026-02-05", "2026-02-06", "2026-02-07"]),
        ("all", 2, ["2026-02-06", "2026-02-07"]),
        ("latest", None, ["2026-02-07"]),
        ("none", None, []),
    ],
    ids=["all", "two", "latest", "none"],
)
def test_five_days_down_are_made_up_for_as_the_schedule_says(catchup, most, wanted):
    nightly = build_schedule_from_partitioned_job(
        DAYS, default_status="RUNNING", catchup=catchup, max_catchup_runs=most
    )
    definitions, instance = Definitions([days], schedules=[nightly]), Instance.ephemeral()
    agenda, up = Agenda(), at("2026-02-02T12:00+01:00")
    agenda.declare(instigators(definitions), up)
    runs: list[str | None] = []

    def pass_time(now):
        while due := agenda.due(now):
            outcome = evaluate(definitions, instance, due[0])
            runs.extend(run.partition for run in outcome.runs)
            agenda.learn(
                TickEvaluated(
                    at=now,
                    name=outcome.name,
                    number=outcome.number,
                    status=outcome.status,
                    due=outcome.due,
                )
            )

    pass_time(at("2026-02-03T00:00:01+01:00"))
    assert runs == ["2026-02-02"]
    pass_time(at("2026-02-08T09:00+01:00"))
    assert runs[1:] == wanted
    pass_time(at("2026-02-09T00:00+01:00"))
    assert runs[1:] == [*wanted, "2026-02-08"]
