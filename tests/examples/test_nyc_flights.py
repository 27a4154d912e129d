"""The example's schemas hold on a year of real flights, and each refuses what it was written for."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest
from pandera.errors import SchemaErrors

from mlorch import Definitions
from nyc_flights.assets import MONTHS, features
from nyc_flights.learning import Hyperparameters, build_model
from nyc_flights.resources import FlightsSource
from nyc_flights.schemas import Features, Flights, Weather

FEBRUARY = MONTHS.time_window_for_partition_key("2013-02-01")


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return FlightsSource().flights(FEBRUARY)


@pytest.fixture(scope="module")
def weather() -> pd.DataFrame:
    return FlightsSource().weather(FEBRUARY)


def broken(schema: type[pa.DataFrameModel], frame: pd.DataFrame) -> set[str]:
    """The rules that the frame breaks."""
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        return set(error.failure_cases["check"].astype(str))
    return set()


def changed(frame: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The frame with other values in its first row."""
    copy = frame.copy()
    for column, value in values.items():
        copy.loc[copy.index[0], column] = value
    return copy


# What is in the data


def test_the_year_is_whole_and_every_month_keeps_its_schema() -> None:
    source = FlightsSource()
    rows = 0
    for month in MONTHS.get_partition_keys():
        frame = source.flights(MONTHS.time_window_for_partition_key(month))
        assert broken(Flights, frame) == set()
        assert set(frame["month"]) == {int(month[5:7])}
        rows += len(frame)
    assert rows == 336_776


def test_months_are_those_of_new_york() -> None:
    december = FlightsSource().flights(MONTHS.time_window_for_partition_key("2013-12-01"))
    assert (december["time_hour"].dt.year == 2014).sum() == 88


def test_only_the_impossible_wind_breaks_the_weather(weather: pd.DataFrame) -> None:
    assert broken(Weather, weather) == {"in_range(0, 150)"}
    assert broken(Weather, weather[~(weather["wind_speed"] > 150)]) == set()


# What the schemas refuse


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"sched_dep_time": 1275}, "is_a_clock_time"),
        ({"dep_time": 2401.0}, "is_a_clock_time"),
        ({"hour": 23, "minute": 1}, "leaves_in_its_hour"),
        ({"dest": "EWR", "origin": "EWR"}, "leaves_its_origin"),
        ({"dep_time": None, "arr_delay": 3.0}, "arrives_only_if_it_left"),
        ({"origin": "SFO"}, "isin(['EWR', 'JFK', 'LGA'])"),
    ],
    ids=["minute 75", "after midnight", "clock against hour", "round trip", "never left", "elsewhere"],
)
def test_a_flight_that_cannot_be_is_refused(flights: pd.DataFrame, values: dict[str, Any], rule: str) -> None:
    assert broken(Flights, flights) == set()
    assert rule in broken(Flights, changed(flights, **values))


def test_midnight_may_be_written_2400(flights: pd.DataFrame) -> None:
    assert (flights["arr_time"] == 2400).any()
    assert broken(Flights, changed(flights, dep_time=2400.0)) == set()


def test_a_flight_comes_once(flights: pd.DataFrame) -> None:
    twice = pd.concat([flights, flights.head(1)], ignore_index=True)
    assert broken(Flights, twice) == {"multiple_fields_uniqueness"}


# What is made of it


class Heard:
    """Takes the place of a context, and keeps the metrics."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}

    def log_metric(self, name: str, value: float) -> None:
        self.metrics[name] = value


def test_features_keep_what_arrived(flights: pd.DataFrame, weather: pd.DataFrame) -> None:
    heard = Heard()
    made = features(heard, flights, weather[~(weather["wind_speed"] > 150)])
    assert broken(Features, made) == set()
    assert len(made) == flights["arr_delay"].notna().sum()
    assert heard.metrics["without_weather"] == 29
    assert heard.metrics["late_rate"] == pytest.approx((flights["arr_delay"].dropna() > 15).mean())


def test_the_same_data_and_config_make_the_same_model(flights: pd.DataFrame, weather: pd.DataFrame) -> None:
    import joblib

    from nyc_flights.learning import INPUTS

    made = features(Heard(), flights, weather)
    config = Hyperparameters(max_iter=5)
    assert len({joblib.hash(build_model(config).fit(made[INPUTS], made["late"])) for _ in range(2)}) == 1


def test_the_definitions_load() -> None:
    from nyc_flights.definitions import defs

    assert isinstance(defs, Definitions)
    assert set(defs.graph.nodes) == {"flights", "weather", "features", "model", "evaluation"}
