"""Opening a project: where its definitions are found, and what is said where they are not right."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mlorch.app.opening import git_state, load_definitions, open_app, run_source
from mlorch.errors import InvalidConfigError, InvalidDefinitionError
from mlorch.settings import read_settings

ASSETS = (
    "from mlorch import Definitions, asset, define_asset_job\n\n@asset\ndef numbers() -> int:\n    return 1\n"
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write files of a project whose definitions are at a place, and read its settings."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def write(definitions, files):
        (tmp_path / "pyproject.toml").write_text(f'[tool.mlorch]\ndefinitions = "{definitions}"\n')
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return read_settings(tmp_path)

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def keys(settings) -> list[str]:
    return list(load_definitions(settings).graph.nodes)


@pytest.mark.parametrize(
    ("definitions", "file"),
    [
        ("opened_one.definitions", "src/opened_one/definitions.py"),
        ("opened_two.definitions", "opened_two/definitions.py"),
        ("opened_three", "opened_three.py"),
        ("opened_four.py", "opened_four.py"),
        ("deep/opened_five.py", "deep/opened_five.py"),
    ],
)
def test_definitions_are_a_module_of_the_project_or_a_file(project, definitions, file):
    settings = project(definitions, {file: f"{ASSETS}\ndefs = Definitions([numbers])\n"})
    assert keys(settings) == ["numbers"]


def test_a_file_imports_what_lies_beside_it(project):
    beside = {"deep/opened_beside.py": ASSETS, "deep/opened_main.py": "from opened_beside import numbers\n"}
    assert keys(project("deep/opened_main.py", beside)) == ["numbers"]


def test_assets_alone_are_definitions_of_them(project):
    text = f"{ASSETS}\n@asset\ndef total(numbers: int) -> int:\n    return numbers\n"
    assert keys(project("opened_bare.py", {"opened_bare.py": text})) == ["numbers", "total"]


def test_the_same_definitions_under_two_names_are_one(project):
    text = f"{ASSETS}\ndefs = Definitions([numbers])\nalso = defs\n"
    assert keys(project("opened_twice.py", {"opened_twice.py": text})) == ["numbers"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("defs = 1\n", r"'opened_bad.py' declares nothing; write defs = Definitions"),
        (
            "from mlorch import Definitions\none = Definitions()\nother = Definitions()\n",
            "'opened_bad.py' has several Definitions; keep one",
        ),
        (
            "import mlorch\n\nimport nowhere_to_be_found\n",
            "do not import: opened_bad.py:3: ModuleNotFoundError: .*nowhere_to_be_found",
        ),
        ("x = 1\ndef broken(:\n", "do not import: opened_bad.py:2: SyntaxError"),
        ("x = 1\n\n\nprint(1 // 0)\n", "do not import: opened_bad.py:4: ZeroDivisionError"),
        ("import sys\nsys.exit(3)\n", "do not import: opened_bad.py:2: SystemExit: 3"),
        (
            "from mlorch import asset\n\n@asset(names=3)\ndef a():\n    pass\n",
            "^opened_bad.py:3: @asset has no argument 'names'",
        ),
        (
            "from mlorch import Definitions, asset\n@asset\ndef a(nothing):\n    pass\nDefinitions([a])\n",
            "^opened_bad.py: asset 'a': no asset produces its argument 'nothing'",
        ),
        (
            f"{ASSETS}\ndefs = Definitions([numbers], jobs=[define_asset_job('nightly', 'numbrs')])\n",
            "the selection of job 'nightly': there is no asset 'numbrs'; did you mean 'numbers'",
        ),
    ],
    ids=["nothing", "several", "import", "syntax", "error", "exit", "decorator", "graph", "job"],
)
def test_what_is_wrong_with_definitions_is_said_with_its_place(project, text, message):
    with pytest.raises(InvalidDefinitionError, match=message):
        load_definitions(project("opened_bad.py", {"opened_bad.py": text}))


def test_assets_alone_that_do_not_fit_are_refused_by_key(project):
    text = "from mlorch import asset\n\n@asset\ndef a(nothing):\n    pass\n"
    with pytest.raises(InvalidDefinitionError, match="asset 'a': no asset produces its argument 'nothing'"):
        load_definitions(project("opened_loose.py", {"opened_loose.py": text}))


def test_the_place_is_in_the_users_own_code_and_not_in_a_package_installed_in_the_project(project):
    site = ".venv/lib/python3.11/site-packages"
    text = f"import sys\nsys.path.insert(0, __file__.rpartition('/')[0] + '/{site}')\nimport opened_package\n"
    files = {"opened_user.py": text, f"{site}/opened_package.py": "\n\n\n\nraise ImportError('too old')\n"}
    with pytest.raises(InvalidDefinitionError, match=r"import: opened_user.py:3: ImportError: too old"):
        load_definitions(project("opened_user.py", files))


@pytest.mark.parametrize(
    ("definitions", "error", "message"),
    [
        (
            "",
            InvalidConfigError,
            r"pyproject.toml, \[tool.mlorch\] names no definitions; write def",
        ),
        ("missing.py", InvalidDefinitionError, "there is no definitions file .*missing.py"),
        ("opened_missing.module", InvalidDefinitionError, "No module named 'opened_missing'"),
    ],
    ids=["none", "file", "module"],
)
def test_definitions_that_are_not_there_are_named(project, definitions, error, message):
    with pytest.raises(error, match=message):
        load_definitions(project(definitions, {}))


def test_a_project_is_opened_only_as_far_as_it_is_asked_for(project, tmp_path):
    project("opened_lazily.py", {"opened_lazily.py": "raise ValueError('imported too early')\n"})
    app = open_app(tmp_path, flags={"workers": 2})
    assert app.settings.workers == 2
    assert not (tmp_path / ".mlorch").exists()
    with app.instance as instance:
        assert instance.log.read() == []
    with pytest.raises(InvalidDefinitionError, match=r"opened_lazily.py:1: ValueError: imported too early"):
        app.definitions  # noqa: B018
    app.close()


IN_WORKERS = """
from pathlib import Path
from mlorch.app.materializing import Request, run_request
from mlorch.app.opening import open_app

