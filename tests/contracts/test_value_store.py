"""What every value store promises."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch.definitions.io import StoredValue
from mlorch.errors import IntegrityError, NotFoundError, StorageError
from mlorch.iomanagers.files import MemoryStore
from tests.contracts.shelves import SHELVES, Shelf

LARGE = os.urandom(3_000_000)


@pytest.fixture(params=SHELVES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    with SHELVES[request.param](tmp_path) as opened:
        yield opened


def put(shelf: Shelf, path: str, data: bytes) -> StoredValue:
    return shelf.store.write(path, lambda file: file.write(data))


@pytest.mark.parametrize("data", [b"", b"one", LARGE], ids=["empty", "small", "large"])
def test_what_was_written_is_read_back_with_its_md5_and_size(shelf: Shelf, data: bytes) -> None:
    stored = put(shelf, "flights/2013-01-01.parquet", data)
    assert (stored.content_hash, stored.size) == (hashlib.md5(data).hexdigest(), len(data))
    assert stored.uri.endswith("flights/2013-01-01.parquet")
    assert shelf.store.read(stored.uri, stored.content_hash) == data
    assert shelf.store.read(stored.uri, None) == data


def test_every_version_stays_readable(shelf: Shelf) -> None:
    versions = [put(shelf, "a.json", data) for data in (b"1", b"2", LARGE, b"1")]
    assert [shelf.store.read(each.uri, each.content_hash) for each in versions] == [b"1", b"2", LARGE, b"1"]
    assert shelf.store.read(versions[0].uri, None) == b"1"


def test_paths_do_not_disturb_each_other(shelf: Shelf) -> None:
    first, second = put(shelf, "a/b c ü.json", b"1"), put(shelf, "a/b/c.json", b"2")
    assert shelf.store.read(first.uri, first.content_hash) == b"1"
    assert shelf.store.read(second.uri, second.content_hash) == b"2"


def test_a_changed_value_is_refused_and_can_be_restored(shelf: Shelf) -> None:
    stored = put(shelf, "a.json", b"1")
    shelf.tamper(stored.uri, b"forged")
    with pytest.raises(IntegrityError) as refused:
        shelf.store.read(stored.uri, stored.content_hash)
    forged = hashlib.md5(b"forged").hexdigest()
    for part in (stored.uri, stored.content_hash, forged, "mlorch restore"):
        assert part in str(refused.value)
    shelf.store.restore(stored.uri, stored.content_hash)
    assert shelf.store.read(stored.uri, None) == b"1"


def test_any_recorded_version_can_be_restored(shelf: Shelf) -> None:
    old, new = put(shelf, "a.json", b"1"), put(shelf, "a.json", b"2")
    shelf.store.restore(old.uri, old.content_hash)
    assert shelf.store.read(old.uri, None) == b"1"
    assert shelf.store.read(new.uri, new.content_hash) == b"2"


def test_a_value_that_is_gone_comes_from_what_is_kept(shelf: Shelf) -> None:
    stored = put(shelf, "a.json", b"1")
    shelf.remove(stored.uri)
    assert shelf.store.read(stored.uri, stored.content_hash) == b"1"
    shelf.store.restore(stored.uri, stored.content_hash)
    assert shelf.store.read(stored.uri, None) == b"1"


def test_what_nothing_has_is_not_found(shelf: Shelf) -> None:
    stored = put(shelf, "a.json", b"1")
    unknown = hashlib.md5(b"unknown").hexdigest()
    with pytest.raises(NotFoundError, match=unknown):
        shelf.store.read(stored.uri, unknown)
    with pytest.raises(NotFoundError, match=unknown):
        shelf.store.restore(stored.uri, unknown)
    with pytest.raises(NotFoundError):
        shelf.store.read(stored.uri.replace("a.json", "b.json"), None)
    assert shelf.store.read(stored.uri, None) == b"1"


@pytest.mark.parametrize("already", [b"half", LARGE], ids=["small", "large"])
def test_an_interrupted_write_leaves_the_version_before_and_nothing_else(
    shelf: Shelf, already: bytes
) -> None:
    def interrupted(file: BinaryIO) -> None:
        file.write(already)
        raise OSError(errno.ENOSPC, "No space left on device")

    stored = put(shelf, "a.json", b"1")
    names = shelf.names()
    for path in ("a.json", "new/b.json"):
        with pytest.raises(OSError, match="No space left"):
            shelf.store.write(path, interrupted)
    assert shelf.store.read(stored.uri, stored.content_hash) == b"1"
    assert shelf.names() == names


@pytest.mark.parametrize(
    "path",
    ["", "/a", "../a", "a/../b", "a//b", "a/", ".", "./a", "a/.hidden", ".objects/md5/ab/c", "a\\b", "a\0b"],
)
def test_no_path_leaves_the_store_or_hides_in_it(shelf: Shelf, path: str) -> None:
    with pytest.raises(StorageError, match="can't be kept"):
        put(shelf, path, b"1")
    assert shelf.names() == set()


def test_writers_of_one_path_do_not_mix(shelf: Shelf) -> None:
    values = [bytes([number]) * 200_000 for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda data: put(shelf, "a.bin", data), values))
    assert shelf.store.read(stored[0].uri, None) in values
    assert [shelf.store.read(each.uri, each.content_hash) for each in stored] == values


def test_a_store_travels_to_other_processes(shelf: Shelf) -> None:
    stored = put(shelf, "a.json", b"1")
    arrived = pickle.loads(pickle.dumps(shelf.store))
    assert arrived.read(stored.uri, stored.content_hash) == b"1"


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_a_value_may_be_written_in_any_pieces(pieces: list[bytes]) -> None:
    store, whole = MemoryStore(), b"".join(pieces)
    stored = store.write("a", lambda file: [file.write(piece) for piece in pieces])
    assert stored == StoredValue("memory:a", hashlib.md5(whole).hexdigest(), len(whole))
