"""What people hold: a log of facts and the values under it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Self

from mlorch.events import AssetMaterialized, AssetObserved
from mlorch.iomanagers.memory import MemoryStore
from mlorch.log import EventLog, MemoryLog
from mlorch.planning.dynamic import add_keys, delete_keys, dynamic_keys
from mlorch.queries import checks, partitions, records, runs

if TYPE_CHECKING:
    from mlorch.definitions.checks import AssetCheckEvaluation, AssetCheckKey
    from mlorch.definitions.entries import EventRecord
    from mlorch.definitions.io import ValueStore
    from mlorch.definitions.keys import CoercibleToAssetKey
    from mlorch.definitions.partitions import PartitionsDefinition
    from mlorch.definitions.reports import AssetMaterialization, AssetObservation
    from mlorch.settings import Settings
    from mlorch.storage.leases import Leases
    from mlorch.storage.sql import SqlLog


@dataclass(frozen=True, slots=True)
class Instance:
    """A log, the values under it, and the leases that keep two runs from making one thing at once."""

    log: EventLog
    store: ValueStore
    leases: Leases | None = None
    """None where no other process can see the instance."""
    outputs: ValueStore = field(default_factory=MemoryStore)
    """What ops that make no asset pass on to each other."""
    place: tuple[str, str, Path] | None = field(default=None, repr=False)
    """The URL of its database, where its values are, and its folder; None of one in memory."""

    @staticmethod
    def ephemeral() -> Instance:
        """Return an instance in memory; it ends with its last reference."""
        return Instance(MemoryLog(), MemoryStore())

    @staticmethod
    def local(path: str | Path, *, storage: str | None = None) -> Instance:
        """Return the instance under a folder: values in `data/`, SQLite in `.mlorch/` or `storage`, a URL.

        Makes what is missing. Raises StorageError where the folder can't be written or the database read.
        """
        folder = Path(path).resolve()
        return _open(storage or f"sqlite:///{folder / '.mlorch' / 'mlorch.db'}", "data", folder)

    @staticmethod
    def local_temp(tempdir: str | None = None) -> Instance:
        """Return the instance under a folder, or under a new one that stays until somebody removes it."""
        return Instance.local(tempdir or mkdtemp(prefix="mlorch-"))

    @staticmethod
    def get() -> Instance:
        """Return the instance of the project around the working directory.

        Raises UserError where there is no project, and as `local` does.
        """
        from mlorch.settings import read_settings

        return Instance.of(read_settings())

    @staticmethod
    def of(settings: Settings) -> Instance:
        """Return the instance that a project's settings describe."""
        return _open(settings.storage_url, settings.data, settings.project)

    @staticmethod
    def to_read(settings: Settings) -> Instance:
        """Return the project's instance to look at: makes nothing and needs no permission to write."""
        from mlorch.storage.sql import find_log

        log = find_log(settings.storage_url)
        if log is None:
            return Instance(MemoryLog(), _store(settings.data, settings.project))
        return Instance(
            log, _store(settings.data, settings.project), _leases(log), _outputs(settings.project)
        )

    def get_runs(
        self, filters: runs.RunsFilter | None = None, limit: int | None = None
    ) -> list[runs.RecordedRun]:
        """Return the runs, newest first."""
        return runs.find_runs(self.log, self.living(), filters, limit)

    def get_run_by_id(self, run_id: str) -> runs.RecordedRun | None:
        return runs.find_run(self.log, self.living(), run_id)

    def get_latest_materialization_event(self, asset_key: CoercibleToAssetKey) -> EventRecord | None:
        return records.latest_event(self.log, AssetMaterialized.kind, asset_key)

    def get_latest_data_version_record(
        self, key: CoercibleToAssetKey, *, partition_key: str | None = None
    ) -> EventRecord | None:
        """Return the materialization or observation that gives the data version now."""
        return records.latest_version(self.log, key, partition_key)

    def get_materialized_partitions(self, asset_key: CoercibleToAssetKey) -> set[str]:
        return partitions.materialized_partitions(self.log, asset_key)

    def get_status_by_partition(
        self,
        asset_key: CoercibleToAssetKey,
        partition_keys: Iterable[str] | None = None,
        partitions_def: PartitionsDefinition | None = None,
    ) -> Mapping[str, partitions.AssetPartitionStatus | None]:
        """Return the status of each partition that is named, or of all that have one."""
        return partitions.partition_statuses(
            self.log, self.living(), asset_key, partition_keys, partitions_def
        )

    def fetch_materializations(
        self, records_filter: CoercibleToAssetKey, limit: int, cursor: str | None = None
    ) -> records.EventRecordsResult:
        """Return the materializations of an asset, newest first; the result's cursor goes on from there."""
        return records.fetch_events(self.log, AssetMaterialized.kind, records_filter, limit, cursor=cursor)

    def fetch_observations(
        self, records_filter: CoercibleToAssetKey, limit: int, cursor: str | None = None
    ) -> records.EventRecordsResult:
        """Return the observations of an asset, newest first; the result's cursor goes on from there."""
        return records.fetch_events(self.log, AssetObserved.kind, records_filter, limit, cursor=cursor)

    def get_latest_asset_check_evaluation(
        self, asset_check_key: AssetCheckKey, partition_key: str | None = None
    ) -> AssetCheckEvaluation | None:
        """Return what a check came to last, of one partition where one is named; None where it never ran."""
        found = checks.latest_evaluations(
            self.log, str(asset_check_key.asset_key), asset_check_key.name, partition_key
        )
        return next(iter(found.values()), None)

    def report_runless_asset_event(self, asset_event: AssetMaterialization | AssetObservation) -> None:
        """Record that an asset was made, or what it looks like, outside of any run."""
        from mlorch.execution.reports import reported

        self.log.append([reported(asset_event, os.urandom(16).hex(), time.time())])

    def add_dynamic_partitions(self, partitions_def_name: str, partition_keys: Sequence[str]) -> None:
        """Add keys to a set of dynamic partitions; those it has already keep their place.

        Raises InvalidDefinitionError for a key that can't be one; then none is added.
        """
        add_keys(self.log, partitions_def_name, partition_keys, time.time())

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        """Take a key out of a set of dynamic partitions; what was made of it stays."""
        delete_keys(self.log, partitions_def_name, [partition_key], time.time())

    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:
        """Return the keys of a set of dynamic partitions, in the order in which they were added."""
        return dynamic_keys(self.log).get(partitions_def_name, ())

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        return partition_key in self.get_dynamic_partitions(partitions_def_name)

    def living(self) -> Collection[str]:
        """Return the ids of the runs that go on."""
        return self.leases.runs(time.time()) if self.leases is not None else ()

    def close(self) -> None:
        """Let go of the database."""
        close = getattr(self.log, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Opener:
    """Gives the instance; in another process, one opened there at the same place."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def __call__(self) -> Instance:
        return self._instance

    def __reduce__(self) -> tuple[Any, ...]:
        place = self._instance.place
        # What is only in memory is nowhere else, and whoever asks is told so.
        return (_none, ()) if place is None else (_opener, place)


DagsterInstance = Instance
"""The name that people know."""


def _none() -> None:
    return None


def _opener(url: str, data: str, folder: Path) -> Callable[[], Instance]:
    return partial(_opened_once, url, data, folder)


@lru_cache(maxsize=8)
def _opened_once(url: str, data: str, folder: Path) -> Instance:
    return _open(url, data, folder)


def _open(url: str, data: str, folder: Path) -> Instance:
    from mlorch.storage.sql import open_log

    log = open_log(url)
    return Instance(log, _store(data, folder), _leases(log), _outputs(folder), (url, data, folder))


def _store(data: str, folder: Path) -> ValueStore:
    from mlorch.iomanagers.files import open_store

    dvc = folder / ".dvc"
    return open_store(
        data, project=folder, dvc_cache=dvc / "cache" / "files" / "md5" if dvc.is_dir() else None
    )


def _outputs(folder: Path) -> ValueStore:
    from mlorch.iomanagers.files import open_store

    return open_store(Path(".mlorch", "outputs"), project=folder)


def _leases(log: SqlLog) -> Leases:
    from mlorch.storage.leases import SqlLeases

    return SqlLeases(log.engine)
