"""Values removed by their hash, while the same bytes may be written."""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Thread

import pytest

from mlorch.definitions.io import Removed
from mlorch.errors import NotFoundError
from mlorch.iomanagers.files import LocalStore
from mlorch.iomanagers.memory import MemoryStore
from mlorch.iomanagers.removing import recover


def store_in(folder: Path, cache: Path | None = None) -> LocalStore:
    return LocalStore(folder / "data", folder / "objects", cache, project=folder)


def later() -> float:
    return time.time() + 10


def test_a_superseded_version_goes_and_the_newest_stays(tmp_path: Path):
    store = store_in(tmp_path)
    old = store.write("a.txt", lambda file: file.write(b"old"))
    new = store.write("a.txt", lambda file: file.write(b"newer"))
    assert store.remove(old.content_hash, later(), only_ask=True) == Removed(3)
    assert store.read(old.uri, old.content_hash) == b"old"
    assert store.remove(old.content_hash, later()) == Removed(3)
    assert store.remove(old.content_hash, later()) is None
    assert store.read(new.uri, new.content_hash) == b"newer"
    with pytest.raises(NotFoundError):
        store.read(old.uri, old.content_hash)


def test_in_memory_as_well():
    store = MemoryStore()
    old = store.write("a.txt", lambda file: file.write(b"old"))
    store.write("a.txt", lambda file: file.write(b"newer"))
    assert store.remove(old.content_hash, 0.0, only_ask=True) == Removed(3)
    assert store.remove(old.content_hash, 0.0) == Removed(3)
    with pytest.raises(NotFoundError):
        store.read(old.uri, old.content_hash)


def test_what_was_written_again_since_stays(tmp_path: Path):
    store = store_in(tmp_path)
    kept = store.write("a.txt", lambda file: file.write(b"same"))
    path = tmp_path / "objects" / kept.content_hash[:2] / kept.content_hash[2:]
    os.utime(path, (1.0, 1.0))
    assert store.remove(kept.content_hash, 2.0, only_ask=True) == Removed(4)
    store.write("b.txt", lambda file: file.write(b"same"))
    assert store.remove(kept.content_hash, time.time() - 60) is None
    assert path.exists()


def test_bytes_that_the_cache_of_dvc_has_as_well_are_told_apart(tmp_path: Path):
    store = store_in(tmp_path, tmp_path / "cache")
    old = store.write("a.txt", lambda file: file.write(b"old"))
    assert store.remove(old.content_hash, later()) == Removed(3, is_shared=True)
    assert (tmp_path / "cache" / old.content_hash[:2] / old.content_hash[2:]).read_bytes() == b"old"


def test_what_was_set_aside_by_a_process_that_died_is_put_back(tmp_path: Path):
    store = store_in(tmp_path)
    old = store.write("a.txt", lambda file: file.write(b"old"))
    store.write("a.txt", lambda file: file.write(b"newer"))
    path = tmp_path / "objects" / old.content_hash[:2] / old.content_hash[2:]
    path.rename(f"{path}.removed")
    recover(tmp_path / "objects")
    assert store.read(old.uri, old.content_hash) == b"old"
    assert list(tmp_path.glob("objects/*/*.removed")) == []


def test_who_writes_the_same_bytes_meanwhile_has_them_kept(tmp_path: Path):
    store = store_in(tmp_path)
    kept = store.write("a.txt", lambda file: file.write(b"same"))
    path = tmp_path / "objects" / kept.content_hash[:2] / kept.content_hash[2:]
    is_over = False

    def remove() -> None:
        while not is_over:
            store.remove(kept.content_hash, time.time() - 60)
            recover(tmp_path / "objects")

    thread = Thread(target=remove)
    thread.start()
    try:
        for number in range(400):
            if path.exists():
                os.utime(path, (1.0, 1.0))
            store.write(f"{number}.txt", lambda file: file.write(b"same"))
            deadline = time.monotonic() + 1
            while not path.exists() and time.monotonic() < deadline:
                time.sleep(0.0001)
            assert path.read_bytes() == b"same"
    finally:
        is_over = True
        thread.join()
