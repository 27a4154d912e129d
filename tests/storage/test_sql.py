from __future__ import annotations

import errno
import gc
import os
import pickle
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread, Timer
from typing import Any

import pytest
from sqlalchemy import event

from mlorch.errors import StorageError
from mlorch.events import AssetMaterialized, Input
from mlorch.storage.sql import SqlLog, find_log, open_log
from tests.facts import made, started


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mlorch.db"


@pytest.fixture
def log(path: Path) -> Iterator[SqlLog]:
    with closing(open_log(path)) as log:
        yield log


@contextmanager
def as_nobody() -> Iterator[None]:
    """Drop root's right to read and write everything; without root there is nothing to drop."""
    if os.getuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that everybody may enter, as pytest's is not, and only its owner may write."""
    folder = Path(tempfile.mkdtemp(prefix="mlorch-"))
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_what_is_missing_is_made_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "project" / ".mlorch" / "mlorch.db"
    with closing(open_log(path)) as log:
        log.append([made()])
    for where in (str(path), f"sqlite:///{path}"):
        with closing(open_log(where)) as log:
            assert [record.event for record in log.read()] == [made()]


def test_a_path_may_hold_any_character(tmp_path: Path) -> None:
    path = tmp_path / "50% of #1? über & so" / "mlorch.db"
    for _ in range(2):
        with closing(open_log(path)) as log:
            log.append([made()])
    assert path.exists()


def test_a_log_that_is_not_there_is_not_made_to_be_read(path: Path) -> None:
    assert find_log(path) is None
    assert not path.exists()
    path.touch()
    assert find_log(path) is None
    with closing(open_log(path)) as log:
        log.append([made()])
    found = find_log(path)
    assert found is not None
    with closing(found):
        assert len(found.read()) == 1


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("sqlite://", "sqlite:///path/of/file.db"),
        ("mysql://me:secret@host/db", "sqlite:///path/of/file.db"),
        ("://", "no URL of a database"),
    ],
)
def test_urls_of_something_else_are_refused(where: str, said: str) -> None:
    with pytest.raises(StorageError, match=said) as raised:
        open_log(where)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough" * 100, b"SQLite format 3\0" + b"x" * 4096]
)
def test_a_file_that_is_no_database_is_named_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for opening in (open_log, find_log):
        with pytest.raises(StorageError, match=r"mlorch\.db is no database .* left as it is"):
            opening(path)
    assert path.read_bytes() == content
    assert [one.name for one in path.parent.iterdir()] == ["mlorch.db"]


def test_a_damaged_page_is_named_when_it_is_read(path: Path) -> None:
    with closing(open_log(path)) as log:
        log.append([made(metadata={"text": "x" * 50_000})])
    with path.open("r+b") as file:
        file.seek(-40_000, os.SEEK_END)
        file.write(b"\xff" * 40_000)
    with closing(open_log(path)) as log, pytest.raises(StorageError, match=r"mlorch\.db is damaged"):
        log.read()


def test_a_file_cut_short_is_named_when_it_is_opened(path: Path) -> None:
    with closing(open_log(path)) as log:
        log.append([made(metadata={"text": "x" * 50_000})])
    os.truncate(path, path.stat().st_size // 8192 * 4096)
    content = path.read_bytes()
    with pytest.raises(StorageError, match=r"mlorch\.db is damaged"):
        open_log(path)
    assert path.read_bytes() == content


def test_a_record_of_a_newer_mlorch_is_refused(path: Path, log: SqlLog) -> None:
    log.append([started()])
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE events SET kind = 'rocket_launched'")
        raw.commit()
    with pytest.raises(StorageError, match=r"mlorch\.db has a record .*rocket_launched.* newer mlorch"):
        log.read()


def test_a_folder_in_place_of_the_database_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StorageError, match=r"mlorch\.db"):
        open_log(path)


