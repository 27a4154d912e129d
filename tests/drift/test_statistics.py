"""Every statistic is scipy's own on the same data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cityblock, jensenshannon

from mlorch.drift import statistics
from mlorch.drift.numbers import numbers


def exactly(expected):
    return pytest.approx(expected, rel=1e-9, abs=1e-9)


# Values with ties, of very different size.
columns = st.lists(st.integers(-50, 50) | st.floats(-1e3, 1e3), min_size=2, max_size=60)
categories = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 400), min_size=1, max_size=8)


@given(columns, columns)
def test_kolmogorov_smirnov_is_scipys(one, other):
    expected = stats.ks_2samp(one, other, method="asymp")
    found = statistics.kolmogorov_smirnov(numbers(one), numbers(other))
    assert found == exactly((expected.statistic, expected.pvalue))


@pytest.mark.parametrize(("n", "m"), [(100, 20_000), (10_000, 10_000)])
def test_kolmogorov_smirnov_is_scipys_on_many_rows(n, m):
    rng = np.random.default_rng(n)
    one, other = rng.normal(size=n), rng.normal(0.03, 1, m)
    expected = stats.ks_2samp(one, other, method="asymp")
    found = statistics.kolmogorov_smirnov(numbers(one), numbers(other))
    assert found == exactly((expected.statistic, expected.pvalue))


@given(columns, columns)
def test_the_wasserstein_distance_is_scipys(one, other):
    found = statistics.wasserstein(numbers(one), numbers(other))
    assert found == exactly(stats.wasserstein_distance(one, other))


@given(categories, categories)
def test_chi_squared_is_scipys_of_the_pooled_table(one, other):
    table = statistics.pooled(*statistics.aligned(one, other))
    assert table.sum(axis=1).tolist() == [sum(one.values()), sum(other.values())]
    found = statistics.chi_squared(one, other)
    if table.shape[1] == 1:
        assert found == (0.0, 1.0)
        return
    expected = stats.chi2_contingency(table, correction=False)
    assert expected.expected_freq.min() >= 5 - 1e-9
    assert found == exactly((expected.statistic, expected.pvalue))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 100), st.integers(1, 100))
def test_two_proportions_are_chi_squared_of_a_table_of_four(hits, other_hits, misses, other_misses):
    counts = hits, hits + misses, other_hits, other_hits + other_misses
    z, p = statistics.two_proportions(*counts)
    if hits + other_hits == 0:
        assert (z, p) == (0.0, 1.0)
        return
    expected = stats.chi2_contingency([[hits, misses], [other_hits, other_misses]], correction=False)
    assert (z**2, p) == exactly((expected.statistic, expected.pvalue))
    assert z * (other_hits / counts[3] - hits / counts[1]) >= 0


@given(categories, categories)
def test_distances_of_categories_are_scipys(one, other):
    p, q = map(statistics.shares, statistics.aligned(one, other))
    assert statistics.total_variation(one, other) == exactly(cityblock(p, q) / 2)
    expected = jensenshannon(p, q, base=2)
    # Of equal shares scipy may take the root of what is below zero by rounding.
    assert statistics.jensen_shannon(p, q) == pytest.approx(np.nan_to_num(expected), abs=1e-7)


@given(columns, columns)
def test_distances_of_numbers_are_symmetric_and_zero_of_equals(one, other):
    a, b = numbers(one), numbers(other)
    for distance in (lambda x, y: statistics.kolmogorov_smirnov(x, y)[0], statistics.wasserstein):
        assert distance(a, b) == exactly(distance(b, a))
        assert distance(a, a) == 0
        assert distance(a, numbers([*one, *one])) == pytest.approx(0, abs=1e-9)


@given(categories, categories)
def test_distances_of_categories_are_symmetric_bounded_and_zero_of_equals(one, other):
    p, q = map(statistics.shares, statistics.aligned(one, other))
    for distance in (statistics.jensen_shannon, statistics.stability_index):
        assert distance(p, q) == pytest.approx(distance(q, p), abs=1e-12)
        assert distance(p, p) == pytest.approx(0, abs=1e-7)
        assert distance(p, q) >= 0
    assert statistics.jensen_shannon(p, q) <= 1 + 1e-12
    assert 0 <= statistics.total_variation(one, other) <= 1 + 1e-12
    assert statistics.total_variation(one, one) == 0
    assert statistics.unseen(one, other) <= statistics.total_variation(one, other) + 1e-12


@given(columns, columns, st.floats(0.1, 100), st.floats(-1e3, 1e3))
def test_another_unit_changes_no_verdict(one, other, scale, shift):
    """KS doesn't see it; a Wasserstein distance takes the unit, as the standard deviation does."""
    a, b = np.round(one, 3), np.round(other, 3)
    moved = numbers(a * scale + shift), numbers(b * scale + shift)
    plain = numbers(a), numbers(b)
    assert statistics.kolmogorov_smirnov(*moved)[0] == pytest.approx(statistics.kolmogorov_smirnov(*plain)[0])
    assert statistics.wasserstein(*moved) == pytest.approx(scale * statistics.wasserstein(*plain), abs=1e-6)


@given(columns, st.floats(0.1, 100))
def test_all_that_moves_moves_so_far(one, distance):
    moved = numbers(np.array(one) + distance)
    assert statistics.wasserstein(numbers(one), moved) == pytest.approx(distance, rel=1e-6)


def test_a_stability_index_by_hand():
    found = statistics.stability_index(np.array([0.5, 0.5]), np.array([0.25, 0.75]))
    assert found == pytest.approx(-0.25 * np.log(0.5) + 0.25 * np.log(1.5))
    assert statistics.stability_index(np.array([1.0, 0.0]), np.array([0.0, 1.0])) < 20


def test_bins_are_the_deciles_of_the_reference():
    rng = np.random.default_rng(0)
    p, q = statistics.binned(numbers(rng.random(50_000)), numbers(rng.random(500) / 10))
    assert p == pytest.approx([0.1] * 10, abs=2e-3)
    assert q[0] > 0.9
    assert q.sum() == pytest.approx(1)


def test_bins_of_values_that_repeat_are_fewer():
    p, q = statistics.binned(numbers([0.0] * 95 + [1.0, 2, 3, 4, 5]), numbers([0.0, 7.0]))
    assert (p.tolist(), q.tolist()) == (pytest.approx([0.95, 0.05]), [0.5, 0.5])


def test_rare_classes_are_one_class_and_never_a_rare_one():
    one, other = {"a": 500, "b": 300, "c": 2, "d": 1}, {"a": 90, "b": 60, "e": 3}
    table = statistics.pooled(*statistics.aligned(one, other))
    assert table.tolist() == [[500.0, 303.0], [90.0, 63.0]]


def test_so_many_categories_are_new_as_were_seen_once():
    assert statistics.singletons({"a": 8, "b": 1, "c": 1}) == 0.2
    assert statistics.unseen({"a": 8, "b": 1}, {"a": 3, "z": 1}) == 0.25
    assert statistics.unseen({"a": 8}, {}) == statistics.singletons({}) == 0
