"""Projects whose daemons end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.project import Project

MakeProject = Callable[..., Project]


@pytest.fixture
def make_project(tmp_path: Path) -> Iterator[MakeProject]:
    """`make_project(definitions, settings, pace=…)` gives a project; its daemons end with the test."""
    made: list[Project] = []

    def make(definitions: str, settings: str = "", *, pace: float = 1.0, name: str = "project") -> Project:
        made.append(Project(tmp_path / name, definitions, settings, pace=pace))
        return made[-1]

    yield make
    for one in made:
        one.stop()
