"""Sensors of several assets: told what was made of each, and up to where they are done with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mlorch.definitions.asset_sensors import refuse_cursor
from mlorch.definitions.entries import EventRecord
from mlorch.definitions.inference import default_mapping
from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.definitions.selections import AssetSelection
from mlorch.definitions.sensors import EMPTY_RESULT, SensorDefinition
from mlorch.definitions.ticks import Around, Evaluation, SensorEvaluationContext, answers, evaluated
from mlorch.errors import UserError, nearest
from mlorch.events import AssetMaterialized

MonitoredAssets = Sequence[CoercibleToAssetKey] | AssetSelection


@dataclass(frozen=True, slots=True)
class _Place:
    """Up to where a sensor is done with an asset, and the partitions before it that it is not done with."""

    seq: int = 0
    partition: str | None = None
    """That of the materialization numbered `seq`."""
    left: Mapping[str, int] = field(default_factory=dict)
    """By partition the number of its latest materialization."""


class MultiAssetSensorEvaluationContext(SensorEvaluationContext):
    """What the function of a sensor of several assets is told.

    Whatever it advances, its questions go on from where the evaluation began.
    """

    def __init__(
        self,
        around: Around,
        name: str = "",
        required: frozenset[str] = frozenset(),
        *,
        monitored: Iterable[str],
        **given: Any,
    ) -> None:
        super().__init__(around, name, required, **given)
        self._monitored = list(monitored)
        self._began = _read_cursor(self.cursor)
        self._consumed: dict[str, dict[int, EventRecord]] = {}
        self.has_advanced = False

    @property
    def asset_keys(self) -> Sequence[AssetKey]:
        return [AssetKey.from_user_string(key) for key in self._monitored]

    @property
    def assets_defs_by_key(self) -> Mapping[AssetKey, Any]:
        """What makes the assets; None for those that are made elsewhere."""
        nodes = self._graph.nodes
        return {key: nodes[str(key)].definition if str(key) in nodes else None for key in self.asset_keys}

    def latest_materialization_records_by_key(
        self, asset_keys: Sequence[CoercibleToAssetKey] | None = None
    ) -> Mapping[AssetKey, EventRecord | None]:
        """Return of each asset the latest materialization since its cursor, or None."""
        chosen = self._monitored if asset_keys is None else [self._named(one) for one in asset_keys]
        found: dict[AssetKey, EventRecord | None] = {}
        for key in chosen:
            newest = self._read(key, self._place(key).seq, newest_first=True, limit=1)
            found[AssetKey.from_user_string(key)] = newest[0] if newest else None
        return found

    def materialization_records_for_key(
        self, asset_key: CoercibleToAssetKey, limit: int | None = None
    ) -> Sequence[EventRecord]:
        """Return the materializations of an asset since its cursor, oldest first."""
        key = self._named(asset_key)
        return self._read(key, self._place(key).seq, limit=limit)

    def latest_materialization_records_by_partition(
        self, asset_key: CoercibleToAssetKey
    ) -> Mapping[str, EventRecord]:
        """Return by partition the latest materialization that the sensor is not done with, oldest first."""
        key = self._named(asset_key)
        found: dict[str, EventRecord] = {}
        for record in (*self.get_trailing_unconsumed_events(key), *self._read(key, self._place(key).seq)):
            if record.partition_key is not None:
                found.pop(record.partition_key, None)
                found[record.partition_key] = record
        return found

    def latest_materialization_records_by_partition_and_asset(
        self,
    ) -> Mapping[str, Mapping[AssetKey, EventRecord]]:
        """Return the same of every asset, by partition and then by asset."""
        found: dict[str, dict[AssetKey, EventRecord]] = {}
        for key in self.asset_keys:
            for partition, record in self.latest_materialization_records_by_partition(key).items():
                found.setdefault(partition, {})[key] = record
        return found

    def get_trailing_unconsumed_events(self, asset_key: CoercibleToAssetKey) -> Sequence[EventRecord]:
        """Return what was passed over up to the cursor: the latest of each partition, oldest first."""
        key = self._named(asset_key)
        left = set(self._place(key).left.values())
        if not left:
            return []
        return [one for one in self._read(key, min(left) - 1) if one.storage_id in left]

    def get_cursor_partition(self, asset_key: CoercibleToAssetKey) -> str | None:
        """Return the partition of the materialization at the cursor."""
        return self._place(self._named(asset_key)).partition

    def all_partitions_materialized(
        self, asset_key: CoercibleToAssetKey, partitions: Sequence[str] | None = None
    ) -> bool:
        """Say whether these partitions, or all that the asset has now, were ever made."""
        key = self._named(asset_key)
        wanted = self._partitions_of(key).get_partition_keys(self.now) if partitions is None else partitions
        return bool(set(wanted) <= self.instance.get_materialized_partitions(key))

    def get_downstream_partition_keys(
        self, partition_key: str, from_asset_key: CoercibleToAssetKey, to_asset_key: CoercibleToAssetKey
    ) -> Sequence[str]:
        """Return the partitions of one asset that are made from a partition of another.

        Raises UserError for an asset without partitions.
        """
        above, below = self._known(from_asset_key), self._known(to_asset_key)
        up, down = self._partitions_of(above), self._partitions_of(below)
        edges = [one for one in self._graph.nodes[below].dependencies if one.key == above]
        mapping = self._graph.mapping(below, edges[0]) if edges else default_mapping(down, up)
        return list(mapping.downstream_partitions(partition_key, up, down, self.now))

    def advance_cursor(
        self, materialization_records_by_key: Mapping[CoercibleToAssetKey, EventRecord | None]
    ) -> None:
        """Be done with these materializations; what was passed over before them stays to be asked for."""
        for given, record in materialization_records_by_key.items():
            if record is not None:
                self._consumed.setdefault(self._named(given), {})[record.storage_id] = record
        self._keep({key: self._advanced(key) for key in self._monitored})

    def advance_all_cursors(self) -> None:
        """Be done with all that was made up to now."""
        places = {}
        for key in self._monitored:
            newest = self._read(key, 0, newest_first=True, limit=1)
            places[key] = _Place(newest[0].storage_id, newest[0].partition_key) if newest else _Place()
        self._keep(places)

    def _advanced(self, key: str) -> _Place:
        place, done = self._place(key), self._consumed.get(key)
        if not done:
            return place
        top = max(done)
        between = self._read(key, place.seq) if top > place.seq else []
        left = dict(place.left)
        passed = [*self.get_trailing_unconsumed_events(key), *between, *done.values()]
        for record in sorted(passed, key=lambda one: one.storage_id):
            partition = record.partition_key
            if partition is None or record.storage_id > top:
                continue
            if record.storage_id in done:
                left.pop(partition, None)
            else:
                left[partition] = record.storage_id
        if top <= place.seq:
            return _Place(place.seq, place.partition, left)
        return _Place(top, done[top].partition_key, left)

    def _keep(self, places: Mapping[str, _Place]) -> None:
        self._cursor = json.dumps(
            {key: [one.seq, one.partition, dict(one.left)] for key, one in places.items()}
        )
        self.has_advanced = True

    def _read(self, key: str, after: int, **how: Any) -> list[EventRecord]:
        records = self.instance.log.read(after, kinds={AssetMaterialized.kind}, asset=key, **how)
        return [EventRecord(record.seq, record.event) for record in records]

    def _place(self, key: str) -> _Place:
        return self._began.get(key, _Place())

    def _named(self, given: CoercibleToAssetKey) -> str:
        key = key_text(given)
        if key not in self._monitored:
            raise UserError(
                f"{self.mlorch_name or 'the sensor'} does not monitor the asset {key!r}"
                f"{nearest(key, self._monitored)}; add it to monitored_assets"
            )
        return key

    def _known(self, given: CoercibleToAssetKey) -> str:
        return str(self._graph.get(given).key)

    def _partitions_of(self, key: str) -> Any:
        found = self._graph.divided.get(key)
        if found is None:
            raise UserError(f"asset {key!r} has no partitions")
        return found

    @cached_property
    def _graph(self) -> Any:
        if self.mlorch_around.find_graph is None:
            raise UserError("the context knows no assets; build it with definitions=…")
        return self.mlorch_around.find_graph()


class MultiAssetSensorDefinition(SensorDefinition):
    """Ask a function of a context that knows what was made of the `monitored_assets` since it advanced."""

    def __init__(
        self,
        name: str | None,
        monitored_assets: MonitoredAssets,
        job_name: str | None = None,
        asset_materialization_fn: Callable[..., Any] | None = None,
        *,
        request_assets: Any = None,
        **options: Any,
    ) -> None:
        self.monitored_assets = monitored_assets
        super().__init__(
            name,
            job_name=job_name,
            evaluation_fn=asset_materialization_fn,  # type: ignore[arg-type]
            asset_selection=request_assets,
            **options,
        )

    def evaluate_tick(self, context: SensorEvaluationContext) -> Evaluation:
        told = self._told(context)
        found = answers(self._function(told), str(self))
        refuse_cursor(self, told, found)
        result = evaluated(found, EMPTY_RESULT, told)
        if result.run_requests and not told.has_advanced:
            raise UserError(
                f"{self} asks for runs and leaves its cursor where it was, so that it would ask again and "
                "again; call context.advance_cursor(…) or context.advance_all_cursors()"
            )
        return result

    def _told(self, context: SensorEvaluationContext) -> MultiAssetSensorEvaluationContext:
        if isinstance(context, MultiAssetSensorEvaluationContext):
            return context
        return MultiAssetSensorEvaluationContext(
            context.mlorch_around,
            context.mlorch_name,
            self.required_resource_keys,
            monitored=monitored_keys(context.mlorch_around, self.monitored_assets),
            cursor=context.cursor,
            last_run_key=context.last_run_key,
            last_completed_at=context.last_tick_completion_time,
            started_at=context.last_sensor_start_time,
        )


def multi_asset_sensor(
    monitored_assets: MonitoredAssets,
    *,
    job_name: str | None = None,
    name: str | None = None,
    request_assets: Any = None,
    **options: Any,
) -> Callable[[Callable[..., Any]], MultiAssetSensorDefinition]:
    """Declare that a function says what runs when some of several assets were materialized.

    `options` are those of SensorDefinition; the name defaults to the function's.
    """
    namespace = sys._getframe(1).f_locals
    return lambda function: MultiAssetSensorDefinition(
        name,
        monitored_assets,
        job_name,
        function,
        request_assets=request_assets,
        namespace=namespace,
        **options,
    )


def monitored_keys(around: Around, monitored: MonitoredAssets) -> list[str]:
    """Return the keys of what is monitored. Raises UserError where a selection can't be resolved."""
    if not isinstance(monitored, AssetSelection):
        return [key_text(one) for one in monitored]
    if around.find_keys is None:
        raise UserError("only definitions know which assets a selection means; build it with definitions=…")
    return list(around.find_keys(monitored))


def _read_cursor(cursor: str | None) -> dict[str, _Place]:
    if not cursor:
        return {}
    try:
        return {key: _Place(*one) for key, one in json.loads(cursor).items()}
    except (ValueError, TypeError, AttributeError):
        raise UserError(f"the cursor {cursor!r} is none of a sensor of several assets; set it back") from None
