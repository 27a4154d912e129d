"""The stores that the contracts run against, each with a back door for what other programs do to files."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from mlorch.definitions.io import ValueStore
from mlorch.iomanagers.files import FsspecStore, LocalStore, MemoryStore


@dataclass(frozen=True)
class Shelf:
    """A store, and what only somebody behind its back can do."""

    store: ValueStore
    tamper: Callable[[str, bytes], object]
    """Put bytes at a uri without telling the store."""
    remove: Callable[[str], object]
    names: Callable[[], set[str]]
    """Every name that the store has made, objects and leftovers included."""


@contextmanager
def local(folder: Path, *, cache: bool = False) -> Iterator[Shelf]:
    store = LocalStore(
        folder / "data",
        folder / ".mlorch" / "objects" / "md5",
        folder / ".dvc" / "cache" / "files" / "md5" if cache else None,
        project=folder,
    )
    yield Shelf(
        store,
        tamper=lambda uri, data: (folder / uri).write_bytes(data),
        remove=lambda uri: (folder / uri).unlink(),
        names=lambda: {str(path) for path in folder.rglob("*") if path.is_file()},
    )


@contextmanager
def memory(folder: Path) -> Iterator[Shelf]:
    store = MemoryStore()
    yield Shelf(store, store.files.__setitem__, store.files.__delitem__, lambda: set(store.files))


@contextmanager
def remote(url: str) -> Iterator[Shelf]:
    files: Any
    files, root = fsspec.core.url_to_fs(url)
    yield Shelf(
        FsspecStore(url),
        tamper=files.pipe_file,
        remove=files.rm_file,
        names=lambda: set(files.find(root)) if files.exists(root) else set(),
    )
    if files.exists(root):
        files.rm(root, recursive=True)


SHELVES: dict[str, Callable[[Path], Any]] = {
    "local": local,
    "local-dvc": lambda folder: local(folder, cache=True),
    "memory": memory,
    "fsspec-memory": lambda folder: remote(f"memory://{uuid.uuid4().hex}/values"),
    "fsspec-file": lambda folder: remote(f"file://{folder}/values"),
}
