"""How different two samples are: whether by more than chance, and by how much.

Of each statistic that scipy has, the value is scipy's; two sums over quantiles stand for the exact ones where
all that is known of a sample is its profile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from mlorch.drift.numbers import Floats, Numbers

Counts = Mapping[str, int]
"""How often each category occurs."""

LEAST_EXPECTED = 5
"""Below this expected count a class is rare: the chi² distribution would promise too much of it."""

BINS = 10
NOTHING = 1e-4
"""What stands for the share of an empty bin in a population stability index, as is the custom."""


def kolmogorov_smirnov(one: Numbers, other: Numbers) -> tuple[float, float]:
    """Return the largest gap between two distribution functions, and its p-value (two-sided, asymptotic).

    As scipy.stats.ks_2samp(…, method="asymp"). Within 1/1000 of it where one of them has quantiles only.
    """
    points = np.concatenate([one.values, other.values])
    gap = float(np.abs(one.at_most(points) - other.at_most(points)).max())
    if not (one.is_exact and other.is_exact):
        gap = max(gap, float(np.abs(one.below(points) - other.below(points)).max()))
    return gap, kolmogorov_smirnov_p(gap, one.count, other.count)


def kolmogorov_smirnov_p(gap: float, count: int, other: int) -> float:
    """Return how probable a gap so large is between two samples of one continuous distribution."""
    from scipy.stats import kstwo

    effective = round(count * other / (count + other))
    return float(np.clip(kstwo.sf(gap, effective), 0.0, 1.0))


def wasserstein(one: Numbers, other: Numbers) -> float:
    """Return the area between two distribution functions, in the unit of the values.

    As scipy.stats.wasserstein_distance; within 1 % where one of them has quantiles only.
    """
    if not (one.is_exact and other.is_exact):
        return float(np.abs(one.means() - other.means()).mean())
    points = np.sort(np.concatenate([one.values, other.values]))
    return float(np.sum(np.abs(one.at_most(points) - other.at_most(points))[:-1] * np.diff(points)))


def chi_squared(one: Counts, other: Counts) -> tuple[float, float]:
    """Return the chi² statistic of two samples of categories and its p-value, rare classes pooled.

    As scipy.stats.chi2_contingency(…, correction=False) of the pooled table.
    """
    from scipy.special import chdtrc

    table = pooled(*aligned(one, other))
    if table.shape[1] < 2:
        return 0.0, 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, float(chdtrc(table.shape[1] - 1, statistic))


def two_proportions(hits: int, count: int, other_hits: int, other_count: int) -> tuple[float, float]:
    """Return z for the difference of two shares, and its two-sided p-value (variance pooled)."""
    pool = (hits + other_hits) / (count + other_count)
    variance = pool * (1 - pool) * (1 / count + 1 / other_count)
    if variance == 0:
        return 0.0, 1.0
    z = (other_hits / other_count - hits / count) / math.sqrt(variance)
    return z, math.erfc(abs(z) / math.sqrt(2))


def total_variation(one: Counts, other: Counts) -> float:
    """Return the share of rows that would have to change their category."""
    p, q = map(shares, aligned(one, other))
    return float(np.abs(p - q).sum() / 2)


def unseen(one: Counts, other: Counts) -> float:
    """Return the share of the other's rows whose category the one does not have."""
    total = sum(other.values())
    return sum(count for name, count in other.items() if name not in one) / total if total else 0.0


def singletons(one: Counts) -> float:
    """Return the share of rows whose category occurs once.

    So many rows of the next sample are of categories unseen so far, by expectation (Good 1953).
    """
    total = sum(one.values())
    return sum(count == 1 for count in one.values()) / total if total else 0.0


def stability_index(p: Floats, q: Floats) -> float:
    """Return the population stability index of shares in the same bins."""
    p, q = np.maximum(p, NOTHING), np.maximum(q, NOTHING)
    return float(((q - p) * np.log(q / p)).sum())


def jensen_shannon(p: Floats, q: Floats) -> float:
    """Return the Jensen–Shannon distance of shares in the same bins, from 0 to 1 (base 2).

    As scipy.spatial.distance.jensenshannon(p, q, base=2).
    """
    middle = (p + q) / 2
    parts = [np.sum(each[each > 0] * np.log2(each[each > 0] / middle[each > 0])) for each in (p, q)]
    return math.sqrt(max(sum(parts) / 2, 0.0))


def binned(one: Numbers, other: Numbers) -> tuple[Floats, Floats]:
    """Return the shares of two samples in bins that the deciles of the one make."""
    places = np.arange(1, BINS) * (len(one.values) - 1) // BINS
    edges = np.unique(one.values[places])
    p, q = (np.diff(each.at_most(edges), prepend=0.0, append=1.0) for each in (one, other))
    return p, q


def aligned(one: Counts, other: Counts) -> tuple[Floats, Floats]:
    """Return two rows of counts, their columns the categories of both."""
    names = sorted({*one, *other})
    p, q = (np.array([each.get(name, 0) for name in names], dtype=np.float64) for each in (one, other))
    return p, q


def shares(counts: Floats) -> Floats:
    """Return what part of the whole each count is."""
    found: Floats = counts / counts.sum()
    return found


def pooled(one: Floats, other: Floats) -> Floats:
    """Return the 2 × classes table, those expected less than five times in one of the rows as one class."""
    table = np.stack([one, other])
    totals = table.sum(axis=0)
    expected = totals * table.sum(axis=1).min() / table.sum()
    order = np.argsort(-totals, kind="stable")
    rare = int((expected < LEAST_EXPECTED).sum())
    if not rare:
        return table
    # They may be rare even together: then the rarest of the others joins them.
    while rare < len(order) and expected[order[-rare:]].sum() < LEAST_EXPECTED:
        rare += 1
    together = table[:, order[-rare:]].sum(axis=1, keepdims=True)
    return np.hstack([table[:, order[:-rare]], together])
