"""A small project with an MLflow store; making one takes seconds, so each test gets a copy."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from mlorch.events import Event
from mlorch.log import MemoryLog, follow
from mlorch.mirrors.mlflow import MlflowMirror, MlflowStore, quiet
from tests.mirrors.mlflow.facts import Files


class Shop:
    """A project called shop: its log, its values, and what MLflow says of it."""

    def __init__(self, folder: Path) -> None:
        self.log = MemoryLog()
        self.files = Files(folder)
        self.store = MlflowStore(project="shop", folder=folder)
        self.mirror = MlflowMirror(self.store, self.log, self.files)

    def tell(self, *events: Event) -> None:
        """Append facts and mirror them."""
        self.log.append(events)
        for _ in follow(self.log, self.store.follower, self.mirror.handle):
            pass

    @property
    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.store.uri)

    def experiment(self, asset: str) -> Any:
        found = self.client.get_experiment_by_name(f"shop/{asset}")
        assert found is not None
        return found

    def runs(self, asset: str) -> list[Any]:
        """Return the runs of an asset's experiment in the order of their names."""
        found = self.client.search_runs([self.experiment(asset).experiment_id])
        return sorted(found, key=lambda run: str(run.info.run_name))

    def run(self, asset: str, name: str) -> Any:
        (found,) = [run for run in self.runs(asset) if run.info.run_name.startswith(name)]
        return found


@pytest.fixture(scope="session", autouse=True)
def imported() -> None:
    """Import MLflow once, without its warnings."""
    with quiet():
        import mlflow.sklearn  # noqa: F401


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    MlflowMirror(MlflowStore(project="shop", folder=folder), MemoryLog()).open()
    return folder


@pytest.fixture
def shop(tmp_path: Path, empty: Path) -> Shop:
    shutil.copytree(empty, tmp_path, dirs_exist_ok=True)
    return Shop(tmp_path)
