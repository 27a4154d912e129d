"""What people hold: a log of facts and the values under it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mlorch.iomanagers.memory import MemoryStore
from mlorch.log import EventLog, MemoryLog

if TYPE_CHECKING:
    from mlorch.definitions.io import ValueStore
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

    @staticmethod
    def ephemeral() -> Instance:
        """Return an instance in memory; it ends with its last reference."""
        return Instance(MemoryLog(), MemoryStore())

    @staticmethod
    def local(path: str | Path) -> Instance:
        """Return the instance under a folder: SQLite in `.mlorch/`, values in `data/`.

        Makes what is missing. Raises StorageError where the folder can't be written or the database read.
        """
        folder = Path(path).resolve()
        return _open(f"sqlite:///{folder / '.mlorch' / 'mlorch.db'}", "data", folder)

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

    def close(self) -> None:
        """Let go of the database."""
        close = getattr(self.log, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open(url: str, data: str, folder: Path) -> Instance:
    from mlorch.storage.sql import open_log

    log = open_log(url)
    return Instance(log, _store(data, folder), _leases(log), _outputs(folder))


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
