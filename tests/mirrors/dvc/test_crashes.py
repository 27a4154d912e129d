"""A flush that is killed leaves nothing that the next one does not put right."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlorch.mirrors.dvc import DvcMirror
from tests.mirrors.dvc.world import World


@pytest.fixture
def world(tmp_path: Path, needs_program: Any) -> World:
    """A project in git that was flushed once, and then retrained with an asset more."""
    project = tmp_path / "project"
    (project / ".dvc" / "tmp").mkdir(parents=True)
    git = [needs_program("git"), "init", "--quiet", "--template="]
    subprocess.run(git, cwd=project, check=True)
    world = World(project)
    world.make("flights", "1", "2013-01")
    world.make("model", "1", reads=[("flights", "2013-01")], metrics={"auc": 0.7})
    DvcMirror(project, world.log).flush()
    world.run = "run-2"
    world.make("flights", "2", "2013-02")
    world.make("model", "2", reads=[("flights", "2013-02")], metrics={"auc": 0.8})
    world.make("new", "2", code="odd: code", metrics={"auc": 0.9})
    return world


def files(project: Path) -> dict[str, bytes]:
    """Every file, in data and caches too."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def dies_in_flush(world: World, project: Path, prepare: Callable[[], None]) -> bool:
    """Flush in a child that `prepare` readies to be killed; tell whether it was."""
    child = os.fork()
    if child == 0:
        prepare()
        DvcMirror(project, world.log).flush()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def check_recovery(world: World, project: Path, wanted: dict[str, bytes]) -> None:
    assert DvcMirror(project, world.log).flush().state in {"written", "unchanged"}
    assert files(project) == wanted
    shutil.rmtree(project)


def uninterrupted(world: World, folder: Path) -> dict[str, bytes]:
    shutil.copytree(world.project, folder)
    assert DvcMirror(folder, world.log).flush().state == "written"
    return files(folder)


def test_killed_before_any_of_its_steps(world: World, tmp_path: Path) -> None:
    wanted = uninterrupted(world, tmp_path / "wanted")
    count = 0
    while True:
        count += 1
        project = tmp_path / f"killed-{count}"
        shutil.copytree(world.project, project)

        def prepare(left: int = count) -> None:
            def on_event(name: str, arguments: Any) -> None:
                nonlocal left
                if name == "open" or name.startswith("os."):
                    left -= 1
                    if left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(on_event)

        died = dies_in_flush(world, project, prepare)
        check_recovery(world, project, wanted)
        if not died:
            break
    assert count > 30


def test_killed_at_any_moment(world: World, tmp_path: Path) -> None:
    wanted = uninterrupted(world, tmp_path / "wanted")
    chance = random.Random(7)
    deaths = 0
    for number in range(15):
        project = tmp_path / f"killed-{number}"
        shutil.copytree(world.project, project)

        def prepare(seconds: float = chance.uniform(0.0002, 0.02)) -> None:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, seconds)

        deaths += dies_in_flush(world, project, prepare)
        check_recovery(world, project, wanted)
    assert deaths > 0
