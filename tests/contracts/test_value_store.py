"""Every store of mlorch keeps the contract that is shipped for people's own."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch.definitions.io import StoredValue, ValueStore
from mlorch.iomanagers.files import FsspecStore, LocalStore, MemoryStore
from mlorch.testing import ValueStoreContract


class TestLocalStore(ValueStoreContract):
    def store(self, folder: Path) -> ValueStore:
        return LocalStore(folder / "data", folder / ".mlorch" / "objects" / "md5", project=folder)

    def tamper(self, store: Any, uri: str, data: bytes, folder: Path) -> None:
        (folder / uri).write_bytes(data)

    def remove(self, store: Any, uri: str, folder: Path) -> None:
        (folder / uri).unlink()

    def names(self, store: Any, folder: Path) -> set[str]:
        return {str(path) for path in folder.rglob("*") if path.is_file()}


class TestLocalStoreBesideDvc(TestLocalStore):
    def store(self, folder: Path) -> ValueStore:
        cache = folder / ".dvc" / "cache" / "files" / "md5"
        return LocalStore(folder / "data", folder / ".mlorch" / "objects" / "md5", cache, project=folder)


class TestMemoryStore(ValueStoreContract):
    def store(self, folder: Path) -> ValueStore:
        return MemoryStore()

    def tamper(self, store: Any, uri: str, data: bytes, folder: Path) -> None:
        store.files[uri] = data

    def remove(self, store: Any, uri: str, folder: Path) -> None:
        del store.files[uri]

    def names(self, store: Any, folder: Path) -> set[str]:
        return set(store.files)


class TestFsspecStoreOnDisk(ValueStoreContract):
    def url(self, folder: Path) -> str:
        return f"file://{folder}/values"

    def store(self, folder: Path) -> ValueStore:
        return FsspecStore(self.url(folder))

    def tamper(self, store: Any, uri: str, data: bytes, folder: Path) -> None:
        self._files(folder)[0].pipe_file(uri, data)

    def remove(self, store: Any, uri: str, folder: Path) -> None:
        self._files(folder)[0].rm_file(uri)

    def names(self, store: Any, folder: Path) -> set[str]:
        files, root = self._files(folder)
        return set(files.find(root)) if files.exists(root) else set()

    def _files(self, folder: Path) -> Any:
        return fsspec.core.url_to_fs(self.url(folder))


class TestFsspecStoreInMemory(TestFsspecStoreOnDisk):
    @pytest.fixture(autouse=True)
    def _emptied(self, tmp_path: Path) -> Any:
        yield
        files, root = self._files(tmp_path)
        if files.exists(root):
            files.rm(root, recursive=True)

    def url(self, folder: Path) -> str:
        return f"memory://{uuid.uuid5(uuid.NAMESPACE_URL, str(folder)).hex}/values"


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_a_value_may_be_written_in_any_pieces(pieces: list[bytes]) -> None:
    store, whole = MemoryStore(), b"".join(pieces)
    stored = store.write("a", lambda file: [file.write(piece) for piece in pieces])
    assert stored == StoredValue("memory:a", hashlib.md5(whole).hexdigest(), len(whole))
