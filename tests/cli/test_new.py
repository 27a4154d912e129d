"""mlorch new: a project from a template."""

from __future__ import annotations

import io
import sys
import tomllib

import pytest


def test_a_new_project_is_there_with_dvc_begun(project):
    answer = project("new", "late-flights", "--yes")
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == "Next: cd late-flights && make setup test run"
    made = project.folder / "late-flights"
    settings = tomllib.loads((made / "pyproject.toml").read_text())
    assert settings["project"]["name"] == "late-flights"
    assert settings["tool"]["mlorch"]["definitions"] == "late_flights.definitions"
    assert (made / "src" / "late_flights" / "assets.py").is_file()
    assert (made / ".dvc" / "config").is_file()


def test_questions_are_asked_with_defaults_and_again_until_answered_well(project, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\nNo Name\nchurn\nWho leaves?\n"))
    answer = project("new", "demo-1")
    assert answer.code == 0
    assert "[demo-1]" in answer.out
    assert "'No Name' should be a Python name in lower case" in answer.err + answer.out
    record = tomllib.loads((project.folder / "demo-1" / ".mlorch-template.toml").read_text())
    assert record["answers"] == {"project": "demo-1", "package": "churn", "description": "Who leaves?"}


def test_templates_are_listed(project):
    answer = project("new", "--list")
    assert answer.code == 0
    assert answer.out.startswith("batch-retraining  ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["new"], "Say which folder to make"),
        (["new", "x", "--yes", "--template", "batch"], "There is no template 'batch'"),
        (["new", "two words", "--yes"], "'two words' should be letters, digits"),
        (["new", "json", "--yes"], "'json' should be a name that no installed package has"),
        (["new", "shop.py", "--yes"], "is a file"),
        (["new", ".", "--yes"], "is not empty"),
    ],
    ids=["no folder", "no such template", "no name", "no package name", "a file", "not empty"],
)
def test_a_mistake_is_told_and_leaves_nothing(project, words, message):
    before = sorted(path.name for path in project.folder.iterdir())
    answer = project(*words)
    assert answer.code == 2
    assert message in answer.err
    assert sorted(path.name for path in project.folder.iterdir()) == before
