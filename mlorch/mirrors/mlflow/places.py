"""Which runs of MLflow stand for what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mlorch.events import AssetMaterialized, BackfillStarted, RunStarted
from mlorch.mirrors.mlflow.contents import MATERIALIZATION, ROLE, RUN, milliseconds
from mlorch.mirrors.mlflow.experiments import Experiments
from mlorch.mirrors.mlflow.history import Read
from mlorch.mirrors.mlflow.views import run_url

Start = RunStarted | BackfillStarted

_PAGE = 500
_MOST_SEARCHES = 40
_NEWEST_FIRST = "attributes.start_time DESC"


class Place(NamedTuple):
    """A run of MLflow. While it says RUNNING, something of it may be missing."""

    experiment: str
    run: str
    is_whole: bool = False
    params: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return run_url(self.experiment, self.run)


class Places:
    """Knows the runs that were written before.

    For each run of mlorch MLflow is asked once: as the job run is the first thing that is written,
    nothing else needs to be looked for where there is none. Of what began after every job run that MLflow
    has, it is not even asked.
    """

    def __init__(self, client: Any, experiments: Experiments) -> None:
        self._client = client
        self._experiments = experiments
        self._known: dict[tuple[str, str], Place] = {}
        self._asked: set[str] = set()
        self._absent: set[str] = set()
        self._above: dict[str, dict[str, None]] = {}
        self._newest: int | None = None

    def job(self, start: Start) -> Place | None:
        """Return the job run of a run or of a backfill."""
        self._recognize(start)
        return self._known.get(("job", start.run_id))

    def backfill(self, start: Start, asset: str) -> Place | None:
        """Return the run above the partitions of an asset that a run or a backfill made."""
        self._recognize(start)
        return self._known.get(("backfill", f"{start.run_id}:{asset}"))

    def backfills(self, owner: str) -> Iterator[tuple[str, Place]]:
        """Yield asset and place of each run above partitions that a run or a backfill, by its id, has."""
        for asset in self._above.get(owner, ()):
            yield asset, self._known["backfill", f"{owner}:{asset}"]

    def materialization(self, materialization_id: str) -> Place | None:
        return self._known.get(("materialization", materialization_id))

    def remember(self, role: str, name: str, place: Place) -> None:
        self._known[role, name] = place
        self._absent.discard(name)
        if role == "backfill":
            owner, _, asset = name.partition(":")
            self._above.setdefault(owner, {})[asset] = None

    def upstream(self, reads: Iterable[Read]) -> dict[str, Place]:
        """Return where the upstreams are, by their names, of those that are found with a few searches."""
        found = {}
        searches = _MOST_SEARCHES
        for read in reads:
            fact = read.fact
            if not isinstance(fact, AssetMaterialized):
                continue
            place = self.materialization(fact.materialization_id)
            if place is None and searches and fact.materialization_id not in self._absent:
                searches -= 1
                place = self._search(read.one.asset, fact.materialization_id)
            if place is not None:
                found[read.name] = place
        return found

    def reported(self, event: AssetMaterialized) -> Place | None:
        """Return the run of a materialization that somebody reported: it is of no job run."""
        name = event.materialization_id
        return self.materialization(name) or self._search(event.asset, name)

    def drift(self, asset: str, drift_id: str) -> Place | None:
        """Return the run of an evaluation of drift."""
        return next(self._find(asset, {"mlorch.drift_id": drift_id}), None)

    def version(self, asset: str, partition: str | None, data_version: str) -> Place | None:
        """Return the newest run of an asset partition that shows this data version."""
        wanted = {"mlorch.data_version": data_version}
        if partition is not None:
            wanted["mlorch.partition"] = partition
        return next(self._find(asset, wanted), None)

    def _search(self, asset: str, materialization_id: str) -> Place | None:
        for place in self._find(asset, {MATERIALIZATION: materialization_id}):
            self.remember("materialization", materialization_id, place)
            return place
        self._absent.add(materialization_id)
        return None

    def _find(self, asset: str, tags: Mapping[str, str]) -> Iterator[Place]:
        experiment = self._experiments.known(asset)
        if experiment is not None:
            wanted = " and ".join(f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items())
            found = self._client.search_runs([experiment], wanted, max_results=1, order_by=[_NEWEST_FIRST])
            yield from map(_place, found)

    def _is_new(self, start: Start) -> bool:
        """Say whether a run began after every job run that was there when we came."""
        if self._newest is None:
            jobs = self._experiments.jobs()
            found = self._client.search_runs([jobs], max_results=1, order_by=[_NEWEST_FIRST])
            self._newest = found[0].info.start_time if found else 0
        return milliseconds(start.at) > self._newest

    def _recognize(self, start: Start) -> None:
        run_id = start.run_id
        if run_id in self._asked:
            return
        mine = f"tags.`{RUN}` = {_quoted(run_id)}"
        jobs = self._experiments.jobs()
        if not self._is_new(start) and self._client.search_runs([jobs], mine, max_results=1):
            for run in self._pages(mine):
                tags = run.data.tags
                role = tags.get(ROLE, "")
                name = {
                    "job": run_id,
                    "backfill": f"{run_id}:{tags.get('mlorch.asset')}",
                    "materialization": tags.get(MATERIALIZATION),
                }.get(role)
                if name is not None:
                    self.remember(role, name, _place(run))
        self._asked.add(run_id)

    def _pages(self, filter_string: str) -> Iterator[Any]:
        token = None
        while True:
            ids = self._experiments.ids
            page = self._client.search_runs(ids, filter_string, max_results=_PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def _place(run: Any) -> Place:
    models = run.outputs.model_outputs if run.outputs is not None else ()
    return Place(
        run.info.experiment_id,
        run.info.run_id,
        run.info.status != "RUNNING",
        frozenset(run.data.params),
        tuple(model.model_id for model in models),
    )


def _quoted(text: str) -> str:
    """Return text as a literal of MLflow's filters, which know no way to write both kinds of quotes."""
    return f'"{text}"' if "'" in text else f"'{text}'"
