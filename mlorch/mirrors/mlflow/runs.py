"""A materialization as a run of MLflow in its asset's experiment."""

from __future__ import annotations

from typing import Any

from mlorch.events import AssetMaterialized
from mlorch.log import Record
from mlorch.mirrors.mlflow.contents import (
    NOTE,
    PARENT,
    metrics,
    milliseconds,
    params,
    run_name,
    tags,
)
from mlorch.mirrors.mlflow.datasets import Dataset, datasets, is_model
from mlorch.mirrors.mlflow.experiments import Experiments
from mlorch.mirrors.mlflow.history import History, Origin
from mlorch.mirrors.mlflow.jobs import Jobs
from mlorch.mirrors.mlflow.lineage import JSON, MARKDOWN, Urls, lineage_json, lineage_markdown
from mlorch.mirrors.mlflow.models import Models
from mlorch.mirrors.mlflow.notes import run_note
from mlorch.mirrors.mlflow.places import Place, Places

_PARAMS = 100
_METRICS = 500


class Runs:
    """Writes materializations, each once: a run that a crash left half-written is completed.

    Every write but the first can be repeated without effect, and the run says RUNNING until the last one.
    """

    def __init__(
        self, client: Any, experiments: Experiments, places: Places, jobs: Jobs, models: Models
    ) -> None:
        self._client = client
        self._experiments = experiments
        self._places = places
        self._jobs = jobs
        self._models = models

    def write(self, record: Record, history: History) -> bool:
        """Write the materialization in a record; return False where it was written before."""
        event = record.event
        assert isinstance(event, AssetMaterialized)
        run = history.run(event.run_id)
        if run is not None:
            self._jobs.open(run)
            place = self._places.materialization(event.materialization_id)
        else:
            place = self._places.reported(event)
        if place is not None and place.is_whole:
            return False
        origin = history.origin(record)
        experiment = self._experiments.describe(origin)
        upstream = self._places.upstream([*origin.direct, *origin.sources])
        urls = {name: found.url for name, found in upstream.items()}
        is_new = place is None
        if place is None:
            place = self._open(origin, experiment, urls)
        model = self._models.log(origin, place, run_note(origin, urls), is_new=is_new)
        self._fill(origin, place, model)
        self._read(origin, place, upstream)
        if is_model(event):
            self._client.log_text(place.run, lineage_markdown(origin, urls), MARKDOWN)
            self._client.log_text(place.run, lineage_json(origin, urls), JSON)
        self._client.set_terminated(place.run, "FINISHED", milliseconds(event.at))
        whole = place._replace(is_whole=True, models=(model,) if model else ())
        self._places.remember("materialization", event.materialization_id, whole)
        return True

    def _open(self, origin: Origin, experiment: str, urls: Urls) -> Place:
        event = origin.event
        parent = self._jobs.parent(origin)
        found = {**tags(origin), NOTE: run_note(origin, urls)}
        if parent is not None:
            found[PARENT] = parent.run
        made = self._client.create_run(
            experiment,
            start_time=milliseconds(event.started_at or event.at),
            tags=found,
            run_name=run_name(event),
        )
        return Place(experiment, made.info.run_id)

    def _fill(self, origin: Origin, place: Place, model: str | None) -> None:
        from mlflow.entities import Metric, Param

        now = milliseconds(origin.event.at)
        numbers = [
            Metric(name, value, now, step, model_id=model) for name, value, step in metrics(origin.event)
        ]
        texts = [Param(name, value) for name, value in params(origin).items() if name not in place.params]
        while numbers or texts:
            self._client.log_batch(place.run, metrics=numbers[:_METRICS], params=texts[:_PARAMS])
            numbers, texts = numbers[_METRICS:], texts[_PARAMS:]

    def _read(self, origin: Origin, place: Place, upstream: dict[str, Place]) -> None:
        from mlflow.entities import LoggedModelInput

        found = datasets(origin, {name: one.url for name, one in upstream.items()})
        models = [
            LoggedModelInput(model)
            for read in origin.direct
            if read.name in upstream
            for model in upstream[read.name].models
        ]
        if found or models:
            self._client.log_inputs(place.run, datasets=[_input(one) for one in found], models=models or None)


def _input(one: Dataset) -> Any:
    from mlflow.entities import Dataset as Entity
    from mlflow.entities import DatasetInput, InputTag

    entity = Entity(one.name, one.digest, "external", one.source, one.schema, one.profile)
    return DatasetInput(entity, [InputTag("mlflow.data.context", one.context)])
