"""Facts of the log as people ask for them: what was made, what was seen, and how a run ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from mlorch.definitions.keys import AssetKey
from mlorch.definitions.reports import CODE_VERSION, DATA_VERSION, AssetMaterialization, AssetObservation
from mlorch.events import AssetMaterialized, AssetObserved, RunFinished, RunQueued, RunStarted, StepFailed


class EventRecord(NamedTuple):
    """A materialization or observation with its number in the log.

    It is its own `event_log_entry`, `dagster_event` and `event_specific_data`: elsewhere these are layers.
    """

    storage_id: int
    fact: AssetMaterialized | AssetObserved

    @property
    def asset_key(self) -> AssetKey:
        return AssetKey.from_user_string(self.fact.asset)

    @property
    def partition_key(self) -> str | None:
        return self.fact.partition

    @property
    def timestamp(self) -> float:
        """Seconds since the epoch, UTC."""
        return self.fact.at

    @property
    def run_id(self) -> str:
        """The run, or a name of its own where it was reported outside of one."""
        return self.fact.run_id or ""

    @property
    def data_version(self) -> str:
        return self.fact.data_version

    @property
    def asset_materialization(self) -> AssetMaterialization | None:
        fact = self.fact
        if isinstance(fact, AssetObserved):
            return None
        tags = {CODE_VERSION: fact.code_version, DATA_VERSION: fact.data_version}
        return AssetMaterialization(self.asset_key, None, fact.metadata, fact.partition, tags)

    @property
    def asset_observation(self) -> AssetObservation | None:
        fact = self.fact
        if isinstance(fact, AssetMaterialized):
            return None
        tags = {DATA_VERSION: fact.data_version}
        return AssetObservation(self.asset_key, None, fact.metadata, fact.partition, tags)

    @property
    def event_log_entry(self) -> Self:
        return self

    @property
    def dagster_event(self) -> Self:
        return self

    @property
    def event_specific_data(self) -> Self:
        return self

    @property
    def step_materialization_data(self) -> Self:
        return self

    @property
    def materialization(self) -> AssetMaterialization | None:
        return self.asset_materialization

    @property
    def partition(self) -> str | None:
        return self.fact.partition


EventLogEntry = EventRecord
"""The name that people know for what an asset sensor is told."""


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An error as it was recorded."""

    message: str
    cls_name: str | None = None
    stack: str = ""

    @staticmethod
    def of(error: Mapping[str, Any]) -> ErrorInfo:
        return ErrorInfo(error.get("message", ""), error.get("type"), error.get("traceback", ""))

    def to_string(self) -> str:
        return self.stack or f"{self.cls_name}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """What became of a run, or of a step of it; `event_type_value` is "RUN_FAILURE", "STEP_FAILURE", …"""

    event_type_value: str
    run_id: str
    timestamp: float
    """Seconds since the epoch, UTC."""
    message: str = ""
    job_name: str | None = None
    step_key: str | None = None
    error: ErrorInfo | None = None

    @property
    def event_type(self) -> str:
        return self.event_type_value

    @property
    def is_failure(self) -> bool:
        return self.event_type_value.endswith("FAILURE")

    @property
    def event_specific_data(self) -> Self:
        return self

    step_failure_data = event_specific_data


def run_event(
    started: RunStarted | RunQueued, ended: RunFinished | None, failures: Sequence[StepFailed] = ()
) -> RunEvent:
    """Return what became of a run: how it ended or, as it has not, that it began or waits."""
    said = "QUEUED" if isinstance(started, RunQueued) else "START"
    told = "; ".join(f"step {one.step!r} failed: {_short(one.error)}" for one in failures)
    return RunEvent(
        event_type_value=f"RUN_{said if ended is None else ended.status}",
        run_id=started.run_id,
        timestamp=(ended or started).at,
        message=told or (ended.reason if ended is not None else ""),
        job_name=started.job,
        error=ErrorInfo.of(failures[0].error) if failures else None,
    )


def step_event(failed: StepFailed, job_name: str | None) -> RunEvent:
    return RunEvent(
        event_type_value="STEP_FAILURE",
        run_id=failed.run_id,
        timestamp=failed.at,
        message=_short(failed.error),
        job_name=job_name,
        step_key=failed.step,
        error=ErrorInfo.of(failed.error),
    )


def _short(error: Mapping[str, Any]) -> str:
    return f"{error.get('type', 'Error')}: {error.get('message', '')}"


DagsterEvent = RunEvent
"""The name that people know for what a run status sensor is told."""
