"""Dask: found or started, with the user's code, and how its end is told."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from importlib import import_module, reload
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from mlorch.errors import MissingDependencyError, UserError, WorkerError
from mlorch.execution.executors import open_executor
from tests.clusters import Cluster, dask_cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with dask_cluster(tmp_path_factory.mktemp("dask")) as found:
        yield found


def module(folder: Path, name: str, text: str) -> Any:
    (folder / f"{name}.py").write_text(text)
    return import_module(name)


def processes_of_jobs(count: int) -> tuple[int, list[int]]:
    from joblib import Parallel, delayed

    def process(seconds: float) -> int:
        time.sleep(seconds)
        return os.getpid()

    return os.getpid(), list(Parallel(n_jobs=-1)(delayed(process)(0.3) for _ in range(count)))


def one_job_stays(jobs: int | None) -> bool:
    from joblib import Parallel, delayed

    return list(Parallel(n_jobs=jobs)(delayed(os.getpid)() for _ in range(20))) == [os.getpid()] * 20


def best_of_a_search() -> float:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0]}, n_jobs=-1, cv=3)
    return float(search.fit(*load_iris(return_X_y=True)).best_score_)


def test_without_workers_asked_for_there_are_as_many_as_the_cluster_has_threads(cluster):
    with open_executor("dask", address=cluster.address) as executor:
        until = time.monotonic() + 30
        while executor.workers < 2 and time.monotonic() < until:
            time.sleep(0.1)
        assert executor.workers == 2


def test_workers_find_the_modules_of_the_user_as_they_are_now(cluster, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = module(tmp_path, "edited_between_clusters", "def version(_):\n    return 'before'\n")
    for text in ("before", "after it"):
        (tmp_path / "edited_between_clusters.py").write_text(f"def version(_):\n    return {text!r}\n")
        version = reload(found).version
        with open_executor("dask", 2, address=cluster.address) as executor:
            calls = [executor.submit(version, number) for number in range(4)]
            assert [call.result() for call in calls] == [text] * 4


def test_joblib_in_steps_uses_the_workers_of_the_cluster(cluster):
    with open_executor("dask", 2, address=cluster.address) as executor:
        mine, used = executor.submit(processes_of_jobs, 8).result()
        workers = {executor.submit(os.getpid).result() for _ in range(4)} | {mine}
    assert len(set(used)) == 2
    assert workers <= set(used)


def test_joblib_that_is_not_asked_for_jobs_stays_in_the_step(cluster):
    with open_executor("dask", 1, address=cluster.address) as executor:
        assert executor.submit(one_job_stays, None).result()
        assert executor.submit(one_job_stays, 1).result()


def test_searches_at_once_come_to_an_end_on_the_cluster(cluster):
    with open_executor("dask", 2, address=cluster.address) as executor:
        calls = [executor.submit(best_of_a_search) for _ in range(2)]
        assert [call.result() for call in calls] == [pytest.approx(0.96, abs=0.03)] * 2


def test_a_scheduler_that_dies_fails_its_steps_and_those_after(tmp_path):
    with (
        dask_cluster(tmp_path, workers=1) as cluster,
        open_executor("dask", 1, address=cluster.address) as one,
    ):
        assert one.submit(abs, -1).result() == 1
        call = one.submit(time.sleep, 60)
        started = time.monotonic()
        cluster.scheduler.kill()
        with pytest.raises(WorkerError, match="Dask"):
            call.result()
        with pytest.raises(WorkerError, match="Dask"):
            one.submit(abs, -1).result()
        assert time.monotonic() - started < 30


def test_an_address_where_nobody_answers_says_what_to_do():
    with pytest.raises(
        UserError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9: .*address says where"
    ):
        open_executor("dask", 1, address="tcp://127.0.0.1:9")


def test_without_dask_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mlorch\[dask\]'"):
        open_executor("dask", 1, address="tcp://127.0.0.1:9")


def test_a_cluster_of_ones_own_is_on_loopback_without_pages():
    from distributed import get_client

    def services() -> tuple[str, int]:
        found = get_client().scheduler_info()
        return found["address"], found["services"]["dashboard"]

    with open_executor("dask", 1) as executor:
        address, port = executor.submit(services).result()
        assert address.startswith("tcp://127.0.0.1:")
        assert urlopen(f"http://127.0.0.1:{port}/health").read() == b"ok"
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"http://127.0.0.1:{port}/status")
