"""From the log to MLflow: what stands where, and that nothing is missing or double."""

from __future__ import annotations

import json
from dataclasses import replace

from mlorch.log import follow
from mlorch.mirrors.mlflow import MlflowMirror
from tests.mirrors.mlflow.facts import COLUMNS, START, failed, finished, inputs, made, retraining, started


def test_a_materialization_is_a_run_with_its_real_times(shop) -> None:
    shop.tell(started(), made("features", at=START + 2), finished())
    (run,) = shop.runs("features")
    assert run.info.run_name == f"features @{made('features').data_version[:8]}"
    assert run.info.status == "FINISHED"
    assert (run.info.start_time, run.info.end_time) == ((START + 1.5) * 1000, (START + 2) * 1000)
    assert run.data.metrics == {"rows": 10, "bytes": 123, "seconds": 0.5}
    assert run.data.params["env/python"] == "3.11.2"
    (job,) = shop.runs("__jobs__")
    assert run.data.tags["mlflow.parentRunId"] == job.info.run_id
    assert job.info.run_name == "retrain"
    assert job.info.status == "FINISHED"


def test_a_backfill_stands_above_its_partitions(shop) -> None:
    shop.tell(*retraining(shop.files))
    (job,) = shop.runs("__jobs__")
    for asset in ("flights", "features", "model"):
        backfill = shop.run(asset, f"{asset}[2013-01 … 2013-03]")
        assert backfill.data.tags["mlflow.parentRunId"] == job.info.run_id
        assert backfill.info.status == "FINISHED"
        parts = [run for run in shop.runs(asset) if run.info.run_id != backfill.info.run_id]
        assert len(parts) == 3
        assert {run.data.tags["mlflow.parentRunId"] for run in parts} == {backfill.info.run_id}


def test_upstreams_are_datasets_and_producers_are_found_by_their_digest(shop) -> None:
    shop.tell(*retraining(shop.files))
    run = shop.run("model", "model[2013-02]")
    found = {(one.dataset.name, one.dataset.digest): one for one in run.inputs.dataset_inputs}
    features = made("features", "2013-01").data_version[:36]
    assert {(name, one.tags[0].value) for (name, _), one in found.items()} == {
        ("features", "direct"),
        ("flights", "transitive"),
    }
    source = json.loads(found["features", features].dataset.source)
    producer = shop.run("features", "features[2013-01] @")
    assert f"/runs/{producer.info.run_id}?" in source["url"]
    (output,) = [one for one in producer.inputs.dataset_inputs if one.tags[0].value == "output"]
    assert output.dataset.digest == features


def test_notes_say_what_changed_and_lead_to_the_upstreams(shop) -> None:
    shop.tell(*retraining(shop.files))
    run = shop.run("model", "model[2013-02]")
    assert run.data.tags["mlorch.changed"] == "depth, up/features"
    first, *_ = run.data.tags["mlflow.note.content"].splitlines()
    assert "**depth**, **up/features**" in first
    upstream = shop.run("features", "features[2013-01] @")
    assert f"/runs/{upstream.info.run_id}?" in run.data.tags["mlflow.note.content"]


def test_experiments_describe_the_asset_and_lead_to_its_views(shop) -> None:
    definition = {"description": "Known before.", "owners": ["ann"], "tags": {"tier": "gold"}}
    shop.tell(
        started(), made("flights"), made("features", inputs=inputs(("flights", None)), definition=definition)
    )
    experiment = shop.experiment("features")
    assert experiment.tags["mlorch.kind"] == "frame"
    assert experiment.tags["mlorch.group"] == "learning"
    assert experiment.tags["mlorch.owner"] == "ann"
    assert experiment.tags["mlorch.tag.tier"] == "gold"
    note = experiment.tags["mlflow.note.content"]
    assert note.startswith("Known before.")
    assert f"#/experiments/{experiment.experiment_id}/runs" in note
    assert "viewStateShareKey=lineage" in note
    assert f"[flights](#/experiments/{shop.experiment('flights').experiment_id}/" in note
    assert "mlflow.sharedViewState.lineage" in experiment.tags
    shop.tell(made("features", run_id="r2", definition={**definition, "description": "Changed."}))
    assert shop.experiment("features").tags["mlflow.note.content"].startswith("Changed.")


def test_a_failed_run_says_why_and_lists_what_it_made(shop) -> None:
    shop.tell(
        started(partitions=("2013-01", "2013-02")),
        made("flights", "2013-01"),
        failed("flights[2013-02]", "flights", "2013-02"),
        finished(status="FAILURE", made=1, failed=1),
    )
    (job,) = shop.runs("__jobs__")
    assert job.info.status == "FAILED"
    assert job.data.metrics == {"made": 1, "failed": 1, "seconds": 9}
    note = job.data.tags["mlflow.note.content"]
    assert "**flights[2013-02]** failed: ValueError: no \\| rows" in note
    assert "File flights.py, line 3" in note
    lineage = _text(shop, job, "lineage.md")
    flights = shop.run("flights", "flights[2013-01] @")
    assert (
        f"[flights[2013-01]](#/experiments/{flights.info.experiment_id}/runs/{flights.info.run_id}?"
        in lineage
    )
    assert json.loads(_text(shop, job, "lineage.json"))["failed"][0]["type"] == "ValueError"
    assert shop.run("flights", "flights[2013-01 … 2013-02]").info.status == "FAILED"
    assert [run.info.run_name[:16] for run in shop.runs("flights")] == [
        "flights[2013-01 ",
        "flights[2013-01]",
    ]


