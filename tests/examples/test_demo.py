"""`make demo` in a folder of its own: a year is made once, and a change costs what it touches."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
DEMO = HOUSE / "examples" / "nyc_flights" / "demo.py"
SECONDS_WHERE_NOTHING_IS_STALE = 30  # three on a machine that does nothing else

ROW = re.compile(r"(2013-\d\d) +([\d,]+) +([\d.]+|-)  ([0-9a-f]{8})      (.+)")


def demo(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(DEMO), "--folder", str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows(printed: str) -> dict[str, tuple[str, ...]]:
    return {found[1]: found.groups()[1:] for found in map(ROW.fullmatch, printed.splitlines()) if found}


def test_git_ignores_the_folder_of_the_demo(needs_program: Callable[..., str]) -> None:
    asked = [needs_program("git"), "check-ignore", "--quiet", "demo/pyproject.toml"]
    assert subprocess.run(asked, cwd=HOUSE).returncode == 0


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    done = subprocess.run(
        [sys.executable, str(DEMO), "--folder", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "holds something else" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_year_is_made_once_and_a_change_makes_what_it_touches(
    tmp_path: Path, needs_program: Callable[..., str]
) -> None:
    needs_program("git")
    folder = tmp_path / "demo"
    first = demo(folder)
    assert "59 made" in first
    year = rows(first)
    assert len(year) == 12
    assert year["2013-01"][:2] == ("26,398", "0.609")
    assert year["2013-04"][3] == "+ features 2013-04, − features 2013-01"
    aucs = [float(row[1]) for row in year.values() if row[1] != "-"]
    assert sum(aucs) / len(aucs) == pytest.approx(0.695, abs=0.002)
    assert (folder / "mlruns" / "mlflow.db").is_file()
    assert (folder / "dvc.lock").is_file()

    began = time.monotonic()
    second = demo(folder)
    assert time.monotonic() - began < SECONDS_WHERE_NOTHING_IS_STALE
    assert "nothing is stale: 59 fresh" in second
    assert rows(second) == year

    learning = folder / "src" / "nyc_flights" / "learning.py"
    learning.write_text(
        learning.read_text().replace("learning_rate: float = 0.05", "learning_rate: float = 0.1")
    )
    third = demo(folder)
    assert "23 made, 36 fresh" in third
    assert "differs from examples/nyc_flights in src/nyc_flights/learning.py" in third
    assert not {row[2] for row in rows(third).values()} & {row[2] for row in year.values()}
