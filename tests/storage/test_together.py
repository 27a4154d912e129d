"""Threads and processes that use one database at once, of either kind."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

from mlorch.log import follow
from mlorch.storage.sql import find_log, open_log
from tests.crashes.appending import SIZE, check, start
from tests.facts import made
from tests.postgres import schemas


def test_threads_that_make_one_file_at_once_all_succeed(tmp_path: Path) -> None:
    for attempt in range(10):
        make_at_once(f"sqlite:///{tmp_path / str(attempt)}.db")


def test_threads_that_make_one_schema_at_once_all_succeed(postgres: str) -> None:
    with schemas(postgres) as new:
        for _ in range(5):
            make_at_once(new())


def make_at_once(where: str) -> None:
    ready = Barrier(4)

    def append() -> None:
        ready.wait()
        with closing(open_log(where)) as log:
            log.append([made(), made()])

    threads = [Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(open_log(where)) as log:
        assert [record.seq for record in log.read()] == list(range(1, 9))


def test_processes_append_to_one_new_database_and_a_follower_misses_nothing(
    place: str, tmp_path: Path
) -> None:
    begun = [start(place, tmp_path, f"process{number}", 20) for number in range(2)]
    while (log := find_log(place)) is None:
        time.sleep(0.01)
    with closing(log):
        seen: list[int] = []
        while any(process.poll() is None for process, _ in begun):
            list(follow(log, "mirror", lambda records: seen.extend(record.seq for record in records)))
            time.sleep(0.001)
        list(follow(log, "mirror", lambda records: seen.extend(record.seq for record in records)))
        assert [process.returncode for process, _ in begun] == [0, 0]
        assert seen == list(range(1, 2 * 20 * SIZE + 1))
        check(log.read(), [told for _, told in begun])


def test_of_processes_that_want_one_name_exactly_one_has_it(place: str, tmp_path: Path) -> None:
    open_log(place).close()
    begun = [start(place, tmp_path, f"process{number}", 20, once="batch") for number in range(3)]
    assert [process.wait() for process, _ in begun] == [0, 0, 0]
    with closing(open_log(place)) as log:
        check(log.read(), [told for _, told in begun])
        assert len(log.read()) == 20 * SIZE
        assert log.used([f"batch-{number}" for number in range(21)]) == {
            f"batch-{number}" for number in range(20)
        }
