"""A small project's facts, made by hand, and its values on disk."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlorch.errors import IntegrityError
from mlorch.events import (
    BACKFILL_TAG,
    AssetMaterialized,
    AssetObserved,
    BackfillFinished,
    BackfillStarted,
    CheckEvaluated,
    Event,
    Input,
    RunFinished,
    RunStarted,
    StepFailed,
    StepSkipped,
    StepSucceeded,
)
from mlorch.log import slot_name

MONTHS = ("2013-01", "2013-02", "2013-03")
COLUMNS = [["a", "int64"], ["b", "float64"], ["late", "int64"]]
START = 1_700_000_000.0


class Files:
    """Values in a folder, handed out after a check of their hash."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, uri: str, value: Any) -> dict[str, Any]:
        """Write a value with joblib; return the fields that record it."""
        import joblib

        buffer = io.BytesIO()
        joblib.dump(value, buffer)
        data = buffer.getvalue()
        path = self.root / uri
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return {"uri": uri, "content_hash": hashlib.md5(data).hexdigest(), "size": len(data)}

    def read(self, uri: str, content_hash: str | None) -> bytes:
        data = (self.root / uri).read_bytes()
        if content_hash is not None and hashlib.md5(data).hexdigest() != content_hash:
            raise IntegrityError(f"{uri} was changed by somebody else")
        return data

    def write(self, path: str, dump: Any) -> Any:
        raise NotImplementedError

    def restore(self, uri: str, content_hash: str) -> None:
        raise NotImplementedError

    def remove(self, content_hash: str, before: float, *, only_ask: bool = False) -> None:
        raise NotImplementedError


