"""Sensors of drift: they compare what arrives with what the model learned from, and ask to train it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NoReturn, get_args

from mlorch.definitions.keys import CoercibleToAssetKey, key_text
from mlorch.definitions.sensors import SensorDefinition
from mlorch.errors import InvalidDefinitionError, UserError, nearest

Retrain = Literal["partition", "all", "notify"]

THRESHOLDS = ("numeric", "categorical", "missing", "unseen")
"""What a threshold can be given for."""


@dataclass(frozen=True, slots=True)
class MetricDrop:
    """How a metric, recorded with an asset's partition, has to be worse than it was before."""

    asset: CoercibleToAssetKey
    metric: str
    by: float = 0.0
    higher_is_better: bool = True


class DriftSensorDefinition(SensorDefinition):
    """Compare each version that arrives of `asset` with its reference, and record every comparison.

    The reference is what the latest model learned from of it: of the asset `reference`, or of any model that
    is made from it. Where the data drifted, a run is asked for, once for the same data and reference.

    `watch`, `share` and `weights`, `min_rows` and `thresholds` say what drift is (the page on drift). These
    say when it leads to a run: `retrain` the "partition" that drifted, "all" partitions, or none ("notify");
    `consecutive` evaluations in a row; at least `cooldown` (a timedelta, or seconds) after the last one; and
    `require_metric_drop` where the metric is known. The rest are options of SensorDefinition.
    """

    def __init__(
        self,
        name: str,
        *,
        asset: CoercibleToAssetKey,
        watch: Sequence[str] = (),
        share: float = 0.5,
        weights: Mapping[str, float] | None = None,
        min_rows: int = 100,
        thresholds: Mapping[str, float] | None = None,
        reference: CoercibleToAssetKey | None = None,
        retrain: Retrain = "partition",
        consecutive: int = 1,
        cooldown: timedelta | float = 0.0,
        require_metric_drop: MetricDrop | None = None,
        max_partitions_per_tick: int = 10,
        time_limit: float = 600.0,
        **options: Any,
    ) -> None:
        super().__init__(name, evaluation_fn=_evaluate, time_limit=time_limit, **options)
        self.asset = key_text(asset)
        self.watch = (watch,) if isinstance(watch, str) else tuple(watch)
        self.share = share
        self.weights = weights
        self.min_rows = min_rows
        self.thresholds = dict(thresholds or {})
        self.reference = key_text(reference) if reference is not None else None
        self.retrain = retrain
        self.consecutive = consecutive
        self.cooldown = cooldown.total_seconds() if isinstance(cooldown, timedelta) else float(cooldown)
        self.require_metric_drop = require_metric_drop
        self.max_partitions_per_tick = max_partitions_per_tick
        self._check()

    def _check(self) -> None:
        if self.retrain not in get_args(Retrain):
            raise InvalidDefinitionError(
                f"{self}: retrain={self.retrain!r} should be 'partition', 'all' or 'notify'"
                f"{nearest(str(self.retrain), get_args(Retrain))}"
            )
        runs_something = bool(self.target.names) or self.target.selection is not None
        if runs_something == (self.retrain == "notify"):
            right = "it only notifies: leave job and target out" if runs_something else "give it a job"
            raise InvalidDefinitionError(f"{self}: retrain={self.retrain!r}; {right}")
        for name in ("consecutive", "max_partitions_per_tick", "min_rows"):
            if getattr(self, name) < 1:
                raise InvalidDefinitionError(f"{self}: {name} should be 1 or more, not {getattr(self, name)}")
        if not 0 < self.share <= 1:
            raise InvalidDefinitionError(f"{self}: share should be above 0 and at most 1, not {self.share}")
        for name in self.thresholds:
            if name not in THRESHOLDS:
                raise InvalidDefinitionError(
                    f"{self}: there is no threshold {name!r}; there are {', '.join(THRESHOLDS)}"
                    f"{nearest(name, THRESHOLDS)}"
                )


def drift_sensor(
    asset: CoercibleToAssetKey, *, name: str | None = None, **options: Any
) -> DriftSensorDefinition:
    """Declare that an asset's new data are compared with what the model learned from.

    `options` are those of DriftSensorDefinition; the name is "<asset>_drift" by default.
    """
    return DriftSensorDefinition(name or f"{key_text(asset).replace('/', '_')}_drift", asset=asset, **options)


def _evaluate(context: Any) -> NoReturn:
    raise UserError("a drift sensor is evaluated by the daemon, and by `mlorch sensor preview`")
