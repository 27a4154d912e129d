"""Worker processes: warm, in the place and with the code of their parent, gone when it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module, reload
from pathlib import Path
from typing import Any

import joblib
import pytest

from mlorch.execution.executors import open_executor


def results(workers: int, *calls: tuple[Callable[..., Any], Any]) -> list[Any]:
    with open_executor("processes", workers) as executor:
        performing = [executor.submit(fn, *args) for fn, *args in calls]
        return [one.result() for one in performing]


def module(folder: Path, name: str, text: str) -> Any:
    (folder / f"{name}.py").write_text(text)
    return import_module(name)


def process_of(_: int) -> int:
    time.sleep(0.2)
    return os.getpid()


def place(name: str) -> tuple[str, str | None]:
    return os.getcwd(), os.environ.get(name)


def best_of_a_search(_: int) -> float:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0]}, n_jobs=-1, cv=3)
    return float(search.fit(*load_iris(return_X_y=True)).best_score_)


def jobs_for_all_cores(_: int) -> int:
    return int(joblib.effective_n_jobs(-1))


def test_a_worker_imports_a_module_once(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    counted = tmp_path / "imports.txt"
    text = f"import os\nwith open({str(counted)!r}, 'a') as file:\n    file.write(f'{{os.getpid()}}\\n')\n"
    found = module(tmp_path, "counts_imports", f"{text}def one(number):\n    return os.getpid()\n")
    workers = set(results(2, *((found.one, number) for number in range(20))))
    workers |= set(results(2, *((found.one, number) for number in range(20))))
    importers = [int(line) for line in counted.read_text().split()]
    assert sorted(importers) == sorted({os.getpid(), *workers})


def test_no_more_workers_start_than_there_are_calls_at_once():
    assert len({results(8, (process_of, 1))[0] for _ in range(3)}) == 1
    assert len(set(results(8, (process_of, 1), (process_of, 2)))) == 2


def test_a_module_that_was_edited_is_not_performed_as_it_was(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = module(tmp_path, "edited_between_runs", "def version(_):\n    return 'before'\n")
    assert results(1, (found.version, 1)) == ["before"]
    (tmp_path / "edited_between_runs.py").write_text("def version(_):\n    return 'after it'\n")
    assert results(1, (reload(found).version, 1)) == ["after it"]


def test_workers_are_where_their_parent_is(tmp_path, monkeypatch):
    workers = results(1, (process_of, 1))
    monkeypatch.setenv("SEEN_BY_WORKERS", "1")
    monkeypatch.chdir(tmp_path)
    assert results(1, (place, "SEEN_BY_WORKERS")) == [(str(tmp_path), "1")]
    monkeypatch.delenv("SEEN_BY_WORKERS")
    assert results(1, (place, "SEEN_BY_WORKERS")) == [(str(tmp_path), None)]
    assert results(1, (process_of, 1)) == workers


def test_a_worker_that_died_while_it_had_nothing_to_do_is_replaced():
    (before,) = results(1, (process_of, 1))
    os.kill(before, signal.SIGKILL)
    time.sleep(0.5)
    (after,) = results(1, (process_of, 1))
    assert after != before


@pytest.mark.parametrize(("workers", "share"), [(1, len(os.sched_getaffinity(0))), (64, 1)])
def test_all_cores_are_the_share_of_a_worker(workers, share, monkeypatch):
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    assert results(workers, (jobs_for_all_cores, 1)) == [share]


def test_searches_in_workers_come_to_an_end():
    scores = results(2, *((best_of_a_search, number) for number in range(2)))
    assert scores == [pytest.approx(0.96, abs=0.03)] * 2


def is_there(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(
        "import os, time\n"
        "from mlorch.execution.executors import open_executor\n"
        "with open_executor('processes', 1) as executor:\n"
        "    print(executor.submit(os.getpid).result(), flush=True)\n"
        "    executor.submit(time.sleep, 60).result()\n"
    )
    house = Path(__file__).parents[3]
    command = [sys.executable, str(tmp_path / "parent.py")]
    environment = {**os.environ, "PYTHONPATH": str(house)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert is_there(worker)
        parent.kill()
    until = time.monotonic() + 20
    while is_there(worker) and time.monotonic() < until:
        time.sleep(0.1)
    assert not is_there(worker)
