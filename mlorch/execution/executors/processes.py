"""Steps performed in worker processes, which stay warm: the next run finds the user's modules imported."""

from __future__ import annotations

import atexit
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from mlorch.errors import WorkerError
from mlorch.execution.executors.code import Code, imported_code, is_current
from mlorch.execution.executors.crew import Crew
from mlorch.execution.executors.parcels import perform_parcel

IDLE_SECONDS = 300
"""The process of a worker that nobody used for so long ends; the next call starts another."""

THREAD_LIMITS = (
    "LOKY_MAX_CPU_COUNT",  # what joblib takes n_jobs=-1 for
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
)
"""Each worker has its share of the cores; what the user has set is left as it is."""


class ProcessesExecutor(Crew["WorkerProcess"]):
    """Performs calls in worker processes that outlive it.

    Each is a loky pool of its own: one that dies or is ended takes no other along, and no more are started
    than there are calls at once.
    """

    def __init__(self, workers: int) -> None:
        super().__init__(workers, self._start)
        self._place = _Place(tuple(sys.path), os.getcwd(), dict(os.environ))
        self._cores = max(1, len(os.sched_getaffinity(0)) // workers)
        code = imported_code()
        while len(self.free) < workers and (worker := _warm_worker()) is not None:
            if worker.settle(self._place, self._cores, code):
                self.free.append(worker)
            else:
                worker.end()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        code = imported_code()
        for worker in self.free:
            worker.rest(code)
        _let_go_at_exit()
        # The next executor takes them from the end: the one that was free last stays the first to be asked.
        _warm.extend(reversed(self.free))
        self.free.clear()

    def _start(self) -> WorkerProcess:
        return WorkerProcess(self._place, self._cores)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a worker looks for modules, in which folder it works, and its environment."""

    path: tuple[str, ...]
    folder: str
    environment: Mapping[str, str]


class WorkerProcess:
    """A loky pool of one."""

    def __init__(self, place: _Place, cores: int) -> None:
        self.is_alive = True
        self._place = place
        self._cores = cores
        self._code: Code = {}
        self._pool = self._open()

    def settle(self, place: _Place, cores: int, code: Code) -> bool:
        """Go to work at a place. False where the worker looks elsewhere for modules, or knows older ones."""
        if (place.path, cores) != (self._place.path, self._cores) or not is_current(self._code, code):
            return False
        if place != self._place:
            self._place = place
            with suppress(Exception):  # a pool that has ended is opened anew by the next call
                self._pool.submit(_move, place.folder, _environment(place, cores))
        return True

    def rest(self, code: Code) -> None:
        """Stay warm, with what was imported until now."""
        self._code = code

    def perform(self, parcel: bytes) -> Future[bytes]:
        answer: Future[bytes] = Future()
        try:
            call = self._submit(parcel)
        except Exception as error:  # noqa: BLE001 - loky and the system have many ways to refuse a process
            self._lose(answer, error)
        else:
            call.add_done_callback(partial(self._pass_on, answer))
        return answer

    def end(self) -> None:
        self.is_alive = False
        self._pool.shutdown(wait=False, kill_workers=True)

    def _open(self) -> Any:
        from loky import ProcessPoolExecutor

        return ProcessPoolExecutor(
            1,
            timeout=IDLE_SECONDS,
            initializer=_begin,
            initargs=(os.getpid(), self._place.path),
            env=_environment(self._place, self._cores),
        )

    def _submit(self, parcel: bytes) -> Any:
        from concurrent.futures import BrokenExecutor

        try:
            return self._pool.submit(perform_parcel, parcel)
        except BrokenExecutor:
            # It died while it had nothing to do; this call is the next worker's first.
            self._pool = self._open()
            return self._pool.submit(perform_parcel, parcel)

    def _pass_on(self, answer: Future[bytes], call: Any) -> None:
        try:
            answer.set_result(call.result())
        except Exception as error:  # noqa: BLE001 - calls raise nothing: this is how loky says that its process ended
            self._lose(answer, error)

    def _lose(self, answer: Future[bytes], error: Exception) -> None:
        self.is_alive = False
        answer.set_exception(WorkerError(_reason(error)))


_warm: list[WorkerProcess] = []
"""The workers of this process that no executor holds."""


def _warm_worker() -> WorkerProcess | None:
    try:
        return _warm.pop()
    except IndexError:
        return None


@cache
def _let_go_at_exit() -> None:
    # Pools that are still there when modules are torn down complain.
    atexit.register(_warm.clear)


def _environment(place: _Place, cores: int) -> dict[str, str]:
    own = {**dict.fromkeys(THREAD_LIMITS, str(cores)), "LOKY_MAX_MEMORY_LEAK_SIZE": "1e18"}
    return {**own, **place.environment}


def _begin(parent: int, path: tuple[str, ...]) -> None:
    """Settle in a worker that has just started."""
    sys.path[:] = path
    # An interrupt is the parent's to handle: it ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), name="mlorch-parent", daemon=True).start()


def _move(folder: str, environment: Mapping[str, str]) -> None:
    with suppress(OSError):
        os.chdir(folder)
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def _end_with(parent: int) -> None:
    """End this process once its parent is gone, even if killed: nobody would record what is made here."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _reason(error: Exception) -> str:
    """Return why a worker ended, from the exit codes that loky tells: "{SIGKILL(-9)}"."""
    found = re.search(r"exit codes of the workers are \{([^}]*)\}", str(error))
    if found is None:
        return f"the step's worker process ended: {' '.join(str(error).split()) or type(error).__name__}"
    code = found[1]
    if code.startswith("SIGKILL"):
        return (
            f"the step's worker process was killed, {code}: by somebody, or by the system as memory ran out"
        )
    if code.startswith("SIG"):
        return f"the step's worker process crashed in native code, {code}"
    return f"the step ended its worker process, {code}"
