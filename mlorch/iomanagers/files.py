"""Values as plain files in a folder, and the choice of a store by its base path."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from mlorch.definitions.io import Removed, StoredValue, ValueStore
from mlorch.errors import StorageError
from mlorch.iomanagers.hashes import chosen, md5, object_path, plain
from mlorch.iomanagers.memory import MemoryStore
from mlorch.iomanagers.removing import remove_object
from mlorch.iomanagers.urls import FsspecStore

__all__ = ["FsspecStore", "LocalStore", "MemoryStore", "open_store"]

_EXTENSIONS = ("csv", "json", "joblib", "npy", "parquet", "pkl", "txt")

_CLOCK = 1.0
"""Seconds by which a file system's clock may be behind ours."""

_SMALL = 1 << 16
"""Bytes that are read at once; most values have fewer."""

_SPILL = 1 << 20
"""Bytes of a value that are gathered in memory; a larger one is written to the disk while it is made."""


def open_store(base: str | Path, *, project: Path, dvc_cache: Path | None = None) -> ValueStore:
    """Return the store at `base`: a folder (a relative one lies in the project) or a URL that fsspec knows.

    `dvc_cache` is the folder of DVC's objects (".dvc/cache/files/md5"), None where the project has no DVC.
    Raises StorageError for an unknown kind of URL, MissingDependencyError where its driver is not installed.
    """
    if "://" in str(base):
        return FsspecStore(str(base))
    return LocalStore(project / base, project / ".mlorch" / "objects" / "md5", dvc_cache, project=project)


class LocalStore:
    """Plain files in a folder. Each version is also kept under its md5 in `objects`, read-only.

    `cache` is DVC's; it is laid out the same and gets links. What lies in `project` has a relative uri.
    """

    __slots__ = ("_cache", "_extensions", "_home", "_objects", "_opened_at", "_prefix", "_root")

    def __init__(
        self, root: Path, objects: Path, cache: Path | None = None, *, project: Path | None = None
    ) -> None:
        self._root, self._objects = os.path.abspath(root), os.path.abspath(objects)
        self._cache = None if cache is None else os.path.abspath(cache)
        self._home = self._root if project is None else os.path.abspath(project)
        is_inside = project is not None and f"{self._root}/".startswith(f"{self._home}/")
        self._prefix = f"{self._root}/".removeprefix(f"{self._home}/") if is_inside else f"{self._root}/"
        self._opened_at = time.time()
        self._extensions: dict[str, dict[str, list[str]]] = {}
        """By folder and name what lay there when it was first written to."""

    def __getstate__(self) -> Any:
        """Leave out what is cached."""
        return None, {name: {} if name == "_extensions" else getattr(self, name) for name in self.__slots__}

    def write(self, path: str, dump: Callable[[BinaryIO], object]) -> StoredValue:
        # Nothing is forced to the disk with fsync: it costs milliseconds, and a file that a power cut left
        # torn is found by its hash when it is read.
        target = f"{self._root}/{plain(path)}"
        sink = _Sink(target)
        try:
            dump(cast(BinaryIO, sink))
            digest = sink.digest
            self._keep(digest, sink)
            is_new = not os.access(target, os.F_OK)
            sink.move()
        except BaseException:
            sink.discard()
            raise
        if is_new:
            self._drop_former_kinds(target)
        return StoredValue(f"{self._prefix}{path}", digest, sink.size)

    def read(self, uri: str, content_hash: str | None) -> bytes:
        _check_own(uri)
        found = _slurp(os.path.join(self._home, uri))
        return chosen(uri, content_hash, found, self._kept, self._is_known)

    def restore(self, uri: str, content_hash: str) -> None:
        _check_own(uri)
        path = os.path.normpath(os.path.join(self._home, uri))
        if not path.startswith((f"{self._home}/", f"{self._root}/")):
            raise StorageError(f"{uri!r} lies outside of {self._home}")
        found = _slurp(path)
        if found is None or md5(found) != content_hash:
            data = chosen(uri, content_hash, None, self._kept, self._is_known)
            _place(path, 0o666, lambda file: _write(file, data))

    def remove(self, content_hash: str, before: float, *, only_ask: bool = False) -> Removed | None:
        return remove_object(object_path(self._objects, content_hash), before, only_ask=only_ask)

    def _kept(self, digest: str) -> bytes | None:
        for folder in (self._objects, self._cache):
            data = None if folder is None else _slurp(object_path(folder, digest))
            if data is not None and md5(data) == digest:
                return data
        return None

    def _is_known(self, digest: str) -> bool:
        return os.access(object_path(self._objects, digest), os.F_OK)

    def _keep(self, digest: str, sink: _Sink) -> None:
        kept = object_path(self._objects, digest)
        try:
            # What was touched is not removed before it can be recorded.
            os.utime(kept)
            is_kept = os.stat(kept).st_size == sink.size
        except (FileNotFoundError, PermissionError):
            is_kept = False
        if not is_kept:
            _place(kept, 0o444, sink.copy)
        if self._cache is not None:
            # What DVC lacks fails no run: its mirror finds the object here when it next looks.
            with suppress(OSError):
                _link(kept, object_path(self._cache, digest))

    def _drop_former_kinds(self, path: str) -> None:
        """Remove what lies here from when the value was of another kind; it stays readable by its hash.

        What an IO manager of the user wrote just now under another extension belongs to this value.
        """
        stem, _, extension = path.rpartition(".")
        folder, _, name = stem.rpartition("/")
        if folder not in self._extensions:
            self._extensions[folder] = _extensions(folder)
        for other in self._extensions[folder].get(name, ()):
            former = f"{stem}.{other}"
            if other != extension and os.access(former, os.F_OK):
                with suppress(FileNotFoundError):
                    is_older = os.stat(former).st_mtime < self._opened_at - _CLOCK
                    if is_older and self._is_known(md5(_slurp(former) or b"")):
                        os.unlink(former)


