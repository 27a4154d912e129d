"""What the daemon takes: from due time to the first line of a run, a pass over 10,000, and when it idles.

The floor of the first is a process that is forked for nothing but the same line, of the second the same
10,000 functions called one after the other.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PACE = 60.0
"""A minute of the daemon's clock passes in a second."""

NOON = 1_767_268_800.0

PROJECT = """
[project]
name = "bench"

[tool.mlorch]
definitions = "defs.py"
mlflow.enabled = false
dvc.enabled = false
"""

ONE_JOB = """
import time
import mlorch as ml

@ml.op
def note(context):
    with open("lines", "a") as file:
        file.write(f"{time.time()} {context.run.tags['due']}\\n")

@ml.job
def noting():
    note()

@ml.schedule(cron_schedule="* * * * *", job=noting, default_status="RUNNING")
def minutely(context):
    return ml.RunRequest(tags={"due": str(context.scheduled_execution_time.timestamp())})

defs = ml.Definitions(jobs=[noting], schedules=[minutely])
"""

MANY = """
import mlorch as ml

@ml.asset
def number():
    return 1

job = ml.define_asset_job("job", "*")

def nothing(context):
    return ml.SkipReason("nothing is new")

schedules = [
    ml.schedule(name=f"s{n}", cron_schedule="*/30 * * * *", job=job, default_status="RUNNING")(nothing)
    for n in range(5_000)
]
sensors = [
    ml.sensor(
        name=f"x{n}", job=job, minimum_interval_seconds=1_800, default_status=ml.DefaultSensorStatus.RUNNING
    )(nothing)
    for n in range(5_000)
]
defs = ml.Definitions([number], schedules=schedules, sensors=sensors)
"""

SERVE = """
import sys, time
from pathlib import Path
from mlorch.daemon.serving import serve
from mlorch.settings import read_settings
noon, began, pace = map(float, sys.argv[1:])
serve(read_settings(Path.cwd()), now=lambda: noon + (time.time() - began) * pace, pace=pace)
"""


def main() -> None:
    for measure in (due_to_first_line, pass_over_many, idling):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder))


def due_to_first_line(folder: Path) -> None:
    daemon = start(folder, ONE_JOB, began := time.time(), PACE)
    lines = folder / "lines"
    while not lines.exists() or len(lines.read_text().splitlines()) < 21:
        time.sleep(0.2)
    stop(daemon)
    pairs = [tuple(map(float, line.split())) for line in lines.read_text().splitlines()][1:]
    delays = [at - (began + (due - NOON) / PACE) for at, due in pairs]
    print(
        f"from due time to the first line: median {statistics.median(delays):.3f} s, "
        f"longest {max(delays):.3f} s of {len(delays)}; a fork alone {statistics.median(forks()):.4f} s"
    )


def forks() -> list[float]:
    found = []
    for _ in range(20):
        reader, writer = os.pipe()
        began = time.time()
        if not (pid := os.fork()):
            os.write(writer, str(time.time()).encode())
            os._exit(0)
        found.append(float(os.read(reader, 100)) - began)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)
    return found


def pass_over_many(folder: Path) -> None:
    """Processor for one pass: what all processes took while a half hour of the clock passed, in 45 s."""
    daemon = start(folder, MANY, time.time(), 40.0)
    time.sleep(30)
    before = cpu(daemon.pid)
    time.sleep(45)
    taken = cpu(daemon.pid) - before
    stop(daemon)
    print(f"10,000 schedules and sensors in one pass: {taken:.2f} s of processor; plain {plain():.3f} s")


def plain() -> float:
    began = time.process_time()
    for _ in range(10_000):
        (lambda context: f"nothing is new {context}")(1)
    return time.process_time() - began


def idling(folder: Path) -> None:
    daemon = start(folder, ONE_JOB.replace("RUNNING", "STOPPED"), time.time(), 1.0)
    time.sleep(15)
    before = cpu(daemon.pid)
    time.sleep(60)
    taken, processes = cpu(daemon.pid) - before, family(daemon.pid)
    memory = sum(map(megabytes, processes))
    stop(daemon)
    print(f"idle: {taken / 60:.2%} of a core, {memory:.0f} MB in {len(processes)} processes")


def start(folder: Path, definitions: str, began: float, pace: float) -> subprocess.Popen[bytes]:
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "defs.py").write_text(definitions)
    arguments = [sys.executable, "-c", SERVE, *map(repr, (NOON, began, pace))]
    return subprocess.Popen(arguments, cwd=folder, stderr=subprocess.DEVNULL)


def stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(timeout=60)


def family(pid: int) -> list[int]:
    """Return a process and all that came from it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def cpu(pid: int) -> float:
    """Return the seconds of processor of a process and all that came from it and lives or was waited for."""
    return sum(seconds_of(one) for one in family(pid))


def seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int) -> float:
    """Return the memory of a process, what it shares counted in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


if __name__ == "__main__":
    main()
