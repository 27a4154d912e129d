"""The verb load: any version that was ever recorded, with its exact bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlorch.definitions.definitions import Definitions
from mlorch.definitions.keys import key_text
from mlorch.definitions.signature import EMPTY
from mlorch.errors import NotFoundError, UserError
from mlorch.events import AssetMaterialized
from mlorch.execution.arguments import load
from mlorch.execution.call import Tools, kept_of
from mlorch.execution.settling import settle_resources
from mlorch.instance import Instance, Opener
from mlorch.iomanagers.kinds import KINDS
from mlorch.log import EventLog, slot_name
from mlorch.queries.retention import why_gone, why_unknown


def load_asset(
    key: object,
    partition_key: str | None = None,
    *,
    data_version: str | None = None,
    mlflow_run: str | None = None,
    instance: Instance | None = None,
    definitions: Definitions | None = None,
) -> Any:
    """Return a value: the latest, that of a data version (or its beginning), or that of an MLflow run.

    `instance` defaults to the project's. `definitions` are needed only where one's own IO manager kept it.
    Raises NotFoundError where it was never recorded or was removed, IntegrityError where its bytes are not
    the recorded ones (nothing of them is interpreted then).
    """
    held = instance or Instance.get()
    if mlflow_run is not None:
        from mlorch.app.mirroring import materialization_of

        run_id, name = materialization_of(mlflow_run)
        made = find_made(held.log, run_id, name)
    else:
        made = find_version(held.log, key_text(key), partition_key, data_version)
    return load_value(made, held, definitions.resources if definitions is not None else None)


def find_version(
    log: EventLog, asset: str, partition: str | None, data_version: str | None
) -> AssetMaterialized:
    """Return the latest materialization, or the newest whose data version begins so.

    Raises NotFoundError where there is none, UserError where a partition is needed or versions are several.
    """
    records = log.read(kinds={AssetMaterialized.kind}, asset=asset, newest_first=True)
    made = [one.event for one in records if isinstance(one.event, AssetMaterialized)]
    if not made:
        raise NotFoundError(f"{asset!r} was never materialized; 'mlorch materialize {asset}' makes it")
    if data_version is not None:
        found = _of_version(made, data_version, partition)
    else:
        found = [one for one in made if one.partition == partition]
        if not found and partition is None:
            known = sorted({one.partition or "" for one in made})
            raise UserError(
                f"{asset!r} is partitioned; say which partition, from {known[0]!r} to {known[-1]!r}"
            )
    if not found:
        what = f"version {data_version!r}" if data_version is not None else f"partition {partition!r}"
        raise NotFoundError(
            f"{asset!r} has no materialized {what}; 'mlorch assets show {asset}' lists them{why_unknown(log)}"
        )
    return found[0]


def _of_version(
    made: list[AssetMaterialized], data_version: str, partition: str | None
) -> list[AssetMaterialized]:
    """Return the materializations of one version, of one partition or of partitions with equal bytes."""
    asset = made[0].asset
    found = [one for one in made if one.data_version.startswith(data_version)]
    if partition is not None:
        found = [one for one in found if one.partition == partition]
    found = [one for one in found if one.data_version == data_version] or found
    if len({one.data_version for one in found}) > 1:
        raise UserError(f"{data_version!r} begins several versions of {asset!r}; give more of it")
    if len({one.content_hash for one in found}) > 1 and len({one.partition for one in found}) > 1:
        raise UserError(f"several partitions of {asset!r} have the version {data_version!r}; say which one")
    return found


def find_made(log: EventLog, run_id: str, name: str) -> AssetMaterialized:
    """Return the materialization of "asset" or "asset[partition]" in a run. Raises NotFoundError."""
    for record in log.read(kinds={AssetMaterialized.kind}, run_id=run_id):
        event = record.event
        if isinstance(event, AssetMaterialized) and event.materialization_id == f"{run_id}:{name}":
            return event
    raise NotFoundError(f"the log has no materialization {name} of run {run_id}")


def load_value(
    made: AssetMaterialized,
    instance: Instance,
    resources: Mapping[str, Any] | None = None,
    annotation: Any = EMPTY,
) -> Any:
    """Return the value of one materialization; `resources` are the definitions'. Raises as `load_asset`."""
    slot = (made.asset, made.partition)
    if made.uri is None and made.io_manager is None:
        raise NotFoundError(f"{slot_name(slot)} keeps no value: its function returns None")
    names = {"io_manager", (made.io_manager or "").removeprefix("resource:")}
    resolved, _ = settle_resources(resources or {}, names)
    try:
        return load(kept_of(made), annotation, tools_of(instance), resolved)
    except NotFoundError as error:
        raise NotFoundError(why_gone(instance.log, made) or str(error)) from error


def read_bytes(made: AssetMaterialized, instance: Instance) -> bytes:
    """Return the bytes of a materialization. Raises NotFoundError and IntegrityError."""
    if made.uri is None:
        raise NotFoundError(f"{made.step} keeps no file that could be copied")
    try:
        return instance.store.read(made.uri, made.content_hash)
    except NotFoundError as error:
        raise NotFoundError(why_gone(instance.log, made) or str(error)) from error


def tools_of(instance: Instance) -> Tools:
    """Return what carries the values of an instance."""
    return Tools(instance.store, KINDS, instance.outputs, open_instance=Opener(instance))


def restore(made: AssetMaterialized, instance: Instance) -> str:
    """Put the bytes of a materialization back where they belong; return where. Raises NotFoundError."""
    if made.uri is None or made.content_hash is None:
        raise NotFoundError(f"{slot_name((made.asset, made.partition))} has no bytes of its own to restore")
    try:
        instance.store.restore(made.uri, made.content_hash)
    except NotFoundError as error:
        raise NotFoundError(why_gone(instance.log, made) or str(error)) from error
    return made.uri
