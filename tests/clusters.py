"""A real Dask cluster on loopback: a scheduler and two workers, as people start them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DASK = Path(sys.executable).with_name("dask")
SECONDS = 60


@dataclass(frozen=True)
class Cluster:
    """The address of the scheduler, and its process."""

    address: str
    scheduler: subprocess.Popen[bytes]


@contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """Start `dask scheduler` and `dask worker` processes; end them with all that they started."""
    file = folder / "scheduler.json"
    where = ["--host", "127.0.0.1", "--no-dashboard"]
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        with (folder / f"{len(started)}.txt").open("wb") as told:
            command = [str(DASK), *words, *where]
            process = subprocess.Popen(command, cwd=folder, stdout=told, stderr=told, start_new_session=True)
        started.append(process)
        return process

    try:
        scheduler = start("scheduler", "--port", "0", "--scheduler-file", str(file))
        address = _address(file)
        for _ in range(workers):
            start("worker", address, "--nthreads", "1", "--local-directory", str(folder))
        yield Cluster(address, scheduler)
    finally:
        for process in reversed(started):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _address(file: Path) -> str:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            return str(json.loads(file.read_text())["address"])
        except (OSError, ValueError):
            time.sleep(0.1)
    raise TimeoutError(f"no scheduler after {SECONDS} s")
