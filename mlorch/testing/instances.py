"""Instances that leave nothing behind, and runs in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlorch.app.materializing import materialize
from mlorch.app.results import ExecutionResult
from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.io import IOManager
from mlorch.errors import UserError
from mlorch.instance import Instance
from mlorch.iomanagers.memory import InMemoryIOManager

if TYPE_CHECKING:
    from mlorch.definitions.config import RunConfig
    from mlorch.definitions.selections import CoercibleToAssetSelection
    from mlorch.definitions.specs import AssetSpec


@contextmanager
def instance_for_test(temp_dir: str | None = None) -> Iterator[Instance]:
    """Yield an instance on disk, with SQLite, under a folder that is removed, or under one's own."""
    with TemporaryDirectory(prefix="mlorch-") as folder, Instance.local(temp_dir or folder) as instance:
        yield instance


def materialize_to_memory(
    assets: Iterable[AssetsDefinition | AssetSpec],
    run_config: RunConfig | Mapping[str, Any] | None = None,
    instance: Instance | None = None,
    resources: Mapping[str, Any] | None = None,
    *,
    partition_key: str | None = None,
    raise_on_error: bool = True,
    tags: Mapping[str, str] | None = None,
    selection: CoercibleToAssetSelection | None = None,
) -> ExecutionResult:
    """Make assets as `materialize` does, with every IO manager replaced by one that keeps values themselves.

    Raises UserError where an IO manager is among the resources.
    """
    assets = list(assets)
    given = dict(resources or {})
    for name, one in given.items():
        if isinstance(one, IOManager):
            raise UserError(
                f"materialize_to_memory keeps everything in memory, so it takes no IO manager ({name!r}); "
                "leave it out, or use materialize(…)"
            )
    memory = InMemoryIOManager()
    keys = {key for one in assets for key in _manager_keys(one)}
    return materialize(
        assets,
        partition_key=partition_key,
        run_config=run_config,
        resources={**given, **dict.fromkeys(("io_manager", *keys), memory)},
        instance=instance,
        selection=selection,
        tags=tags,
        raise_on_error=raise_on_error,
    )


def _manager_keys(asset: AssetsDefinition | AssetSpec) -> Iterator[str]:
    for node in asset.op_nodes.values() if isinstance(asset, AssetsDefinition) else ():
        yield from (out.io_manager_key for out in node.op.outs.values() if out.io_manager_key is not None)
