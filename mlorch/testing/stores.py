"""The contract of value stores: subclass it in a test, and pytest checks one's own by it."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NoReturn

from mlorch.definitions.io import StoredValue, ValueStore
from mlorch.errors import IntegrityError, NotFoundError, StorageError
from mlorch.testing.claims import claim, refusing

LARGE = b"mlorch" * 500_000
"""More than what a store may gather in memory."""

FORBIDDEN = (
    "", "/a", "../a", "a/../b", "a//b", "a/", ".", "./a", "a/.hidden", ".objects/md5/ab/c", "a\\b", "a\0b",
)  # fmt: skip
"""Paths that would leave the store, hide in it, or mean two things."""


class ValueStoreContract(ABC):
    """What every value store promises. Subclass it as `class TestBucket(ValueStoreContract)`."""

    @abstractmethod
    def store(self, folder: Path) -> ValueStore:
        """Return a store that is empty at first; the folder is for it alone."""

    @abstractmethod
    def tamper(self, store: ValueStore, uri: str, data: bytes, folder: Path) -> None:
        """Put other bytes at a uri behind the store's back."""

    @abstractmethod
    def remove(self, store: ValueStore, uri: str, folder: Path) -> None:
        """Take away what lies at a uri behind the store's back."""

    @abstractmethod
    def names(self, store: ValueStore, folder: Path) -> set[str]:
        """Return every name that the store has made, objects and leftovers included."""

    # The laws

    def test_what_was_written_is_read_back_with_its_md5_and_size(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        for data in (b"", b"one", LARGE):
            stored = put(store, "flights/2013-01-01.parquet", data)
            claim(stored.content_hash == _md5(data), f"{stored} has not the md5 of what was written")
            claim(stored.size == len(data), f"{stored} has not the size of what was written")
            claim(stored.uri.endswith("flights/2013-01-01.parquet"), f"{stored.uri} is not where it belongs")
            _claim_reads(store, stored, data)
            claim(store.read(stored.uri, None) == data, "without a hash something else is read")

    def test_every_version_stays_readable(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        contents = (b"1", b"2", LARGE, b"1")
        versions = [put(store, "a.json", data) for data in contents]
        for stored, data in zip(versions, contents, strict=True):
            _claim_reads(store, stored, data)
        claim(store.read(versions[0].uri, None) == b"1", "the uri does not hold the newest version")

    def test_paths_do_not_disturb_each_other(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        kept = {data: put(store, path, data) for path, data in (("a/b c ü.json", b"1"), ("a/b/c.json", b"2"))}
        for data, stored in kept.items():
            _claim_reads(store, stored, data)

    def test_a_changed_value_is_refused_and_can_be_restored(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        stored = put(store, "a.json", b"1")
        self.tamper(store, stored.uri, b"forged", tmp_path)
        with refusing(IntegrityError, otherwise="bytes were read that are not the recorded ones") as raised:
            store.read(stored.uri, stored.content_hash)
        for part in (stored.uri, stored.content_hash, _md5(b"forged"), "mlorch restore"):
            claim(part in str(raised.error), f"the message does not say {part!r}: {raised.error}")
        store.restore(stored.uri, stored.content_hash)
        claim(store.read(stored.uri, None) == b"1", "what was restored is something else")

    def test_any_recorded_version_can_be_restored(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        old, new = put(store, "a.json", b"1"), put(store, "a.json", b"2")
        store.restore(old.uri, old.content_hash)
        claim(store.read(old.uri, None) == b"1", "what was restored is something else")
        _claim_reads(store, new, b"2")

    def test_a_value_that_is_gone_comes_from_what_is_kept(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        stored = put(store, "a.json", b"1")
        self.remove(store, stored.uri, tmp_path)
        _claim_reads(store, stored, b"1")
        store.restore(stored.uri, stored.content_hash)
        claim(store.read(stored.uri, None) == b"1", "what was restored is something else")

    def test_what_nothing_has_is_not_found(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        stored = put(store, "a.json", b"1")
        unknown = _md5(b"unknown")
        for ask in (store.read, store.restore):
            with refusing(NotFoundError, otherwise="something was found that was never written") as raised:
                ask(stored.uri, unknown)
            claim(unknown in str(raised.error), f"the message does not name the hash: {raised.error}")
        with refusing(NotFoundError, otherwise="something was found where nothing was written"):
            store.read(stored.uri.replace("a.json", "b.json"), None)
        _claim_reads(store, stored, b"1")

    def test_an_interrupted_write_leaves_the_version_before_and_nothing_else(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        stored = put(store, "a.json", b"1")
        names = self.names(store, tmp_path)
        for already in (b"half", LARGE):

            def interrupted(file: BinaryIO, already: bytes = already) -> NoReturn:
                file.write(already)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            for path in ("a.json", "new/b.json"):
                with refusing(OSError, otherwise="what the writing raised is lost"):
                    store.write(path, interrupted)
            _claim_reads(store, stored, b"1")
            left = self.names(store, tmp_path) - names
            claim(not left, f"an interrupted write left {sorted(left)}")

    def test_no_path_leaves_the_store_or_hides_in_it(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        for path in FORBIDDEN:
            with refusing(StorageError, otherwise=f"something was written at {path!r}"):
                put(store, path, b"1")
        claim(self.names(store, tmp_path) == set(), "a path was refused and something written nevertheless")

    def test_writers_of_one_path_do_not_mix(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        values = [bytes([number]) * 200_000 for number in range(20)]
        with ThreadPoolExecutor(8) as pool:
            stored = list(pool.map(lambda data: put(store, "a.bin", data), values))
        claim(store.read(stored[0].uri, None) in values, "the values of several writers are mixed")
        for one, data in zip(stored, values, strict=True):
            _claim_reads(store, one, data)

    def test_a_store_travels_to_other_processes(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        stored = put(store, "a.json", b"1")
        _claim_reads(pickle.loads(pickle.dumps(store)), stored, b"1")


def put(store: ValueStore, path: str, data: bytes) -> StoredValue:
    """Write bytes to a store."""
    return store.write(path, lambda file: file.write(data))


def _claim_reads(store: ValueStore, stored: StoredValue, data: bytes) -> None:
    found = store.read(stored.uri, stored.content_hash)
    claim(found == data, f"{stored.uri} with md5 {stored.content_hash} gives {found[:60]!r}")


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