def test_a_file_in_place_of_the_folder_is_refused(path: Path) -> None:
    path.write_text("in the way")
    for opening in (open_log, find_log):
        with pytest.raises(StorageError, match=r"mlorch\.db"):
            opening(path / ".mlorch" / "mlorch.db")


def test_without_permission_to_write_the_path_is_named(reachable: Path) -> None:
    with as_nobody(), pytest.raises(StorageError, match=f"{reachable} can't be written"):
        open_log(reachable / "mlorch.db")
    with as_nobody(), pytest.raises(StorageError, match=rf"{reachable}/\.mlorch can't be made"):
        open_log(reachable / ".mlorch" / "mlorch.db")
    assert list(reachable.iterdir()) == []


@pytest.mark.parametrize("is_open_elsewhere", [True, False])
def test_reading_needs_no_permission_to_write(reachable: Path, is_open_elsewhere: bool) -> None:
    path = reachable / "mlorch.db"
    reachable.chmod(0o755)
    writer = open_log(path)
    writer.append([made()])
    if not is_open_elsewhere:
        writer.close()
    reachable.chmod(0o555)
    with as_nobody():
        log = find_log(path)
        assert log is not None
        with closing(log):
            assert [record.event for record in log.read()] == [made()]
            with pytest.raises(StorageError, match=f"{path} can't be opened or written"):
                log.append([made()])
    writer.close()


def test_what_cannot_be_written_as_json_keeps_nothing_of_its_batch(log: SqlLog) -> None:
    log.append([made("a")])
    with pytest.raises(TypeError, match="not JSON serializable"):
        log.append([made("b"), made("c", metadata={"frame": object()})], once=["start:r"])
    assert log.used(["start:r"]) == set()
    assert [record.event for record in log.read()] == [made("a")]
    assert log.latest("asset_materialized").keys() == {("a", None)}
    assert log.append([made("d")]) == [2]


def test_a_full_disk_is_an_error_of_the_system_and_loses_nothing(log: SqlLog) -> None:
    environment = {"python": "3.11"}
    log.append([made("a")])
    # SQLite's own limit fails as a full disk does.
    with log.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    full = [made("b", environment=environment), made("c", metadata={"text": "x" * 100_000})]
    with pytest.raises(OSError, match=r"mlorch\.db") as raised:
        log.append(full)
    assert raised.value.errno == errno.ENOSPC
    assert [record.event for record in log.read()] == [made("a")]
    with log.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    # What the failed batch shared was lost with it, and is written again.
    assert log.append(full) == [2, 3]
    assert [record.event for record in log.read(1)] == full


def test_what_facts_share_is_kept_once(path: Path, log: SqlLog) -> None:
    environment = {"python": "3.11.7"}
    for number in range(5):
        log.append([made(f"a{number}", environment=dict(environment), definition={"group": "g"})])
    with closing(open_log(path)) as other:
        other.append([made("b", environment=environment)])
        assert {str(record.event.environment) for record in other.latest("asset_materialized").values()} == {
            str(environment)
        }
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM interned").fetchone() == (2,)
    inputs = tuple(Input("up", None, "v", seq) for seq in range(100))
    log.append([made(f"a{number}", inputs=inputs) for number in range(5)])
    log.append([made("b", inputs=inputs)])
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM interned").fetchone() == (3,)
        assert raw.execute("SELECT count(*) FROM events WHERE body LIKE '%3.11.7%'").fetchone() == (0,)


def test_readers_and_a_writer_do_not_wait_for_each_other(path: Path, log: SqlLog) -> None:
    log.append([made()])
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("DELETE FROM events")
        assert len(log.read()) == 1
        raw.execute("ROLLBACK")
        raw.execute("BEGIN")
        assert raw.execute("SELECT count(*) FROM events").fetchone() == (1,)
        log.append([made()])
        assert raw.execute("SELECT count(*) FROM events").fetchone() == (1,)


