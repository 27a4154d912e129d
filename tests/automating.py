"""A history that tests of automation conditions write themselves, and the evaluations between its facts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mlorch import Definitions, evaluate_automation_conditions
from mlorch.app.automation import EvaluateAutomationConditionsResult
from mlorch.events import (
    AssetMaterialized,
    AssetObserved,
    CheckEvaluated,
    RunFinished,
    RunQueued,
    RunStarted,
    StepFailed,
)
from mlorch.instance import Instance
from mlorch.iomanagers.memory import MemoryStore
from mlorch.log import MemoryLog

START = datetime(2024, 3, 10, 12, tzinfo=UTC)


@dataclass
class Leases:
    """Says which runs go on, as those in a database do."""

    living: set[str] = field(default_factory=set)

    def runs(self, now: float) -> Collection[str]:
        return self.living


class History:
    """Facts at times of its own, and what is requested after them."""

    def __init__(self, assets: Iterable[Any], now: datetime = START, **more: Any) -> None:
        self.definitions = Definitions(assets, **more)
        self.leases = Leases()
        self.instance = Instance(MemoryLog(), MemoryStore(), self.leases)  # type: ignore[arg-type]
        self.now = now
        self.cursor: str | None = None
        self.result: EvaluateAutomationConditionsResult | None = None
        self._runs = 0

    def redeclare(self, *assets: Any) -> None:
        self.definitions = Definitions(assets)

    def passes(self, **given: float) -> None:
        self.now += timedelta(**given)

    def tick(self, **given: float) -> dict[str, list[str | None]]:
        """Let time pass, half a minute unless it is given, and return what is requested then."""
        self.passes(**(given or {"seconds": 30}))
        self.result = evaluate_automation_conditions(
            self.definitions, self.instance, evaluation_time=self.now, cursor=self.cursor
        )
        self.cursor = self.result.cursor
        found = {key: self.result.get_requested_partitions(key) for key in self.definitions.graph.nodes}
        return {key: sorted(parts, key=str) for key, parts in found.items() if parts}

    def starts(
        self,
        *targets: str,
        partition: str | None = None,
        tags: Mapping[str, str] | None = None,
        run_id: str | None = None,
    ) -> str:
        """Let a run begin that is to make the targets."""
        self._runs += 1
        run_id = run_id or f"run{self._runs}"
        keys = None if partition is None else [partition]
        fact = RunStarted(
            run_id=run_id, at=self.now.timestamp(), targets=dict.fromkeys(targets, keys), tags=tags or {}
        )
        self.instance.log.append([fact])
        self.leases.living.add(run_id)
        return run_id

    def made(
        self,
        *assets: str,
        version: str | None = None,
        partition: str | None = None,
        run: str | None = None,
        took: float = 1.0,
        late: float = 0.0,
    ) -> None:
        """Let a run make assets now; without a version each is another than all before.

        It took so many seconds; `late` is how far the clock of its machine is ahead.
        """
        for asset in assets:
            run_id = self.starts(asset, partition=partition) if run is None else run
            at = self.now.timestamp() + late
            fact = AssetMaterialized(
                run_id=run_id,
                at=at,
                started_at=at - took,
                step=asset,
                asset=asset,
                partition=partition,
                data_version=version or f"{asset} of {run_id}",
            )
            self.instance.log.append([fact])
            if run is None:
                self.leases.living.discard(run_id)
            self.passes(seconds=0.1)

    def ends(self, run_id: str, status: str = "SUCCESS") -> None:
        self.leases.living.discard(run_id)
        self.instance.log.append([RunFinished(run_id=run_id, at=self.now.timestamp(), status=status)])

    def observed(self, asset: str, version: str) -> None:
        self.instance.log.append([AssetObserved(at=self.now.timestamp(), asset=asset, data_version=version)])

    def queued(self, *assets: str, run_id: str = "queued", **given: Any) -> None:
        fact = RunQueued(run_id=run_id, at=self.now.timestamp(), selection=assets, **given)
        self.instance.log.append([fact])

    def failed(self, asset: str, partition: str | None = None) -> None:
        run_id = self.starts(asset, partition=partition)
        self.ends(run_id)
        fact = StepFailed(
            run_id=run_id, at=self.now.timestamp(), step=asset, asset=asset, partition=partition, error={}
        )
        self.instance.log.append([fact])

    def checked(self, asset: str, check: str, passed: bool) -> None:
        fact = CheckEvaluated(
            run_id=self.starts(), at=self.now.timestamp(), step=asset, asset=asset, check=check, passed=passed
        )
        self.instance.log.append([fact])
