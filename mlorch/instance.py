"""What people hold: a log of facts and the values under it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mlorch.iomanagers.memory import MemoryStore
from mlorch.log import EventLog, MemoryLog

if TYPE_CHECKING:
    from mlorch.definitions.io import ValueStore
    from mlorch.settings import Settings
    from mlorch.storage.leases import Leases


@dataclass(frozen=True, slots=True)
class Instance:
    """A log, the values under it, and the leases that keep two runs from making one thing at once."""

    log: EventLog
    store: ValueStore
    leases: Leases | None = None
    """None where no other process can see the instance."""

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
    from mlorch.iomanagers.files import open_store
    from mlorch.storage.leases import SqlLeases
    from mlorch.storage.sql import open_log

    log = open_log(url)
    cache = folder / ".dvc" / "cache" / "files" / "md5"
    store = open_store(data, project=folder, dvc_cache=cache if (folder / ".dvc").is_dir() else None)
    return Instance(log, store, SqlLeases(log.engine))
