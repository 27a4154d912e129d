"""init: a folder becomes a project, and what is there stays as it is."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mlorch import Instance
from mlorch.app.initializing import initialize
from mlorch.app.materializing import Request, run_request
from mlorch.app.opening import load_definitions
from mlorch.errors import InvalidConfigError, StorageError
from mlorch.settings import read_settings


def content(folder: Path) -> dict[str, bytes]:
    files = [one for one in folder.rglob("*") if one.is_file()]
    return {str(one.relative_to(folder)): one.read_bytes() for one in files if one.suffix != ".db"}


@pytest.fixture
def with_dvc(tmp_path):
    """A folder in which DVC is there already: to begin it takes seconds."""
    (tmp_path / ".dvc").mkdir()
    return tmp_path


def test_an_empty_folder_becomes_a_project_that_runs_and_stays_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "definitions", raising=False)
    done = initialize(tmp_path)
    assert len(done) == len(set(done)) > 3
    assert (tmp_path / ".dvc" / "config").exists()
    settings = read_settings(tmp_path)
    with Instance.of(settings) as instance:
        assert run_request(load_definitions(settings), instance, Request()).asset_value("total") == 6
    before = content(tmp_path)
    assert initialize(tmp_path) == ["DVC is there already"]
    assert content(tmp_path) == before


def test_what_a_project_has_stays(with_dvc):
    text = '# mine\n[project]\nname = "mine"\n\n[tool.ruff]\nline-length = 100'
    (with_dvc / "pyproject.toml").write_text(text)
    (with_dvc / ".gitignore").write_text("*.pyc")
    (with_dvc / "definitions.py").write_text("mine = 1\n")
    (with_dvc / "mlruns").mkdir()
    (with_dvc / "mlruns" / ".gitignore").write_text("*\n")
    initialize(with_dvc)
    grown = (with_dvc / "pyproject.toml").read_text()
    assert grown.startswith(text)
    assert tomllib.loads(grown)["tool"] == {
        "ruff": {"line-length": 100},
        "mlorch": {"definitions": "definitions.py"},
    }
    assert (with_dvc / ".gitignore").read_text().startswith("*.pyc\n/.mlorch/\n")
    assert (with_dvc / "definitions.py").read_text() == "mine = 1\n"
    assert (with_dvc / "mlruns" / ".gitignore").read_text() == "*\n!.gitignore\n"


def test_a_project_of_mlorch_keeps_its_settings(with_dvc):
    text = '[tool.mlorch]\ndefinitions = "a.b"\nstorage = "sqlite:///elsewhere.db"\n'
    (with_dvc / "pyproject.toml").write_text(text)
    initialize(with_dvc, "other.module")
    assert (with_dvc / "pyproject.toml").read_text() == text
    assert not (with_dvc / "definitions.py").exists()
    assert (with_dvc / "elsewhere.db").exists()
    assert not (with_dvc / ".mlorch").exists()


def test_the_module_of_the_definitions_can_be_given(with_dvc):
    initialize(with_dvc, 'odd "name"')
    assert read_settings(with_dvc).definitions == 'odd "name"'
    assert not (with_dvc / "definitions.py").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[tool\n", "is no valid TOML"),
        (b"\xff\xfe", "is no UTF-8 text"),
        (b"tool = {ruff = {}}\n", r"can't take another table \[tool.mlorch\] as it is written"),
        (b"tool = 3\n", "can't take another table"),
    ],
    ids=["broken", "bytes", "inline", "no table"],
)
def test_a_pyproject_that_cannot_be_extended_stays_and_is_named(with_dvc, text, message):
    (with_dvc / "pyproject.toml").write_bytes(text)
    with pytest.raises(InvalidConfigError, match=f"pyproject.toml {message}"):
        initialize(with_dvc)
    assert content(with_dvc) == {"pyproject.toml": text}


def test_a_folder_that_something_is_in_the_way_of_is_named(with_dvc):
    (with_dvc / "mlruns").write_text("a file")
    with pytest.raises(StorageError, match=r"mlruns.* can't be written: "):
        initialize(with_dvc)


READ_ONLY = """
import os, sys
from pathlib import Path
from mlorch.app.initializing import initialize
from mlorch.errors import StorageError
if os.getuid() == 0:
    os.setuid(65534)
try:
    initialize(Path(sys.argv[1]))
except StorageError as error:
    print(error)
"""


def test_a_folder_that_may_not_be_written_is_named(tmp_path):
    for folder in (tmp_path, *tmp_path.parents[:3]):
        os.chmod(folder, 0o755 if folder != tmp_path else 0o555)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "can't be written: Permission denied" in done.stdout, done.stderr
    assert content(tmp_path) == {}
