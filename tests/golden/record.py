"""Records a small log, as this version keeps it: run `python -m tests.golden.record` once for each release.

The database becomes SQL, and beside it stand the events as JSON, one a line.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlorch import __version__
from mlorch.events import (
    AssetMaterialized,
    AssetObserved,
    BackfillFinished,
    BackfillStarted,
    CheckEvaluated,
    CodeLoaded,
    CodeRejected,
    DriftEvaluated,
    Event,
    FreshnessChanged,
    HookErrored,
    Input,
    InstigatorStarted,
    InstigatorStopped,
    OutputCaptured,
    PartitionsAdded,
    PartitionsDeleted,
    RetentionApplied,
    RunFinished,
    RunQueued,
    RunStarted,
    StepFailed,
    StepRetried,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    TickEvaluated,
    to_json,
)
from mlorch.storage.leases import Holder, SqlLeases
from mlorch.storage.sql import open_log

HERE = Path(__file__).parent
RUN = "20130301T060000-7d3f21c8"
DAYS = [f"2013-01-{day:02}" for day in range(1, 11)]
ENVIRONMENT = {"python": "3.11.7", "scikit-learn": "1.6.1"}
ERROR = {"type": "ValueError", "message": "no flights", "traceback": "…", "exit_code": None}


def main() -> None:
    """Write `log-VERSION.sql` and `log-VERSION.jsonl`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mlorch.db"
        with closing(open_log(path)) as log:
            for batch in batches():
                log.append(batch)
            log.advance("mlflow", 7)
            SqlLeases(log.engine).acquire(
                ["model"], Holder(RUN, "host", 1, "mlorch materialize", 1.0), 60, 1.0
            )
            events = [to_json(record.event) for record in log.read()]
        with closing(sqlite3.connect(path)) as raw:
            statements = list(raw.iterdump())
    for suffix, lines in (("sql", statements), ("jsonl", events)):
        (HERE / f"log-{__version__}.{suffix}").write_text("\n".join(lines) + "\n", encoding="utf-8")


def batches() -> list[list[Event]]:
    """Return what is recorded: each kind of fact at least once."""
    return [_raw(), _model(), _end(), _many(), _by_itself()]


def _raw() -> list[Event]:
    begin = RunStarted(
        run_id=RUN,
        at=1362117600.0,
        job="daily",
        partitions=("2013-01",),
        selection=("+model",),
        steps=13,
        tags={"team": "ml"},
        config={"model": {"depth": 6}},
        project="nyc_flights",
        source={"user": "ada", "host": "host", "pid": 4711, "command": "mlorch materialize +model"},
        git={"commit": "0" * 40, "dirty": True},
    )
    seen = AssetObserved(at=1362117600.1, asset="weather", data_version="w1", metadata={"rows": 26115})
    return [begin, seen, *(_flights(day) for day in DAYS)]


def _flights(day: str) -> Event:
    return AssetMaterialized(
        run_id=RUN,
        at=1362117601.25,
        step=f"raw/flights[{day}]",
        asset="raw/flights",
        partition=day,
        started_at=1362117601.0,
        code_version="c0ffee",
        data_version=f"d{day}",
        content_hash="5d41402abc4b2a76b9719d911017c592",
        size=1234,
        uri=f"data/raw/flights/{day}.parquet",
        io_manager="pandas",
        environment=ENVIRONMENT,
        definition={"group": "raw", "deps": [], "value": "frame", "description": "Abflüge eines Tages ✈"},
        metadata={"rows": 842, "columns": [["dep_delay", "float64"]]},
    )


def _model() -> list[Event]:
    step: dict[str, Any] = {"run_id": RUN, "step": "model", "asset": "model"}
    model = AssetMaterialized(
        **step,
        at=1362117603.5,
        started_at=1362117602.0,
        attempt=2,
        code_version="beef",
        is_code_declared=True,
        config={"depth": 6},
        config_digest="abc",
        default_config_digest="abd",
        data_version="m1",
        is_user_provided=True,
        inputs=(
            *(Input("raw/flights", day, f"d{day}", seq) for seq, day in enumerate(DAYS, 3)),
            Input("weather", None, "w1", 2),
            Input("airports", None, "a1", None),
        ),
        environment=ENVIRONMENT,
        definition={"group": "ml", "deps": ["raw/flights", "weather"], "value": "model"},
        metrics={"auc": 0.731, "loss": [[1, 0.69], [2, 0.5]]},
    )
    return [
        StepStarted(**step, at=1362117602.0),
        StepRetried(**step, at=1362117602.1, error=ERROR, delay=0.5),
        StepStarted(**step, at=1362117602.6, attempt=2),
        model,
        CheckEvaluated(
            **step, at=1362117603.5, check="auc", passed=False, severity="WARN", metadata={"auc": 0.731}
        ),
        OutputCaptured(**step, at=1362117603.6, attempt=2, stdout="fit\n", log=((0.5, "INFO", "fitting"),)),
    ]


