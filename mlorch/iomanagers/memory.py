"""Values in the memory of this process."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO

from mlorch.definitions.io import InputContext, IOManager, OutputContext, Removed, StoredValue
from mlorch.errors import NotFoundError
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

    def remove(self, content_hash: str, before: float, *, only_ask: bool = False) -> Removed | None:
        data = self._objects.get(content_hash)
        if data is not None and not only_ask:
            del self._objects[content_hash]
        return None if data is None else Removed(len(data))


class InMemoryIOManager(IOManager):
    """Keeps values themselves, in this process and as long as this object lives; for tests.

    What a reader changes is changed for the next one. Raises NotFoundError for what another process kept.
    """

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], Any] = {}

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        self.values[_name(context)] = obj

    def load_input(self, context: InputContext) -> Any:
        try:
            return self.values[_name(context)]
        except KeyError:
            raise NotFoundError(
                f"{context} is not in memory: another process made it, or one that has ended; "
                "materialize it again here, in-process"
            ) from None


def _name(context: OutputContext | InputContext) -> tuple[str, ...]:
    return tuple(context.get_asset_identifier() if context.has_asset_key else context.get_identifier())