def test_a_models_lineage_goes_back_to_the_sources(shop) -> None:
    shop.tell(*retraining(shop.files))
    run = shop.run("model", "model[2013-03]")
    text = _text(shop, run, "lineage.md")
    assert text.index("flights[2013-01]") < text.index("features[2013-01]")
    graph = json.loads(_text(shop, run, "lineage.json"))
    assert len(graph["inputs"]) == 3
    assert len(graph["upstream"]) == 6
    assert graph["upstream"][graph["inputs"][0]]["inputs"] == [
        f"flights[2013-01]@{made('flights', '2013-01').data_version}"
    ]


def test_what_was_told_before_is_recognized(shop) -> None:
    events = retraining(shop.files)
    shop.tell(*events)
    before = {run.info.run_id for asset in ("model", "__jobs__") for run in shop.runs(asset)}
    again = MlflowMirror(shop.store, shop.log, shop.files)
    for _ in follow(shop.log, "another", again.handle, batch=4):
        pass
    assert again.written == 0
    assert {run.info.run_id for asset in ("model", "__jobs__") for run in shop.runs(asset)} == before


def test_a_run_that_goes_on_later_keeps_its_place(shop) -> None:
    shop.tell(started(), made("flights"))
    shop.mirror = MlflowMirror(shop.store, shop.log, shop.files)
    read = inputs(("flights", None))[0]._replace(seq=2)
    shop.tell(made("features", inputs=(read,)), finished(made=2))
    (job,) = shop.runs("__jobs__")
    assert job.info.status == "FINISHED"
    assert shop.runs("features")[0].data.tags["mlflow.parentRunId"] == job.info.run_id
    flights = shop.run("flights", "flights")
    assert flights.info.run_id in shop.runs("features")[0].data.tags["mlflow.note.content"]


def test_a_deleted_experiment_does_not_stop_the_mirror(shop) -> None:
    shop.tell(started(), made("flights"), finished())
    shop.client.delete_experiment(shop.experiment("flights").experiment_id)
    shop.tell(started("r2"), made("flights", run_id="r2"), finished("r2"))
    assert shop.mirror.problems == []
    assert len(shop.runs("flights")) == 2


def test_a_deleted_job_run_does_not_stop_the_mirror(shop) -> None:
    shop.tell(started(), made("flights"))
    (job,) = shop.runs("__jobs__")
    shop.client.delete_run(job.info.run_id)
    shop.tell(made("features"), finished())
    assert shop.mirror.problems == []
    assert shop.runs("__jobs__")[0].info.run_id != job.info.run_id


def test_what_mlflow_refuses_is_told_and_holds_up_nothing(shop) -> None:
    shop.tell(started(), made("x" * 600), made("flights"), finished())
    (problem,) = shop.mirror.problems
    assert "x" * 600 in problem
    assert shop.runs("flights")[0].info.status == "FINISHED"


def test_long_and_odd_values_get_through(shop) -> None:
    event = made(
        "features",
        "a 'quoted' | \"key\"",
        config={f"field {n} ✓/": "x" * 7_000 for n in range(150)},
        metrics={
            "loss (train)": [[n, n / 7] for n in range(1_200)],
            "nan": float("nan"),
            "inf": float("inf"),
        },
        metadata={"rows": 3, "columns": COLUMNS, "path": "s3://x?y=z", "note": "line\nline"},
    )
    shop.tell(started(), event, finished())
    assert shop.mirror.problems == []
    run = shop.run("features", "features")
    assert run.info.status == "FINISHED"
    assert len(shop.client.get_metric_history(run.info.run_id, "loss _train_")) == 1_200
    assert sum(value.endswith("(cut, 7,000 characters)") for value in run.data.params.values()) == 150


def test_a_run_without_materializations_is_there_too(shop) -> None:
    shop.tell(
        started(tags={"team": "ml", "mlorch.run_id": "forged"}, config={"ops": {"model": {"depth": 3}}})
    )
    (job,) = shop.runs("__jobs__")
    assert job.info.status == "RUNNING"
    assert job.data.tags["team"] == "ml"
    assert job.data.tags["mlorch.run_id"] == "r1"
    shop.tell(finished(status="CANCELED"))
    (job,) = shop.runs("__jobs__")
    assert job.info.status == "KILLED"
    assert job.data.params["ops.model.depth"] == "3"


def test_facts_of_no_interest_do_not_open_the_store(tmp_path, shop) -> None:
    mirror = MlflowMirror(replace(shop.store, folder=tmp_path / "nowhere"), shop.log)
    shop.log.append([failed("a", "a")])
    mirror.handle(shop.log.read())
    assert not (tmp_path / "nowhere").exists()


def _text(shop, run, path: str) -> str:
    (found,) = [one for one in shop.client.list_artifacts(run.info.run_id) if one.path == path]
    root = run.info.artifact_uri
    with open(f"{root}/{found.path}", encoding="utf-8") as file:
        return file.read()
