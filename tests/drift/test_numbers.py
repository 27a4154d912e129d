"""A numeric column: all of its values, or 1001 quantiles of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch.drift.numbers import Numbers, numbers

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)
SHAPES = {
    "normal": lambda rng, n: rng.normal(3, 2, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 1, n),
    "two hills": lambda rng, n: np.where(rng.random(n) < 0.3, rng.normal(0, 1, n), rng.normal(50, 3, n)),
    "whole": lambda rng, n: rng.poisson(4, n).astype(float),
    "mostly zero": lambda rng, n: np.where(rng.random(n) < 0.9, 0.0, rng.exponential(1, n)),
}


def test_what_is_no_number_is_left_out():
    found = numbers([3.0, np.nan, 1.0, np.inf, -np.inf])
    assert found.values.tolist() == [1.0, 3.0]
    assert (found.count, found.mean, found.sd) == (2, 2.0, 1.0)


def test_nothing_is_a_column_too():
    assert numbers([]).count == 0


@given(values)
def test_the_means_of_the_thousandths_have_the_mean_of_the_whole(column):
    found = numbers(column)
    assert found.means().mean() == pytest.approx(np.mean(column), rel=1e-9, abs=1e-6)
    assert np.all(np.diff(found.means()) >= -1e-6)


@given(values, values)
def test_shares_count_values(column, points):
    found, asked = numbers(column), np.array(points)
    assert found.at_most(asked).tolist() == [
        sum(one <= point for one in column) / len(column) for point in asked
    ]
    assert found.below(asked).tolist() == [
        sum(one < point for one in column) / len(column) for point in asked
    ]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [900, 1001, 1002, 2500, 20_000])
def test_quantiles_know_shares_within_a_thousandth(shape, count):
    rng = np.random.default_rng(count)
    whole = numbers(SHAPES[shape](rng, count))
    kept = whole.compacted()
    assert len(kept.values) <= 1001
    assert kept.is_exact == (count <= 1001)
    points = np.concatenate([whole.values, whole.values + 1e-9, rng.normal(0, 60, 500)])
    for of_kept, of_whole in ((kept.at_most, whole.at_most), (kept.below, whole.below)):
        assert np.abs(of_kept(points) - of_whole(points)).max() <= 0.001 + 1e-12


@pytest.mark.parametrize("count", [10, 3000])
def test_json_keeps_everything_that_quantiles_keep(count):
    kept = numbers(np.random.default_rng(1).normal(size=count)).compacted()
    back = Numbers.from_json(json.loads(json.dumps(kept.to_json())))
    assert back.values.tolist() == kept.values.tolist()
    assert (back.count, back.mean, back.sd) == (kept.count, kept.mean, kept.sd)
    assert back.is_exact == kept.is_exact == (count == 10)
    assert np.array_equal(back.means(), kept.means())