def test_making_a_database_waits_for_another_that_does(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        timer = Timer(0.1, raw.rollback)
        timer.start()
        with closing(open_log(path)) as log:
            assert log.append([made()]) == [1]
        timer.join()


def test_a_second_log_sees_what_the_first_kept(path: Path, log: SqlLog) -> None:
    with closing(open_log(path)) as other:
        for number in range(1, 11):
            one, two = (log, other) if number % 2 else (other, log)
            assert one.append([made(environment={"number": str(number)})]) == [number]
            assert [record.seq for record in two.read(number - 1)] == [number]


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "INTEGER PRIMARY KEY"),
        ({"kinds": ["run_started"], "newest_first": True, "limit": 5}, "ix_events_kind"),
        ({"run_id": "r"}, "ix_events_run_id"),
        ({"run_id": "r", "kinds": ["asset_materialized"]}, "ix_events_run_id"),
        ({"asset": "a", "kinds": ["asset_materialized"], "newest_first": True}, "ix_events_asset"),
    ],
    ids=["all", "kinds", "run", "run and kinds", "asset and kinds"],
)
def test_reading_searches_the_best_index_and_sorts_nothing(log: SqlLog, asked: Any, index: str) -> None:
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        statements.append((statement, values))

    event.listen(log.engine, "before_cursor_execute", note)
    log.read(7, **asked)
    ((statement, values),) = [one for one in statements if one[0].startswith("SELECT")]
    with log.engine.connect() as connection:
        (plan,) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    assert f"SEARCH events USING {index}" in plan[3].replace("INDEX ", "")


def test_slots_are_looked_up_one_by_one(log: SqlLog) -> None:
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        statements.append((statement, values))

    event.listen(log.engine, "before_cursor_execute", note)
    log.latest("asset_materialized", slots=[("a", "p")])
    ((statement, values),) = [one for one in statements if "SELECT" in one[0]]
    with log.engine.connect() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert "SEARCH latest USING PRIMARY KEY (kind=? AND asset=? AND partition=?)" in plan


def test_a_materialization_read_is_one_like_any_other(log: SqlLog) -> None:
    fact = made("a", "p", metadata={"rows": 1}, metrics={"auc": 0.5}, size=3, config={"depth": 2})
    log.append([fact] * 7)
    read = [record.event for record in log.read()]
    assert read[0] == fact
    assert fact == read[1]
    assert read[2] in (fact,)
    assert repr(read[3]) == repr(fact)
    assert pickle.loads(pickle.dumps(read[4])) == fact
    assert isinstance(read[5], AssetMaterialized)
    assert replace(read[5], size=4) == made(
        "a", "p", metadata={"rows": 1}, metrics={"auc": 0.5}, size=4, config={"depth": 2}
    )
    assert isinstance(read[6], AssetMaterialized)
    assert (read[6].metadata, read[6].size) == ({"rows": 1}, 3)
    assert {type(one) for one in read} == {AssetMaterialized}


def test_a_materialization_read_has_no_attributes_of_its_own(log: SqlLog) -> None:
    log.append([made()])
    with pytest.raises(AttributeError, match="'AssetMaterialized' object has no attribute 'sise'"):
        log.read()[0].event.sise  # noqa: B018


def test_threads_may_look_at_one_materialization_at_once(log: SqlLog) -> None:
    log.append([made(f"a{number}", size=number) for number in range(2000)])
    read, ready, seen = log.read(), Barrier(3), list[list[int | None]]()

    def look() -> None:
        ready.wait()
        seen.append([record.event.size for record in read if isinstance(record.event, AssetMaterialized)])

    threads = [Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [list(range(2000))] * 3


def test_garbage_is_collected_after_reading_as_before(log: SqlLog) -> None:
    log.append([made()])
    assert gc.isenabled()
    log.read()
    assert gc.isenabled()
    gc.disable()
    log.read()
    try:
        assert not gc.isenabled()
    finally:
        gc.enable()
