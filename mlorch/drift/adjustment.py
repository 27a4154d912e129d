"""Many tests at once: p-values adjusted by Benjamini and Hochberg."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Return adjusted p-values in the order given: of those ≤ q, a share of q are expected to be false.

    Benjamini and Hochberg 1995: each is the least p(k)·m/k of those that rank no lower, where m are asked.
    """
    if not len(p):
        return []
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values)[::-1]
    ranks = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum.accumulate(values[order] * (len(values) / ranks))
    return [float(one) for one in np.minimum(adjusted, 1.0)]
