"""A shop whose months can be made to differ: sales, features of them, and a model of three months."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandera.pandas as pa
from pandera.typing import DataFrame
from sklearn.dummy import DummyRegressor

from mlorch import (
    AssetExecutionContext,
    AssetIn,
    DataVersion,
    Definitions,
    Instance,
    MonthlyPartitionsDefinition,
    Output,
    TimeWindowPartitionMapping,
    asset,
    define_asset_job,
    materialize,
)

MONTHS = MonthlyPartitionsDefinition(start_date="2024-01-01", end_date="2025-07-01")


class Sales(pa.DataFrameModel):
    price: float
    amount: float
    stars: int = pa.Field(isin=list(range(1, 16)))


@dataclass
class Shop:
    """`moved` says by how much a month's prices differ, in standard deviations; `rows` how many it has."""

    instance: Instance
    moved: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    loss: dict[str, float] = field(default_factory=dict)
    assets: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        shop = self

        @asset(partitions_def=MONTHS, code_version="1")
        def features(context: AssetExecutionContext) -> Output[DataFrame[Sales]]:
            month = context.partition_key
            rng = np.random.default_rng([int(month[5:7]), int(month[:4])])
            count, moved = shop.rows.get(month, 400), shop.moved.get(month, 0.0)
            frame = DataFrame[Sales](
                {
                    "price": rng.normal(10 + 2 * moved, 2, count),
                    "amount": rng.exponential(3, count),
                    "stars": rng.integers(1, 16, count),
                }
            )
            return Output(frame, data_version=DataVersion(f"{month} moved by {moved}, {count} rows"))

        @asset(
            partitions_def=MONTHS,
            code_version="1",
            ins={"features": AssetIn(partition_mapping=TimeWindowPartitionMapping(start_offset=-2))},
        )
        def model(features: DataFrame[Sales]) -> DummyRegressor:
            return DummyRegressor().fit(features[["amount"]], features["price"])

        @asset(partitions_def=MONTHS, code_version="1")
        def evaluation(context: AssetExecutionContext, features: DataFrame[Sales]) -> int:
            context.log_metric("loss", shop.loss.get(context.partition_key, 1.0))
            return len(features)

        self.assets = [features, model, evaluation]

    def definitions(self, *sensors: Any) -> Definitions:
        job = define_asset_job("retrain", selection="*")
        return Definitions(assets=self.assets, jobs=[job], sensors=list(sensors))

    def make(self, *months: str, only: str = "*") -> None:
        """Materialize whole months, "2024-03", one after the other."""
        for month in months:
            done = materialize(
                self.assets, partition_key=f"{month}-01", instance=self.instance, selection=only
            )
            assert done.success

    def arrive(self, month: str, moved: float = 0.0, rows: int = 400) -> None:
        """Let a month's features come in, or come in anew."""
        self.moved[f"{month}-01"] = moved
        self.rows[f"{month}-01"] = rows
        self.make(month, only="features")
