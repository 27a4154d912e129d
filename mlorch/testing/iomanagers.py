"""The contract of IO managers: subclass it in a test, and pytest checks one's own by it."""

from __future__ import annotations

import errno
import inspect
import json
import os
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar
from urllib.parse import quote

from mlorch.definitions.io import InputContext, IOManager, OutputContext, Removed, StoredValue, ValueStore
from mlorch.definitions.keys import AssetKey
from mlorch.errors import IntegrityError, MlorchError
from mlorch.testing.claims import claim, is_equal, refusing

if TYPE_CHECKING:
    from mlorch.definitions.partitions import PartitionsDefinition

ODD = (
    "a b",
    "ü–…",
    "..",
    "../..",
    "../../../a",
    "a/b",
    "/a",
    "%2E",
    "a\\b",
    "it's",
    '"q"',
    "c:d",
    ".hidden",
    "*?",
)
"""Partition keys that a path, a URL or SQL might take for something else."""


@dataclass(frozen=True)
class Kept:
    """What an IO manager was told, and what it said."""

    context: OutputContext
    stored: StoredValue | None


class IOManagerContract(ABC):
    """What every IO manager promises. Subclass it as `class TestShelf(IOManagerContract)`.

    Give `io_manager`, and `values` of the kind that it keeps, at least two that differ. Everything that it
    writes should lie under the folder that it is given.
    """

    values: ClassVar[Sequence[Any]]
    """At least two, none equal to another."""
    annotation: ClassVar[Any] = inspect.Parameter.empty
    """How an asset declares such values."""
    metadata: ClassVar[Mapping[str, Any]] = {}
    """Of the asset."""
    partitions_def: ClassVar[PartitionsDefinition | None] = None
    odd_partitions: ClassVar[Sequence[str]] = ODD
    is_travelling: ClassVar[bool] = True
    """Whether what it keeps can be read in another process."""

    @abstractmethod
    def io_manager(self, folder: Path) -> IOManager:
        """Return an IO manager that keeps its values under the folder, empty at first."""

    def value_of(self, partition_key: str) -> Any:
        """Return what to keep as this partition; override where the value itself has to say which it is."""
        return self.values[len(partition_key) % len(self.values)]

    def is_same(self, left: Any, right: Any) -> bool:
        """Tell whether two values are equal; frames and arrays are compared cell by cell."""
        return is_equal(left, right)

    def tamper(self, stored: StoredValue, folder: Path) -> bool:
        """Change what is kept behind the manager's back; return False where that can't be done."""
        path = folder / stored.uri
        if not path.is_file():
            return False
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b" ")
        return True

    # The laws

    def test_a_value_comes_back_equal(self, tmp_path: Path) -> None:
        manager = self.io_manager(tmp_path)
        for number, value in enumerate(self.values):
            kept = self.keep(manager, tmp_path, value, asset=f"value_{number}")
            self._claim_same(self.load(manager, kept), value)

    def test_what_is_kept_last_is_what_is_read(self, tmp_path: Path) -> None:
        manager = self.io_manager(tmp_path)
        for value in (*self.values, self.values[0]):
            self._claim_same(self.load(manager, self.keep(manager, tmp_path, value)), value)

    def test_a_former_version_is_read_as_it_was_or_refused(self, tmp_path: Path) -> None:
        manager = self.io_manager(tmp_path)
        first = self.keep(manager, tmp_path, self.values[0])
        self.keep(manager, tmp_path, self.values[1])
        if first.stored is None:
            return
        try:
            found = self.load(manager, first)
        except MlorchError:
            return
        self._claim_same(found, self.values[0])

    def test_keeping_a_value_again_is_the_same_version(self, tmp_path: Path) -> None:
        manager = self.io_manager(tmp_path)
        first, again = (self.keep(manager, tmp_path, self.values[0]).stored for _ in range(2))
        claim(first == again, f"one value was kept as {first}, then as {again}; its hash must not change")

    def test_another_value_has_another_hash(self, tmp_path: Path) -> None:
        manager = self.io_manager(tmp_path)
        first, other = (self.keep(manager, tmp_path, value).stored for value in self.values[:2])
        if first is not None and other is not None:
            claim(first.content_hash != other.content_hash, "two values that differ have one hash")

    def test_assets_do_not_disturb_each_other(self, tmp_path: Path) -> None:
        manager = self.io_manager(tmp_path)
        names = ("one", "one_more", "prefix/one", "prefix/two")
        values = [self.values[number % 2] for number in range(len(names))]
        kept = [self.keep(manager, tmp_path, value, name) for name, value in zip(names, values, strict=True)]
        for one, value in zip(kept, values, strict=True):
            self._claim_same(self.load(manager, one), value)

    def test_partitions_do_not_disturb_each_other(self, tmp_path: Path) -> None:
        manager = self.io_manager(tmp_path)
        keys = self._keys()
        kept = {key: self.keep(manager, tmp_path, self.value_of(key), partition=key) for key in keys}
        self.keep(manager, tmp_path, self.value_of(keys[0]), partition=keys[0])
        for key, one in kept.items():
            self._claim_same(self.load(manager, one), self.value_of(key))

    def test_odd_names_of_partitions_stay_apart_and_inside(self, tmp_path: Path) -> None:
        folder = tmp_path / "a" / "b" / "c"
        folder.mkdir(parents=True)
        manager = self.io_manager(folder)
        before = set(os.listdir(tmp_path.parent))
        kept = {
            key: self.keep(manager, folder, self.value_of(key), partition=key) for key in self.odd_partitions
        }
        for key, one in kept.items():
            self._claim_same(self.load(manager, one), self.value_of(key))
        outside = [
            str(one) for one in tmp_path.rglob("*") if not one.is_relative_to(folder) and one.is_file()
        ]
        outside += sorted(set(os.listdir(tmp_path.parent)) - before)
        claim(not outside, f"a partition was written outside of the manager's folder: {outside}")

    def test_a_value_that_can_not_be_kept_leaves_the_one_before(self, tmp_path: Path) -> None:
        manager = self.io_manager(tmp_path)
        kept = self.keep(manager, tmp_path, self.values[0])
        try:
            self.keep(manager, tmp_path, _Unkeepable())
        except Exception:  # noqa: BLE001 - managers may refuse with any error
            self._claim_same(self.load(manager, kept), self.values[0])

    def test_a_full_disk_leaves_the_value_before(self, tmp_path: Path) -> None:
        manager = self.io_manager(tmp_path)
        kept = self.keep(manager, tmp_path, self.values[0])
        full = _FullStore(kept.context.store)
        try:
            self.keep(manager, tmp_path, self.values[1], store=full)
        except Exception as error:  # noqa: BLE001 - judged below
            claim(isinstance(error, OSError), f"a full disk was told as {error!r}, not as an OSError")
            self._claim_same(self.load(manager, kept), self.values[0])
        else:
            claim(not full.is_asked, "the store was full, and the manager said nothing")

    def test_what_was_never_kept_is_told_as_such(self, tmp_path: Path) -> None:
        manager = self.io_manager(tmp_path)
        store = self.store(tmp_path)
        context = InputContext(
            AssetKey("never_kept"), None, annotation=self.annotation, path="never_kept", store=store
        )
        with refusing(
            MlorchError, FileNotFoundError, KeyError, otherwise="a value was read that was never kept"
        ) as raised:
            manager.load_input(context)
        claim("never_kept" in str(raised.error), f"the error does not name the asset: {raised.error!r}")

    def test_what_somebody_else_changed_is_refused(self, tmp_path: Path) -> None:
        manager = self.io_manager(tmp_path)
        kept = self.keep(manager, tmp_path, self.values[0])
        if kept.stored is not None and self.tamper(kept.stored, tmp_path):
            with refusing(IntegrityError, otherwise="a value was read that is not the recorded one"):
                self.load(manager, kept)

    def test_it_travels_to_worker_processes(self, tmp_path: Path) -> None:
        import cloudpickle

        manager = self.io_manager(tmp_path)
        kept = self.keep(manager, tmp_path, self.values[0])
        arrived = pickle.loads(cloudpickle.dumps(manager))
        if self.is_travelling:
            self._claim_same(self.load(arrived, kept), self.values[0])
            self._claim_same(self.load(manager, self.keep(arrived, tmp_path, self.values[1])), self.values[1])

    def test_what_it_records_is_plain(self, tmp_path: Path) -> None:
        kept = self.keep(self.io_manager(tmp_path), tmp_path, self.values[0])
        json.dumps(kept.context.output_metadata)

    # What the laws are said with

    def store(self, folder: Path) -> ValueStore:
        """Return the project's store, which managers find in their context."""
        from mlorch.iomanagers.files import LocalStore

        return LocalStore(folder / "data", folder / ".mlorch" / "objects" / "md5", project=folder)

    def keep(
        self,
        manager: IOManager,
        folder: Path,
        value: Any,
        asset: str = "made",
        *,
        partition: str | None = None,
        store: ValueStore | None = None,
    ) -> Kept:
        """Let the manager keep a value as a step does."""
        path = asset if partition is None else f"{asset}/{_file_name(partition)}"
        context = OutputContext(
            AssetKey.from_user_string(asset),
            partition,
            run_id="run",
            step_key=asset,
            annotation=self.annotation,
            path=path,
            store=store or self.store(folder),
            definition_metadata=self.metadata,
            partitions_def=self.partitions_def if partition is not None else None,
        )
        return Kept(context, manager.handle_output(context, value))

    def load(self, manager: IOManager, kept: Kept) -> Any:
        """Let the manager read a value as a step does."""
        context, stored = kept.context, kept.stored
        return manager.load_input(
            InputContext(
                context.asset_key,
                context.partition_key if context.has_partition_key else None,
                annotation=self.annotation,
                path=context.path,
                store=context.store,
                uri=stored.uri if stored is not None else None,
                content_hash=stored.content_hash if stored is not None else None,
                recorded_metadata=json.loads(json.dumps(context.output_metadata)),
                upstream_output=context,
                partitions_def=context.partitions_def,
            )
        )

    def _keys(self) -> Sequence[str]:
        if self.partitions_def is not None:
            return self.partitions_def.get_partition_keys()[:3]
        return ("2013-01-01", "2013-01-02", "2013-01-02b")

    def _claim_same(self, found: Any, wanted: Any) -> None:
        claim(self.is_same(found, wanted), f"kept was\n{wanted!r}\nand read was\n{found!r}")


class _Unkeepable:
    """Of no kind that anything keeps; pickling it fails half-way."""

    def __reduce__(self) -> Any:
        raise RuntimeError("this value can't be pickled")


class _FullStore:
    """A store whose medium is full after a few bytes of each value."""

    def __init__(self, store: ValueStore) -> None:
        self._store = store
        self.is_asked = False

    def write(self, path: str, dump: Callable[[BinaryIO], object]) -> StoredValue:
        self.is_asked = True

        def fill(file: BinaryIO) -> None:
            file.write(b"...")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return self._store.write(path, fill)

    def read(self, uri: str, content_hash: str | None) -> bytes:
        return self._store.read(uri, content_hash)

    def restore(self, uri: str, content_hash: str) -> None:
        self._store.restore(uri, content_hash)

    def remove(self, content_hash: str, before: float, *, only_ask: bool = False) -> Removed | None:
        return self._store.remove(content_hash, before, only_ask=only_ask)


def _file_name(partition: str) -> str:
    return quote(partition, safe="").replace(".", "%2E")
