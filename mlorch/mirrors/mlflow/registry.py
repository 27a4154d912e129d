"""What stands in the model registry of MLflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mlorch.mirrors.mlflow.contents import MATERIALIZATION
from mlorch.mirrors.mlflow.store import MlflowStore, connect, quiet

_PAGE = 500


def registered(store: MlflowStore) -> set[str]:
    """Return the ids of the materializations of which the registry has a version.

    Raises what MLflow raises where it can't be reached.
    """
    if store.file is not None and not store.file.exists():
        return set()
    with quiet():
        client = connect(store)
        found = {_materialization(client, one) for one in _versions(client)}
    return {one for one in found if one is not None}


def _versions(client: Any) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_model_versions(max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _materialization(client: Any, version: Any) -> str | None:
    """Return what made a version: by its own tag, its logged model, or its run; None where mlorch did not."""
    from mlflow.exceptions import MlflowException

    model = getattr(version, "model_id", None) or _model_in(version.source)
    asking: list[Callable[[], Any]] = [lambda: version.tags]
    if model:
        asking.append(lambda: client.get_logged_model(model).tags)
    if version.run_id:
        asking.append(lambda: client.get_run(version.run_id).data.tags)
    for ask in asking:
        try:
            found: str | None = (ask() or {}).get(MATERIALIZATION)
        except MlflowException as error:
            # The model or the run was deleted in MLflow; all else means that it can't be asked now.
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            continue
        if found:
            return found
    return None


def _model_in(source: str | None) -> str | None:
    """Return the id in "models:/m-0123…"; None where the source is something else."""
    name = (source or "").removeprefix("models:/").partition("/")[0]
    return name if (source or "").startswith("models:/m-") else None
