"""Lines in `.gitignore`, where nothing ignores a path yet."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from mlorch.mirrors.dvc.gitignore import ignore


def test_only_what_git_does_not_ignore_yet(tmp_path: Path, needs_program: Any) -> None:
    subprocess.run([needs_program("git"), "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "data").mkdir()
    (tmp_path / ".gitignore").write_text("*.joblib\n")
    (tmp_path / "data" / ".gitignore").write_text("mine\n/flights")
    paths = ["data/flights", "data/model.joblib", "data/features", "data/odd[1].json"]
    for _ in range(2):
        ignore(tmp_path, paths)
        assert (
            tmp_path / "data" / ".gitignore"
        ).read_text() == "mine\n/flights\n/features\n/odd\\[1\\].json\n"
    assert (tmp_path / ".gitignore").read_text() == "*.joblib\n"


def test_where_git_can_not_be_asked(tmp_path: Path) -> None:
    ignore(tmp_path, ["data/flights"])
    assert (tmp_path / "data" / ".gitignore").read_text() == "/flights\n"
