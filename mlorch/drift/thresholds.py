"""How large an effect has to be: defaults, raised to what real partitions differ by anyhow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlorch.drift.numbers import Floats, Numbers
from mlorch.drift.profile import ColumnProfile, Profile
from mlorch.drift.statistics import Counts
from mlorch.errors import UserError, nearest

DEFAULTS: Mapping[str, float] = {"numeric": 0.1, "categorical": 0.1, "missing": 0.05, "unseen": 0.01}
"""Wasserstein distance in standard deviations; total variation; change of a share; share of rows."""

ENOUGH = 10
"""So many past partitions say how much partitions differ."""


def settled(given: Mapping[str, float] | None) -> Mapping[str, float]:
    """Return the defaults with those given instead. Raises UserError for a name that there is not."""
    found = dict(DEFAULTS)
    for name, value in (given or {}).items():
        if name not in found:
            raise UserError(
                f"there is no threshold {name!r}; there are {', '.join(DEFAULTS)}{nearest(name, DEFAULTS)}"
            )
        if not value > 0:
            raise UserError(f"the threshold {name!r} is {value}; it must be above 0")
        found[name] = float(value)
    return found


def raised(default: float, distances: Sequence[float]) -> float:
    """Return max(default, mean + 3 sd) of the distances between past partitions, where there are enough."""
    if len(distances) < ENOUGH:
        return default
    return max(default, float(np.mean(distances) + 3 * np.std(distances)))


def distances(name: str, reference: ColumnProfile, past: Sequence[Profile]) -> list[float]:
    """Return by how much each past partition differs from all others together, in a column."""
    columns = [one.columns[name].seen_as(reference.kind) for one in past if name in one.columns]
    columns = [one for one in columns if one.values]
    if len(columns) < ENOUGH:
        return []
    if reference.numbers is not None:
        return _of_numbers([one.numbers for one in columns if one.numbers is not None], reference.numbers.sd)
    return _of_counts([one.counts for one in columns if one.counts is not None])


def missing_distances(name: str, past: Sequence[Profile]) -> list[float]:
    """Return the same for the share of missing values."""
    columns = [one.columns[name] for one in past if name in one.columns]
    if len(columns) < ENOUGH:
        return []
    rows = np.array([one.rows for one in columns], dtype=np.float64)
    missing = np.array([one.missing for one in columns], dtype=np.float64)
    others = (missing.sum() - missing) / np.maximum(rows.sum() - rows, 1.0)
    return _listed(np.abs(missing / np.maximum(rows, 1.0) - others))


def _of_numbers(past: Sequence[Numbers], sd: float) -> list[float]:
    """Return Wasserstein distances over a grid of the quantiles of all."""
    points = np.sort(np.concatenate([one.values for one in past]))
    grid = np.unique(points[np.linspace(0, len(points) - 1, num=4001).astype(np.int64)])
    shares = np.stack([one.at_most(grid) for one in past])
    others = _without_each(shares, np.array([one.count for one in past], dtype=np.float64))
    return _listed((np.abs(shares - others)[:, :-1] * np.diff(grid)).sum(axis=1) / (sd or 1.0))


def _of_counts(past: Sequence[Counts]) -> list[float]:
    names = sorted({name for one in past for name in one})
    counts = np.array([[one.get(name, 0) for name in names] for one in past], dtype=np.float64)
    totals = counts.sum(axis=1)
    shares = counts / totals[:, None]
    return _listed(np.abs(shares - _without_each(shares, totals)).sum(axis=1) / 2)


def _without_each(shares: Floats, weights: Floats) -> Floats:
    """Return in each row the shares of all other rows together."""
    weighted = shares * weights[:, None]
    found: Floats = (weighted.sum(axis=0) - weighted) / (weights.sum() - weights)[:, None]
    return found


def _listed(values: Floats) -> list[float]:
    return [float(one) for one in values]
