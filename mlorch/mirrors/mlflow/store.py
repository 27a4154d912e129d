"""Where MLflow keeps what it is told, and how that place is opened."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from mlorch.errors import InvalidConfigError, NotFoundError, StorageError

_ENVIRONMENT = {
    # With MLflow's own values one call to a dead server takes four minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}

_FOLDER = "mlruns"


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowStore:
    """An MLflow tracking store as one project uses it. Raises InvalidConfigError where it can't be one."""

    project: str
    """First part of the names of experiments."""
    folder: Path
    """The project's folder, absolute."""
    tracking_uri: str | None = None
    """None means SQLite under mlruns/."""
    artifacts: str | None = None
    """Where artifacts go: a folder or URL. None means mlruns/artifacts, or what a server decides."""
    storage_url: str | None = None
    """URL of mlorch's own log, which must be another database: names of tables collide."""

    def __post_init__(self) -> None:
        scheme = urlsplit(self.uri).scheme
        if scheme in ("", "file"):
            raise InvalidConfigError(
                f"tracking_uri {self.tracking_uri!r}: MLflow no longer keeps runs in plain files; "
                "write sqlite:///PATH, the URL of a database or that of a server, or leave it out"
            )
        if self.storage_url and _database(self.uri, self.folder) == _database(self.storage_url, self.folder):
            raise InvalidConfigError(
                f"tracking_uri {self.tracking_uri!r} is the database of mlorch's own log; "
                "MLflow needs another one, by default mlruns/mlflow.db"
            )

    @property
    def uri(self) -> str:
        """The tracking URI, with an absolute path where it is a file."""
        if not self.tracking_uri:
            return f"sqlite:///{self.folder / _FOLDER / 'mlflow.db'}"
        file = _sqlite_file(self.tracking_uri, self.folder)
        return f"sqlite:///{file}" if file is not None else self.tracking_uri

    @property
    def file(self) -> Path | None:
        """The SQLite database, or None where the store is something else."""
        return _sqlite_file(self.uri, self.folder)

    @property
    def follower(self) -> str:
        """The name under which the log keeps the position of this store; another begins at the start."""
        if not self.tracking_uri:
            return "mlflow"
        return f"mlflow@{hashlib.sha256(self.uri.encode()).hexdigest()[:12]}"

    def artifact_location(self, experiment: str) -> str | None:
        """Return where the artifacts of an experiment go; None leaves it to the server."""
        if self.artifacts is not None:
            base = self.artifacts if "://" in self.artifacts else str(self.folder / self.artifacts)
        elif self.file is not None:
            base = str(self.folder / _FOLDER / "artifacts")
        else:
            return None
        return f"{base}/{quote(experiment, safe='/ ')}"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow short and silent within the block: it neither waits for a dead server nor warns nor prints.

    What the user set in the environment stays as it is.
    """
    added = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in added:
            del os.environ[name]


def materialization_in(store: MlflowStore, run: str) -> str | None:
    """Return the id of the materialization that a run of MLflow shows; None where it shows none.

    Raises NotFoundError where there is no such run, StorageError where the store can't be reached.
    """
    with quiet():
        client = connect(store)

        from mlflow.exceptions import MlflowException

        try:
            found: str | None = client.get_run(run).data.tags.get("mlorch.materialization_id")
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise NotFoundError(f"MLflow has no run {run!r}") from None
            raise StorageError(f"MLflow can't be reached: {error}") from error
    return found


def connect(store: MlflowStore) -> Any:
    """Return an MlflowClient of the store, after making or backing up its file where it is one.

    Raises StorageError where the file can't be written.
    """
    if store.file is not None:
        _prepare(store.file)

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=store.uri, registry_uri=store.uri)
    if store.file is not None:
        _marker(store.file).write_text(_installed())
    return client


def _prepare(file: Path) -> None:
    """Make the file, readable while it is written; or back it up before another MLflow upgrades it."""
    import sqlite3

    installed = _installed()
    backup = file.with_name(f"{file.name}.before-{installed}")
    try:
        if not file.exists():
            _make_folder(file.parent)
            with closing(sqlite3.connect(file)) as database:
                database.execute("PRAGMA journal_mode=WAL")
        elif _last_version(file) != installed and not backup.exists():
            with closing(sqlite3.connect(file)) as old, closing(sqlite3.connect(backup)) as new:
                old.backup(new)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"MLflow's database {file} can't be opened: {error}") from error


def _make_folder(folder: Path) -> None:
    """Make a folder whose content git leaves alone; one that is there stays as it is."""
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text("*\n!.gitignore\n")


def _installed() -> str:
    """Return the version of MLflow, without importing it."""
    from importlib.metadata import version

    return version("mlflow")


def _last_version(file: Path) -> str | None:
    """Return the version of MLflow that mlorch last used the file with."""
    marker = _marker(file)
    return marker.read_text().strip() if marker.exists() else None


def _marker(file: Path) -> Path:
    return file.with_name(f"{file.name}.version")


def _sqlite_file(url: str, folder: Path) -> Path | None:
    scheme, _, path = url.partition(":///")
    if scheme.partition("+")[0] != "sqlite" or not path:
        return None
    return folder / path.partition("?")[0]


def _database(url: str, folder: Path) -> tuple[object, ...]:
    """Return what tells one database from another, whatever driver and user the URL names."""
    file = _sqlite_file(url, folder)
    if file is not None:
        return ("sqlite", file.resolve())
    parts = urlsplit(url)
    return (parts.scheme.partition("+")[0], parts.hostname, parts.port, parts.path)
