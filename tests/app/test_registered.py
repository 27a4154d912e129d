"""Retention and a real MLflow: what its registry names stays, with all that it was made from."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mlorch import asset, materialize
from mlorch.app.loading import load_value
from mlorch.app.mirroring import mirror_now, store_of
from mlorch.app.pruning import GRACE, prune
from mlorch.errors import NotFoundError
from mlorch.events import AssetMaterialized
from mlorch.instance import Instance
from mlorch.mirrors.mlflow import quiet
from mlorch.settings import RetentionSettings, read_settings

number = 0


@asset
def raw() -> str:
    return f"raw {number}"


@asset
def model(raw: str) -> str:
    return f"model of {raw}"


def make(instance: Instance) -> None:
    global number
    number += 1
    materialize([raw, model], instance=instance)


def test_a_registered_version_stays_readable_with_what_it_was_made_from(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "0"\n[tool.mlorch]\n')
    hour = timedelta(hours=1)
    settings = replace(read_settings(tmp_path), retention=RetentionSettings(runs=hour, values=hour))
    later = time.time() + 2 * GRACE
    with Instance.of(settings) as instance:
        for _ in range(3):
            make(instance)
        assert prune(settings, instance, later, only_ask=True).runs == 0, "MLflow was told nothing yet"
        assert mirror_now(settings, print)
        found = instance.log.read(kinds={AssetMaterialized.kind})
        made = [one.event for one in found if isinstance(one.event, AssetMaterialized)]
        first = next(one for one in made if one.asset == "model")
        with quiet():
            from mlflow import MlflowClient

            client = MlflowClient(store_of(settings).uri, store_of(settings).uri)
            experiment = client.get_experiment_by_name("p/model")
            wanted = f"tags.`mlorch.materialization_id` = '{first.materialization_id}'"
            (run,) = client.search_runs([experiment.experiment_id], wanted)
            client.create_registered_model("p.model")
            client.create_model_version("p.model", f"{run.info.artifact_uri}/model", run.info.run_id)
        done = prune(settings, instance, later)
        assert (done.runs, done.values, done.postponed) == (1, 2, "")
        assert {one.run_id for one in instance.get_runs()} == {first.run_id, made[-1].run_id}
        for one in made:
            if one.run_id in (first.run_id, made[-1].run_id):
                assert load_value(one, instance).endswith(
                    f"raw {1 if one.run_id == first.run_id else number}"
                )
            else:
                with pytest.raises(NotFoundError):
                    load_value(one, instance)
