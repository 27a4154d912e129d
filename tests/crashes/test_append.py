"""Whatever moment a process that appends is killed at, what it was told is kept, and the rest is whole."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from mlorch.storage.sql import open_log
from tests.crashes.appending import SIZE, check, start
from tests.facts import made


def test_killed_appends_leave_whole_batches(place: str, tmp_path: Path) -> None:
    path = tmp_path / "mlorch.db"
    started = [start(place, tmp_path, f"process{number}", 1_000_000) for number in range(4)]
    try:
        # In a server's database there is no such moment to wait for; half a second is about it.
        deadline = time.monotonic() + 0.5
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        # The first one may die while the database is made, the others between appends and amid them.
        started[0][0].kill()
        for process, told in started[1:]:
            while not told.stat().st_size:
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.2))
            process.kill()
    finally:
        for process, _ in started:
            process.kill()
            process.wait()
    with closing(open_log(place)) as log:
        before = log.read()
        check(before, [told for _, told in started])
        assert len(before) >= 3 * SIZE
        assert log.latest("asset_materialized")["first", None].seq > before[-1].seq - SIZE
        assert log.append([made()]) == [before[-1].seq + 1]
    if path.exists():
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
