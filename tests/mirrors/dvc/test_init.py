"""Beginning a DVC repository, by the installed DVC."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from mlorch.errors import StorageError
from mlorch.mirrors.dvc import init_dvc

pytestmark = pytest.mark.usefixtures("private_dvc")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def test_beside_git_and_only_once(tmp_path: Path, needs_program: Any) -> None:
    needs_program("git")
    git(tmp_path, "init", "--quiet")
    assert "(dvc init: beside git)" in init_dvc(tmp_path)
    assert (tmp_path / ".dvc" / "config").read_text() == ""
    assert "analytics = false" in (tmp_path / ".dvc" / "config.local").read_text()
    assert git(tmp_path, "ls-files", "--others", "--modified", "--exclude-standard") == ""
    assert "there already" in init_dvc(tmp_path)


def test_in_a_folder_of_a_git_repository(tmp_path: Path, needs_program: Any) -> None:
    needs_program("git")
    git(tmp_path, "init", "--quiet")
    project = tmp_path / "project"
    project.mkdir()
    assert "--subdir" in init_dvc(project)
    assert (project / ".dvc" / "config").read_text() == ""


def test_where_git_ignores_the_project_and_a_module_is_called_dvc(tmp_path: Path, needs_program: Any) -> None:
    needs_program("git")
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("demo/\n")
    project = tmp_path / "demo"
    project.mkdir()
    (project / "dvc.py").write_text("raise SystemExit('not the one')\n")
    assert "--no-scm" in init_dvc(project)
    assert "no_scm = True" in (project / ".dvc" / "config").read_text()


def test_what_dvc_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / ".dvc").write_text("")
    with pytest.raises(StorageError, match="dvc init"):
        init_dvc(tmp_path)
