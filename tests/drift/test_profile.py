"""What is kept of a frame, and that it is enough."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlorch.drift import Profile, compare, profile
from mlorch.drift.profile import read
from mlorch.drift.statistics import kolmogorov_smirnov, wasserstein
from mlorch.errors import UserError

SHAPES = {
    "normal": lambda rng, n: rng.normal(3, 2, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 1, n),
    "delays": lambda rng, n: (
        np.round(rng.exponential(20, n) * (rng.random(n) < 0.4) * 3) - rng.integers(0, 12, n)
    ),
    "two hills": lambda rng, n: np.where(rng.random(n) < 0.3, rng.normal(0, 1, n), rng.normal(50, 3, n)),
    "uniform": lambda rng, n: rng.random(n),
}
SHIFTS = [0.05, 0.1, 0.3, 1.0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", SHIFTS)
def test_a_profile_tells_what_the_whole_tells(shape, shift):
    """KS within a thousandth, the Wasserstein distance within one percent."""
    rng = np.random.default_rng(7)
    reference = SHAPES[shape](rng, 30_000)
    current = SHAPES[shape](rng, 20_000) + shift * reference.std()
    kept = profile(pd.DataFrame({"x": reference})).columns["x"].numbers
    now = read(pd.DataFrame({"x": current}), {}).columns["x"].numbers
    assert kept is not None
    assert now is not None
    assert len(kept.values) == 1001
    expected = stats.ks_2samp(reference, current, method="asymp").statistic
    assert kolmogorov_smirnov(kept, now)[0] == pytest.approx(expected, abs=1e-3)
    assert wasserstein(kept, now) == pytest.approx(stats.wasserstein_distance(reference, current), rel=0.01)


def test_a_profile_takes_8_kb_a_column():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({f"x{at}": rng.normal(size=20_000) for at in range(8)})
    text = json.dumps(profile(frame).to_json()).encode()
    assert len(gzip.compress(text)) / 8 < 10_000


def test_json_keeps_the_whole_profile():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=3000),
            "b": rng.choice(np.array(["x", "y", None]), 3000),
            "c": rng.random(3000) < 0.5,
            "d": pd.date_range("2024", periods=3000, freq="h"),
        }
    )
    known = profile(frame)
    back = Profile.from_json(json.loads(json.dumps(known.to_json())))
    assert back.to_json() == known.to_json()
    later = frame.sample(500, random_state=0).assign(a=lambda one: one.a + 0.5)
    assert compare(back, later) == compare(known, later)


def test_long_frames_are_sampled_and_the_sample_is_always_the_same():
    frame = pd.DataFrame({"x": np.random.default_rng(3).normal(size=150_000), "n": np.arange(150_000)})
    one = profile(frame)
    assert one.rows == 150_000
    assert one.columns["x"].rows == one.columns["x"].numbers.count == 100_000
    assert one.columns["n"].kind == "identifier"
    assert one.to_json() == profile(frame).to_json()
    assert one.to_json() != profile(frame, seed=1).to_json()


def test_infinite_values_count_as_missing():
    column = profile(pd.DataFrame({"x": [np.inf, -np.inf, np.nan, *range(0, 2000, 7)]})).columns["x"]
    assert (column.kind, column.missing, column.numbers.count) == ("numeric", 3, 286)


def test_what_is_no_frame_has_no_profile():
    with pytest.raises(UserError, match="not in a dict"):
        profile({"x": [1]})


def test_a_column_seen_as_another_kind():
    frame = pd.DataFrame({"few": [1, 2, 3, 3] * 50, "many": np.linspace(0, 1, 200), "word": ["a", "2"] * 100})
    known = read(frame, {}).columns
    assert known["few"].seen_as("numeric").numbers.mean == 2.25
    assert (known["many"].seen_as("categorical").counts or {})["0"] == 1
    assert known["word"].seen_as("numeric").missing == 100
    assert known["word"].seen_as("identifier").counts is None
    assert known["many"].seen_as("text").seen_as("numeric").missing == 200
