"""What came of checks, at the run of MLflow that shows the value that was checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlorch.events import CheckEvaluated
from mlorch.log import slot_name
from mlorch.mirrors.mlflow.contents import TAG_LENGTH, cut, key, milliseconds
from mlorch.mirrors.mlflow.places import Place, Places

_NUMBERS = 30


class Checks:
    """Writes each check as a metric, 1 or 0, and as a tag that says why."""

    def __init__(self, client: Any, places: Places) -> None:
        self._client = client
        self._places = places

    def tell(self, checks: Iterable[CheckEvaluated]) -> None:
        """Write checks where the value is known that they are about; once more does no harm."""
        from mlflow.entities import Metric, RunTag

        found: dict[str, list[CheckEvaluated]] = {}
        for check in checks:
            place = self._place(check)
            if place is not None:
                found.setdefault(place.run, []).append(check)
        for run, mine in found.items():
            metrics = [
                Metric(key(name), value, milliseconds(check.at), 0)
                for check in mine
                for name, value in _numbers(check).items()
            ]
            tags = [RunTag(key(f"mlorch.check.{check.check}"), _verdict(check)) for check in mine]
            self._client.log_batch(run, metrics=metrics, tags=tags)

    def _place(self, check: CheckEvaluated) -> Place | None:
        """Return the run of the value: one that this run made, or made before."""
        name = f"{check.run_id}:{slot_name((check.asset, check.partition))}"
        place = self._places.materialization(name)
        if place is None and check.data_version is not None:
            place = self._places.version(check.asset, check.partition, check.data_version)
        return place


def _numbers(check: CheckEvaluated) -> dict[str, float]:
    name = f"check/{check.check}"
    given = {
        f"{name}/{label}": float(value)
        for label, value in check.metadata.items()
        if isinstance(value, int | float)
    }
    return {name: float(check.passed), **dict(list(given.items())[:_NUMBERS])}


def _verdict(check: CheckEvaluated) -> str:
    verdict = "passed" if check.passed else f"failed ({check.severity})"
    return cut(f"{verdict}: {check.description}" if check.description else verdict, TAG_LENGTH)
