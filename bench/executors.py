"""What worker processes and Dask cost and bring: per call, by start-up, in throughput, and for large values.

Each is set beside the same work in this process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlorch.execution.executors import open_executor

CALLS = 500
PROJECT = '[project]\nname = "noop"\n[tool.mlorch]\ndefinitions = "defs.py"\n'
QUIET = "[tool.mlorch.mlflow]\nenabled = false\n[tool.mlorch.dvc]\nenabled = false\n"
NOOPS = """
from mlorch import Definitions, asset


def declared(number):
    @asset(name=f"a{number}")
    def one() -> int:
        return number

    return one


defs = Definitions([declared(number) for number in range(20)])
"""


def nothing(number: int) -> int:
    return number


def spin(seconds: float) -> None:
    """Use the processor for so long, whoever else uses it."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def frame(megabytes: int, path: str) -> str:
    """Keep a frame of so many megabytes, as a step does; return where."""
    import numpy as np
    import pandas as pd

    pd.DataFrame({"x": np.random.default_rng(1).random(megabytes * 125_000)}).to_parquet(path)
    return path


def total(path: str) -> float:
    import pandas as pd

    return float(pd.read_parquet(path)["x"].sum())


def memory() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def loopback() -> int:
    """Return the bytes that this machine has sent to itself."""
    lines = Path("/proc/net/dev").read_text().splitlines()
    return next(int(line.split()[9]) for line in lines if line.lstrip().startswith("lo:"))


def seconds_of(name: str, workers: int, seconds: float, count: int) -> float:
    with open_executor(name, workers) as executor:
        for call in [executor.submit(spin, 0.3) for _ in range(workers)]:
            call.result()
        started = time.perf_counter()
        for call in [executor.submit(spin, seconds) for _ in range(count)]:
            call.result()
        return time.perf_counter() - started


def overhead(name: str) -> None:
    with open_executor(name, 2) as executor:
        for call in [executor.submit(nothing, 1) for _ in range(4)]:
            call.result()
        started = time.perf_counter()
        for call in [executor.submit(nothing, number) for number in range(CALLS)]:
            call.result()
        milliseconds = 1000 * (time.perf_counter() - started) / CALLS
    print(f"  {name:<12}{milliseconds:8.3f} ms per call, 2 workers")


def throughput() -> None:
    alone = seconds_of("in_process", 1, 0.05, 60)
    both = seconds_of("processes", 2, 0.05, 60)
    print(f"  60 calls of 50 ms of CPU: {alone:.2f} s here, {both:.2f} s on 2 workers, {alone / both:.2f} ×")


def command_line() -> None:
    mlorch = Path(sys.executable).with_name("mlorch")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(PROJECT + QUIET)
        Path(folder, "defs.py").write_text(NOOPS)
        best: dict[str, float] = {}
        for _ in range(4):
            for name in ("in_process", "processes"):
                command = [str(mlorch), "materialize", "--executor", name, "--workers", "2"]
                started = time.perf_counter()
                subprocess.run(command, cwd=folder, check=True, capture_output=True)
                best[name] = min(best.get(name, 1e9), time.perf_counter() - started)
    here, there = best["in_process"], best["processes"]
    print(
        f"  20 no-op assets, whole command: {here:.2f} s, with processes {there:.2f} s, {there / here:.2f} ×"
    )


def large_values(megabytes: int = 500) -> None:
    """Pass a frame between two steps on Dask: what of it does this process, which has the scheduler, see?"""
    with tempfile.TemporaryDirectory() as folder, open_executor("dask", 2) as executor:
        before = memory(), loopback()
        kept = executor.submit(frame, megabytes, os.path.join(folder, "frame.parquet")).result()
        executor.submit(total, kept).result()
        after = memory(), loopback()
    grown, sent = ((new - old) / 1e6 for old, new in zip(before, after, strict=True))
    print(f"  {megabytes} MB from step to step: scheduler grew by {grown:.1f} MB, {sent:.1f} MB on loopback")


if __name__ == "__main__":
    for name in ("threads", "processes", "dask"):
        overhead(name)
    throughput()
    command_line()
    large_values()
