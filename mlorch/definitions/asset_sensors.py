"""Sensors of one asset: told whenever it was made again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.definitions.requests import SensorResult
from mlorch.definitions.sensors import EMPTY_RESULT, SensorDefinition
from mlorch.definitions.ticks import Evaluation, SensorEvaluationContext, answers, evaluated
from mlorch.errors import UserError


class AssetSensorDefinition(SensorDefinition):
    """Ask a function of the context and of an asset's latest materialization, once for each that is latest.

    It keeps the number of that materialization as its cursor: `context.cursor` is the one before.
    """

    arguments: ClassVar[int] = 2

    def __init__(
        self,
        name: str | None,
        asset_key: CoercibleToAssetKey,
        job_name: str | None = None,
        asset_materialization_fn: Callable[..., Any] | None = None,
        **options: Any,
    ) -> None:
        self.asset_key = AssetKey.from_user_string(key_text(asset_key))
        super().__init__(name, job_name=job_name, evaluation_fn=asset_materialization_fn, **options)  # type: ignore[arg-type]

    def evaluate_tick(self, context: SensorEvaluationContext) -> Evaluation:
        event = context.instance.get_latest_materialization_event(self.asset_key)
        before = context.cursor
        if event is None or (before is not None and event.storage_id <= _number(before)):
            return Evaluation((), f"asset {str(self.asset_key)!r} was not materialized since", before)
        found = answers(self._function(context, event), str(self))
        refuse_cursor(self, context, found)
        context.update_cursor(str(event.storage_id))
        return evaluated(found, EMPTY_RESULT, context)


def asset_sensor(
    asset_key: CoercibleToAssetKey, *, job_name: str | None = None, name: str | None = None, **options: Any
) -> Callable[[Callable[..., Any]], AssetSensorDefinition]:
    """Declare that a function of a context and an event says what runs after an asset was materialized.

    `options` are those of SensorDefinition; the name defaults to the function's.
    """
    namespace = sys._getframe(1).f_locals
    return lambda function: AssetSensorDefinition(
        name, asset_key, job_name, function, namespace=namespace, **options
    )


def refuse_cursor(owner: SensorDefinition, context: SensorEvaluationContext, found: Any) -> None:
    """Raise UserError where the function of a sensor that keeps its cursor itself gave one."""
    if context.cursor_updated or any(isinstance(one, SensorResult) and one.cursor for one in found):
        raise UserError(f"{owner} keeps its cursor itself; leave update_cursor() and SensorResult.cursor out")


def _number(cursor: str) -> int:
    if not cursor.isdecimal():
        raise UserError(f"the cursor {cursor!r} is no number of a fact; set it back, or to a number")
    return int(cursor)
