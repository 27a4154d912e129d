"""The one boundary where errors become exit codes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SLOW = """
import time
from mlorch import asset

@asset
def first() -> int:
    return 1

@asset
def slow(first: int) -> int:
    print("working", flush=True)
    time.sleep(60)
    return 2
"""


@pytest.mark.parametrize("executor", ["in_process", "processes"])
def test_an_interrupt_says_that_what_was_made_is_recorded_and_ends_with_1(project, executor):
    project.write("shop.py", SLOW)
    command = [sys.executable, "-c", "from mlorch.cli.main import run; run()", "materialize"]
    with subprocess.Popen(
        [*command, "--executor", executor],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while "working" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.rstrip().endswith("mlorch: interrupted; what was made is recorded")
    assert "Traceback" not in err
    shown = project("runs", "show", "last").out
    assert "CANCELED" in shown
    assert "first" in shown


def test_a_bug_of_ours_is_told_as_one_with_its_traceback(project, monkeypatch):
    from mlorch.app import opening

    monkeypatch.setattr(opening, "load_definitions", lambda settings: 1 // 0)
    answer = project("materialize")
    assert answer.code == 3
    assert "Traceback" in answer.err
    assert answer.err.endswith("mlorch: this is a bug of mlorch; please report the lines above\n")


def test_a_reader_that_goes_away_is_no_mistake(project):
    program = "from mlorch.cli.main import run; run()"
    command = f"{sys.executable} -c '{program}' --help | true"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""