def version(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def started(run_id: str = "r1", *, at: float = START, **values: Any) -> RunStarted:
    defaults: dict[str, Any] = {
        "job": "retrain",
        "project": "shop",
        "source": {"user": "ann", "host": "box", "pid": 7, "command": "mlorch materialize '*'"},
        "git": {"commit": "a" * 40, "dirty": True},
    }
    return RunStarted(run_id=run_id, at=at, **{**defaults, **values})


def made(asset: str, partition: str | None = None, **values: Any) -> AssetMaterialized:
    at = values.pop("at", START + 1)
    kind = values.pop("kind", "frame")
    definition = {
        "group": "learning",
        "value": kind,
        "deps": [],
        "partitions": None,
        **values.pop("definition", {}),
    }
    if partition is not None:
        definition["partitions"] = definition["partitions"] or "MonthlyPartitionsDefinition(start='2013-01')"
    defaults: dict[str, Any] = {
        "run_id": "r1",
        "started_at": at - 0.5,
        "step": slot_name((asset, partition)),
        "code_version": "1",
        "is_code_declared": True,
        "data_version": version(asset, partition),
        "environment": {"python": "3.11.2", "pandas": "3.1.1"},
        "definition": definition,
    }
    if kind == "frame":
        defaults |= {
            "content_hash": "c" * 32,
            "size": 123,
            "uri": f"data/{asset}/{partition}.parquet" if partition else f"data/{asset}.parquet",
            "metadata": {"rows": 10, "columns": COLUMNS},
        }
    return AssetMaterialized(at=at, asset=asset, partition=partition, **{**defaults, **values})


def inputs(*slots: tuple[str, str | None]) -> tuple[Input, ...]:
    """Return inputs in the versions that `made` gives, to be numbered by the log."""
    return tuple(Input(asset, partition, version(asset, partition), None) for asset, partition in slots)


def failed(step: str, asset: str, partition: str | None = None, **values: Any) -> StepFailed:
    error = {"type": "ValueError", "message": "no | rows", "traceback": "  File flights.py, line 3"}
    return StepFailed(
        run_id="r1", at=START + 8, step=step, asset=asset, partition=partition, error=error, **values
    )


def finished(
    run_id: str = "r1", *, at: float = START + 9, status: str = "SUCCESS", **counts: int
) -> RunFinished:
    return RunFinished(run_id=run_id, at=at, status=status, counts=counts)


def retraining(files: Files, months: tuple[str, ...] = MONTHS) -> list[Event]:
    """Return a backfill: flights → features → model, which trains on up to three months."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(*training_data())
    events: list[Event] = [started(partitions=months, selection=("*",), steps=3 * len(months))]
    for count, month in enumerate(months, 1):
        at = START + count
        events.append(made("flights", month, at=at))
        events.append(
            made("features", month, at=at, inputs=inputs(("flights", month)), metrics={"late_rate": 0.2})
        )
        window = months[max(0, count - 3) : count]
        events.append(
            made(
                "model",
                month,
                kind="model",
                at=at,
                inputs=inputs(*(("features", each) for each in window)),
                config={"depth": count, "trees": {"leaves": 8}},
                metrics={"auc": [[0, 0.5], [1, 0.75]]},
                environment={"python": "3.11.2", "pandas": "3.1.1", "scikit-learn": "1.9.1"},
                **files.keep(f"data/model/{month}.joblib", model),
            )
        )
    return [*events, finished(at=START + 99, made=3 * len(months))]


def backfilled(months: tuple[str, ...] = MONTHS[:2]) -> list[Event]:
    """Return a backfill by a run for each month, with a check of what it makes; the last run fails first."""
    at = START + 1_000
    targets = {"flights": list(months), "features": list(months), "report": None}
    begun = BackfillStarted(run_id="b1", at=at, selection=tuple(targets), targets=targets, project="shop")
    events: list[Event] = [begun]
    for count, month in enumerate(months, 1):
        at += 10
        run = f"b1-{count}"
        tags = {BACKFILL_TAG: "b1"}
        events.append(
            started(run, at=at, job=None, partitions=(month,), selection=("flights", "features"), tags=tags)
        )
        events.append(made("flights", month, at=at + 1, run_id=run))
        read = inputs(("flights", month))
        if month == months[-1]:
            events.append(replace(failed(f"features[{month}]", "features", month), run_id=run, at=at + 2))
        else:
            events.append(made("features", month, at=at + 2, run_id=run, inputs=read))
            events.append(checked("features", month, run_id=run, at=at + 3))
        events.append(finished(run, at=at + 4, status="FAILURE" if month == months[-1] else "SUCCESS"))
    return [
        *events,
        BackfillFinished(run_id="b1", at=at + 5, status="FAILURE", counts={"made": 3, "failed": 1}),
    ]


def resumed(months: tuple[str, ...] = MONTHS[:2]) -> list[Event]:
    """Return how `backfilled` goes on: with what failed."""
    at, month = START + 2_000, months[-1]
    targets = {"features": [month], "report": None}
    return [
        BackfillStarted(run_id="b1", at=at, selection=("features", "report"), targets=targets),
        started("b1-r", at=at + 1, job=None, partitions=(month,), tags={BACKFILL_TAG: "b1"}),
        made("features", month, at=at + 2, run_id="b1-r"),
        made("report", at=at + 3, run_id="b1-r", inputs=inputs(("features", month))),
        finished("b1-r", at=at + 4),
        BackfillFinished(run_id="b1", at=at + 5, status="SUCCESS", counts={"made": 2}),
    ]


def concepts() -> list[Event]:
    """Return a run of a multi-asset, an observation and a check, a job of ops, and what was reported."""
    at = START + 3_000
    both: dict[str, Any] = {"step": "split", "run_id": "m1", "definition": {"together": ["train", "test"]}}
    return [
        started("m1", at=at, job=None, selection=("train", "test")),
        AssetObserved(run_id="m1", at=at + 1, asset="feed", data_version="7"),
        made("train", at=at + 1, **both),
        made("test", at=at + 1, **both),
        checked("train", run_id="m1", at=at + 2, passed=False, severity="WARN", description="few"),
        finished("m1", at=at + 3),
        started("j1", at=at + 10, job="numbers"),
        succeeded("read", at + 11),
        succeeded("twice[k1]", at + 12),
        StepSkipped(run_id="j1", at=at + 13, step="after", asset="", reason="maybe.may was not made"),
        finished("j1", at=at + 14),
        made("outside", at=at + 20, started_at=at + 20, run_id="report-1", kind="nothing"),
    ]


def succeeded(step: str, at: float, **values: Any) -> StepSucceeded:
    output = {"name": "result", "uri": f".mlorch/outputs/j1/{step}.json"}
    return StepSucceeded(run_id="j1", at=at, step=step, started_at=at - 0.5, outputs=(output,), **values)


def checked(asset: str, partition: str | None = None, **values: Any) -> CheckEvaluated:
    defaults: dict[str, Any] = {
        "run_id": "r1",
        "at": START + 5,
        "step": slot_name((asset, partition)),
        "check": "has_rows",
        "passed": True,
        "metadata": {"nulls": 3, "why": "text"},
        "data_version": version(asset, partition),
    }
    return CheckEvaluated(asset=asset, partition=partition, **{**defaults, **values})


def training_data() -> tuple[Any, Any]:
    import numpy as np
    import pandas as pd

    noise = np.random.default_rng(0)
    frame = pd.DataFrame({"a": noise.integers(0, 9, 200), "b": noise.random(200)})
    return frame, (frame["b"] > 0.5).astype("int64")
