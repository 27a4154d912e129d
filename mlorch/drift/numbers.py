"""The values of a numeric column: all of them, or what 1001 quantiles keep of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVELS = 1000
"""A quantile stands at each thousandth, both ends included."""


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """`values` ascend: all `count` of them, or the quantiles at 0, 1/1000, …, 1 where there were more.

    `tails` are the means of the lowest and the highest thousandth, which a quantile says little of.
    """

    values: Floats
    count: int
    mean: float
    sd: float
    tails: tuple[float, float] = (math.nan, math.nan)

    @property
    def is_exact(self) -> bool:
        """Whether every value is there."""
        return len(self.values) == self.count

    def at_most(self, points: Floats) -> Floats:
        """Return the share of values ≤ each point; of quantiles within 1/1000 of it."""
        return self._shares(points, np.searchsorted(self.values, points, "right"))

    def below(self, points: Floats) -> Floats:
        """Return the share of values < each point; of quantiles within 1/1000 of it."""
        return self._shares(points, np.searchsorted(self.values, points, "left"))

    def means(self) -> Floats:
        """Return the mean of each thousandth of the values, ascending."""
        if not self.is_exact:
            between = (self.values[:-1] + self.values[1:]) / 2
            return np.concatenate([self.tails[:1], between[1:-1], self.tails[1:]])
        # Sums of deviations, since those of values far from zero would lose their last digits.
        deviations = self.values - self.mean
        edges = np.arange(LEVELS + 1) * (self.count / LEVELS)
        whole = np.minimum(edges.astype(np.int64), self.count)
        sums = np.concatenate([[0.0], np.cumsum(deviations)])
        up_to = sums[whole] + (edges - whole) * deviations[np.minimum(whole, self.count - 1)]
        return np.diff(up_to) * (LEVELS / self.count) + self.mean

    def compacted(self) -> Numbers:
        """Return the same with 1001 values at most."""
        if len(self.values) <= LEVELS + 1:
            return self
        ranks = -(-np.arange(LEVELS + 1) * self.count // LEVELS)
        means = self.means()
        return Numbers(
            self.values[np.maximum(ranks - 1, 0)],
            self.count,
            self.mean,
            self.sd,
            (float(means[0]), float(means[-1])),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, compacted."""
        kept = self.compacted()
        said = {"values": kept.values.tolist(), "count": kept.count, "mean": kept.mean, "sd": kept.sd}
        return said if kept.is_exact else {**said, "tails": list(kept.tails)}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Numbers:
        """Rebuild what `to_json` gave."""
        low, high = said.get("tails", (math.nan, math.nan))
        values = np.asarray(said["values"], dtype=np.float64)
        return cls(values, said["count"], said["mean"], said["sd"], (low, high))

    def _shares(self, points: Floats, before: NDArray[np.int64]) -> Floats:
        if self.is_exact:
            return before / self.count
        low, high = np.maximum(before - 1, 0), np.minimum(before, LEVELS)
        width = self.values[high] - self.values[low]
        passed = np.divide(points - self.values[low], width, out=np.zeros(len(points)), where=width > 0)
        found: Floats = (low + np.clip(passed, 0.0, 1.0)) / LEVELS
        return found


def numbers(values: Any) -> Numbers:
    """Return the finite ones among these values."""
    found = np.asarray(values, dtype=np.float64)
    found = np.sort(found[np.isfinite(found)])
    if not len(found):
        return Numbers(found, 0, 0.0, 0.0)
    return Numbers(found, len(found), float(found.mean()), float(found.std()))
