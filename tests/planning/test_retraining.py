"""When drift leads to a run: decided from this tick and those before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlorch import MetricDrop, drift_sensor
from mlorch.events import DriftEvaluated
from mlorch.planning.retraining import Change, held_back

VERDICTS = st.sampled_from(["drift", "no drift", "insufficient"])


def before(*verdicts, at=0.0, run_key=None):
    """Evaluations, newest first."""
    return [DriftEvaluated(at=at, asset="a", verdict=one, run_key=run_key) for one in verdicts]


def held(verdicts, history=(), changes=None, now=100.0, **options):
    one = drift_sensor("a", **{"job": "retrain", **options})
    return held_back(one, now, dict(enumerate_keys(verdicts)), history, changes or {})


def enumerate_keys(verdicts):
    return ((str(number), verdict) for number, verdict in enumerate(verdicts))


@given(st.lists(VERDICTS))
def test_without_conditions_each_partition_that_drifted_is_trained(verdicts):
    assert held(verdicts) == {key: "" for key, verdict in enumerate_keys(verdicts) if verdict == "drift"}


@given(st.lists(VERDICTS, max_size=8), st.lists(VERDICTS, max_size=8), st.integers(1, 4))
def test_it_does_not_matter_how_evaluations_are_spread_over_ticks(first, second, wanted):
    together = held([*first, *second], consecutive=wanted)
    apart = held(second, before(*reversed(first)), consecutive=wanted)
    assert [together[str(len(first) + int(key))] for key in apart] == list(apart.values())


@given(st.lists(VERDICTS, max_size=10), st.integers(1, 4))
def test_so_many_in_a_row_are_counted_past_those_that_say_nothing(verdicts, wanted):
    told = [one for one in verdicts if one != "insufficient"]
    runs = [key for key, why in held(verdicts, consecutive=wanted).items() if not why]
    spans = [told[max(place - wanted + 1, 0) : place + 1] for place in range(len(told))]
    assert len(runs) == spans.count(["drift"] * wanted)


def test_a_cooldown_counts_from_the_last_run_that_was_asked_for():
    history = [*before("drift", at=90.0), *before("drift", at=50.0, run_key="k")]
    assert held(["drift"], history, cooldown=60)["0"].endswith("goes on for 0:00:10")
    assert held(["drift"], history, cooldown=50) == {"0": ""}
    assert held(["drift"], before("drift", at=90.0), cooldown=60) == {"0": ""}


def test_a_metric_has_to_be_worse_where_it_is_known():
    drop = MetricDrop("evaluation", "auc", by=0.05)
    for value, is_held in ((0.60, False), (0.66, True), (0.70, True), (0.64, False)):
        found = held(["drift"], changes={"0": Change(value, 0.70)}, require_metric_drop=drop)
        assert bool(found["0"]) == is_held
    assert held(["drift"], require_metric_drop=drop) == {"0": ""}
    loss = MetricDrop("evaluation", "loss", higher_is_better=False)
    assert held(["drift"], changes={"0": Change(1.1, 1.0)}, require_metric_drop=loss) == {"0": ""}
    assert held(["drift"], changes={"0": Change(1.0, 1.0)}, require_metric_drop=loss)["0"]
