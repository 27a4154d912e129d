"""A project in which values are made and recorded, as runs do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlorch.events import AssetMaterialized, Input
from mlorch.iomanagers.files import open_store
from mlorch.log import MemoryLog, Slot

MONTHS = ("2013-01", "2013-02", "2013-03")


class World:
    """Values go through the project's store, facts into a log in memory."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.log = MemoryLog()
        self.run = "run-1"
        self._numbers: dict[Slot, int] = {}

    def make(
        self,
        asset: str,
        content: str,
        partition: str | None = None,
        *,
        reads: Sequence[Slot] = (),
        code: str | None = "1",
        metrics: Mapping[str, Any] | None = None,
    ) -> AssetMaterialized:
        path = asset if partition is None else f"{asset}/{partition}"
        cache = self.project / ".dvc" / "cache" / "files" / "md5"
        store = open_store(
            "data", project=self.project, dvc_cache=cache if cache.parents[2].is_dir() else None
        )
        stored = store.write(f"{path}.json", lambda file: file.write(content.encode()))
        fact = AssetMaterialized(
            run_id=self.run,
            at=0.0,
            step=asset if partition is None else f"{asset}[{partition}]",
            asset=asset,
            partition=partition,
            code_version=code or self.run,
            is_code_declared=code is not None,
            content_hash=stored.content_hash,
            size=stored.size,
            uri=stored.uri,
            inputs=tuple(Input(*slot, "version", self._numbers.get(slot)) for slot in reads),
            metrics=metrics or {},
        )
        (self._numbers[asset, partition],) = self.log.append([fact])
        return fact

    def retrain(self, version: str = "1") -> None:
        """Make flights and features by month, a model over all months and its report."""
        for month in MONTHS:
            self.make("raw/flights", f"flights {month} {version}", month, code=None)
        for month in MONTHS:
            self.make(
                "features", f"features {month} {version}", month, reads=[("raw/flights", month)], code="1.0"
            )
        self.model(version)

    def model(self, version: str) -> None:
        months = [("features", month) for month in MONTHS]
        self.make("model", f"model {version}", reads=months, code="trees: 100", metrics={"auc": 0.7})
        self.make("report", f"report {version}", reads=[("model", None)], code="abc")

    def text(self, path: str) -> str:
        return (self.project / path).read_text()