if __name__ == "__main__":
    app = open_app(Path.cwd())
    result = run_request(app.definitions, app.instance, Request(executor="processes", workers=1))
    print(result.asset_value("numbers"))
"""


def test_worker_processes_find_the_definitions_of_a_file_wherever_it_lies(project, tmp_path):
    text = f"{ASSETS}\ndefs = Definitions([numbers])\n"
    project("deep/opened_there.py", {"deep/opened_there.py": text, "in_workers.py": IN_WORKERS})
    command = [sys.executable, "in_workers.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
    assert done.stdout == "1\n", done.stderr


def test_a_run_says_who_started_it_what_where_and_how():
    source = run_source()
    assert source["pid"] == os.getpid()
    assert all(source[name] for name in ("user", "host", "command"))


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody without a name")
def test_a_user_without_a_name_is_told_by_number():
    program = (
        "import getpass, os, pwd\n"
        "from mlorch.app.opening import run_source\n"
        "os.setuid(54321)\n"
        "print(run_source()['user'])"
    )
    names = ("LOGNAME", "USER", "LNAME", "USERNAME")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "54321\n", done.stderr


def test_the_state_of_a_repository_is_its_commit_and_whether_it_was_changed(tmp_path, needs_program):
    def git(*words):
        identity = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
        command = [needs_program("git"), *identity, *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert git_state(tmp_path) is None
    git("init")
    assert git_state(tmp_path) is None
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "one")
    commit = git("rev-parse", "HEAD").strip()
    assert git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "new").write_text("not in git")
    assert git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "a").write_text("2")
    assert git_state(tmp_path) == {"commit": commit, "dirty": True}
