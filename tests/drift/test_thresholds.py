"""Effects have to be larger than what partitions differ by anyhow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlorch.drift import compare, profile
from mlorch.drift.thresholds import distances, missing_distances, raised, settled
from mlorch.errors import UserError


def months(count, spread, rng):
    """Partitions whose mean wanders, as real ones do, and with them a category and a gap."""
    found = []
    for _ in range(count):
        x = rng.normal(rng.normal(0, spread), 1, 2000)
        kind = rng.choice(
            ["a", "b"], 2000, p=[share := rng.uniform(0.5 - spread / 2, 0.5 + spread / 2), 1 - share]
        )
        x[rng.random(2000) < rng.uniform(0, spread / 2)] = np.nan
        found.append(pd.DataFrame({"x": x, "kind": kind}))
    return found


def test_names_are_those_of_the_defaults():
    assert settled({"numeric": 0.3}) == {"numeric": 0.3, "categorical": 0.1, "missing": 0.05, "unseen": 0.01}
    with pytest.raises(UserError, match="did you mean 'missing'"):
        settled({"mising": 0.1})
    with pytest.raises(UserError, match="above 0"):
        settled({"missing": 0})


def test_a_threshold_is_raised_by_ten_distances_or_more():
    assert raised(0.1, [0.5] * 9) == 0.1
    assert raised(0.1, [0.5] * 10) == 0.5
    assert raised(0.1, [0.01] * 10) == 0.1
    assert raised(0.1, [0.1, 0.3] * 5) == pytest.approx(0.2 + 3 * 0.1)


def test_distances_are_between_each_partition_and_all_others():
    frames = months(10, 0.5, np.random.default_rng(0))
    past = [profile(frame) for frame in frames]
    whole = profile(pd.concat(frames))
    found = distances("x", whole.columns["x"], past)
    for at, frame in enumerate(frames):
        others = pd.concat(frames[:at] + frames[at + 1 :])
        expected = (
            stats.wasserstein_distance(frame.x.dropna(), others.x.dropna()) / whole.columns["x"].numbers.sd
        )
        assert found[at] == pytest.approx(expected, rel=0.02)
        shares = [one.kind.value_counts(normalize=True)["a"] for one in (frame, others)]
        assert distances("kind", whole.columns["kind"], past)[at] == pytest.approx(abs(shares[0] - shares[1]))
        gaps = [one.x.isna().mean() for one in (frame, others)]
        assert missing_distances("x", past)[at] == pytest.approx(abs(gaps[0] - gaps[1]))


def test_nine_partitions_say_nothing():
    past = [profile(frame) for frame in months(9, 0.5, np.random.default_rng(0))]
    assert distances("x", past[0].columns["x"], past) == missing_distances("x", past) == []


def test_what_is_usual_is_no_drift_once_it_is_known():
    rng = np.random.default_rng(1)
    *past, now = months(13, 0.4, rng)
    reference = pd.concat(past[-3:])
    plain = compare(reference, now)
    known = compare(reference, now, past=[profile(one) for one in past])
    assert plain.verdict == "drift"
    assert known.verdict == "no drift"
    assert all(
        after.threshold > before.threshold
        for one, other in zip(plain.columns, known.columns, strict=True)
        for before, after in zip(one.differences, other.differences, strict=True)
        if before.effect
    )
    moved = now.assign(x=now.x + 3)
    assert compare(reference, moved, watch=["x"], past=[profile(one) for one in past]).verdict == "drift"
