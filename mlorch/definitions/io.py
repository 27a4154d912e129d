"""How values are kept and read: what an IO manager, a value store and a kind of value promise."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

from mlorch.definitions.keys import AssetKey
from mlorch.definitions.partitions import PartitionKeyRange
from mlorch.errors import UserError

if TYPE_CHECKING:
    from mlorch.definitions.partitions import PartitionsDefinition
    from mlorch.definitions.windows import TimeWindow

_LOG = logging.getLogger("mlorch")


@dataclass(frozen=True, slots=True)
class StoredValue:
    """Where bytes are kept, their md5 (32 hex digits) and their number."""

    uri: str
    content_hash: str
    size: int


class Removed(NamedTuple):
    """Bytes that went, or would."""

    size: int
    is_shared: bool = False
    """True where DVC's cache has them as well: they take up space until `dvc gc` removes them there."""


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

    def remove(self, content_hash: str, before: float, *, only_ask: bool = False) -> Removed | None:
        """Remove what is kept under a hash, and return what went; None where that is nothing.

        What was written, or written again, since `before` (seconds since the epoch) stays: somebody may be
        about to record it. What lies at a uri stays as well. `only_ask` says what would go.
        """


class DeclaredType(NamedTuple):
    """A declared type, as IO managers written for Dagster ask for it."""

    typing_type: Any
    """Any where nothing was declared."""

    @property
    def display_name(self) -> str:
        return str(getattr(self.typing_type, "__name__", self.typing_type))


class _Context:
    """What both contexts say of a value: which asset, or which op's output, it is, and which partition."""

    def __init__(
        self,
        asset_key: AssetKey | None,
        partition_key: str | None,
        *,
        annotation: Any,
        path: str,
        store: ValueStore,
        partitions_def: PartitionsDefinition | None,
        partition_keys: Sequence[str],
        resources: Any,
        log: logging.Logger | None,
    ) -> None:
        self.annotation = annotation
        """The declared type of one partition; `inspect.Parameter.empty` where none was declared."""
        self.path = path
        """Where the value belongs in the store, without an extension: "asset" or "asset/partition"."""
        self.store = store
        self.partitions_def = partitions_def
        self.resources = resources
        """By name, as attributes."""
        self.log = log or _LOG
        """A logger whose records are kept with the step."""
        self._asset_key = asset_key
        self._partition_key = partition_key
        self._partition_keys = partition_keys

    @property
    def asset_key(self) -> AssetKey:
        """Raises UserError where the value is the output of an op that is no asset: `has_asset_key`."""
        if self._asset_key is None:
            raise UserError(f"{self} has no asset_key; ask has_asset_key first")
        return self._asset_key

    @property
    def partition_key(self) -> str:
        """Raises UserError where the value has no partitions: `has_partition_key`."""
        if self._partition_key is None:
            raise UserError(f"{self} has no partition_key; ask has_partition_key first")
        return self._partition_key

    @property
    def has_asset_key(self) -> bool:
        """False of the output of an op that is no asset."""
        return self._asset_key is not None

    @property
    def has_partition_key(self) -> bool:
        return self._partition_key is not None

    @property
    def has_asset_partitions(self) -> bool:
        return self.has_asset_key and (self.partitions_def is not None or bool(self.asset_partition_keys))

    @property
    def asset_partition_key(self) -> str:
        """The one partition. Raises UserError where there is none, or several."""
        if len(self.asset_partition_keys) > 1:
            raise UserError(f"{self} has several partitions; ask for asset_partition_keys")
        return self.asset_partition_keys[0] if self.asset_partition_keys else self.partition_key

    @property
    def asset_partition_keys(self) -> Sequence[str]:
        """In key order; mlorch hands over one at a time."""
        if self._partition_keys or self._partition_key is None:
            return self._partition_keys
        return (self._partition_key,)

    @property
    def asset_partition_key_range(self) -> PartitionKeyRange:
        """First and last partition. Raises UserError where there is none."""
        if not self.asset_partition_keys:
            raise UserError(f"{self} has no partitions, so no range of them")
        return PartitionKeyRange(self.asset_partition_keys[0], self.asset_partition_keys[-1])

    @property
    def asset_partitions_def(self) -> PartitionsDefinition:
        """Raises UserError where the asset has no partitions."""
        if self.partitions_def is None:
            raise UserError(f"{self} has no partitions, so no definition of them")
        return self.partitions_def

    @property
    def asset_partitions_time_window(self) -> TimeWindow:
        """From the start of the first partition to the end (exclusive) of the last, aware datetimes.

        Raises UserError where the asset has no time partitions.
        """
        window = getattr(self.partitions_def, "time_window_for_partition_key", None)
        if window is None:
            raise UserError(f"{self} has no time partitions, so no time window")
        first, last = self.asset_partition_key_range
        found: TimeWindow = window(first)
        return found if first == last else found._replace(end=window(last).end)

    @property
    def dagster_type(self) -> DeclaredType:
        return DeclaredType(Any if self.annotation is Parameter.empty else self.annotation)

    def get_asset_identifier(self) -> Sequence[str]:
        """Return the parts of the asset's key and its partition, if it has one."""
        path = self.asset_key.path
        return [*path, self.asset_partition_key] if self.has_asset_partitions else path

    def __str__(self) -> str:
        key, partition = self._asset_key, self._partition_key
        what = f"the output of {self._step()!r}" if key is None else f"asset {str(key)!r}"
        return what if partition is None else f"{what}, partition {partition!r}"

    def _step(self) -> str:
        return "a step"


