"""Job runs, and in a backfill the run of each asset under which its partitions stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mlorch.events import AssetMaterialized, RunFinished, RunStarted, StepFailed
from mlorch.log import EventLog
from mlorch.mirrors.mlflow.contents import (
    NAME_LENGTH,
    NOTE,
    PARAM_LENGTH,
    PARENT,
    ROLE,
    RUN,
    cut,
    key,
    milliseconds,
    source_tags,
    tidy_tags,
)
from mlorch.mirrors.mlflow.experiments import Experiments
from mlorch.mirrors.mlflow.history import History, Origin
from mlorch.mirrors.mlflow.lineage import JSON, MARKDOWN, job_json, job_markdown, job_name, made_table
from mlorch.mirrors.mlflow.notes import job_note
from mlorch.mirrors.mlflow.places import Place, Places
from mlorch.mirrors.mlflow.versions import flat

STATUS = {"SUCCESS": "FINISHED", "FAILURE": "FAILED", "CANCELED": "KILLED"}

_PARAMS = 100
_ENDS = (AssetMaterialized.kind, StepFailed.kind)


class Jobs:
    """Opens a run of MLflow for each run of mlorch, and closes it when that ends."""

    def __init__(self, client: Any, experiments: Experiments, places: Places) -> None:
        self._client = client
        self._experiments = experiments
        self._places = places

    def open(self, run: RunStarted) -> Place:
        """Return the job run, made now where it is not there yet."""
        place = self._places.job(run.run_id)
        if place is None:
            tags = {**run.tags, **source_tags(run), ROLE: "job", RUN: run.run_id}
            place = self._make(self._experiments.jobs(), job_name(run), run, tidy_tags(tags))
            self._places.remember("job", run.run_id, place)
        return place

    def parent(self, origin: Origin, experiment: str) -> Place | None:
        """Return the run that a materialization's own stands under: the job run, or its asset's backfill."""
        run, event = origin.run, origin.event
        if run is None:
            return None
        job = self.open(run)
        if len(run.partitions) < 2 or event.partition is None:
            return job
        place = self._places.backfill(run.run_id, event.asset)
        if place is None:
            tags = {
                ROLE: "backfill",
                RUN: run.run_id,
                PARENT: job.run,
                "mlorch.asset": event.asset,
                NOTE: f"What one run made: [{job_name(run)}]({job.url}).",
                **source_tags(run),
            }
            place = self._make(experiment, f"{event.asset}[…]", run, tidy_tags(tags))
            self._places.remember("backfill", f"{run.run_id}:{event.asset}", place)
        return place

    def close(self, end: RunFinished, history: History, log: EventLog) -> None:
        """Write what a run made and what failed, and end its runs in MLflow; the job run comes last."""
        run = history.run(end.run_id)
        if run is None:
            return
        place = self.open(run)
        if place.is_whole:
            return
        ends = [record.event for record in log.read(kinds=_ENDS, run_id=end.run_id)]
        made = [one for one in ends if isinstance(one, AssetMaterialized)]
        failed = [one for one in ends if isinstance(one, StepFailed)]
        self._write(place, run, end, made, failed)
        for asset, backfill in self._places.backfills(end.run_id):
            if not backfill.is_whole:
                self._close_backfill(backfill, asset, end, [*made, *failed])
        self._client.set_terminated(place.run, STATUS.get(end.status, "FAILED"), milliseconds(end.at))
        self._places.remember("job", end.run_id, place._replace(is_whole=True))

    def _close_backfill(
        self, place: Place, asset: str, end: RunFinished, ends: Sequence[AssetMaterialized | StepFailed]
    ) -> None:
        mine = [one for one in ends if one.asset == asset]
        partitions = sorted(one.partition or "" for one in mine)
        name = f"{asset}[{partitions[0]} … {partitions[-1]}]"
        self._client.update_run(place.run, name=cut(name, NAME_LENGTH))
        is_broken = any(isinstance(one, StepFailed) for one in mine)
        status = "FAILED" if is_broken else "KILLED" if end.status == "CANCELED" else "FINISHED"
        self._client.set_terminated(place.run, status, milliseconds(end.at))

    def _write(
        self,
        place: Place,
        run: RunStarted,
        end: RunFinished,
        made: list[AssetMaterialized],
        failed: list[StepFailed],
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag

        urls = {
            one.materialization_id: found.url
            for one in made
            if (found := self._places.materialization(one.materialization_id)) is not None
        }
        now = milliseconds(end.at)
        numbers = {**end.counts, "seconds": end.at - run.at}
        metrics = [Metric(key(name), float(value), now, 0) for name, value in numbers.items()]
        params = [Param(name, value) for name, value in _params(run) if name not in place.params]
        note = RunTag(NOTE, job_note(end, made_table(made, urls), failed))
        self._client.log_batch(place.run, metrics=metrics, params=params[:_PARAMS], tags=[note])
        self._client.log_text(place.run, job_markdown(run, end, made, failed, urls), MARKDOWN)
        self._client.log_text(place.run, job_json(run, end, made, failed, urls), JSON)

    def _make(self, experiment: str, name: str, run: RunStarted, tags: dict[str, str]) -> Place:
        made = self._client.create_run(
            experiment, start_time=milliseconds(run.at), tags=tags, run_name=cut(name, NAME_LENGTH)
        )
        return Place(experiment, made.info.run_id)


def _params(run: RunStarted) -> Iterable[tuple[str, str]]:
    found = {
        "job": run.job or "",
        "selection": " ".join(run.selection),
        "partitions": ", ".join(run.partitions),
        **{name: str(value) for name, value in flat(run.config).items()},
    }
    return ((key(name), cut(value, PARAM_LENGTH)) for name, value in found.items() if value)
