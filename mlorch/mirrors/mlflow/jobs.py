"""Job runs, under which stands what they made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mlorch.definitions.tags import PARENT as RETRIED
from mlorch.definitions.tags import tag_of
from mlorch.events import RunFinished, RunStarted
from mlorch.log import EventLog, Slot
from mlorch.mirrors.mlflow.backfills import Backfills
from mlorch.mirrors.mlflow.checks import Checks
from mlorch.mirrors.mlflow.contents import (
    NAME_LENGTH,
    NOTE,
    PARAM_LENGTH,
    PARENT,
    ROLE,
    RUN,
    STATUS,
    cut,
    key,
    milliseconds,
    source_tags,
)
from mlorch.mirrors.mlflow.experiments import Experiments
from mlorch.mirrors.mlflow.history import History, Origin
from mlorch.mirrors.mlflow.lineage import JSON, MARKDOWN, span
from mlorch.mirrors.mlflow.notes import job_note, why_it_ran
from mlorch.mirrors.mlflow.outcomes import Outcome, outcome_of
from mlorch.mirrors.mlflow.places import Place, Places
from mlorch.mirrors.mlflow.summaries import job_json, job_markdown, job_name
from mlorch.mirrors.mlflow.versions import flat

_PARAMS = 100


class Jobs:
    """Opens a run of MLflow for each run of mlorch, and closes it when that ends."""

    def __init__(self, client: Any, experiments: Experiments, places: Places, backfills: Backfills) -> None:
        self._client = client
        self._experiments = experiments
        self._places = places
        self._backfills = backfills
        self._checks = Checks(client, places)

    def open(self, run: RunStarted) -> Place:
        """Return the job run, made now where it is not there yet."""
        place = self._places.job(run)
        if place is None:
            tags = {**run.tags, **source_tags(run), ROLE: "job", RUN: run.run_id, NOTE: why_it_ran(run)}
            backfill = self._backfills.of(run)
            if backfill is not None:
                tags[PARENT] = self._backfills.open(backfill).run
            place = self._backfills.make(self._experiments.jobs(), job_name(run), run.at, tags)
            self._places.remember("job", run.run_id, place)
        return place

    def parent(self, origin: Origin) -> Place | None:
        """Return the run that a materialization's stands under: the job run, or that of many partitions."""
        run, event = origin.run, origin.event
        if run is None:
            return None
        backfill = self._backfills.of(run)
        if event.partition is None:
            return self.open(run)
        if backfill is not None:
            keys = backfill.targets.get(event.asset) or ()
            if len(keys) > 1:
                above = self._backfills.open(backfill)
                return self._backfills.above(backfill, event.asset, span(event.asset, keys), above)
        elif len(run.partitions) > 1:
            return self._backfills.above(run, event.asset, f"{event.asset}[…]", self.open(run))
        return self.open(run)

    def close(self, end: RunFinished, history: History, log: EventLog) -> None:
        """Write what a run made and what failed, and end its runs in MLflow; the job run comes last."""
        run = history.run(end.run_id)
        if run is None:
            return
        place = self.open(run)
        if place.is_whole:
            return
        outcome = outcome_of(run, end, log)
        places = {
            one.materialization_id: self._places.materialization(one.materialization_id)
            for one in outcome.made
        }
        urls = {name: found.url for name, found in places.items() if found is not None}
        outcome = replace(outcome, urls=urls)
        self._checks.tell(outcome.checks)
        self._write(place, outcome, self._earlier(run, history))
        for asset, above in list(self._places.backfills(end.run_id)):
            self._close_above(above, asset, outcome)
        self._client.set_terminated(place.run, STATUS.get(end.status, "FAILED"), milliseconds(end.at))
        self._places.remember("job", end.run_id, place._replace(is_whole=True))

    def _close_above(self, place: Place, asset: str, outcome: Outcome) -> None:
        made = _of(asset, [(one.asset, one.partition) for one in outcome.made])
        failed = _of(asset, [slot for one in outcome.failed for slot in one.failed])
        if not place.is_whole:
            name = span(asset, sorted([*made, *failed]))
            self._client.update_run(place.run, name=cut(name, NAME_LENGTH))
        self._backfills.end(place, f"{outcome.run.run_id}:{asset}", (len(made), len(failed)), outcome.end)

    def _earlier(self, run: RunStarted, history: History) -> str | None:
        """Return the page of the run that this one tries again."""
        name = tag_of(run.tags, RETRIED)
        earlier = history.run(name) if name is not None else None
        place = self._places.job(earlier) if earlier is not None else None
        return place.url if place is not None else None

    def _write(self, place: Place, outcome: Outcome, earlier: str | None) -> None:
        from mlflow.entities import Metric, Param, RunTag

        run, end = outcome.run, outcome.end
        now = milliseconds(end.at)
        numbers = {**end.counts, "seconds": end.at - run.at}
        if outcome.checks:
            failed = len(outcome.failed_checks)
            numbers |= {"checks passed": len(outcome.checks) - failed, "checks failed": failed}
        metrics = [Metric(key(name), float(value), now, 0) for name, value in numbers.items()]
        params = [Param(name, value) for name, value in _params(run) if name not in place.params]
        note = RunTag(NOTE, job_note(outcome, earlier))
        self._client.log_batch(place.run, metrics=metrics, params=params[:_PARAMS], tags=[note])
        self._client.log_text(place.run, job_markdown(outcome), MARKDOWN)
        self._client.log_text(place.run, job_json(outcome), JSON)


def _of(asset: str, slots: Iterable[Slot]) -> list[str]:
    return [partition or "" for key, partition in slots if key == asset]


def _params(run: RunStarted) -> Iterable[tuple[str, str]]:
    found = {
        "job": run.job or "",
        "selection": " ".join(run.selection),
        "partitions": ", ".join(run.partitions),
        **{name: str(value) for name, value in flat(run.config).items()},
    }
    return ((key(name), cut(value, PARAM_LENGTH)) for name, value in found.items() if value)
