"""What MLflow shows of backfills, multi-assets, jobs of ops, checks, observations and reports."""

from __future__ import annotations

import json
from pathlib import Path

from mlorch.events import BACKFILL_TAG
from mlorch.log import follow
from mlorch.mirrors.mlflow import MlflowMirror
from tests.mirrors.mlflow.facts import (
    MONTHS,
    START,
    backfilled,
    checked,
    concepts,
    failed,
    finished,
    made,
    resumed,
    retraining,
    started,
)

BACKFILL = "backfill: flights features report [2013-01 … 2013-02] (2)"


def names(shop, asset: str) -> dict[str, str]:
    """Return the name of the run above each run of an experiment, by its name without the version."""
    ids = {run.info.run_id: run.info.run_name for one in ("__jobs__", asset) for run in shop.runs(one)}
    return {
        run.info.run_name.partition(" @")[0]: ids.get(run.data.tags.get("mlflow.parentRunId"), "")
        for run in shop.runs(asset)
    }


def text(run, name: str) -> str:
    return Path(run.info.artifact_uri, name).read_text()


def test_a_backfill_of_many_runs_is_one_run_with_the_others_below(shop) -> None:
    shop.tell(*backfilled())
    assert names(shop, "__jobs__") == {
        BACKFILL: "",
        "flights features [2013-01]": BACKFILL,
        "flights features [2013-02]": BACKFILL,
    }
    above = "flights[2013-01 … 2013-02] (2)"
    assert names(shop, "flights") == {
        above: BACKFILL,
        "flights[2013-01]": above,
        "flights[2013-02]": above,
    }
    backfill = shop.run("__jobs__", "backfill")
    assert backfill.info.status == "FAILED"
    assert backfill.data.tags[BACKFILL_TAG] == "b1"
    assert backfill.data.metrics == {"made": 3, "failed": 1, "seconds": 25}
    url = f"#/experiments/{shop.experiment('features').experiment_id}/runs/"
    assert f"[features]({url}" in backfill.data.tags["mlflow.note.content"]
    assert ") | 2 | 1 | 1 |" in text(backfill, "lineage.md")
    features = shop.run("features", "features[2013-01 …")
    assert (features.info.status, features.data.metrics) == ("FAILED", {"made": 1, "failed": 1})
    assert shop.run("flights", "flights[2013-01 …").info.status == "FINISHED"


def test_while_it_goes_on_a_backfill_says_so(shop) -> None:
    shop.tell(*backfilled()[:-1])
    assert shop.run("__jobs__", "backfill").info.status == "RUNNING"
    assert shop.run("flights", "flights[2013-01 …").info.status == "RUNNING"


def test_a_resumed_backfill_goes_on_in_its_place(shop) -> None:
    shop.tell(*backfilled())
    shop.mirror = MlflowMirror(shop.store, shop.log, shop.files)
    shop.tell(resumed()[0])
    assert shop.run("__jobs__", "backfill").info.status == "RUNNING"
    shop.tell(*resumed()[1:])
    backfill = shop.run("__jobs__", "backfill")
    assert backfill.info.status == "FINISHED"
    assert ") | 2 | 2 | 0 |" in text(backfill, "lineage.md")
    features = shop.run("features", "features[2013-01 …")
    assert (features.info.status, features.data.metrics) == ("FINISHED", {"made": 2, "failed": 0})
    assert names(shop, "features")["features[2013-02]"] == "features[2013-01 … 2013-02] (2)"
    assert names(shop, "report") == {"report": "materialize [2013-02]"}


def test_nothing_of_all_this_is_told_twice(shop) -> None:
    events = [*retraining(shop.files, MONTHS[:2]), *backfilled(), *resumed(), *concepts()]
    shop.tell(*events)
    assert shop.mirror.problems == []
    experiments = ("__jobs__", "flights", "features", "report", "train", "test", "outside")
    before = {(run.info.run_id, run.info.status) for one in experiments for run in shop.runs(one)}
    again = MlflowMirror(shop.store, shop.log, shop.files)
    for _ in follow(shop.log, "another", again.handle, batch=4):
        pass
    assert (again.written, again.problems) == (0, [])
    assert {(run.info.run_id, run.info.status) for one in experiments for run in shop.runs(one)} == before


