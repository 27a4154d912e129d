"""Which facts people are told of, and what they read."""

from __future__ import annotations

from typing import Any

import pytest

from mlorch.events import (
    BACKFILL_TAG,
    AssetMaterialized,
    BackfillFinished,
    CodeRejected,
    DriftEvaluated,
    Event,
    FreshnessChanged,
    RunFinished,
    RunStarted,
    StepFailed,
    TickEvaluated,
)
from mlorch.log import MemoryLog, Record
from mlorch.mirrors.notices import NOTICED, Notice, notice_of

RUN = "1a2b3c4d5e6f"


def told(*events: Event) -> list[Notice]:
    """What is told of facts that happen one after the other."""
    log = MemoryLog()
    log.append(events)
    found = [notice_of(record, log, "shop & co") for record in log.read()]
    return [one for one in found if one is not None]


def started(**values: Any) -> RunStarted:
    return RunStarted(run_id=RUN, at=1.0, **values)


def failed(step: str, **values: Any) -> StepFailed:
    error = {"type": "ValueError", "message": "bad data", "traceback": "…"}
    return StepFailed(run_id=RUN, at=2.0, step=step, asset=step, **{"error": error, **values})


def finished(status: str = "FAILURE", **values: Any) -> RunFinished:
    return RunFinished(run_id=RUN, at=1_700_000_000.5, status=status, **values)


def tick(status: str = "FAILURE", failures: int = 1, **values: Any) -> TickEvaluated:
    error = {"type": "KeyError", "message": "'x'"} if status == "FAILURE" else {}
    given = {"name": "sensor/arrivals", "number": 7, "error": error, **values}
    return TickEvaluated(at=3.0, status=status, failures=failures, **given)


def freshness(state: str, was: str, **values: Any) -> FreshnessChanged:
    return FreshnessChanged(at=3.0, asset="features", state=state, was=was, **values)


def drift(verdict: str = "drift", **values: Any) -> DriftEvaluated:
    return DriftEvaluated(at=3.0, asset="features", partition="2013-02", verdict=verdict, **values)


def test_a_run_that_failed_says_what_failed_and_where_to_look() -> None:
    steps = (failed("model[2013-02]", attempt=3), failed("report"))
    counts = {"made": 2, "skipped": 0, "failed": 2, "blocked": 1}
    (notice,) = told(started(job="training", partitions=("2013-02",)), *steps, finished(counts=counts))
    assert notice.kind == "failure"
    assert notice.title == "shop & co: job training [2013-02], run 1a2b3c4d failed: model[2013-02] and 1 more"
    assert notice.text.splitlines() == [
        "2 made, 2 failed, 1 blocked",
        "model[2013-02] (attempt 3): ValueError: bad data",
        "report: ValueError: bad data",
        "Look at it: mlorch runs show 1a2b3c4d",
        "",
        "shop & co, 2023-11-14 22:13:20 UTC",
    ]
    assert notice.id == "shop-co-4-1700000000500"
    fields = {"project": "shop & co", "run_id": RUN, "job": "training", "steps": "model[2013-02], report"}
    assert notice.fields == fields


def test_a_run_whose_worker_died_says_so() -> None:
    (notice,) = told(started(partitions=("a", "b")), finished(reason="its process is gone"))
    assert notice.title == "shop & co: run 1a2b3c4d (2 partitions) failed"
    assert notice.text.startswith("its process is gone\nLook at it")


def test_a_long_story_is_cut() -> None:
    error = {"type": "ValueError", "message": "x" * 10_000}
    (notice,) = told(started(), *(failed(f"a{number}", error=error) for number in range(9)), finished())
    assert "and 4 more" in notice.text
    assert len(notice.text) < 2_500


def test_a_backfill_is_told_once() -> None:
    over = BackfillFinished(run_id="b1b2b3b4b5b6", at=9.0, status="FAILURE", counts={"made": 3, "failed": 1})
    (notice,) = told(started(tags={BACKFILL_TAG: "b1b2b3b4b5b6"}), failed("a"), finished(), over)
    assert notice.title == "shop & co: backfill b1b2b3b4 failed"
    assert "3 made, 1 failed\nLook at it: mlorch backfills show b1b2b3b4" in notice.text


def test_a_sensor_that_goes_on_failing_is_told_once_until_it_recovers() -> None:
    ticks = [tick(failures=1), tick(failures=2), tick("SKIPPED", 0), tick(failures=1)]
    first, second = told(*ticks)
    assert first.title == "shop & co: sensor arrivals failed"
    assert first.text.startswith("KeyError: 'x'\n")
    assert "mlorch sensor preview arrivals" in first.text
    assert first.id != second.id
    (notice,) = told(tick(name="schedule/nightly"))
    assert notice.title == "shop & co: schedule nightly failed"


def test_definitions_that_do_not_load_are_told() -> None:
    error = {"type": "ModuleNotFoundError", "message": "no module named 'x'"}
    (notice,) = told(CodeRejected(at=1.0, fingerprint="f", error=error))
    assert notice.title == "shop & co: the definitions do not load"
    assert "ModuleNotFoundError: no module named 'x'\nThe daemon goes on" in notice.text


def test_drift_is_told_with_its_reason_and_what_it_was_compared_with() -> None:
    (notice,) = told(
        drift(
            why="drift of distance: effect 0.31 ≥ 0.1",
            reference={"asset": "model", "partition": "2013-01"},
            report={"drifted": ["distance", "carrier"]},
            held="one ran within the last day",
            sensor="retrain",
        )
    )
    assert (notice.kind, notice.title) == ("drift", "shop & co: features[2013-02] drifted")
    assert notice.text.splitlines()[:3] == [
        "drift of distance: effect 0.31 ≥ 0.1",
        "It was compared with what model[2013-01] learned from.",
        "No run was asked for: one ran within the last day",
    ]
    assert (notice.fields["columns"], notice.fields["sensor"]) == ("distance, carrier", "retrain")


@pytest.mark.parametrize(
    ("state", "was", "title"),
    [
        ("WARN", "PASS", "features will soon be too old"),
        ("FAIL", "WARN", "features is too old"),
        ("FAIL", "UNKNOWN", "features is too old"),
        ("PASS", "FAIL", "features is fresh again"),
        ("PASS", "WARN", "features is fresh again"),
    ],
)
def test_what_is_late_or_no_more_is_told(state: str, was: str, title: str) -> None:
    (notice,) = told(freshness(state, was, policy="at most 1 day old", made_at=0.0))
    assert (notice.kind, notice.title) == ("freshness", f"shop & co: {title}")
    made = "It was last made at 1970-01-01 00:00:00 UTC.\nIts policy: at most 1 day old."
    assert notice.text.startswith(made)


@pytest.mark.parametrize(
    "event",
    [
        finished("SUCCESS"),
        finished("CANCELED"),
        BackfillFinished(run_id=RUN, at=1.0, status="CANCELED"),
        tick("SUCCESS", 0),
        freshness("PASS", "UNKNOWN"),
        drift("no drift"),
        drift("insufficient"),
        failed("a"),
        AssetMaterialized(run_id=RUN, at=1.0, step="a", asset="a"),
    ],
    ids=["made", "canceled", "backfill", "tick", "fresh", "same", "few", "step", "asset"],
)
def test_what_is_fine_or_nobody_can_do_anything_about_is_not_told(event: Event) -> None:
    assert told(event) == []


def test_a_kind_that_is_not_followed_makes_no_notice() -> None:
    assert notice_of(Record(1, failed("a")), MemoryLog(), "shop") is None
    assert "step_failed" not in NOTICED
