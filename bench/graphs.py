"""What an asset costs: the same graphs as plain function calls with pickle files, and as assets of mlorch,
values on disk and everything recorded, in turn. Prints wall milliseconds per asset, the least of the rounds.
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
from typing import Any

from mlorch import AssetIn, Instance, asset, materialize

ROUNDS = 5


def upstream(layer: int, index: int, width: int) -> list[str]:
    """Return the names of the up to three assets above one; none in the first layer."""
    return [f"l{layer - 1}_{(index + k) % width}" for k in range(min(3, width))] if layer else []


def plain(width: int, depth: int, folder: Path) -> None:
    """Make every value, each from pickle files and into one: the floor."""
    for layer in range(depth):
        for index in range(width):
            value = 1
            for name in upstream(layer, index, width):
                with open(folder / name, "rb") as file:
                    value += pickle.load(file)
            with open(folder / f"l{layer}_{index}", "wb") as file:
                pickle.dump(value, file)


def declared(width: int, depth: int) -> list[Any]:
    """Return the same graph as assets."""

    def sum_up(**given: int) -> int:
        return sum(given.values()) + 1

    return [
        asset(
            name=f"l{layer}_{index}",
            code_version="1",
            ins={name: AssetIn(name) for name in upstream(layer, index, width)},
        )(sum_up)
        for layer in range(depth)
        for index in range(width)
    ]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and the processor seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def layers(width: int, depth: int) -> None:
    rows: dict[str, list[tuple[float, float]]] = {
        "plain Python": [],
        "mlorch": [],
        "mlorch, nothing stale": [],
    }
    assets = declared(width, depth)
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            rows["plain Python"].append(timed(lambda: plain(width, depth, Path(folder))))
        with tempfile.TemporaryDirectory() as folder, Instance.local(folder) as instance:
            rows["mlorch"].append(timed(lambda: materialize(assets, instance=instance)))
            rows["mlorch, nothing stale"].append(
                timed(lambda: materialize(assets, instance=instance, only_stale=True))
            )
    report(f"{width * depth} assets in {depth} layers", rows, width * depth)


def unchanged(count: int) -> None:
    assets = declared(count // 10, 10)
    with tempfile.TemporaryDirectory() as folder, Instance.local(folder) as instance:
        materialize(assets, instance=instance)
        rows = {
            "mlorch, nothing stale": [
                timed(lambda: materialize(assets, instance=instance, only_stale=True)) for _ in range(3)
            ]
        }
    report(f"{count} assets, unchanged", rows, count)


def report(title: str, rows: dict[str, list[tuple[float, float]]], count: int) -> None:
    print(f"{title:<28}{'wall ms/asset':>14}{'median':>9}{'cpu ms/asset':>14}{'whole s':>9}{'× plain':>9}")
    floor = min((wall for wall, _ in rows.get("plain Python", ())), default=None)
    for name, runs in rows.items():
        wall = min(one[0] for one in runs)
        median = statistics.median(one[0] for one in runs)
        cpu = min(one[1] for one in runs)
        ratio = f"{wall / floor:9.1f}" if floor else ""
        print(
            f"  {name:<26}{1000 * wall / count:14.3f}{1000 * median / count:9.3f}"
            f"{1000 * cpu / count:14.3f}{wall:9.3f}{ratio}"
        )


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    layers(20, 10)
    layers(1, 200)
    unchanged(10_000)
