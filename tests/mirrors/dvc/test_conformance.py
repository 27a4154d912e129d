"""The installed DVC takes what the mirror writes for its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlorch.mirrors.dvc import DvcMirror, init_dvc
from mlorch.mirrors.dvc.repository import OBJECTS
from tests.mirrors.dvc.world import MONTHS, World

pytestmark = pytest.mark.usefixtures("private_dvc")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository without git, begun by DVC."""
    folder = tmp_path_factory.mktemp("begun")
    assert "no git" in init_dvc(folder)
    return folder


@pytest.fixture
def world(begun: Path, tmp_path: Path) -> World:
    """A project in git and in DVC."""
    project = tmp_path / "project"
    shutil.copytree(begun, project)
    (project / ".dvc" / "config").write_text("")
    git(project, "init", "--quiet")
    return World(project)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dvc", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def status(folder: Path) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads(dvc(folder, "status", "--json"))
    return found


def flush(world: World, **more: Any) -> None:
    report = DvcMirror(world.project, world.log, **more).flush()
    assert report.state == "written", report


def test_dvc_writes_the_same_from_the_files_on_the_disk(world: World, needs_program: Any) -> None:
    needs_program("git")
    world.retrain()
    world.make("12", "x", "3.0", code="007")
    world.make("12/inside", "y", reads=[("12", "3.0")])
    flush(world)
    assert status(world.project) == {}
    names = ["dvc.lock", "data/.gitignore", "data/12/.gitignore", "data/raw/.gitignore"]
    wanted = {name: world.text(name) for name in names}
    for name in names:
        (world.project / name).unlink()
    dvc(world.project, "commit", "--force")
    assert {name: world.text(name) for name in names} == wanted
    assert dvc(world.project, "dag", "--dot").count("->") == 4
    assert json.loads(dvc(world.project, "metrics", "show", "--json"))[""]["data"]["metrics/model.json"]
    others = git(world.project, "ls-files", "--others", "--exclude-standard", "data")
    assert others.split() == names[1:]


def test_dvc_tells_what_is_older_than_its_upstream_or_its_code(world: World) -> None:
    world.retrain()
    world.run = "run-2"
    world.make("features", "corrected", MONTHS[1], reads=[("raw/flights", MONTHS[1])], code="1.0")
    flush(world, defined={"raw/flights": None, "features": "1.0", "model": "trees: 100", "report": "xyz"})
    assert status(world.project) == {
        "model": [{"changed deps": {"data/features": "modified"}}],
        "report": [{"changed deps": {"code-versions.yaml": {"report": "modified"}}}],
    }
    world.model("2")
    flush(world)
    assert dvc(world.project, "repro").count("didn't change") == 4


def test_values_travel_by_push_and_pull_and_old_ones_outlive_gc(world: World, tmp_path: Path) -> None:
    world.retrain("old")
    old = world.make("model", "old model")
    flush(world)
    world.run = "run-2"
    world.retrain("new")
    flush(world)
    settings = f"[core]\n    remote = there\n['remote \"there\"']\n    url = {tmp_path / 'remote'}\n"
    (world.project / ".dvc" / "config").write_text(settings)
    dvc(world.project, "gc", "--workspace", "--force")
    assert (
        world.project / OBJECTS / str(old.content_hash)[:2] / str(old.content_hash)[2:]
    ).read_bytes() == b"old model"
    dvc(world.project, "push")
    data = {path: path.read_bytes() for path in (world.project / "data").rglob("*.json")}
    assert len(data) == 8
    shutil.rmtree(world.project / "data")
    dvc(world.project, "checkout")
    assert {path: path.read_bytes() for path in (world.project / "data").rglob("*.json")} == data
    git(
        world.project,
        "add",
        ".dvc/config",
        ".dvcignore",
        "dvc.yaml",
        "dvc.lock",
        "code-versions.yaml",
        "metrics",
    )
    git(world.project, "commit", "--quiet", "--message", "everything")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(world.project), str(clone))
    dvc(clone, "pull")
    assert {path: (clone / path.relative_to(world.project)).read_bytes() for path in data} == data


def test_beside_a_pipeline_of_somebody_else(world: World) -> None:
    (world.project / "dvc.yaml").write_text("stages:\n  mine:\n    cmd: echo > out\n    outs:\n    - out\n")
    world.retrain()
    flush(world)
    assert list(status(world.project)) == ["mine"]
    wanted = world.text("dvc/dvc.lock")
    dvc(world.project, "commit", "--force", "dvc/dvc.yaml")
    assert world.text("dvc/dvc.lock") == wanted
