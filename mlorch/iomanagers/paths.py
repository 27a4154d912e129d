"""Values as files or folders of one's own: the base class of IO managers that write to a path."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import os
import shutil
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlorch.definitions.io import InputContext, IOManager, OutputContext, StoredValue
from mlorch.errors import IntegrityError, NotFoundError, StorageError

_CHUNK = 1 << 20


class MissingFileError(NotFoundError, FileNotFoundError):
    """Nothing lies where a value should; a FileNotFoundError, as people expect of a path."""


class UPathIOManager(IOManager):
    """Writes each value to a path under `base_path`: the parts of the asset's key, then the partition.

    Subclass it with `dump_to_path` and `load_from_path`. A value appears at its path all at once, and is
    compared with the recorded hash before it is read; only the newest version of it is there. The path may
    become a file or a folder. `base_path` is text or a path, the working directory if left out; under the
    URL of a remote store the paths that one sees are those of copies.
    """

    if TYPE_CHECKING:  # pydantic would take it for a field of those that are configurable
        extension: str | None
        """What file names end with, as ".csv"; nothing if left out."""

    def __init__(self, base_path: Any = None) -> None:
        self._base = Path() if base_path is None else base_path

    @property
    def _base_path(self) -> Any:
        return self._base

    @abstractmethod
    def dump_to_path(self, context: OutputContext, obj: Any, path: Path) -> Any:
        """Write the value; nobody sees the path before this returns."""

    @abstractmethod
    def load_from_path(self, context: InputContext, path: Path) -> Any:
        """Return the value."""

    def get_metadata(self, context: OutputContext, obj: Any) -> dict[str, Any]:
        """Return facts to be recorded with the value, beside its "path"."""
        return {}

    def get_path_for_partition(self, context: Any, path: Path, partition: str) -> Path:
        """Return where a partition belongs, without the extension; `path` is that of its asset.

        `partition` is the key made safe, with "/" between the dimensions of several.
        """
        return path / partition

    def get_asset_relative_path(self, context: Any) -> Path:
        """Return where an asset belongs under the base, without the extension."""
        return Path(*context.asset_key.path)

    def get_op_output_relative_path(self, context: Any) -> Path:
        """Return where the output of an op belongs under the base, without the extension."""
        return Path(*(_safe(part) for part in context.get_identifier()))

    def has_output(self, context: OutputContext) -> bool:
        """Tell whether something lies at the path of the value."""
        return self._shelf.find(self._path(context)) is not None

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue | None:
        path = self._path(context)
        with self._shelf.place(path) as beside:
            _settled(self.dump_to_path(context, obj, beside))
            is_written = beside.exists()
            digest, size = hash_of(beside) if is_written else ("", 0)
        uri = self._shelf.uri(path)
        context.add_output_metadata({"path": uri} if obj is not None else {})
        context.add_output_metadata(self.get_metadata(context, obj))
        return StoredValue(uri, digest, size) if is_written else None

    def load_input(self, context: InputContext) -> Any:
        if not context.has_asset_partitions:
            return self._load(context, self._path(context))
        keys = context.asset_partition_keys
        if not keys:
            return None
        found = {key: self._load(context, self._path(context, key)) for key in keys}
        if len(keys) == 1:
            return found[keys[0]]
        return {key: value for key, value in found.items() if value is not None}

    def _load(self, context: InputContext, path: Path) -> Any:
        try:
            with self._shelf.open(path) as found:
                if context.content_hash is not None and len(context.asset_partition_keys) < 2:
                    _check(found, context)
                return _settled(self.load_from_path(context, found))
        except FileNotFoundError:
            if context.definition_metadata.get("allow_missing_partitions"):
                context.log.warning("%s is missing and left out", context)
                return None
            where = self._shelf.uri(path)
            raise MissingFileError(f"{context}: nothing lies at {where}; materialize it again") from None

    def _path(self, context: OutputContext | InputContext, partition: str | None = None) -> Path:
        """Return the path under the base. Raises StorageError where it would leave the base."""
        if not context.has_asset_key:
            path = self.get_op_output_relative_path(context)
        else:
            path = self.get_asset_relative_path(context)
            if context.has_asset_partitions:
                key = context.asset_partition_key if partition is None else partition
                path = self.get_path_for_partition(context, path, _partition_path(key))
        path = path.with_name(f"{path.name}{getattr(self, 'extension', None) or ''}")
        base = os.path.abspath(str(self._base_path))
        if path.is_relative_to(base):
            path = path.relative_to(base)
        if path.is_absolute() or ".." in path.parts:
            raise StorageError(f"{context}: the path {path} would leave {self._base_path}")
        return path

    @property
    def _shelf(self) -> LocalShelf | RemoteShelf:
        base = self._base_path
        is_remote = "://" in str(base) and not str(base).startswith("file://")
        return RemoteShelf(str(base)) if is_remote else LocalShelf(str(base).removeprefix("file://"))


class LocalShelf:
    """A folder in which a path has the whole value, or the one before."""

    def __init__(self, base: str) -> None:
        self._base = Path(os.path.abspath(base))

    def uri(self, path: Path) -> str:
        return str(self._base / path)

    def find(self, path: Path) -> Path | None:
        return self._base / path if (self._base / path).exists() else None

    @contextmanager
    def open(self, path: Path) -> Iterator[Path]:
        """Give the path of the value. Raises FileNotFoundError."""
        found = self.find(path)
        if found is None:
            raise FileNotFoundError(self.uri(path))
        yield found

    @contextmanager
    def place(self, path: Path) -> Iterator[Path]:
        """Give a path beside, and put what is there at the end in its place."""
        target = self._base / path
        if target.parent.is_file():
            # The asset had no partitions before; its only value makes room for a folder of them.
            target.parent.unlink()
        beside = target.parent / f".{os.urandom(8).hex()}.tmp"
        beside.mkdir(parents=True)
        try:
            made = beside / target.name
            yield made
            if made.exists():
                if target.is_dir():
                    os.replace(target, beside / ".former")
                os.replace(made, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


class RemoteShelf:
    """A URL that fsspec knows; values are files, written and read through copies in a temporary folder."""

    def __init__(self, url: str) -> None:
        from mlorch.iomanagers.urls import FsspecStore

        self._store, self._url = FsspecStore(url), url.rstrip("/")

    def uri(self, path: Path) -> str:
        return f"{self._url}/{path.as_posix()}"

    def find(self, path: Path) -> Path | None:
        try:
            self._store.read(self._store.uri(path.as_posix()), None)
        except NotFoundError:
            return None
        return path

    @contextmanager
    def open(self, path: Path) -> Iterator[Path]:
        """Give the path of a copy. Raises FileNotFoundError."""
        from tempfile import TemporaryDirectory

        try:
            data = self._store.read(self._store.uri(path.as_posix()), None)
        except NotFoundError:
            raise FileNotFoundError(self.uri(path)) from None
        with TemporaryDirectory() as folder:
            copy = Path(folder, path.name)
            copy.write_bytes(data)
            yield copy

    @contextmanager
    def place(self, path: Path) -> Iterator[Path]:
        """Give the path of a copy, and upload what is there at the end."""
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            copy = Path(folder, path.name)
            yield copy
            if copy.is_dir():
                raise StorageError(f"{self.uri(path)} would be a folder, which only a local base can hold")
            if copy.exists():
                self._store.write(path.as_posix(), lambda file: file.write(copy.read_bytes()))


def hash_of(path: Path) -> tuple[str, int]:
    """Return the md5 of a file or folder and the number of bytes in it.

    A folder has that of the list of its files that DVC makes: [{"md5", "relpath"}, …] as JSON, sorted.
    """
    if not path.is_dir():
        with path.open("rb") as file:
            return _md5(file.read), path.stat().st_size
    entries, size = [], 0
    for name in sorted(one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file()):
        digest, length = hash_of(path / name)
        entries.append({"md5": digest, "relpath": name})
        size += length
    return hashlib.md5(json.dumps(entries).encode(), usedforsecurity=False).hexdigest(), size


def _md5(read: Callable[[int], bytes]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _check(path: Path, context: InputContext) -> None:
    actual, _ = hash_of(path)
    if actual != context.content_hash:
        raise IntegrityError(
            f"{context}: {path} holds something else than what was recorded (md5 {context.content_hash}, "
            f"now {actual}), and nothing of it was read. It was changed by something else than mlorch, or an "
            "older version was asked for, while only the newest is kept there; materialize it again"
        )


def _partition_path(key: str) -> str:
    dimensions = getattr(key, "keys_by_dimension", None)
    if dimensions is None:
        return _safe(key)
    return "/".join(_safe(part) for _, part in sorted(dimensions.items()))


def _safe(part: str) -> str:
    """Return a name that stays inside of its folder and is never hidden there."""
    safe = part.replace("%", "%25").replace("\\", "%5C").replace("\0", "%00")
    steps = [f"%2E{one[1:]}" if one.startswith(".") else one for one in safe.split("/")]
    return "/".join(one or "%2F" for one in steps)


def _settled(value: Any) -> Any:
    return asyncio.run(value) if inspect.iscoroutine(value) else value
