"""Retention as the daemon has it done: by a process of its own, now and then."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mlorch import asset, materialize
from mlorch.daemon.pruning import Pruning
from mlorch.instance import Instance
from mlorch.settings import RetentionSettings, Settings, read_settings

SETTINGS = """
[project]
name = "tried"
version = "0"

[tool.mlorch]
mlflow.enabled = false
retention.runs = "1 s"
"""


@asset
def one() -> int:
    return 1


def settings_in(folder: Path) -> Settings:
    (folder / "pyproject.toml").write_text(SETTINGS)
    return read_settings(folder)


def test_what_is_old_goes_and_the_daemon_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    settings = settings_in(tmp_path)
    caplog.set_level(logging.INFO, "mlorch")
    with Instance.of(settings) as instance:
        for _ in range(2):
            materialize([one], instance=instance)
        time.sleep(1.1)
        pruning = Pruning(settings, first=0.0)
        try:
            deadline = time.monotonic() + 60
            while "retention removed 1 runs" not in caplog.text and time.monotonic() < deadline:
                pruning.look()
                time.sleep(0.05)
        finally:
            pruning.close()
        assert len(instance.get_runs()) == 1
    assert "retention removed 1 runs" in caplog.text


def test_where_everything_is_kept_no_process_is_started(tmp_path: Path):
    settings = replace(settings_in(tmp_path), retention=RetentionSettings(ticks=None))
    pruning = Pruning(settings, first=0.0)
    pruning.look()
    assert pruning._process is None


def test_a_process_that_fails_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    settings = replace(settings_in(tmp_path), retention=RetentionSettings(ticks=timedelta(days=1)))
    (tmp_path / ".mlorch").mkdir()
    (tmp_path / ".mlorch" / "mlorch.db").write_text("no database")
    pruning = Pruning(settings, first=0.0)
    deadline = time.monotonic() + 60
    while not caplog.text and time.monotonic() < deadline:
        pruning.look()
        time.sleep(0.05)
    pruning.close()
    assert "retention failed" in caplog.text
