"""How values are kept and read: what an IO manager, a value store and a kind of value promise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from mlorch.definitions.keys import AssetKey


@dataclass(frozen=True, slots=True)
class StoredValue:
    """Where bytes are kept, their md5 (32 hex digits) and their number."""

    uri: str
    content_hash: str
    size: int


class ValueStore(Protocol):
    """Bytes under paths, each version of them also kept by its hash until it is removed on purpose."""

    def write(self, path: str, dump: Callable[[BinaryIO], object]) -> StoredValue:
        """Keep what `dump` writes, whole or not at all: written beside, hashed as it is written, renamed.

        `path` is relative, with "/" between its parts. The value before stays where `dump` raises or the
        disk is full. Raises StorageError where the path would leave the store, OSError from the medium.
        """

    def read(self, uri: str, content_hash: str | None) -> bytes:
        """Return the bytes after checking them against the recorded hash, when there is one.

        Where the file at `uri` holds another version that this store wrote, the one asked for comes from
        what is kept by hash. Raises IntegrityError where the file was changed by somebody else (the message
        says how to get the right bytes back), NotFoundError where nothing has that hash.
        """

    def restore(self, uri: str, content_hash: str) -> None:
        """Put the bytes with this hash back at `uri`. Raises NotFoundError where they are gone."""


@dataclass(slots=True)
class OutputContext:
    """What an IO manager may know of the value it keeps."""

    asset_key: AssetKey
    partition_key: str | None
    run_id: str
    step_key: str
    annotation: Any
    """The declared type of the value; `inspect.Parameter.empty` where none was declared."""
    path: str
    """Where the value belongs in the store, without an extension: "asset" or "asset/partition"."""
    store: ValueStore
    definition_metadata: Mapping[str, Any] = field(default_factory=dict)
    output_metadata: dict[str, Any] = field(default_factory=dict)
    """Filled by `add_output_metadata`."""

    @property
    def has_partition_key(self) -> bool:
        return self.partition_key is not None

    def add_output_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Record facts about the value with its materialization: rows, columns, …"""
        self.output_metadata.update(metadata)


@dataclass(slots=True)
class InputContext:
    """What an IO manager may know of the one value it reads."""

    asset_key: AssetKey
    partition_key: str | None
    annotation: Any
    """The consumer's type for one partition; `inspect.Parameter.empty` where it declares none."""
    path: str
    store: ValueStore
    uri: str | None = None
    content_hash: str | None = None
    """Of the recorded version; None where the value was never recorded."""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_partition_key(self) -> bool:
        return self.partition_key is not None


class IOManager(ABC):
    """Keeps the values of assets. Subclass it, and name it in `resources` to use it by `io_manager_key`."""

    @abstractmethod
    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue | None:
        """Keep `obj`; return where and as what, or None where the manager does not say."""

    @abstractmethod
    def load_input(self, context: InputContext) -> Any:
        """Return the value. Raises IntegrityError where its bytes are not the recorded ones."""


class ValueKinds(Protocol):
    """What execution asks about values without knowing their libraries."""

    def manager_for(self, annotation: Any, value: Any = None) -> tuple[str, IOManager]:
        """Return the name of a kind and the IO manager that keeps values declared so.

        Where the annotation says nothing (empty, Any), the value itself decides.
        """

    def manager_named(self, name: str) -> IOManager:
        """Return the IO manager of a kind by the name that a fact recorded. Raises KeyError."""

    def accept(self, value: Any, annotation: Any, where: str, known: Sequence[Mapping[str, Any]] = ()) -> Any:
        """Return the value, coerced where its annotation is a schema.

        `where` begins the message: "asset 'x' returned". `known` is the recorded metadata of each value that
        this one was read from: what was found of those bytes then is not asked again.
        Raises TypeCheckError where the value contradicts the annotation and SchemaError (with its report)
        where a frame breaks its schema.
        """

    def combine(self, parts: Mapping[str, Any], annotation: Any) -> Any:
        """Return the partitions, by key and in key order, as the consumer's annotation wants them.

        `dict[str, T]`: a dict, also for one partition. A frame: concatenated in key order. Otherwise one
        partition is the value itself, several a dict, none None. The key of a value without partitions is "".
        """

    def part(self, annotation: Any) -> Any:
        """Return the annotation of one partition: T of `dict[str, T]`, otherwise the annotation itself."""
