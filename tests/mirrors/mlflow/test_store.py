"""Where MLflow keeps what it is told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mlorch.errors import InvalidConfigError, StorageError
from mlorch.log import MemoryLog
from mlorch.mirrors.mlflow import MlflowMirror, MlflowStore


def store(folder: Path, **values) -> MlflowStore:
    return MlflowStore(project="shop", folder=folder, **values)


def test_the_default_lies_below_the_project(tmp_path: Path) -> None:
    found = store(tmp_path)
    assert found.uri == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    assert found.artifact_location("shop/model") == f"{tmp_path}/mlruns/artifacts/shop/model"


def test_relative_paths_are_the_projects(tmp_path: Path) -> None:
    found = store(tmp_path, tracking_uri="sqlite:///runs.db", artifacts="kept")
    assert found.uri == f"sqlite:///{tmp_path}/runs.db"
    assert found.artifact_location("shop/model") == f"{tmp_path}/kept/shop/model"
    assert store(tmp_path, artifacts="s3://b/x").artifact_location("e") == "s3://b/x/e"


def test_a_server_decides_about_artifacts_itself(tmp_path: Path) -> None:
    found = store(tmp_path, tracking_uri="http://127.0.0.1:5000")
    assert found.file is None
    assert found.artifact_location("shop/model") is None


def test_each_store_has_a_position_of_its_own(tmp_path: Path) -> None:
    names = {store(tmp_path, tracking_uri=uri).follower for uri in (None, "http://a", "http://b")}
    assert len(names) == 3
    assert store(tmp_path / "moved").follower == store(tmp_path).follower


@pytest.mark.parametrize("uri", ["mlruns", "file:///data/mlruns"], ids=["path", "file"])
def test_plain_files_are_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InvalidConfigError, match="sqlite:///PATH"):
        store(tmp_path, tracking_uri=uri)


@pytest.mark.parametrize(
    ("tracking", "storage"),
    [
        ("sqlite:///.mlorch/mlorch.db", "sqlite:///{folder}/.mlorch/mlorch.db"),
        ("postgresql://ann:x@db/ml", "postgresql+psycopg://bob:y@db/ml"),
    ],
    ids=["sqlite", "postgres"],
)
def test_mlorchs_own_database_is_refused(tmp_path: Path, tracking: str, storage: str) -> None:
    with pytest.raises(InvalidConfigError, match="mlorch's own log"):
        store(tmp_path, tracking_uri=tracking, storage_url=storage.format(folder=tmp_path))
    store(tmp_path, tracking_uri=tracking + "2", storage_url=storage.format(folder=tmp_path))


def test_the_file_can_be_read_while_it_is_written(empty: Path) -> None:
    connection = sqlite3.connect(empty / "mlruns" / "mlflow.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_another_version_of_mlflow_finds_a_backup_beside_it(shop) -> None:
    file = shop.store.file
    marker = file.with_name("mlflow.db.version")
    marker.write_text("3.0.0")
    shop.mirror.open()
    (backup,) = file.parent.glob("mlflow.db.before-*")
    connection = sqlite3.connect(backup)
    assert connection.execute("SELECT count(*) FROM experiments").fetchone() == (1,)
    connection.close()
    assert marker.read_text() != "3.0.0"
    assert backup.name == f"mlflow.db.before-{marker.read_text()}"


def test_the_same_version_needs_no_backup(shop) -> None:
    shop.mirror.open()
    assert list(shop.store.file.parent.glob("*.before-*")) == []


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlruns").write_text("in the way")
    with pytest.raises(StorageError, match=r"mlflow\.db"):
        MlflowMirror(store(tmp_path), MemoryLog()).open()