def _extensions(folder: str) -> dict[str, list[str]]:
    """Return the extensions of our kinds that files of a folder have, by their names without them."""
    found: dict[str, list[str]] = {}
    for file in os.listdir(folder or "."):
        name, _, extension = file.rpartition(".")
        if extension in _EXTENSIONS:
            found.setdefault(name, []).append(extension)
    return found


def _check_own(uri: str) -> None:
    if "://" in uri:
        raise StorageError(
            f"{uri} is kept by an IO manager of its own and not as a file of the project: only the newest "
            "version is there, and none can be put back; materialize the asset again"
        )


class _Sink(io.RawIOBase):
    """Takes what is written and hashes it; what outgrows memory goes to a hidden file beside the target."""

    def __init__(self, target: str) -> None:
        self.size = 0
        self._target = target
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._chunks: list[bytes] = []
        self._beside = ""
        self._file = -1

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        chunk = data if type(data) is bytes else bytes(data)
        self._md5.update(chunk)
        self.size += len(chunk)
        if self._file >= 0:
            _write(self._file, chunk)
        else:
            self._chunks.append(chunk)
            if self.size > _SPILL:
                self._beside, self._file = _create(self._target, 0o666)
                _write(self._file, b"".join(self._chunks))
                self._chunks.clear()
        return len(chunk)

    @property
    def digest(self) -> str:
        return self._md5.hexdigest()

    def copy(self, file: int) -> None:
        """Write the same bytes to another open file."""
        if self._file >= 0:
            _copy(self._beside, file)
        else:
            _write(file, b"".join(self._chunks))

    def move(self) -> None:
        """Put the bytes at their target, where they appear all at once."""
        if self._file >= 0:
            os.replace(self._beside, self._target)
            os.close(self._file)
        else:
            _place(self._target, 0o666, self.copy)

    def discard(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            with suppress(OSError):
                os.unlink(self._beside)


def _slurp(path: str) -> bytes | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        data = os.read(file, _SMALL)
        if len(data) < _SMALL:
            return data
        os.lseek(file, 0, os.SEEK_SET)
        with open(file, "rb", buffering=0, closefd=False) as whole:
            return whole.read()
    finally:
        os.close(file)


def _create(path: str, mode: int) -> tuple[str, int]:
    """Open a new hidden file beside the path; return its name and number."""
    folder = path.rpartition("/")[0]
    beside = f"{folder}/.{os.urandom(8).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return beside, os.open(beside, flags, mode)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        return beside, os.open(beside, flags, mode)


def _place(path: str, mode: int, fill: Callable[[int], None]) -> None:
    """Fill a file beside the path and rename it: the path has the whole file, or the one before."""
    beside, file = _create(path, mode)
    try:
        try:
            fill(file)
        finally:
            os.close(file)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def _write(file: int, data: bytes) -> None:
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, memoryview(data)[written:])


def _copy(source: str, file: int) -> None:
    """Copy in the kernel, which shares the blocks where the file system can; by hand what it leaves."""
    with open(source, "rb", buffering=0) as origin:
        with suppress(OSError):
            while os.copy_file_range(origin.fileno(), file, 1 << 30):
                pass
        while chunk := origin.read(_SPILL):
            _write(file, chunk)


def _link(kept: str, linked: str) -> None:
    """Link an object; copy it where the file system has no links or is another one."""
    try:
        try:
            os.link(kept, linked)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(linked), exist_ok=True)
            os.link(kept, linked)
    except FileExistsError:
        pass
    except OSError:
        _place(linked, 0o444, lambda file: _copy(kept, file))
