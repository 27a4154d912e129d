"""Values in the memory of this process."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

from mlorch.definitions.io import StoredValue
from mlorch.iomanagers.hashes import chosen, md5, plain


class MemoryStore:
    """Keeps every version until it is dropped itself; for instances that leave nothing behind."""

    __slots__ = ("_objects", "files")

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        """What lies at each uri now."""
        self._objects: dict[str, bytes] = {}

    def write(self, path: str, dump: Callable[[BinaryIO], object]) -> StoredValue:
        uri = f"memory:{plain(path)}"
        file = io.BytesIO()
        dump(file)
        data = file.getvalue()
        digest = md5(data)
        self.files[uri] = self._objects.setdefault(digest, data)
        return StoredValue(uri, digest, len(data))

    def read(self, uri: str, content_hash: str | None) -> bytes:
        return chosen(uri, content_hash, self.files.get(uri), self._objects.get, self._objects.__contains__)

    def restore(self, uri: str, content_hash: str) -> None:
        self.files[uri] = chosen(uri, content_hash, None, self._objects.get, self._objects.__contains__)
