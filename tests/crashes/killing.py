"""A process that makes assets, or runs a job of ops, and is killed at the n-th append to its log.

It forks itself for each n, so that what takes long to import is imported once.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from mlorch import (
    AssetIn,
    AssetOut,
    Definitions,
    DynamicOut,
    DynamicOutput,
    Instance,
    Out,
    Output,
    graph_asset,
    job,
    multi_asset,
    op,
)
from mlorch.app.jobs import run_job
from mlorch.app.materializing import Request, run_request
from mlorch.app.results import ExecutionResult
from mlorch.app.retrying import retry_run
from mlorch.events import Event
from mlorch.execution import writer
from tests.crashes.places import make_schemas, opened

LARGE = "x" * 20_000
MOST = 40


@multi_asset(
    outs={name: AssetOut(code_version="1") for name in ("low", "high")},
    internal_asset_deps={"high": ["low"]},
)
def sides() -> Iterator[Any]:
    yield Output(1, "low")
    yield Output(LARGE, "high")


@op(out=DynamicOut(int))
def spread(low: int) -> Iterator[Any]:
    for number in range(3):
        yield DynamicOutput(low + number, f"k{number}")


@op
def square(one: int) -> int:
    return one * one


@op(out={"sum": Out(int), "list": Out(list)})
def both(squares: list[int]) -> tuple[int, list[int]]:
    return sum(squares), squares


@op
def longer(one: int) -> str:
    return LARGE * one


@graph_asset(code_version="1")
def total(low):
    return longer(both(spread(low).map(square).collect())[0])


@multi_asset(
    outs={name: AssetOut(code_version="1") for name in ("long", "short")},
    ins={"high": AssetIn(), "total": AssetIn()},
    can_subset=True,
)
def ends(high: str, total: str) -> tuple[int, int]:
    return len(high) + len(total), 0


@op
def begin() -> int:
    return 1


@job
def program() -> None:
    summed, _ = both(spread(begin()).map(square).collect())
    longer(summed)


DEFINITIONS = Definitions([sides, total, ends], jobs=[program])


class Killing:
    """A log in whose n-th append the process dies: before the facts are kept, or after."""

    def __init__(self, log: Any, kill_at: int, moment: str) -> None:
        self._log, self._left, self._moment = log, kill_at, moment

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, events: Sequence[Event], *, once: Collection[str] = ()) -> list[int]:
        self._left -= 1
        if not self._left and self._moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        numbers: list[int] = self._log.append(events, once=once)
        if not self._left and self._moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return numbers


def work(what: str, executor: str, place: Instance, kill_at: int, moment: str) -> bool:
    """Make what is missing, or run the job, again from where it stopped; tell whether that went well."""
    writer.FLUSH_SECONDS = 0.0
    with place as held:
        last = held.get_runs()
        instance = Instance(
            Killing(held.log, kill_at, moment), held.store, held.leases, held.outputs, held.place
        )
        request = Request(only_stale=what == "assets", executor=executor, workers=2)
        if what == "assets":
            return went_well(run_request(DEFINITIONS, instance, request))
        if last and not kill_at and last[0].status == "SUCCESS":
            return True
        if last and not kill_at:
            return went_well(retry_run(DEFINITIONS, instance, last[0].run_id))
        return went_well(run_job(program, instance, request))


def went_well(result: ExecutionResult) -> bool:
    for failure in result.failures:
        print(failure.step, failure.error, file=sys.stderr)
    return result.success


def apart(function: Callable[[], bool]) -> int:
    """Call a function in a process of its own; return how that ended, as `os.waitpid` says it."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    code = 2
    try:
        code = 0 if function() else 1
    except BaseException:  # noqa: BLE001 - the fork must end here, whatever it was
        traceback.print_exc()
    finally:
        os._exit(code)


def main(what: str, executor: str, moment: str, folder: Path, server: str) -> None:
    """Kill at the first append, the second, … until nothing is left to kill, and finish after each."""
    make_schemas(server, ["warm", *(f"{kill_at:02}" for kill_at in range(1, MOST))])
    # What is imported late is imported now, once for all that is forked.
    work(what, "in_process", opened(folder / "warm", server), 0, moment)
    for kill_at in range(1, MOST):
        place = folder / f"{kill_at:02}"
        status = apart(lambda: work(what, executor, opened(place, server), kill_at, moment))  # noqa: B023
        killed = os.WIFSIGNALED(status)
        if not killed and status:
            sys.exit(f"not killed at append {kill_at}, and failed")
        if not killed:
            break
        if apart(lambda: work(what, executor, opened(place, server), 0, moment)):  # noqa: B023
            sys.exit(f"killed {moment} append {kill_at}, it could not be finished")
        print(place.name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]), sys.argv[5])
