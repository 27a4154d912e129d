"""A model as a logged model of MLflow, that loads where there is no mlorch."""

from __future__ import annotations

import io
import pickle
import pickletools
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from types import ModuleType
from typing import Any

from mlorch.definitions.io import ValueStore
from mlorch.errors import MlorchError
from mlorch.mirrors.mlflow.contents import NOTE, params, tidy_tags
from mlorch.mirrors.mlflow.datasets import is_model
from mlorch.mirrors.mlflow.history import Origin
from mlorch.mirrors.mlflow.places import Place
from mlorch.mirrors.mlflow.signatures import signature_of

# Skops writes a file for each array of each tree: a forest of 100 trees takes seconds and 20 times the space.
_TREES = frozenset({"sklearn.tree._tree", "sklearn.ensemble._hist_gradient_boosting.predictor"})
_REASON = "mlorch.model"


class Unloggable(Exception):
    """Why a model can't be had from MLflow; its joblib file is as good as ever."""


class Models:
    """Logs models. `values` checks their bytes against the recorded hash; only then are they unpickled."""

    def __init__(self, client: Any, values: ValueStore | None, project: Path) -> None:
        self._client = client
        self._values = values
        self._project = project

    def log(self, origin: Origin, place: Place, note: str, *, is_new: bool) -> str | None:
        """Log the model that a materialization made, if it made one; return its id.

        Where it can't be logged, the run says why in the tag `mlorch.model`.
        """
        if not is_model(origin.event):
            return None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model")
            try:
                description = self._save(origin, path)
            except Unloggable as error:
                self._client.set_tag(place.run, _REASON, f"not logged: {error}"[:1_000])
                return None
            model = self._entity(origin, place, note, is_new=is_new)
            description.model_id = description.model_uuid = model.model_id
            description.run_id, description.artifact_path = place.run, model.artifact_location
            description.save(str(path / "MLmodel"))
            self._client.log_model_artifacts(model.model_id, str(path))
        if model.model_id not in place.models:
            from mlflow.entities import LoggedModelOutput

            self._client.log_outputs(place.run, [LoggedModelOutput(model.model_id, 0)])
        self._client.finalize_logged_model(model.model_id, "READY")
        found: str = model.model_id
        return found

    def _entity(self, origin: Origin, place: Place, note: str, *, is_new: bool) -> Any:
        """Return the logged model of a run: the one that a crash left, or a new one."""
        if place.models:
            return self._client.get_logged_model(place.models[0])
        if not is_new:
            mine = f"source_run_id = '{place.run}'"
            for found in self._client.search_logged_models([place.experiment], mine, max_results=1):
                return found
        event = origin.event
        tags = {
            NOTE: note,
            "mlorch.data_version": event.data_version,
            "mlorch.content_hash": event.content_hash,
            "mlorch.materialization_id": event.materialization_id,
        }
        return self._client.create_logged_model(
            place.experiment,
            name=event.asset.replace("/", "_").replace(".", "_"),
            source_run_id=place.run,
            tags=tidy_tags(tags),
            params=params(origin),
        )

    def _save(self, origin: Origin, path: Path) -> Any:
        """Write the model as MLflow reads it; return its description. Raises Unloggable."""
        import mlflow.sklearn
        from mlflow.models import Model

        description = Model()
        try:
            value = self._value(origin)
            form, trusted, by_value = self._form(value)
            with _by_value(by_value):
                mlflow.sklearn.save_model(
                    value,
                    str(path),
                    mlflow_model=description,
                    serialization_format=form,
                    skops_trusted_types=trusted,
                    signature=signature_of(value, origin.direct),
                    pip_requirements=_requirements(origin.event.environment, form),
                )
            if by_value:
                _check_is_free(path / "model.pkl")
        except Unloggable:
            raise
        except Exception as error:  # whatever a user's class does when it is pickled
            raise Unloggable(f"{type(error).__name__}: {error}") from error
        return description

    def _value(self, origin: Origin) -> Any:
        import joblib

        event = origin.event
        if self._values is None or event.uri is None or event.content_hash is None:
            raise Unloggable("its bytes were not kept, or without a hash to check them by")
        try:
            return joblib.load(io.BytesIO(self._values.read(event.uri, event.content_hash)))
        except (MlorchError, OSError) as error:
            raise Unloggable(f"its file can't be read: {error}") from error

    def _form(self, value: Any) -> tuple[str, list[str] | None, list[ModuleType]]:
        """Return the format for a value, the types to trust in it, and the modules to carry with it.

        Skops where it is quick, as it runs no code when it loads; pickle for trees; cloudpickle with the
        project's own modules inside where the value needs them.
        """
        names = _modules_in(value)
        own = [module for module in map(sys.modules.get, sorted(names)) if module and self._is_own(module)]
        if own:
            return "cloudpickle", None, own
        if names & _TREES:
            return "pickle", None, []
        import skops.io

        data = skops.io.dumps(value)
        return "skops", skops.io.get_untrusted_types(data=data), []

    def _is_own(self, module: ModuleType) -> bool:
        file = getattr(module, "__file__", None)
        if file is None:
            return module.__name__ == "__main__"
        path = Path(file).resolve()
        return path.is_relative_to(self._project) and "site-packages" not in path.parts


class _Names(pickle.Pickler):
    """Notes the modules of what is pickled by name, and keeps nothing."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), protocol=5, buffer_callback=lambda buffer: None)
        self.modules: set[str] = set()

    def reducer_override(self, value: Any) -> Any:
        named = value if isinstance(value, type) or callable(value) else type(value)
        self.modules.add(str(getattr(named, "__module__", None) or type(value).__module__))
        self.modules.add(type(value).__module__)
        return NotImplemented


def _modules_in(value: Any) -> set[str]:
    names = _Names()
    names.dump(value)
    return names.modules


@contextmanager
def _by_value(modules: Iterable[ModuleType]) -> Iterator[None]:
    import cloudpickle

    registered = list(modules)
    for module in registered:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in registered:
            cloudpickle.unregister_pickle_by_value(module)


def _check_is_free(path: Path) -> None:
    """Raise Unloggable where a pickle needs mlorch to load."""
    texts = (
        argument for _, argument, _ in pickletools.genops(path.read_bytes()) if isinstance(argument, str)
    )
    if any(text == "mlorch" or text.startswith("mlorch.") for text in texts):
        raise Unloggable("it refers to mlorch, which the place that loads it may not have")


def _requirements(environment: dict[str, str] | Any, form: str) -> list[str]:
    """Return what to install to load a model: what its code imported, in the versions it was made with."""
    needed = {"scikit-learn": version("scikit-learn"), "numpy": version("numpy"), **environment}
    if form != "pickle":
        needed[form] = version(form)
    return sorted(f"{name}=={number}" for name, number in needed.items() if _is_published(name))


def _is_published(name: str) -> bool:
    """Say whether a distribution is more than the project itself, as it lies on this machine."""
    if name in ("python", "mlorch"):
        return False
    try:
        return '"file://' not in (distribution(name).read_text("direct_url.json") or "")
    except PackageNotFoundError:
        return True
