"""kill -9 between any two writes: nothing is missing in MLflow, nothing stands there twice."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

STEP = 61


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_any_commit_the_mirror_ends_where_it_would_have(tmp_path: Path) -> None:
    first = random.randrange(1, STEP + 1)
    house = Path(__file__).parents[3]
    command = [sys.executable, "-m", "tests.mirrors.mlflow.crash", str(tmp_path), str(first), str(STEP)]
    done = subprocess.run(command, cwd=house, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["wanted"]) > 10
    assert len(told["found"]) > 2
    assert {number: found for number, found in told["found"].items() if found != told["wanted"]} == {}
