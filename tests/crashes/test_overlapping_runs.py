"""Two processes make overlapping partitions of multi-assets at once: each slot is made by one at a time."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mlorch import Instance
from mlorch.events import AssetMaterialized, RunFinished
from tests.crashes.overlapping import KEYS


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("limits", "rounds"),
    [
        ("all", 6),
        *(pytest.param(name, 50, marks=pytest.mark.soak) for name in ("none", "pools", "runs", "all")),
    ],
)
def test_each_slot_is_made_by_one_at_a_time(tmp_path, limits, rounds):
    command = [sys.executable, "-m", "tests.crashes.overlapping", str(tmp_path), limits, str(rounds)]
    here = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    for number in range(rounds):
        with Instance.local(tmp_path / f"{number:02}") as instance:
            records = [one.event for one in instance.log.read()]
        made = Counter((one.asset, one.partition) for one in records if isinstance(one, AssetMaterialized))
        assert {key for _, key in made} <= set(KEYS)
        # Who asks for what is stale finds what the other made.
        assert max(made.values()) == 1 or not number % 4
        ended = [one.status for one in records if isinstance(one, RunFinished)]
        assert set(ended) == {"SUCCESS"}
