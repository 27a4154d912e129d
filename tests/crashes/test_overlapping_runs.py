"""Two processes make overlapping partitions of multi-assets at once: each slot is made by one at a time."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mlorch.events import AssetMaterialized, RunFinished
from tests.crashes.overlapping import KEYS
from tests.crashes.places import opened


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("limits", "rounds", "database"),
    [
        ("all", 6, "sqlite"),
        ("none", 4, "postgresql"),
        *(
            pytest.param(name, 50, database, marks=pytest.mark.soak)
            for name in ("none", "pools", "runs", "all")
            for database in ("sqlite", "postgresql")
        ),
    ],
)
def test_each_slot_is_made_by_one_at_a_time(tmp_path, limits, rounds, database, request):
    server = request.getfixturevalue("postgres") if database == "postgresql" else ""
    command = [sys.executable, "-m", "tests.crashes.overlapping", str(tmp_path), limits, str(rounds), server]
    here = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    for number in range(rounds):
        with opened(tmp_path / f"{number:02}", server) as instance:
            records = [one.event for one in instance.log.read()]
        made = Counter((one.asset, one.partition) for one in records if isinstance(one, AssetMaterialized))
        assert {key for _, key in made} <= set(KEYS)
        # Who asks for what is stale finds what the other made.
        assert max(made.values()) == 1 or not number % 4
        ended = [one.status for one in records if isinstance(one, RunFinished)]
        assert set(ended) == {"SUCCESS"}
