"""Drift in MLflow: a run for each evaluation, and in the note of a run why it ran."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mlorch.drift import compare
from mlorch.events import BackfillFinished, BackfillStarted, DriftEvaluated
from mlorch.log import follow
from mlorch.mirrors.mlflow import MlflowMirror
from tests.mirrors.mlflow.facts import START, finished, made, started

WHY = "drift of price in features[2013-02]: effect 0.31 ≥ 0.1"


def frame(shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["a", "b"], 300)
    return pd.DataFrame({"price": rng.normal(shift, 1, 300), "kind": kinds, "at": pd.Timestamp(2013, 1, 1)})


def backfill(**values):
    return BackfillStarted(run_id="b1", at=START, selection=("*",), project="shop", **values)


def evaluated(shift=0.5, **values):
    report = compare(frame(), frame(shift, 1), watch=["price"])
    reference = {
        "version": "ref1",
        "asset": "model",
        "partition": "2013-01",
        "data_version": "m1",
        "parts": [],
    }
    defaults = {
        "at": START + 5,
        "asset": "features",
        "partition": "2013-02",
        "sensor": "moved",
        "data_version": "v2",
        "reference": reference,
        "verdict": report.verdict,
        "why": report.why("features[2013-02]"),
        "report": report.to_json(),
        "run_key": "retrain|2013-02",
    }
    return DriftEvaluated(**{**defaults, **values})


def test_an_evaluation_is_a_run_in_the_experiment_of_its_asset(shop):
    event = evaluated()
    shop.tell(started(), made("features", "2013-02"), event)
    run = shop.run("features", "drift features[2013-02]")
    report = event.report
    price = report["columns"][0]["differences"][0]
    assert run.info.status == "FINISHED"
    assert run.info.start_time == (START + 5) * 1000
    metrics = run.data.metrics
    for name in ("effect", "threshold", "statistic", "p", "adjusted_p"):
        assert metrics[f"drift.price.{name}"] == pytest.approx(price[name])
    assert (metrics["drift.price.drifted"], metrics["drift.kind.drifted"]) == (1, 0)
    assert metrics["drift.price.psi"] == pytest.approx(report["columns"][0]["psi"])
    assert metrics["drift.kind.unseen.effect"] == 0
    assert metrics["drift.rows.current"] == 300
    tags = run.data.tags
    assert (tags["mlorch.role"], tags["mlorch.sensor"], tags["mlorch.drift.verdict"]) == (
        "drift", "moved", "drift",
    )  # fmt: skip
    assert (tags["mlorch.drift.reference"], tags["mlorch.drift.current"]) == ("ref1", "v2")
    assert tags["mlorch.drift.model"] == "model[2013-01]"
    note = tags["mlflow.note.content"]
    assert note.startswith("Drift of price in features[2013-02]: effect")
    assert "| **price** | drift |" in note
    assert run.data.params == {"partition": "2013-02", "verdict": "drift", "sensor": "moved"}


def test_the_report_stands_beside_it(shop, tmp_path):
    event = evaluated()
    shop.tell(event)
    run = shop.run("features", "drift features[2013-02]")
    path = shop.client.download_artifacts(run.info.run_id, "drift.json", str(tmp_path))
    with open(path) as file:
        assert json.load(file) == event.report


def test_no_drift_is_told_too_and_why_drift_asked_for_nothing(shop):
    calm = evaluated(0.0, data_version="v3", run_key=None)
    held = evaluated(data_version="v4", partition="2013-03", run_key=None, held="the last one is an hour ago")
    shop.tell(calm, held)
    first, second = shop.runs("features")
    assert first.data.tags["mlflow.note.content"].startswith("No drift in features[2013-02].")
    assert "No run was asked for: the last one is an hour ago." in second.data.tags["mlflow.note.content"]


def test_what_was_told_before_is_recognized(shop):
    shop.tell(evaluated(), evaluated(data_version="v3"))
    before = {run.info.run_id for run in shop.runs("features")}
    assert len(before) == 2
    half = min(before)
    shop.client.update_run(half, status="RUNNING")
    shop.client.log_metric(half, "drift.share", 9.0)
    again = MlflowMirror(shop.store, shop.log, shop.files)
    for _ in follow(shop.log, "another", again.handle, batch=4):
        pass
    assert {run.info.run_id for run in shop.runs("features")} == before
    assert shop.client.get_run(half).info.status == "FINISHED"
    assert again.problems == []


def test_a_backfill_says_first_why_it_ran(shop):
    tags = {"mlorch/sensor": "moved", "mlorch/why": WHY}
    shop.tell(backfill(tags=tags), BackfillFinished(run_id="b1", at=START + 9, status="SUCCESS"))
    (job,) = shop.runs("__jobs__")
    assert job.data.tags["mlflow.note.content"].splitlines()[:3] == [
        f"Why: {WHY} (sensor moved).", "", "SUCCESS",
    ]  # fmt: skip


def test_a_run_says_first_why_it_ran(shop):
    tags = {"mlorch/sensor": "moved", "mlorch/run_key": "k", "mlorch/why": WHY}
    shop.tell(started(tags=tags), made("features", "2013-02"))
    (job,) = shop.runs("__jobs__")
    line = f"Why: {WHY} (sensor moved)."
    assert job.data.tags["mlflow.note.content"] == line
    shop.tell(finished())
    (job,) = shop.runs("__jobs__")
    assert job.data.tags["mlflow.note.content"].splitlines()[:3] == [line, "", "SUCCESS"]
    assert job.data.tags["mlorch/why"] == WHY
    assert job.data.tags["mlorch/run_key"] == "k"
    made_run = shop.run("features", "features[2013-02] @")
    assert line in made_run.data.tags["mlflow.note.content"].splitlines()
