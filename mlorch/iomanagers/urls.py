"""Values under any URL that fsspec knows."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO, cast

from mlorch.definitions.io import Removed, StoredValue
from mlorch.errors import MissingDependencyError, StorageError
from mlorch.iomanagers.hashes import chosen, md5, object_path, plain


class FsspecStore:
    """Files under a URL, each version also under `.objects/md5` there.

    Credentials and options come from fsspec's own configuration and environment. Raises StorageError for an
    unknown kind of URL, MissingDependencyError where its driver is not installed.
    """

    __slots__ = ("_fs", "_is_renaming", "_objects", "_prefix", "_root", "_url")

    def __init__(self, url: str) -> None:
        from fsspec import AbstractFileSystem
        from fsspec.core import url_to_fs

        self._url = url
        try:
            self._fs, root = url_to_fs(url)
        except ImportError as error:
            raise MissingDependencyError(f"the base path {url!r} needs a driver: {error}") from error
        except ValueError as error:
            raise StorageError(f"the base path {url!r} is no URL that fsspec knows: {error}") from error
        self._root = str(root).rstrip("/")
        self._prefix = f"{self._fs.unstrip_protocol(self._root)}/"
        self._objects = f"{self._root}/.objects/md5"
        # Object stores know no renaming, and need none: what they put is there whole or not at all.
        self._is_renaming = type(self._fs).mv is not AbstractFileSystem.mv

    def __reduce__(self) -> tuple[Any, ...]:
        return FsspecStore, (self._url,)

    def uri(self, path: str) -> str:
        """Return under which uri a path is kept."""
        return f"{self._prefix}{path}"

    def write(self, path: str, dump: Callable[[BinaryIO], object]) -> StoredValue:
        target = f"{self._root}/{plain(path)}"
        file = io.BytesIO()
        dump(file)
        data = file.getvalue()
        digest = md5(data)
        kept = object_path(self._objects, digest)
        if self._size(kept) != len(data):
            self._put(kept, data)
        self._put(target, data)
        return StoredValue(self.uri(path), digest, len(data))

    def read(self, uri: str, content_hash: str | None) -> bytes:
        found = self._get(self._path(uri)) if uri.startswith(self._prefix) else None
        return chosen(uri, content_hash, found, self._kept, self._is_known)

    def restore(self, uri: str, content_hash: str) -> None:
        path = self._path(uri)
        found = self._get(path)
        if found is None or md5(found) != content_hash:
            self._put(path, chosen(uri, content_hash, None, self._kept, self._is_known))

    def remove(self, content_hash: str, before: float, *, only_ask: bool = False) -> Removed | None:
        """Remove nothing: a remote store can't tell whether somebody writes the same just now."""
        return None

    def _path(self, uri: str) -> str:
        if not uri.startswith(self._prefix):
            raise StorageError(f"{uri!r} does not lie under {self._url}")
        return f"{self._root}/{plain(uri.removeprefix(self._prefix))}"

    def _kept(self, digest: str) -> bytes | None:
        data = self._get(object_path(self._objects, digest))
        return data if data is not None and md5(data) == digest else None

    def _is_known(self, digest: str) -> bool:
        return self._size(object_path(self._objects, digest)) is not None

    def _size(self, path: str) -> int | None:
        try:
            return cast(int, self._fs.info(path)["size"])
        except FileNotFoundError:
            return None

    def _get(self, path: str) -> bytes | None:
        try:
            return cast(bytes, self._fs.cat_file(path))
        except FileNotFoundError:
            return None

    def _put(self, path: str, data: bytes) -> None:
        if not self._is_renaming:
            self._fs.pipe_file(path, data)
            return
        folder = path.rpartition("/")[0]
        beside = f"{folder}/.{os.urandom(8).hex()}.tmp"
        try:
            try:
                self._fs.pipe_file(beside, data)
            except FileNotFoundError:
                self._fs.makedirs(folder, exist_ok=True)
                self._fs.pipe_file(beside, data)
            self._fs.mv(beside, path)
        except BaseException:
            # Whatever else goes wrong while tidying up, the first error is the one to tell.
            with suppress(Exception):
                self._fs.rm_file(beside)
            raise
