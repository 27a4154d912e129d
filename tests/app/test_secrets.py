"""Secrets stay out of every file that a run leaves behind: the log, MLflow, DVC, and what was printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHOP = """\
import sys

from mlorch import Config, ConfigurableResource, Definitions, EnvVar, asset


class Credentials(ConfigurableResource):
    password: str


class Database(ConfigurableResource):
    url: str
    credentials: Credentials
    keys: list[str]

    def setup_for_execution(self, context):
        print("setting up with", self.credentials.password, self.keys)


class Api(Config):
    token: str
    hosts: dict[str, str]


@asset
def numbers(context, database: Database, config: Api) -> list[int]:
    print("printed", database.url, database.credentials.password, config.token, config.hosts)
    print("another", "pg://you:__PLAIN__@db")
    print("to stderr", database, config.token, file=sys.stderr)
    context.log.warning("logged %s %s", database.keys, config)
    found = {"url": database.url, "deep": [{"token": config.token}], "of another": "pg://you:__PLAIN__@db"}
    context.add_output_metadata(found)
    return [1, 2]


@asset
def broken(numbers: list[int], database: Database) -> int:
    raise ConnectionError(f"can't reach {database.url} as {database.credentials.password}")


defs = Definitions(
    assets=[numbers, broken],
    resources={
        "database": Database(
            url=EnvVar("SHOP_URL"),
            credentials=Credentials(password=EnvVar("SHOP_PASSWORD")),
            keys=["public", EnvVar("SHOP_KEY")],
        )
    },
)
"""
RUN = """\
ops:
  numbers:
    config:
      token: {env: SHOP_TOKEN}
      hosts: {main: {env: SHOP_HOST}}
"""
SECRETS = {
    "SHOP_URL": "postgresql://me:url-pa55word@db/x",
    "SHOP_PASSWORD": "nested-pa55word",
    "SHOP_KEY": "listed-k3y",
    "SHOP_TOKEN": "yaml-t0ken",
    "SHOP_HOST": "deep-h0st",
}
PLAIN = "plain-pa55word"
"""Written in the code: only its place in a URL tells that it is secret."""

PROJECT = '[project]\nname = "shop"\nversion = "0"\n[tool.mlorch]\ndefinitions = "shop.py"\nexecutor = "{}"\n'


@pytest.mark.parametrize("executor", ["in_process", pytest.param("processes", marks=pytest.mark.slow)])
@pytest.mark.timeout(240)
def test_no_file_that_a_run_leaves_behind_has_a_secret(tmp_path: Path, needs_program, executor) -> None:
    given, folder = tmp_path / "given", tmp_path / "project"
    given.mkdir()
    folder.mkdir()
    (given / "shop.py").write_text(SHOP.replace("__PLAIN__", PLAIN))
    (given / "run.yaml").write_text(RUN)
    (folder / "pyproject.toml").write_text(PROJECT.format(executor))
    (folder / "shop.py").symlink_to(given / "shop.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLORCH_")}
    environment |= {**SECRETS, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)

    git = needs_program("git")
    assert run(git, "init", "-q").returncode == 0
    assert run(sys.executable, "-m", "dvc", "init", "-q").returncode == 0
    program = "from mlorch.cli.main import run; run()"
    done = run(sys.executable, "-c", program, "materialize", "-c", str(given / "run.yaml"))
    assert done.returncode == 1, done.stderr
    assert "up to date" in done.stderr
    assert (folder / "dvc.lock").exists()

    left = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
    assert any(b"logged" in content for content in left.values())
    assert any(path.name == "mlflow.db" for path in left)
    hidden = [*SECRETS.values(), "url-pa55word", PLAIN]
    found = [
        (str(path), text) for path, content in left.items() for text in hidden if text.encode() in content
    ]
    assert found == []
    shown = done.stderr[done.stderr.index("broken failed") :]
    assert [text for text in hidden if text in shown] == []
