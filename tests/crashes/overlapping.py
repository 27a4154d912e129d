"""Two processes that make overlapping asset partitions at once, again and again.

Whoever makes a slot says so in a file that must not be there yet, and adds a line when it is done.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlorch import (
    AssetIn,
    AssetOut,
    DailyPartitionsDefinition,
    Definitions,
    Instance,
    Output,
    asset,
    multi_asset,
)
from mlorch.app.materializing import Request, run_request
from mlorch.app.targets import Partitions
from mlorch.definitions.limits import Limits, TagLimit
from tests.crashes.places import make_schemas, opened

DAYS = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-05")
KEYS = tuple(DAYS.get_partition_keys())
LIMITS = {
    "none": Limits(),
    "pools": Limits(pools={"slow": 1}),
    "runs": Limits(runs=1),
    "all": Limits(runs=2, pools={"slow": 1}, tags=(TagLimit(key="who", limit=1),)),
}
folder = Path()


def alone(name: str, key: str) -> None:
    """Work on a slot. Raises FileExistsError where somebody else does too."""
    mine = folder / f"{name}-{key}"
    os.close(os.open(mine, os.O_CREAT | os.O_EXCL))
    time.sleep(0.002)
    mine.unlink()


@multi_asset(
    outs={"low": AssetOut(code_version="1"), "high": AssetOut(code_version="1")},
    partitions_def=DAYS,
    pool="slow",
)
def sides(context: Any) -> Iterator[Any]:
    alone("sides", context.partition_key)
    yield Output(1, "low")
    yield Output(2, "high")


@multi_asset(
    outs={"some": AssetOut(code_version="1"), "rest": AssetOut(code_version="1")},
    ins={"low": AssetIn()},
    can_subset=True,
    partitions_def=DAYS,
    pool="slow",
)
def parts(context: Any, low: int) -> Iterator[Any]:
    for name in sorted(context.selected_output_names):
        alone(name, context.partition_key)
        yield Output(low + len(name), name)


@asset(partitions_def=DAYS, code_version="1")
def both(context: Any, high: int, rest: int) -> int:
    alone("both", context.partition_key)
    return high + rest


DEFINITIONS = Definitions([sides, parts, both])
SELECTIONS = [
    (None, ["low", "high", "rest"]),
    (["rest", "both", "low", "high"], ["some", "low", "high"]),
    (None, None),
]
RANGES = [(None, None), ((KEYS[0], KEYS[2]), (KEYS[1], KEYS[3])), (None, (KEYS[2], KEYS[3]))]


def work(place: Instance, number: int, who: int, limits: Limits) -> bool:
    between = RANGES[number // len(SELECTIONS) % len(RANGES)][who]
    request = Request(
        selection=SELECTIONS[number % len(SELECTIONS)][who],
        partitions=Partitions(range=between) if between else Partitions(all=True),
        only_stale=number % 4 > 0,
        executor=("threads", "in_process")[(number + who) % 2],
        workers=3,
        tags={"who": str(number)},
        limits=limits,
        patience=60,
    )
    with place as instance:
        result = run_request(DEFINITIONS, instance, request)
    for failure in result.failures:
        print(failure.step, failure.error, file=sys.stderr)
    return result.success


def apart(place: Path, server: str, number: int, who: int, limits: Limits) -> int:
    """Work in a process of its own; return its id."""
    child = os.fork()
    if child:
        return child
    code = 2
    try:
        code = 0 if work(opened(place, server), number, who, limits) else 1
    except BaseException:  # noqa: BLE001 - the fork must end here, whatever it was
        traceback.print_exc()
    finally:
        os._exit(code)


def main(place: Path, name: str, rounds: int, server: str) -> None:
    """Let two processes work at once on a new instance, so many times. Exits with 1 where one failed."""
    global folder
    folder = place / "working"
    folder.mkdir()
    # What is imported late is imported now, once for all that is forked.
    make_schemas(server, ["warm", *(f"{number:02}" for number in range(rounds))])
    work(opened(place / "warm", server), 0, 0, LIMITS[name])
    for number in range(rounds):
        pair = [apart(place / f"{number:02}", server, number, who, LIMITS[name]) for who in (0, 1)]
        ended = [os.waitpid(one, 0)[1] for one in pair]
        if any(ended):
            sys.exit(f"round {number} went wrong")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
