"""Runs of MLflow under which others stand: that of a backfill, and of the partitions of an asset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlorch.events import (
    BACKFILL_TAG,
    AssetMaterialized,
    BackfillFinished,
    BackfillStarted,
    RunFinished,
    RunStarted,
    StepFailed,
)
from mlorch.log import EventLog, Record, Slot
from mlorch.mirrors.mlflow.contents import (
    NAME_LENGTH,
    NOTE,
    PARAM_LENGTH,
    PARENT,
    ROLE,
    RUN,
    STATUS,
    TAG_LENGTH,
    cut,
    key,
    milliseconds,
    source_tags,
    tidy_tags,
)
from mlorch.mirrors.mlflow.experiments import Experiments
from mlorch.mirrors.mlflow.lineage import MARKDOWN
from mlorch.mirrors.mlflow.notes import why_it_ran
from mlorch.mirrors.mlflow.places import Place, Places
from mlorch.mirrors.mlflow.summaries import asset_table, backfill_name, job_name
from mlorch.mirrors.mlflow.versions import flat

_OF_RUNS = (RunStarted.kind, AssetMaterialized.kind, StepFailed.kind)
_PARAMS = 100


class Backfills:
    """Opens a run of MLflow for each backfill, and one in the experiment of each asset that it makes."""

    def __init__(self, client: Any, experiments: Experiments, places: Places, log: EventLog) -> None:
        self._client = client
        self._experiments = experiments
        self._places = places
        self._log = log
        self._started: dict[str, Record | None] = {}

    def of(self, run: RunStarted) -> BackfillStarted | None:
        """Return the backfill that a run is a part of."""
        name = run.tags.get(BACKFILL_TAG)
        record = self._first(name) if name is not None else None
        return record.event if record is not None else None  # type: ignore[return-value]

    def open(self, start: BackfillStarted) -> Place:
        """Return the run of a backfill among the job runs, made now where it is not there yet."""
        place = self._places.job(start)
        if place is None:
            tags = {
                **start.tags,
                **source_tags(start),
                ROLE: "job",
                RUN: start.run_id,
                BACKFILL_TAG: start.run_id,
            }
            place = self.make(self._experiments.jobs(), backfill_name(start), start.at, tags)
            self._places.remember("job", start.run_id, place)
        return place

    def begin(self, record: Record) -> None:
        """Open the run of a backfill; one that ended before goes on."""
        assert isinstance(record.event, BackfillStarted)
        first = self._first(record.event.run_id) or record
        start = first.event
        assert isinstance(start, BackfillStarted)
        place = self.open(start)
        if first.seq == record.seq or not place.is_whole:
            return
        self._client.update_run(place.run, status="RUNNING")
        self._places.remember("job", start.run_id, place._replace(is_whole=False))
        for asset, one in list(self._places.backfills(start.run_id)):
            self._client.update_run(one.run, status="RUNNING")
            self._places.remember("backfill", f"{start.run_id}:{asset}", one._replace(is_whole=False))

    def above(self, start: RunStarted | BackfillStarted, asset: str, name: str, job: Place) -> Place:
        """Return the run under which the partitions of an asset stand; it stands under the one of the job."""
        place = self._places.backfill(start, asset)
        if place is None:
            is_backfill = isinstance(start, BackfillStarted)
            title = backfill_name(start) if isinstance(start, BackfillStarted) else job_name(start)
            tags = {
                ROLE: "backfill",
                RUN: start.run_id,
                BACKFILL_TAG: start.run_id if is_backfill else None,
                PARENT: job.run,
                "mlorch.asset": asset,
                NOTE: f"What one {'backfill' if is_backfill else 'run'} made: [{title}]({job.url}).",
                **source_tags(start),
            }
            experiment = self._experiments.known(asset)
            assert experiment is not None
            place = self.make(experiment, name, start.at, tags)
            self._places.remember("backfill", f"{start.run_id}:{asset}", place)
        return place

    def close(self, record: Record) -> None:
        """Write what a backfill made of each asset, and end its runs in MLflow; its own comes last."""
        end = record.event
        assert isinstance(end, BackfillFinished)
        first = self._first(end.run_id)
        if first is None:
            return
        start = first.event
        assert isinstance(start, BackfillStarted)
        place = self.open(start)
        if place.is_whole:
            return
        made, failed = self._slots(first, record.seq)
        assets = dict(self._places.backfills(end.run_id))
        lines = asset_table(start, made, failed, {asset: one.url for asset, one in assets.items()})
        now = milliseconds(end.at)
        reason = f": {end.reason}" if end.reason else ""
        why = why_it_ran(start)
        note = "\n".join([*([why, ""] if why else []), f"{end.status}{reason}", "", *lines])
        self._write(place, {**end.counts, "seconds": end.at - start.at}, now, dict(_params(start)), note)
        self._client.log_text(place.run, "\n".join([f"# {backfill_name(start)}", "", *lines, ""]), MARKDOWN)
        for asset, one in assets.items():
            mine = [sum(slot[0] == asset for slot in slots) for slots in (made, failed)]
            self.end(one, f"{end.run_id}:{asset}", (mine[0], mine[1]), end)
        self._client.set_terminated(place.run, STATUS.get(end.status, "FAILED"), now)
        self._places.remember("job", end.run_id, place._replace(is_whole=True))

    def end(
        self, place: Place, name: str, counts: tuple[int, int], end: RunFinished | BackfillFinished
    ) -> None:
        """End the run above partitions, of which so many were made, and so many failed."""
        if place.is_whole:
            return
        made, failed = counts
        now = milliseconds(end.at)
        self._write(place, {"made": made, "failed": failed}, now)
        status = "FAILED" if failed else "KILLED" if end.status == "CANCELED" else "FINISHED"
        self._client.set_terminated(place.run, status, now)
        self._places.remember("backfill", name, place._replace(is_whole=True))

    def make(self, experiment: str, name: str, at: float, tags: Mapping[str, Any]) -> Place:
        """Make a run; `at` is in seconds since the epoch."""
        made = self._client.create_run(
            experiment, start_time=milliseconds(at), tags=tidy_tags(tags), run_name=cut(name, NAME_LENGTH)
        )
        return Place(experiment, made.info.run_id)

    def _write(
        self,
        place: Place,
        numbers: Mapping[str, float],
        now: int,
        params: Mapping[str, str] | None = None,
        note: str | None = None,
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag

        texts = [Param(name, value) for name, value in (params or {}).items() if name not in place.params]
        self._client.log_batch(
            place.run,
            metrics=[Metric(key(name), float(value), now, 0) for name, value in numbers.items()],
            params=texts[:_PARAMS],
            tags=[RunTag(NOTE, cut(note, TAG_LENGTH))] if note is not None else [],
        )

    def _first(self, backfill_id: str) -> Record | None:
        """Return the fact that a backfill began, the first where it was resumed."""
        if backfill_id not in self._started:
            found = self._log.read(kinds=(BackfillStarted.kind,), run_id=backfill_id, limit=1)
            self._started[backfill_id] = found[0] if found else None
        return self._started[backfill_id]

    def _slots(self, first: Record, until: int) -> tuple[set[Slot], set[Slot]]:
        """Return what the runs of a backfill made until it ended, and what failed and was not made later."""
        runs: set[str] = set()
        made: set[Slot] = set()
        failed: set[Slot] = set()
        for seq, event in self._log.read(first.seq, kinds=_OF_RUNS):
            if seq > until:
                break
            if isinstance(event, RunStarted) and event.tags.get(BACKFILL_TAG) == first.event.run_id:
                runs.add(event.run_id)
            elif isinstance(event, AssetMaterialized) and event.run_id in runs:
                made.add((event.asset, event.partition))
            elif isinstance(event, StepFailed) and event.run_id in runs:
                failed.update(event.failed)
        return made, failed - made


def _params(start: BackfillStarted) -> Iterable[tuple[str, str]]:
    found = {
        "selection": " ".join(start.selection),
        "only": start.only,
        **{name: str(value) for name, value in flat(start.config).items()},
    }
    return ((key(name), cut(value, PARAM_LENGTH)) for name, value in found.items() if value)
