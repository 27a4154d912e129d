"""The experiments of a project: one for each asset, and one for its job runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlorch.mirrors.mlflow.contents import NOTE, key, milliseconds, tidy_tags
from mlorch.mirrors.mlflow.history import Origin
from mlorch.mirrors.mlflow.notes import experiment_note
from mlorch.mirrors.mlflow.store import MlflowStore
from mlorch.mirrors.mlflow.versions import by_asset, flat
from mlorch.mirrors.mlflow.views import (
    PREFIX,
    View,
    envelope,
    experiment_url,
    is_same,
    prepared_views,
    view_url,
)

_JOBS = "__jobs__"
_PAGE = 1_000
# Without it MLflow guesses from what it finds, and opens the page for language models meanwhile.
_KIND = {"mlflow.experimentKind": "custom_model_development"}
_MOST_COLUMNS = 40


class Experiments:
    """Finds, makes and describes experiments; each name is looked up once."""

    def __init__(self, client: Any, store: MlflowStore) -> None:
        self._client = client
        self._store = store
        self._ids: dict[str, str] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._metrics: dict[str, dict[str, None]] = {}
        self._is_loaded = False

    @property
    def ids(self) -> list[str]:
        self._load()
        return list(self._ids.values())

    def jobs(self) -> str:
        return self._ensure(_JOBS, {"mlorch.role": "jobs", **_KIND})

    def known(self, asset: str) -> str | None:
        """Return the id of an asset's experiment, if it has one."""
        self._load()
        return self._ids.get(self._name(asset))

    def of(self, asset: str) -> str:
        """Return the id of an asset's experiment, made now where it is not there yet."""
        return self._ensure(asset, {"mlorch.role": "asset", "mlorch.asset": asset, **_KIND})

    def describe(self, origin: Origin) -> str:
        """Make an asset's experiment look as its latest materialization says; return its id."""
        event = origin.event
        definition = event.definition
        tags = {
            "mlorch.role": "asset",
            "mlorch.asset": event.asset,
            "mlorch.kind": definition.get("value"),
            "mlorch.kinds": ", ".join(definition.get("kinds") or ()),
            "mlorch.group": definition.get("group"),
            "mlorch.owner": ", ".join(definition.get("owners") or ()),
            **_KIND,
        }
        tags |= {f"mlorch.tag.{key(name)}": value for name, value in (definition.get("tags") or {}).items()}
        views = self._views(origin)
        now = milliseconds(event.at)
        prepared = {PREFIX + name: envelope(view, now) for name, view in views.items()}
        experiment = self._ensure(event.asset, {**tidy_tags(tags), **prepared})
        pages = {view[0]: view_url(experiment, name) for name, view in views.items()}
        upstreams = {
            asset: experiment_url(found)
            for asset in by_asset(event.inputs)
            if (found := self.known(asset)) is not None and asset != event.asset
        }
        note = experiment_note(definition.get("description") or "", pages, upstreams)
        if self._tags[experiment].get(NOTE) != note:
            self._set(experiment, NOTE, note)
        return experiment

    def _views(self, origin: Origin) -> dict[str, View]:
        event = origin.event
        seen = self._metrics.setdefault(event.asset, dict.fromkeys(("rows", "seconds")))
        seen.update(dict.fromkeys(map(key, event.metrics)))
        if event.metadata.get("rows") is None:
            seen.pop("rows", None)
        return prepared_views(
            list(by_asset(event.inputs))[:_MOST_COLUMNS],
            metrics=list(seen)[:_MOST_COLUMNS],
            config=list(flat(event.config or {}))[:_MOST_COLUMNS],
            is_model=event.definition.get("value") == "model",
            is_partitioned=event.partition is not None,
        )

    def _name(self, asset: str) -> str:
        return f"{self._store.project}/{asset}"

    def _load(self) -> None:
        if self._is_loaded:
            return
        from mlflow.entities import ViewType

        prefix = f"{self._store.project.partition(chr(39))[0]}%"
        token = None
        while True:
            page = self._client.search_experiments(
                view_type=ViewType.ALL,
                filter_string=f"name LIKE '{prefix}'",
                max_results=_PAGE,
                page_token=token,
            )
            for one in page:
                if one.lifecycle_stage == "deleted":
                    continue
                self._ids[one.name] = one.experiment_id
                self._tags[one.experiment_id] = dict(one.tags)
            token = page.token
            if not token:
                break
        self._is_loaded = True

    def _ensure(self, asset: str, tags: Mapping[str, str]) -> str:
        self._load()
        name = self._name(asset)
        if name not in self._ids:
            self._make(name, tags)
        experiment = self._ids[name]
        for tag, value in tags.items():
            found = self._tags[experiment].get(tag)
            if found != value and not (tag.startswith(PREFIX) and is_same(found, value)):
                self._set(experiment, tag, value)
        return experiment

    def _make(self, name: str, tags: Mapping[str, str]) -> None:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            location = self._store.artifact_location(name)
            experiment = self._client.create_experiment(name, artifact_location=location, tags=dict(tags))
            self._ids[name], self._tags[experiment] = experiment, dict(tags)
            return
        # Somebody deleted it; its name stays taken until MLflow's garbage is collected.
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        self._ids[name], self._tags[found.experiment_id] = found.experiment_id, dict(found.tags)

    def _set(self, experiment: str, tag: str, value: str) -> None:
        self._client.set_experiment_tag(experiment, tag, value)
        self._tags[experiment][tag] = value
