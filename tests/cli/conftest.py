"""A small project, and its command line run in this process as the shell would run it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlorch.cli.main import run

SETTINGS = """\
[tool.mlorch]
definitions = "shop.py"
[tool.mlorch.mlflow]
enabled = false
[tool.mlorch.dvc]
enabled = false
"""

SHOP = '''\
from mlorch import (
    AssetExecutionContext, Config, DailyPartitionsDefinition, Definitions, asset, define_asset_job,
)

days = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-04")


class Training(Config):
    rate: float = 0.5


@asset(code_version="1", group_name="raw", tags={"tier": "1"})
def numbers() -> list[int]:
    """Three numbers."""
    print("counting")
    return [1, 2, 3]


@asset(code_version="1")
def total(context: AssetExecutionContext, numbers: list[int], config: Training) -> float:
    context.log.info("adding %d", len(numbers))
    return sum(numbers) * config.rate


@asset(partitions_def=days, code_version="1")
def daily(context: AssetExecutionContext) -> int:
    return context.partition_time_window.start.day


@asset(code_version="1")
def month(daily: dict[str, int]) -> int:
    return sum(daily.values())


defs = Definitions(
    assets=[numbers, total, daily, month], jobs=[define_asset_job("adding", selection=["numbers", "total"])]
)
'''


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str


class Project:
    """A folder with a project; `project("status")` runs `mlorch status` there."""

    def __init__(self, folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def __call__(self, *words: str) -> Answer:
        self._monkeypatch.chdir(self.folder)
        self._monkeypatch.setattr(sys, "argv", ["mlorch", *words])
        self._monkeypatch.setattr(sys, "path", list(sys.path))
        # Bytecode of an edit within the same second that leaves the size alone would pass for the new code.
        self._monkeypatch.setattr(sys, "dont_write_bytecode", True)
        sys.modules.pop("shop", None)
        with pytest.raises(SystemExit) as raised:
            run()
        captured = self._capsys.readouterr()
        code = raised.value.code
        return Answer(code if isinstance(code, int) else int(code is not None), captured.out, captured.err)


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path, capsys, monkeypatch)
    made.write("pyproject.toml", SETTINGS)
    made.write("shop.py", SHOP)
    return made
