"""Schedules as declarations."""

from __future__ import annotations

import pytest

from mlorch import ScheduleDefinition, define_asset_job
from mlorch.errors import InvalidDefinitionError

JOB = define_asset_job("nightly")


def test_a_schedule_is_named_after_its_job_and_waits_to_be_started():
    schedule = ScheduleDefinition(job=JOB, cron_schedule="@daily")
    assert (schedule.name, schedule.job_name) == ("nightly_schedule", "nightly")
    assert (schedule.execution_timezone, schedule.default_status) == ("UTC", "STOPPED")
    assert (dict(schedule.run_config), dict(schedule.tags)) == ({}, {})


def test_a_job_may_be_given_by_name():
    schedule = ScheduleDefinition(job="nightly", cron_schedule="0 3 * * 1-5", name="weekdays")
    assert (schedule.name, schedule.job_name) == ("weekdays", "nightly")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cron_schedule": "0 3 * *"}, "0 3"),
        ({"cron_schedule": "61 * * * *"}, "61"),
        ({"cron_schedule": "@dayly"}, "@dayly"),
        ({"cron_schedule": "@daily", "execution_timezone": "Europe/Berln"}, "Europe/Berlin"),
    ],
    ids=["fields", "range", "word", "zone"],
)
def test_what_can_never_come_due_is_refused_when_it_is_declared(options, message):
    with pytest.raises(InvalidDefinitionError, match=r"^schedule 'nightly_schedule': ") as raised:
        ScheduleDefinition(job=JOB, **options)
    assert message in str(raised.value)
