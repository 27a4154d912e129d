"""What stands in MLflow's model registry, by the materializations that it was made by."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlorch.mirrors.mlflow import MlflowStore, quiet, registered
from tests.mirrors.mlflow.conftest import Shop
from tests.mirrors.mlflow.facts import finished, made, started


def test_where_there_is_no_mlflow_nothing_is_registered_and_nothing_made(tmp_path: Path):
    assert registered(MlflowStore(project="shop", folder=tmp_path)) == set()
    assert list(tmp_path.iterdir()) == []


def test_versions_of_runs_and_of_logged_models_are_found(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    # The client looks for logged models where this says, whatever it was told.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", shop.store.uri)
    for run_id in ("r1", "r2", "r3"):
        shop.tell(started(run_id), made("model", run_id=run_id), finished(run_id))
    assert registered(shop.store) == set()
    by_id = {run.data.tags["mlorch.materialization_id"]: run for run in shop.runs("model")}
    with quiet():
        client = shop.client
        client.create_registered_model("shop.model")
        run = by_id["r1:model"].info
        client.create_model_version("shop.model", f"runs:/{run.run_id}/model", run.run_id)
        model = client.create_logged_model(
            run.experiment_id, name="m", tags={"mlorch.materialization_id": "r2:model"}
        )
        client.create_model_version("shop.model", f"models:/{model.model_id}", model_id=model.model_id)
        client.create_registered_model("elsewhere")
        client.create_model_version("elsewhere", "s3://bucket/model")
    assert registered(shop.store) == {"r1:model", "r2:model"}
    with quiet():
        client.delete_run(run.run_id)
        client.delete_logged_model(model.model_id)
    assert registered(shop.store) <= {"r1:model", "r2:model"}
