"""Steps performed on a Dask cluster: one that is there, or one on this machine while it is needed."""

from __future__ import annotations

import os
import sys
import threading
import uuid
from asyncio import CancelledError
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

from mlorch.errors import MissingDependencyError, UserError, WorkerError
from mlorch.execution.executors.code import Code, imported_code, is_current, own_folders
from mlorch.execution.executors.crew import Crew
from mlorch.execution.executors.jobs import jobs_on_dask
from mlorch.execution.executors.parcels import perform_parcel

CONNECT_SECONDS = 5
PATIENCE = 30.0
"""Seconds that steps wait for a worker where the cluster has none."""


class DaskExecutor(Crew["DaskWorker"]):
    """Performs calls on the workers of a cluster, each on one that was chosen here.

    Left to its scheduler, Dask would perform a step again where a worker died, and then once more. Values go
    through the store: only calls and facts pass the scheduler.
    """

    def __init__(self, workers: int | None, address: str = "") -> None:
        self._most = workers
        home = _home(own_folders(), imported_code())
        self._client: Any = None
        self._cluster = _local_cluster(workers or os.cpu_count() or 1) if not address else None
        self._address = address if self._cluster is None else self._cluster.scheduler_address
        self._threads: dict[str, int] = {}
        self._taken: Counter[str] = Counter()
        self._patience: threading.Timer | None = None
        super().__init__(0, self._hire)
        try:
            self._client = _connect(self._address)
            self._client.register_plugin(*home)
            self._client.subscribe_topic("all", self._happened)
            self._threads = self._client.nthreads()
        except BaseException:
            self._close()
            raise
        self._count()

    def __exit__(self, *_: object) -> None:
        try:
            super().__exit__()
        finally:
            self._close()

    def _close(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        if self._client is not None and self._client.status == "running":
            self._client.unsubscribe_topic("all")
        for one in (self._client, self._cluster):
            if one is not None:
                with suppress(Exception):  # a scheduler that is gone can't be told goodbye
                    one.close(timeout=5)

    def _count(self) -> None:
        self.workers = self._most or max(1, sum(self._threads.values()))

    def _hire(self) -> DaskWorker | None:
        """Return a worker with a thread that is free; None where there is none just now."""
        if self._client.status != "running":
            raise WorkerError(f"the Dask scheduler at {self._address} is gone")
        free = {at: threads - self._taken[at] for at, threads in self._threads.items()}
        best = max(free, key=free.__getitem__, default=None)
        if best is None and self._patience is None:
            self._patience = threading.Timer(PATIENCE, self._give_up)
            self._patience.daemon = True
            self._patience.start()
        if best is None or free[best] < 1:
            return None
        self._taken[best] += 1
        return DaskWorker(self._client, best, is_alone=self._threads[best] == 1)

    def _give_up(self) -> None:
        self._patience = None
        if not self._threads:
            self.fail(f"the Dask scheduler at {self._address} has had no worker for {PATIENCE:g} s")

    async def _happened(self, event: tuple[float, Any]) -> None:
        """Hear what the scheduler tells about workers; called in the thread of the client."""
        action, address = event[1].get("action"), event[1].get("worker")
        if action == "remove-worker":
            with self._lock:
                self._threads.pop(address, None)
                self._taken.pop(address, None)
                self.free[:] = [one for one in self.free if one.address != address]
                lost = [one for one in self._busy.values() if one.address == address]
            for one in lost:
                one.lose(f"the Dask worker at {address} ended while it performed the step")
        elif action == "add-worker":
            threads = await self._client.scheduler.ncores()
            with self._lock:
                self._threads.update(threads)
                self._count()
            self.advance()


class DaskWorker:
    """One thread of a worker of the cluster."""

    def __init__(self, client: Any, address: str, *, is_alone: bool) -> None:
        self.address = address
        self.is_alive = True
        self._client = client
        self._is_alone = is_alone
        self._answer: Future[bytes] = Future()
        self._call: Any = None

    def perform(self, parcel: bytes) -> Future[bytes]:
        answer = self._answer = Future()
        try:
            self._call = self._client.submit(
                _perform,
                parcel,
                self._is_alone,
                key=f"mlorch-{uuid.uuid4().hex}",
                workers=[self.address],
                allow_other_workers=False,
                pure=False,
            )
        except Exception as error:  # noqa: BLE001 - the client refuses where the scheduler is gone
            self.lose(f"the step could not be given to Dask: {error}")
        else:
            self._client.loop.add_callback(self._pass_on, answer, self._call)
        return answer

    def lose(self, reason: str) -> None:
        """Fail the call that is performed here. Nobody performs it again: Dask forgets what nobody holds."""
        self.is_alive = False
        if self._call is not None:
            self._call.release()
        with suppress(InvalidStateError):
            self._answer.set_exception(WorkerError(reason))

    def end(self) -> None:
        """End the process, unless other threads of it may work for others; its nanny starts another."""
        self.lose("the run was broken off")
        if self._is_alone:
            with suppress(Exception):
                self._client.run(_exit, workers=[self.address], wait=False, on_error="ignore")

    async def _pass_on(self, answer: Future[bytes], call: Any) -> None:
        try:
            found = await self._client.gather(call, asynchronous=True)
        except (Exception, CancelledError) as error:  # noqa: BLE001 - calls raise nothing: Dask lost it
            self.lose(f"Dask lost the step: {' '.join(str(error).split()) or type(error).__name__}")
        else:
            with suppress(InvalidStateError):
                answer.set_result(found)
        finally:
            # What nobody holds is not made again where its worker ends.
            call.release()


def _perform(parcel: bytes, is_alone: bool) -> bytes:
    """Perform a call on a worker; joblib in it spreads over the cluster if it is asked for several jobs."""
    with jobs_on_dask():
        return perform_parcel(parcel, may_end_process=is_alone)


async def _exit() -> None:
    os._exit(1)


def _connect(address: str) -> Any:
    distributed = _distributed()
    try:
        return distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"no Dask scheduler answers at {address}: {error}; [tool.mlorch.dask] address says where it is, "
            "and without one a cluster is started on this machine"
        ) from None


def _local_cluster(workers: int) -> Any:
    """Start a cluster that only this machine can reach, without pages; each worker has one thread."""
    return _distributed().LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        # The port on which a scheduler tells of its health, one that is free; no pages.
        dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False},
        # Dask would stop giving steps to a worker that holds much, and end it where it holds more.
        memory_limit=0,
    )


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise MissingDependencyError(
            "the executor 'dask' needs Dask; install it with: pip install 'mlorch[dask]'"
        ) from None
    return distributed


def _home(folders: Sequence[str], code: Code) -> tuple[Any, str]:
    """Return a plugin for workers, and its name: it lets them find the user's modules, as they are now."""
    plugin: Any = _distributed().WorkerPlugin

    # Made here, as its base class can't be imported without Dask; it travels by value.
    class Home(plugin):  # type: ignore[misc]
        def setup(self, worker: Any) -> None:
            sys.path[:0] = [one for one in folders if one not in sys.path]
            known = getattr(worker, "mlorch_code", {})
            if not is_current(known, code):
                for name in known:
                    sys.modules.pop(name, None)
            worker.mlorch_code = {**known, **code}

    return Home(), f"mlorch {' '.join(folders)}"
