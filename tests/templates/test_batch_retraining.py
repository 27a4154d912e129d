"""The template batch-retraining: what it renders is tidy, and works for somebody who has only the wheel."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from mlorch import scaffold

HOUSE = Path(__file__).parents[2]
SAMPLE_LIMIT = 300_000  # bytes
FREE_OF_BRACES = {".py", ".toml", ".md", ""}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = scaffold.find_template("batch-retraining")
    folder = tmp_path_factory.mktemp("template") / "late-flights"
    answers = scaffold.collect(template, folder.name, lambda question, default: default)
    scaffold.create(folder, scaffold.render(template, answers))
    return folder


def test_nothing_is_left_to_render(rendered: Path) -> None:
    found = [path for path in rendered.rglob("*") if path.is_file()]
    texts = {path: path.read_text() for path in found if path.suffix in FREE_OF_BRACES}
    assert rendered / "src" / "late_flights" / "assets.py" in texts
    assert [path for path, text in texts.items() if "{{" in text or "{%" in text] == []
    assert [path for path in found if path.suffix == ".jinja"] == []


def test_its_python_is_tidy(rendered: Path) -> None:
    for path in rendered.rglob("*.py"):
        ast.parse(path.read_text())
    ruff = [sys.executable, "-m", "ruff", "check", "--config", str(HOUSE / "pyproject.toml")]
    # Among its imports mlorch is a third party, here it is our own.
    done = subprocess.run([*ruff, "--ignore", "I001", str(rendered)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_its_sample_is_small_and_has_every_month(rendered: Path) -> None:
    sample = rendered / "sample"
    months = [f"2013-{month:02}-01.csv" for month in range(1, 13)]
    for table in ("flights", "weather"):
        assert sorted(path.name for path in (sample / table).iterdir()) == months
    assert sum(path.stat().st_size for path in sample.rglob("*.csv")) < SAMPLE_LIMIT


# A fresh environment


Shell = Callable[[Path, str], str]


@pytest.fixture
def fresh(tmp_path: Path) -> Shell:
    """Runs a line of shell in a new environment that has mlorch's wheel.

    What mlorch depends on is lent by the environment of the tests; the checkout itself can't be imported.
    """
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(HOUSE),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    (own / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "MLORCH", "MAKE", "MFLAGS", "PIP_CONSTRAINT"))
    }
    variables["PATH"] = f"{environment / 'bin'}{os.pathsep}{variables['PATH']}"

    def run(folder: Path, line: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(tmp_path, f"python -m pip install --quiet --no-index --no-deps {wheel}")
    assert Path(run(tmp_path, "python -c 'import mlorch; print(mlorch.__file__)'")).is_relative_to(
        environment
    )
    return run


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_new_project_sets_itself_up_passes_its_tests_and_runs(
    fresh: Shell, tmp_path: Path, needs_program: Callable[..., str]
) -> None:
    needs_program("make")
    fresh(tmp_path, "mlorch new p --yes && cd p && make setup test run")
    project = tmp_path / "p"
    assert len(list((project / "data" / "model").glob("*.joblib"))) == 12
    assert len(list((project / "data" / "evaluation").glob("*.json"))) == 11
    status = json.loads(fresh(project, "mlorch status --json"))
    assert {one["asset"]: one["status"] for one in status} == dict.fromkeys(
        ("flights", "weather", "features", "model", "evaluation"), "FRESH"
    )
