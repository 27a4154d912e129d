"""What this project makes, month by month. A parameter's name says from which asset its value comes.

flights ─┐
         ├─► features ─► model ─────► evaluation
weather ─┘               of three     on the month
                         months       after the last
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandera.typing import DataFrame
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from mlorch import (
    AssetExecutionContext,
    AssetIn,
    Config,
    MonthlyPartitionsDefinition,
    TimeWindowPartitionMapping,
    asset,
)

from .resources import Inbox
from .schemas import Features, Flights, Weather

ZONE = "America/New_York"
# The sample ends with 2013. Without an end_date, each month that ends adds a partition.
MONTHS = MonthlyPartitionsDefinition(start_date="2013-01-01", end_date="2014-01-01", timezone=ZONE)
# No model was trained before January.
EVALUATED_MONTHS = MonthlyPartitionsDefinition(start_date="2013-02-01", end_date="2014-01-01", timezone=ZONE)

UP_TO_TWO_MONTHS_BACK = TimeWindowPartitionMapping(start_offset=-2)
THE_MONTH_BEFORE = TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

LATE_AFTER = 15  # minutes
STRONGEST_WIND = 150  # mph

CATEGORIES = ["carrier", "origin", "weekday"]
WEATHER = ["temp", "humid", "wind_speed", "precip", "pressure", "visib"]
INPUTS = [*CATEGORIES, "departure", "arrival", "distance", *WEATHER]


@asset(partitions_def=MONTHS, group_name="source")
def flights(context: AssetExecutionContext, inbox: Inbox) -> DataFrame[Flights]:
    """The month's flights, as they were reported."""
    return inbox.read("flights", context.partition_key)


@asset(partitions_def=MONTHS, group_name="source")
def weather(context: AssetExecutionContext, inbox: Inbox) -> DataFrame[Weather]:
    """The month's weather by the hour, without winds that can't have blown."""
    frame = inbox.read("weather", context.partition_key)
    impossible = frame["wind_speed"] > STRONGEST_WIND
    context.log_metric("impossible_winds", int(impossible.sum()))
    return frame.assign(wind_speed=frame["wind_speed"].mask(impossible))


@asset(partitions_def=MONTHS, group_name="learning")
def features(flights: DataFrame[Flights], weather: DataFrame[Weather]) -> DataFrame[Features]:
    """What is known of a flight before it leaves, and whether it came late; of those that arrived."""
    arrived = flights[flights["arr_delay"].notna()]
    joined = arrived.merge(weather, on=["origin", "time_hour"], how="left", validate="m:1")
    return joined[["time_hour", "carrier", "origin", "distance", *WEATHER]].assign(
        weekday=joined["time_hour"].dt.tz_convert(ZONE).dt.day_of_week,
        departure=_minute_of_day(joined["sched_dep_time"]),
        arrival=_minute_of_day(joined["sched_arr_time"]),
        late=joined["arr_delay"] > LATE_AFTER,
    )


class Hyperparameters(Config):
    """Another value makes another version of the model: `mlorch materialize model --config FILE`."""

    learning_rate: float = 0.05
    max_iter: int = 60
    max_leaf_nodes: int = 5
    min_samples_leaf: int = 20


@asset(
    partitions_def=MONTHS,
    group_name="learning",
    ins={"features": AssetIn(partition_mapping=UP_TO_TWO_MONTHS_BACK)},
)
def model(features: DataFrame[Features], config: Hyperparameters) -> Pipeline:
    """Foretells late arrivals, having seen this month and the two before."""
    # A carrier that was never seen counts as missing; the trees take that as it is.
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    trees = HistGradientBoostingClassifier(
        **config.model_dump(),
        categorical_features=list(range(len(CATEGORIES))),
        early_stopping=False,
        random_state=0,
    )
    pipeline = make_pipeline(make_column_transformer((encoder, CATEGORIES), remainder="passthrough"), trees)
    return pipeline.fit(features[INPUTS], features["late"])


@asset(
    partitions_def=EVALUATED_MONTHS,
    group_name="learning",
    ins={"model": AssetIn(partition_mapping=THE_MONTH_BEFORE)},
)
def evaluation(
    context: AssetExecutionContext, model: Pipeline, features: DataFrame[Features]
) -> dict[str, float]:
    """How last month's model does on this month's flights, which it has not seen."""
    foretold = model.predict_proba(features[INPUTS])[:, 1]
    scores = {
        "auc": float(roc_auc_score(features["late"], foretold)),
        "log_loss": float(log_loss(features["late"], foretold)),
    }
    for name, value in scores.items():
        context.log_metric(name, value)
    return scores


def _minute_of_day(hhmm: pd.Series[int]) -> pd.Series[int]:
    return hhmm // 100 * 60 + hhmm % 100
