"""The follower that tells MLflow what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlorch.definitions.io import ValueStore
from mlorch.events import (
    AssetMaterialized,
    BackfillFinished,
    BackfillStarted,
    DriftEvaluated,
    RunFinished,
    RunStarted,
)
from mlorch.log import EventLog, Record
from mlorch.mirrors.mlflow.backfills import Backfills
from mlorch.mirrors.mlflow.drift import Drift
from mlorch.mirrors.mlflow.experiments import Experiments
from mlorch.mirrors.mlflow.history import History
from mlorch.mirrors.mlflow.jobs import Jobs
from mlorch.mirrors.mlflow.models import Models
from mlorch.mirrors.mlflow.places import Places
from mlorch.mirrors.mlflow.runs import Runs
from mlorch.mirrors.mlflow.store import MlflowStore, connect, quiet

TOLD = (AssetMaterialized, BackfillFinished, BackfillStarted, DriftEvaluated, RunFinished, RunStarted)
"""The facts that something is written for when they come."""

# What MLflow answers where the question was wrong; anything else may go better later.
_HOPELESS = frozenset({
    "BAD_REQUEST", "INVALID_PARAMETER_VALUE", "INVALID_STATE", "MALFORMED_REQUEST",
    "RESOURCE_ALREADY_EXISTS", "RESOURCE_CONFLICT", "RESOURCE_DOES_NOT_EXIST",
})  # fmt: skip


class MlflowMirror:
    """Writes runs, materializations and models into one MLflow store; for `follow(log, store.follower, …)`.

    Records that were handled before are recognized, so that handing them over again does no harm.
    `problems` tells of records that MLflow refused; the others are not held up by them.
    """

    def __init__(self, store: MlflowStore, log: EventLog, values: ValueStore | None = None) -> None:
        self._store = store
        self._log = log
        self._values = values
        self._client: Any = None
        self.problems: list[str] = []
        self.written = 0

    def open(self) -> None:
        """Connect, unless that is done; importing MLflow takes seconds. Raises what MLflow raises."""
        if self._client is None:
            with quiet():
                self._client = connect(self._store)
                self._forget()

    def handle(self, records: Sequence[Record]) -> None:
        """Write what the records say. Raises what MLflow raises where it can't be reached."""
        if not any(isinstance(record.event, TOLD) for record in records):
            return
        self.open()
        with quiet():
            self._history.learn(records)
            for record in records:
                self._write_if_possible(record)

    def _write_if_possible(self, record: Record) -> None:
        try:
            self._write(record)
        except Exception as error:
            # What we believe of the store may be wrong: somebody deleted an experiment, or half a run stands.
            self._forget()
            if not _is_hopeless(error):
                raise
            self._write_again(record)

    def _write_again(self, record: Record) -> None:
        try:
            self._write(record)
        except Exception as error:
            self._forget()
            if not _is_hopeless(error):
                raise
            event = record.event
            step = getattr(event, "step", None) or getattr(event, "drift_id", None) or f"run {event.run_id}"
            self.problems.append(f"{step}: {type(error).__name__}: {error}")

    def _write(self, record: Record) -> None:
        event = record.event
        if isinstance(event, RunStarted):
            self._jobs.open(event)
        elif isinstance(event, AssetMaterialized):
            self.written += self._runs.write(record, self._history)
        elif isinstance(event, RunFinished):
            self._jobs.close(event, self._history, self._log)
        elif isinstance(event, BackfillStarted):
            self._backfills.begin(record)
        elif isinstance(event, BackfillFinished):
            self._backfills.close(record)
        elif isinstance(event, DriftEvaluated):
            self._drift.write(event)

    def _forget(self) -> None:
        experiments = Experiments(self._client, self._store)
        places = Places(self._client, experiments)
        self._history = History(self._log)
        self._backfills = Backfills(self._client, experiments, places, self._log)
        self._jobs = Jobs(self._client, experiments, places, self._backfills)
        self._drift = Drift(self._client, experiments, places)
        models = Models(self._client, self._values, self._store.folder)
        self._runs = Runs(self._client, experiments, places, self._jobs, models)


def _is_hopeless(error: Exception) -> bool:
    """Say whether trying again later would end the same way."""
    from mlflow.exceptions import MlflowException

    if isinstance(error, MlflowException):
        return error.error_code in _HOPELESS
    return isinstance(
        error, ArithmeticError | AssertionError | AttributeError | LookupError | TypeError | ValueError
    )
