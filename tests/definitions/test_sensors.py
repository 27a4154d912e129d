"""Sensors as declarations."""

from __future__ import annotations

import pytest

from mlorch import SensorDefinition, define_asset_job
from mlorch.errors import InvalidDefinitionError


def ask(context):
    return None


def test_a_sensor_asks_every_half_minute_and_waits_to_be_started():
    sensor = SensorDefinition(name="arrivals", evaluation_fn=ask)
    assert (sensor.minimum_interval_seconds, sensor.default_status) == (30, "STOPPED")
    assert sensor.job_name is None


@pytest.mark.parametrize("job", ["nightly", define_asset_job("nightly")], ids=["name", "job"])
def test_a_sensor_knows_the_name_of_its_job(job):
    assert SensorDefinition(name="arrivals", evaluation_fn=ask, job=job).job_name == "nightly"


@pytest.mark.parametrize("seconds", [0, -1])
def test_an_interval_that_is_not_positive_is_refused(seconds):
    with pytest.raises(InvalidDefinitionError, match=f"sensor 'arrivals': .*must be positive, not {seconds}"):
        SensorDefinition(name="arrivals", evaluation_fn=ask, minimum_interval_seconds=seconds)