class OutputContext(_Context):
    """What an IO manager may know of the value it keeps."""

    def __init__(
        self,
        asset_key: AssetKey | None,
        partition_key: str | None,
        *,
        run_id: str,
        step_key: str,
        annotation: Any,
        path: str,
        store: ValueStore,
        definition_metadata: Mapping[str, Any] | None = None,
        output_metadata: dict[str, Any] | None = None,
        name: str = "result",
        mapping_key: str | None = None,
        partitions_def: PartitionsDefinition | None = None,
        partition_keys: Sequence[str] = (),
        resources: Any = None,
        log: logging.Logger | None = None,
    ) -> None:
        super().__init__(
            asset_key,
            partition_key,
            annotation=annotation,
            path=path,
            store=store,
            partitions_def=partitions_def,
            partition_keys=partition_keys,
            resources=resources,
            log=log,
        )
        self.run_id = run_id
        self.step_key = step_key
        self.name = name
        """Of the output."""
        self.mapping_key = mapping_key
        """Of one of the values of a dynamic output."""
        self.definition_metadata = definition_metadata or {}
        self.output_metadata = {} if output_metadata is None else output_metadata
        """Filled by `add_output_metadata`."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the definition says, as `definition_metadata`."""
        return self.definition_metadata

    def add_output_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Record facts about the value with its materialization: rows, columns, …"""
        self.output_metadata.update(metadata)

    def get_identifier(self) -> Sequence[str]:
        """Return what no other output has: run, step, output and, of a dynamic one, mapping key."""
        return [self.run_id, self.step_key, self.name, *([self.mapping_key] if self.mapping_key else ())]

    def _step(self) -> str:
        return self.step_key


class InputContext(_Context):
    """What an IO manager may know of the one value it reads. Key and partition are those of the value."""

    def __init__(
        self,
        asset_key: AssetKey | None,
        partition_key: str | None,
        *,
        annotation: Any,
        path: str,
        store: ValueStore,
        uri: str | None = None,
        content_hash: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        recorded_metadata: Mapping[str, Any] | None = None,
        upstream_output: OutputContext | None = None,
        name: str | None = None,
        partitions_def: PartitionsDefinition | None = None,
        partition_keys: Sequence[str] = (),
        resources: Any = None,
        log: logging.Logger | None = None,
    ) -> None:
        super().__init__(
            asset_key,
            partition_key,
            annotation=annotation,
            path=path,
            store=store,
            partitions_def=partitions_def,
            partition_keys=partition_keys,
            resources=resources,
            log=log,
        )
        self.uri = uri
        self.content_hash = content_hash
        """Of the recorded version; None where the value was never recorded."""
        self.metadata = metadata or {}
        """What the consumer's AssetIn says."""
        self.recorded_metadata = recorded_metadata or {}
        """What was recorded with the value: rows, columns, …"""
        self.upstream_output = upstream_output
        """How the value was kept; None where nobody knows the step."""
        self._name = name

    @property
    def definition_metadata(self) -> Mapping[str, Any]:
        """What the consumer's AssetIn says, as `metadata`."""
        return self.metadata

    @property
    def has_input_name(self) -> bool:
        return self._name is not None

    @property
    def name(self) -> str:
        """Of the consumer's argument. Raises UserError where no argument asks: `has_input_name`."""
        if self._name is None:
            raise UserError(f"{self} is read for no argument; ask has_input_name first")
        return self._name

    def get_identifier(self) -> Sequence[str]:
        """Return what the step that kept the value was told. Raises UserError where nobody knows the step."""
        if self.upstream_output is None:
            raise UserError(f"nobody knows which step made {self}; ask for get_asset_identifier()")
        return self.upstream_output.get_identifier()


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

    def passed(self, value: Any, annotation: Any) -> Mapping[str, Any] | None:
        """Return what is recorded of a value whose schema `accept` found kept; None without a schema."""

    def combine(self, parts: Mapping[str, Any], annotation: Any) -> Any:
        """Return the partitions, by key and in key order, as the consumer's annotation wants them.

        `dict[str, T]`: a dict, also for one partition. A frame: concatenated in key order. Otherwise one
        partition is the value itself, several a dict, none None. The key of a value without partitions is "".
        """

    def part(self, annotation: Any) -> Any:
        """Return the annotation of one partition: T of `dict[str, T]`, otherwise the annotation itself."""