def _end() -> list[Event]:
    step: dict[str, Any] = {"run_id": RUN, "at": 1362117604.0}
    return [
        StepFailed(**step, step="evaluation", asset="evaluation", error=ERROR),
        StepSkipped(**step, step="report", asset="report", reason="evaluation failed", is_blocked=True),
        RunFinished(
            **step, status="FAILURE", counts={"made": 11, "failed": 1, "blocked": 1}, reason="1 step failed"
        ),
    ]


def _many() -> list[Event]:
    """What came after 0.1.0: ops, hooks, backfills and partitions that are known at run time."""
    op: dict[str, Any] = {"run_id": RUN, "at": 1362117605.0, "step": "levels.halve", "asset": "low"}
    backfill: dict[str, Any] = {"run_id": "b4ckf111", "at": 1362117606.0}
    kept = {
        "name": "under",
        "mapping_key": "k1",
        "slot": f"{RUN}/levels.halve/under",
        "uri": "outputs/under.json",
        "content_hash": "5d41402abc4b2a76b9719d911017c592",
        "io_manager": "json",
        "metadata": {"rows": 3},
    }
    return [
        StepSucceeded(**op, started_at=1362117604.5, attempt=2, outputs=(kept,)),
        HookErrored(**op, hook="tell", error=ERROR),
        StepFailed(**op, error=ERROR, slots=(("low", None), ("high", "2013-01-01"))),
        PartitionsAdded(at=1362117605.0, name="colours", keys=("red", "blue")),
        PartitionsDeleted(at=1362117605.5, name="colours", keys=("red",)),
        BackfillStarted(
            **backfill,
            selection=("raw/flights",),
            targets={"raw/flights": DAYS},
            only="missing",
            tags={"team": "ml"},
            project="nyc_flights",
        ),
        BackfillFinished(
            **backfill, status="FAILURE", counts={"made": 9, "failed": 1}, reason="1 run failed"
        ),
    ]


def _by_itself() -> list[Event]:
    """What goes by itself: ticks, the queue, the code, drift, freshness, retention."""
    at = 1362117607.0
    reference: dict[str, Any] = {
        "version": "m1",
        "asset": "model",
        "partition": None,
        "data_version": "m1",
        "parts": [],
    }
    return [
        CodeLoaded(at=at, fingerprint="c0ffee"),
        CodeRejected(at=at, fingerprint="bad", error={"type": "SyntaxError", "message": "invalid syntax"}),
        InstigatorStarted(at=at, name="schedule/nightly", timetable=("0 6 * * *", "UTC")),
        InstigatorStopped(at=at, name="sensor/arrivals", is_declared=True),
        TickEvaluated(
            at=at,
            name="schedule/nightly",
            number=3,
            status="SUCCESS",
            due=at,
            cursor="7",
            runs=(RUN,),
            run_keys=("2013-02",),
            last_run_key="2013-03",
            seconds=0.25,
        ),
        RunQueued(
            run_id=RUN,
            at=at,
            job="retrain",
            selection=("model",),
            partition="2013-03",
            tags={"mlorch/schedule": "nightly"},
            config={"ops": {"model": {"config": {"depth": 6}}}},
            source={"schedule": "nightly", "tick": 3, "run_key": "2013-03"},
        ),
        DriftEvaluated(
            at=at,
            asset="features",
            partition="2013-03",
            data_version="f3",
            sensor="drifted",
            reference=reference,
            verdict="drift",
            why="distance moved by 0.3 sd",
            report={"verdict": "drift", "share": 0.5, "columns": []},
            run_key="retrain|2013-03|m1|f3",
        ),
        FreshnessChanged(
            at=at, asset="model", state="FAIL", was="PASS", policy="at most 1 day old", made_at=1.0
        ),
        RetentionApplied(at=at, runs_gone=2, values_gone=5, runs_before=1.0, values_before=1359676800.0),
    ]


if __name__ == "__main__":
    main()