def test_a_step_that_makes_several_assets_is_a_run_in_each_experiment(shop) -> None:
    shop.tell(*concepts())
    for asset in ("train", "test"):
        (run,) = shop.runs(asset)
        assert run.info.run_name.startswith(f"{asset} @")
        assert run.data.tags["mlorch.materialization_id"] == f"m1:{asset}"
        assert run.data.params["code_version"] == "1"
    job = shop.run("__jobs__", "train test")
    assert "[train](#/" in text(job, "lineage.md")
    assert "[test](#/" in text(job, "lineage.md")
    assert "| feed | `7` |" in text(job, "lineage.md")


def test_a_failed_step_names_every_asset_that_it_would_have_made(shop) -> None:
    slots = (("train", None), ("test", None))
    shop.tell(started(), failed("split", "train", slots=slots), finished(status="FAILURE", failed=1))
    (job,) = shop.runs("__jobs__")
    assert "**split (train, test)** failed: ValueError" in job.data.tags["mlflow.note.content"]
    assert "| split (train, test) | ValueError" in text(job, "lineage.md")
    assert json.loads(text(job, "lineage.json"))["failed"][0]["slots"] == [["train", None], ["test", None]]


def test_a_failed_step_counts_for_each_of_its_partitions(shop) -> None:
    slots = tuple(("bulk", month) for month in MONTHS[:2])
    shop.tell(
        started(partitions=MONTHS),
        made("bulk", MONTHS[2]),
        failed("bulk[2013-01...2013-02]", "bulk", MONTHS[0], slots=slots),
        finished(status="FAILURE"),
    )
    above = shop.run("bulk", "bulk[2013-01 … 2013-03] (3)")
    assert (above.info.status, above.data.metrics) == ("FAILED", {"made": 1, "failed": 2})


def test_a_job_of_ops_lists_its_steps(shop) -> None:
    shop.tell(*concepts())
    job = shop.run("__jobs__", "numbers")
    assert job.info.status == "FINISHED"
    lines = text(job, "lineage.md")
    assert "| twice[k1] | 0.50 | .mlorch/outputs/j1/twice[k1].json |" in lines
    assert "| after | maybe.may was not made |" in lines
    assert "| made |" not in lines
    assert [one["step"] for one in json.loads(text(job, "lineage.json"))["ops"]] == ["read", "twice[k1]"]


def test_checks_are_metrics_and_tags_of_what_was_checked(shop) -> None:
    shop.tell(*concepts())
    (train,) = shop.runs("train")
    assert train.data.metrics["check/has_rows"] == 0
    assert train.data.metrics["check/has_rows/nulls"] == 3
    assert train.data.tags["mlorch.check.has_rows"] == "failed (WARN): few"
    job = shop.run("__jobs__", "train test")
    assert (job.data.metrics["checks passed"], job.data.metrics["checks failed"]) == (0, 1)
    assert "**train** failed the check has_rows (WARN): few" in job.data.tags["mlflow.note.content"]


def test_a_check_finds_the_value_of_an_earlier_run(shop) -> None:
    shop.tell(started(), made("train", "2013-01"), finished())
    shop.mirror = MlflowMirror(shop.store, shop.log, shop.files)
    shop.tell(
        started("r2", at=START + 20),
        checked("train", "2013-01", run_id="r2"),
        checked("never made", run_id="r2"),
        finished("r2", at=START + 30),
    )
    assert shop.mirror.problems == []
    assert shop.run("train", "train[2013-01]").data.tags["mlorch.check.has_rows"] == "passed"


def test_what_was_reported_is_a_run_of_no_job(shop) -> None:
    shop.tell(*concepts())
    (run,) = shop.runs("outside")
    assert "mlflow.parentRunId" not in run.data.tags
    assert "seconds" not in run.data.metrics
    assert run.info.status == "FINISHED"


def test_a_run_that_tries_another_again_leads_to_it(shop) -> None:
    shop.tell(
        started(),
        finished(status="FAILURE"),
        started("r2", at=START + 20, tags={"mlorch/parent_run_id": "r1"}),
        finished("r2", at=START + 30),
    )
    first, second = sorted(shop.runs("__jobs__"), key=lambda run: run.info.start_time)
    note = second.data.tags["mlflow.note.content"]
    assert f"/runs/{first.info.run_id}?" in note


def test_many_selected_assets_do_not_fill_the_name(shop) -> None:
    shop.tell(started(job=None, selection=tuple("abcdef")))
    assert shop.runs("__jobs__")[0].info.run_name == "a b c and 3 more"
