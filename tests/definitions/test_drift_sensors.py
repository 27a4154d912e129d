"""What a drift sensor is told, checked when it is declared."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mlorch import MetricDrop, drift_sensor
from mlorch.definitions.drift_sensors import THRESHOLDS
from mlorch.drift.thresholds import DEFAULTS
from mlorch.errors import InvalidDefinitionError, UserError


def test_it_has_the_name_of_its_asset_unless_it_is_given_one():
    assert drift_sensor("raw/features", job="retrain").name == "raw_features_drift"
    assert drift_sensor("features", job="retrain", name="moved").name == "moved"


def test_times_and_columns_are_taken_in_every_form():
    one = drift_sensor("features", job="retrain", watch="price", cooldown=timedelta(days=1))
    assert (one.watch, one.cooldown, one.retrain, one.consecutive) == (("price",), 86_400.0, "partition", 1)
    drop = MetricDrop("evaluation", "auc", by=0.02)
    two = drift_sensor("features", job="retrain", cooldown=60, require_metric_drop=drop, reference="model")
    assert (two.cooldown, two.reference, two.require_metric_drop) == (60.0, "model", drop)


def test_the_names_of_thresholds_are_those_that_comparing_knows():
    assert set(THRESHOLDS) == set(DEFAULTS)


def test_it_is_no_function_to_call():
    with pytest.raises(UserError, match="mlorch sensor preview"):
        drift_sensor("features", job="retrain")(None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retrain": "al"}, "should be 'partition', 'all' or 'notify'; did you mean 'all'"),
        ({"retrain": "notify"}, "leave job and target out"),
        ({"job": None}, "give it a job"),
        ({"consecutive": 0}, "consecutive should be 1 or more"),
        ({"share": 0}, "share should be above 0"),
        ({"thresholds": {"mising": 1}}, "did you mean 'missing'"),
        ({"cadence": 1}, "cadence"),
    ],
)
def test_a_declaration_is_checked_when_it_is_made(options, words):
    with pytest.raises((InvalidDefinitionError, TypeError), match=words):
        drift_sensor("features", **{"job": "retrain", **options})
