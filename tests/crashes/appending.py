"""A process that appends batches to a log, for tests that kill it or run it beside others.

Each batch has SIZE events of one run, whose values are all made from the batch's first.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mlorch.errors import AlreadyDoneError
from mlorch.events import AssetMaterialized, Event, Input, StepStarted
from mlorch.log import Record
from mlorch.storage.sql import open_log

SIZE = 50


def start(
    where: str, folder: Path, name: str, count: int, *, once: str = ""
) -> tuple[subprocess.Popen[bytes], Path]:
    """Start a process that appends batches; its file in the folder gets each run's id and its numbers.

    Given `once`, the n-th batch uses up the name "once-n" and is left out where another process did.
    """
    told = folder / f"{name}.txt"
    with told.open("wb") as out:
        command = [sys.executable, "-m", "tests.crashes.appending", where, name, str(count), once]
        return subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=out), told


def check(records: Sequence[Record], told: Sequence[Path]) -> None:
    """Every batch is there whole and in one piece; each that a process was told of, under those numbers."""
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    kept: dict[str, list[int]] = {}
    for seq, event in records:
        kept.setdefault(event.run_id or "", []).append(seq)
        if isinstance(event, AssetMaterialized):
            assert {one.seq for one in event.inputs} <= {kept[event.run_id][1]}
    for numbers in kept.values():
        assert numbers == list(range(numbers[0], numbers[0] + SIZE))
    for file in told:
        # A process that was killed may leave half a line.
        for line in file.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                run_id, *numbers_told = line.split()
                assert kept[run_id] == [int(number) for number in numbers_told]


def _batch(run_id: str) -> list[Event]:
    def made(asset: str, inputs: tuple[Input, ...] = ()) -> AssetMaterialized:
        shared = {"run": run_id}
        return AssetMaterialized(
            run_id=run_id, at=1.0, step=asset, asset=asset, inputs=inputs, environment=shared
        )

    many = (Input("first", None, "v", None),) * 12
    others = [made(f"other{number}", many) for number in range(SIZE - 2)]
    return [StepStarted(run_id=run_id, at=1.0, step="first", asset="first"), made("first"), *others]


def _main(where: str, name: str, count: int, once: str) -> None:
    log = open_log(where)
    for number in range(count):
        run_id = f"{name}-{number}"
        with suppress(AlreadyDoneError):
            numbers = log.append(_batch(run_id), once=[f"{once}-{number}"] if once else [])
            print(run_id, *numbers, flush=True)
    log.close()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
