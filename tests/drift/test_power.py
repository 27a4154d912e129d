"""What the rule finds and what it leaves alone: false alarms and power, measured.

20 independent numeric columns a batch. A false alarm is a batch without drift where any column has drifted.
Power is that of each of ten columns that drifted beside ten that did not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlorch.drift import compare

COLUMNS = 20
DRIFTED = [f"x{at}" for at in range(10)]

soak = pytest.mark.soak


def frame(rng, rows, shift=0.0):
    columns = rng.normal(size=(COLUMNS, rows))
    columns[: len(DRIFTED)] += shift
    return pd.DataFrame({f"x{at}": column for at, column in enumerate(columns)})


def false_alarms(sizes, batches):
    rng = np.random.default_rng(2013)
    found = [bool(compare(frame(rng, sizes[0]), frame(rng, sizes[1])).drifted) for _ in range(batches)]
    return sum(found) / batches


def power(sizes, shift, batches):
    rng = np.random.default_rng(2013)
    reports = (compare(frame(rng, sizes[0]), frame(rng, sizes[1], shift)) for _ in range(batches))
    found = [report.column(name).drifted for report in reports for name in DRIFTED]
    return sum(found) / len(found)


@pytest.mark.parametrize(
    ("sizes", "batches", "most"),
    [
        pytest.param((1_000, 1_000), 20, 0.2, id="1,000 beside 1,000"),
        pytest.param((10_000, 200), 20, 0.2, id="200 beside 10,000"),
        pytest.param((1_000, 1_000), 1_000, 0.06, id="1,000 beside 1,000, often", marks=soak),
        pytest.param((10_000, 200), 1_000, 0.07, id="200 beside 10,000, often", marks=soak),
        pytest.param((10_000, 10_000), 200, 0.0, id="10,000 beside 10,000, often", marks=soak),
    ],
)
@pytest.mark.timeout(1200)
def test_no_drift_seldom_alarms(sizes, batches, most):
    assert false_alarms(sizes, batches) <= most


@pytest.mark.parametrize(
    ("sizes", "shift", "batches", "least", "most"),
    [
        pytest.param((10_000, 500), 0.3, 8, 0.95, 1.0, id="0.3 sd in 500 rows"),
        pytest.param((10_000, 10_000), 0.05, 4, 0.0, 0.0, id="0.05 sd in 10,000 rows"),
        pytest.param((10_000, 500), 0.3, 100, 0.99, 1.0, id="0.3 sd in 500 rows, often", marks=soak),
        pytest.param((10_000, 500), 0.15, 100, 0.55, 0.7, id="0.15 sd in 500 rows, often", marks=soak),
        pytest.param((10_000, 10_000), 0.15, 50, 0.99, 1.0, id="0.15 sd in 10,000 rows, often", marks=soak),
        pytest.param((10_000, 10_000), 0.05, 50, 0.0, 0.0, id="0.05 sd in 10,000 rows, often", marks=soak),
    ],
)
@pytest.mark.timeout(1200)
def test_drift_is_found_and_what_does_no_harm_is_not(sizes, shift, batches, least, most):
    assert least <= power(sizes, shift, batches) <= most
