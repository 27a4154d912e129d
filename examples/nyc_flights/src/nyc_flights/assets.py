"""From a month of flights to a model, and how that model does in the month after.

flights ─┐
         ├─► features ─► model ─────► evaluation
weather ─┘               of three     on the month
                         months       after the last
"""

from __future__ import annotations

import pandas as pd
from pandera.typing import DataFrame
from sklearn.pipeline import Pipeline

from mlorch import (
    AssetExecutionContext,
    AssetIn,
    MonthlyPartitionsDefinition,
    TimeWindowPartitionMapping,
    asset,
)

from .learning import CONDITIONS, INPUTS, Hyperparameters, build_model, score
from .resources import FlightsSource
from .schemas import Features, Flights, Weather

ZONE = "America/New_York"
MONTHS = MonthlyPartitionsDefinition(start_date="2013-01-01", end_date="2014-01-01", timezone=ZONE)
# No model was trained before January.
EVALUATED_MONTHS = MonthlyPartitionsDefinition(start_date="2013-02-01", end_date="2014-01-01", timezone=ZONE)

UP_TO_TWO_MONTHS_BACK = TimeWindowPartitionMapping(start_offset=-2)
THE_MONTH_BEFORE = TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

LATE_AFTER = 15  # minutes
STRONGEST_WIND = 150  # mph


@asset(partitions_def=MONTHS, group_name="source")
def flights(context: AssetExecutionContext, source: FlightsSource) -> DataFrame[Flights]:
    """The month's flights from New York, as they were reported."""
    return source.flights(context.partition_time_window)


@asset(partitions_def=MONTHS, group_name="source")
def weather(context: AssetExecutionContext, source: FlightsSource) -> DataFrame[Weather]:
    """The month's weather by the hour, without winds that can't have blown."""
    frame = source.weather(context.partition_time_window)
    impossible = frame["wind_speed"] > STRONGEST_WIND
    context.log_metric("impossible_winds", int(impossible.sum()))
    return frame.assign(wind_speed=frame["wind_speed"].mask(impossible))


@asset(partitions_def=MONTHS, group_name="learning")
def features(
    context: AssetExecutionContext, flights: DataFrame[Flights], weather: DataFrame[Weather]
) -> DataFrame[Features]:
    """What is known of a flight before it leaves, and whether it came late; of those that arrived."""
    arrived = flights[flights["arr_delay"].notna()]
    joined = arrived.merge(
        weather, on=["origin", "time_hour"], how="left", validate="m:1", indicator="has_weather"
    )
    context.log_metric("without_weather", int((joined["has_weather"] == "left_only").sum()))
    late = joined["arr_delay"] > LATE_AFTER
    context.log_metric("late_rate", float(late.mean()))
    frame = joined[["time_hour", "carrier", "flight", "origin", "dest", *CONDITIONS]].assign(
        dow=joined["time_hour"].dt.tz_convert(ZONE).dt.day_of_week.astype("int64"),
        sched_dep_min=_minute_of_day(joined["sched_dep_time"]),
        sched_arr_min=_minute_of_day(joined["sched_arr_time"]),
        distance=joined["distance"].astype("float64"),
        late=late.astype("int64"),
    )
    return frame.sort_values(["time_hour", "carrier", "flight"], ignore_index=True)


@asset(
    partitions_def=MONTHS,
    group_name="learning",
    ins={"features": AssetIn(partition_mapping=UP_TO_TWO_MONTHS_BACK)},
)
def model(features: DataFrame[Features], config: Hyperparameters) -> Pipeline:
    """Foretells late arrivals, having seen this month and the two before."""
    return build_model(config).fit(features[INPUTS], features["late"])


@asset(
    partitions_def=EVALUATED_MONTHS,
    group_name="learning",
    ins={"model": AssetIn(partition_mapping=THE_MONTH_BEFORE)},
)
def evaluation(
    context: AssetExecutionContext, model: Pipeline, features: DataFrame[Features]
) -> dict[str, float]:
    """How last month's model does on this month's flights, which it has not seen."""
    scores = score(model, features)
    for name, value in scores.items():
        context.log_metric(name, value)
    return scores


def _minute_of_day(hhmm: pd.Series[int]) -> pd.Series[float]:
    return (hhmm // 100 * 60 + hhmm % 100).astype("float64")
