"""Mirrors a project, is killed at the n-th commit to MLflow's database, goes on, and tells what stands there.

Called with FOLDER FIRST STEP, it prints {"wanted": state, "found": {n: state}} as JSON, for n = FIRST,
FIRST + STEP, … until the mirror survives. Each life is a fork, so that MLflow is imported once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from mlorch.log import MemoryLog, follow
from mlorch.mirrors.mlflow import MlflowMirror, MlflowStore, quiet
from tests.mirrors.mlflow.facts import MONTHS, Files, backfilled, concepts, resumed, retraining


def mirror(folder: Path, files: Files, events: list[Any], kill_at: int = 0) -> None:
    """Mirror all events, as the first time or once more; be killed instead of the n-th commit."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    numbers = count(1)

    def commit(_: Any) -> None:
        if next(numbers) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", commit)
    log = MemoryLog()
    log.append(events)
    told = MlflowMirror(MlflowStore(project="shop", folder=folder), log, files)
    for _ in follow(log, "mlflow", told.handle, batch=5):
        pass
    assert told.problems == []


def state(folder: Path) -> dict[str, Any]:
    """Return everything that stands in MLflow, by names instead of ids."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    experiments = client.search_experiments()
    runs = {one.name: client.search_runs([one.experiment_id]) for one in experiments}
    names = {run.info.run_id: run.info.run_name for found in runs.values() for run in found}
    found: dict[str, Any] = {one.name: sorted(one.tags) for one in experiments}
    for experiment in experiments:
        found[f"{experiment.name} models"] = len(client.search_logged_models([experiment.experiment_id]))
        for run in runs[experiment.name]:
            found.setdefault(f"{experiment.name}: {run.info.run_name}", []).append(_run(client, run, names))
    return found


def _run(client: Any, run: Any, names: dict[str, str]) -> dict[str, Any]:
    tags = dict(run.data.tags)
    tags["mlflow.parentRunId"] = names.get(tags.get("mlflow.parentRunId", ""), "")
    tags["mlflow.note.content"] = str(len(tags.get("mlflow.note.content", "")))
    models = [client.get_logged_model(one.model_id) for one in run.outputs.model_outputs]
    history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    return {
        "info": [run.info.status, run.info.start_time, run.info.end_time],
        "params": run.data.params,
        "tags": tags,
        "metrics": {name: [(one.value, one.step) for one in points] for name, points in history.items()},
        "inputs": sorted([one.dataset.name, one.dataset.digest] for one in run.inputs.dataset_inputs),
        "artifacts": [one.path for one in client.list_artifacts(run.info.run_id)],
        "models": [
            [
                str(one.status),
                one.params,
                len(one.metrics),
                len(client.list_logged_model_artifacts(one.model_id)),
            ]
            for one in models
        ],
    }


def fork(act: Callable[[], None]) -> int:
    """Run in a child; return its exit code, negative where a signal ended it."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(1 if sys.exc_info()[0] else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(root: Path, first: int, step: int) -> None:
    import mlflow.sklearn  # noqa: F401

    files = Files(root / "values")
    events = [*retraining(files, MONTHS[:2]), *backfilled(), *resumed(), *concepts()]
    empty = root / "empty"
    assert fork(MlflowMirror(MlflowStore(project="shop", folder=empty), MemoryLog()).open) == 0

    def read(folder: Path) -> Any:
        def act() -> None:
            (root / "state.json").write_text(json.dumps(state(folder)))

        assert fork(act) == 0
        return json.loads((root / "state.json").read_text())

    shutil.copytree(empty, root / "whole")
    assert fork(lambda: mirror(root / "whole", files, events)) == 0
    found = {}
    for number in range(first, 10_000, step):
        folder = root / f"killed-{number}"
        shutil.copytree(empty, folder)
        if fork(lambda: mirror(folder, files, events, number)) == 0:  # noqa: B023  (used at once)
            break
        assert fork(lambda: mirror(folder, files, events)) == 0  # noqa: B023
        found[number] = read(folder)
    print(json.dumps({"wanted": read(root / "whole"), "found": found}))


if __name__ == "__main__":
    with quiet():
        main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
