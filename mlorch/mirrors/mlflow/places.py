"""Which runs of MLflow stand for what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from mlorch.events import AssetMaterialized
from mlorch.mirrors.mlflow.contents import MATERIALIZATION, ROLE, RUN
from mlorch.mirrors.mlflow.experiments import Experiments
from mlorch.mirrors.mlflow.history import Read
from mlorch.mirrors.mlflow.views import run_url

_PAGE = 500
_MOST_SEARCHES = 40


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
    nothing else needs to be looked for where there is none.
    """

    def __init__(self, client: Any, experiments: Experiments) -> None:
        self._client = client
        self._experiments = experiments
        self._known: dict[tuple[str, str], Place] = {}
        self._asked: set[str] = set()
        self._absent: set[str] = set()

    def job(self, run_id: str) -> Place | None:
        self._recognize(run_id)
        return self._known.get(("job", run_id))

    def backfill(self, run_id: str, asset: str) -> Place | None:
        return self._known.get(("backfill", f"{run_id}:{asset}"))

    def backfills(self, run_id: str) -> Iterator[tuple[str, Place]]:
        """Yield asset and place of each backfill that a run of mlorch is."""
        for (role, name), place in self._known.items():
            if role == "backfill" and name.startswith(f"{run_id}:"):
                yield name.removeprefix(f"{run_id}:"), place

    def materialization(self, materialization_id: str) -> Place | None:
        return self._known.get(("materialization", materialization_id))

    def remember(self, role: str, name: str, place: Place) -> None:
        self._known[role, name] = place
        self._absent.discard(name)

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

    def _search(self, asset: str, materialization_id: str) -> Place | None:
        experiment = self._experiments.known(asset)
        if experiment is not None:
            tag = f"tags.`{MATERIALIZATION}` = {_quoted(materialization_id)}"
            for run in self._client.search_runs([experiment], tag, max_results=1):
                self.remember("materialization", materialization_id, _place(run))
                return self._known["materialization", materialization_id]
        self._absent.add(materialization_id)
        return None

    def _recognize(self, run_id: str) -> None:
        if run_id in self._asked:
            return
        mine = f"tags.`{RUN}` = {_quoted(run_id)}"
        if self._client.search_runs([self._experiments.jobs()], mine, max_results=1):
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
