"""What a backfill costs: a thousand runs of one partition and three assets, everything recorded, beside the
same work as plain calls with pickle files; and the throughput of two worker processes on steps of 50 ms.

Prints milliseconds per materialization, the least of the rounds, and how many times as fast two workers are.
"""

from __future__ import annotations

import os
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlorch import DailyPartitionsDefinition, Instance, asset, backfill

ROUNDS = 5
RUNS = 1_000
ASSETS = ("raw", "feature", "model")
STEP = 0.05
"""Processor seconds of a step of the second part."""
DAYS = DailyPartitionsDefinition(start_date="2020-01-01", end_date="2023-01-01")


@asset(partitions_def=DAYS, code_version="1")
def raw() -> int:
    return 1


@asset(partitions_def=DAYS, code_version="1")
def feature(raw: int) -> int:
    return raw + 1


@asset(partitions_def=DAYS, code_version="1")
def model(feature: int) -> int:
    return feature + 1


@asset(partitions_def=DAYS, code_version="1")
def hard() -> int:
    """Keep a processor busy for a while."""
    count, end = 0, time.thread_time() + STEP
    while time.thread_time() < end:
        count += 1
    return count


def plain(folder: Path) -> None:
    """Make every value, each from the pickle file of the one before and into one: the floor."""
    for name in ASSETS:
        (folder / name).mkdir()
    for key in DAYS.get_partition_keys()[:RUNS]:
        value = 0
        for index, name in enumerate(ASSETS):
            if index:
                with open(folder / ASSETS[index - 1] / key, "rb") as file:
                    value = pickle.load(file)
            with open(folder / name / key, "wb") as file:
                pickle.dump(value + 1, file)


def tracked(instance: Instance) -> None:
    result = backfill([raw, feature, model], partitions=DAYS.get_partition_keys()[:RUNS], instance=instance)
    assert (len(result.runs), len(result.materializations)) == (RUNS, 3 * RUNS)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and the processor seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def many_runs() -> None:
    rows: dict[str, list[tuple[float, float]]] = {"plain Python": [], "mlorch": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            rows["plain Python"].append(timed(lambda: plain(Path(folder))))
        with tempfile.TemporaryDirectory() as folder, Instance.local(folder) as instance:
            rows["mlorch"].append(timed(lambda: tracked(instance)))
    print(f"{RUNS:,} runs of one partition and {len(ASSETS)} assets")
    for name, times in rows.items():
        wall, cpu = (min(column) * 1_000 / RUNS / len(ASSETS) for column in zip(*times, strict=True))
        print(f"  {name:13} {wall:6.3f} ms per materialization, {cpu:6.3f} of processor")


def two_workers() -> None:
    """The workers are warm, as they are from the second backfill of a process on."""
    throughput(4, "processes")
    pairs = [(throughput(60, "in_process"), throughput(120, "processes")) for _ in range(ROUNDS)]
    ratio = statistics.median(ours / alone for alone, ours in pairs)
    print(f"two worker processes on steps of {STEP * 1_000:.0f} ms of processor: × {ratio:.2f}")


def throughput(steps: int, executor: str) -> float:
    """Return the steps a second of a backfill of hard ones."""
    keys = DAYS.get_partition_keys()[:steps]
    with tempfile.TemporaryDirectory() as folder, Instance.local(folder) as instance:
        begun = time.perf_counter()
        backfill([hard], partitions=keys, instance=instance, executor=executor, workers=2)
        return steps / (time.perf_counter() - begun)


if __name__ == "__main__":
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", file=sys.stderr)
    many_runs()
    two_workers()
