"""What the log and the leases cost at a hundred thousand partitions, with the floor beside each.

The floor of reading is fetching the same rows from SQLite and parsing none; that of holding is inserting as
many rows. Prints processor milliseconds, the least of the rounds.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mlorch import Instance
from mlorch.app.holding import holding
from mlorch.app.limits import Gate, pools_of
from mlorch.definitions.limits import Limits
from mlorch.events import AssetMaterialized, AssetObserved, Input

COUNT = 100_000
ROUNDS = 5
DECLARED = {"group": "raw", "deps": ["up"], "value": "frame", "description": "Flights of one day"}
ENVIRONMENT = {"python": "3.11.7", "pandas": "3.1.0", "numpy": "2.3.0"}


def fact(number: int) -> AssetMaterialized:
    """Return what a typical partition leaves in the log."""
    version = f"{number:032x}"
    return AssetMaterialized(
        run_id=f"{number // 1000:032x}",
        at=1.7e9 + number,
        step=f"a[p{number}]",
        asset="a",
        partition=f"p{number}",
        code_version="c0ffee" * 5,
        is_code_declared=True,
        config_digest="ab" * 16,
        default_config_digest="ab" * 16,
        data_version=version,
        content_hash=version,
        size=1234,
        uri=f"data/a/p{number}.parquet",
        io_manager="pandas",
        inputs=(Input("up", f"p{number}", version, number),),
        environment=ENVIRONMENT,
        definition=DECLARED,
        metadata={"rows": 842, "columns": [["dep_delay", "float64"]] * 5},
    )


def least(work: Callable[[], object], times: int = 1) -> float:
    """Return the processor milliseconds of one call."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            work()
        best = min(best, time.process_time() - began)
    return 1000 * best / times


def main(folder: Path) -> None:
    with Instance.local(folder) as instance, closing(sqlite3.connect(folder / "floor.db")) as floor:
        for start in range(0, COUNT, 2000):
            instance.log.append([fact(number) for number in range(start, start + 2000)])
        reading(instance, folder)
        leasing(instance, floor)
        limiting(instance)


def reading(instance: Instance, folder: Path) -> None:
    few = [("a", "p5"), ("a", "p77777"), ("up", "p5")]
    query = "SELECT events.* FROM latest JOIN events USING (seq) WHERE latest.kind = 'asset_materialized'"

    def of_few() -> None:
        for kind in (AssetMaterialized.kind, AssetObserved.kind):
            instance.log.latest(kind, slots=few)

    with closing(sqlite3.connect(folder / ".mlorch" / "mlorch.db")) as raw:
        report("history of one run of three", least(of_few, 200), None)
        report(
            f"latest facts of {COUNT:,} partitions",
            least(lambda: instance.log.latest(AssetMaterialized.kind)),
            least(lambda: raw.execute(query).fetchall()),
        )


def leasing(instance: Instance, floor: sqlite3.Connection) -> None:
    assert instance.leases is not None
    leases = instance.leases

    def hold(count: int) -> None:
        with holding(leases, [("a", f"p{number}") for number in range(count)], "run", None, print):
            pass

    def plain(count: int) -> None:
        floor.execute("CREATE TABLE leases (name PRIMARY KEY, run_id) WITHOUT ROWID")
        floor.executemany("INSERT INTO leases VALUES (?, 'run')", [(f"a[p{n}]",) for n in range(count)])
        floor.execute("DROP TABLE leases")
        floor.commit()

    report("hold three partitions", least(lambda: hold(3), 50), least(lambda: plain(3), 50))
    report(f"hold {COUNT:,} partitions", least(lambda: hold(COUNT)), least(lambda: plain(COUNT)))


def limiting(instance: Instance) -> None:
    limits = Limits(runs=2, pools={"gpu": 1})
    gate, tags = Gate(instance, limits, "backfill"), {"month": "june"}

    def begin_and_end() -> None:
        assert gate.try_admit("run", tags)
        gate.leave("run", tags)

    with pools_of(instance, limits, "backfill", tags) as pools:

        def take_and_give() -> None:
            assert pools.acquire("gpu", "step")
            pools.release("gpu", "step")

        report("a run under a limit", least(begin_and_end, 100), None)
        report("a step in a pool", least(take_and_give, 100), None)
        report("a step in a pool without a limit", least(lambda: pools.acquire("cpu", "step"), 100), None)


def report(name: str, ours: float, floor: float | None) -> None:
    beside = "" if floor is None else f"{floor:12.3f}{ours / floor:9.1f}"
    print(f"  {name:<40}{ours:12.3f}{beside}")


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    print(f"{'':<42}{'cpu ms':>12}{'floor':>12}{'× floor':>9}")
    with tempfile.TemporaryDirectory() as made:
        main(Path(made))
