"""What holds for the frames of this project. Each is checked when it is stored and again when it is read.

Beside each rule that looks odd stands the fault in the real data that made it so.
"""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import pandera.pandas as pa

# An hour of the schedule, in UTC. The partition is its month in New York: 1,218 flights of the year are in
# another month by UTC.
Hour = Annotated[pd.DatetimeTZDtype, "us", "UTC"]

AIRPORTS = ["EWR", "JFK", "LGA"]


class Scheduled(pa.DataFrameModel):
    """A scheduled departure. Airlines use a number twice a day now and then, hence the hour in the key."""

    time_hour: Hour
    carrier: str = pa.Field(str_matches=r"^[0-9A-Z]{2}$")
    flight: int = pa.Field(in_range={"min_value": 1, "max_value": 9999})
    origin: str = pa.Field(isin=AIRPORTS)
    dest: str = pa.Field(str_matches=r"^[A-Z]{3}$")

    class Config:
        strict = True
        unique = ("time_hour", "carrier", "flight")

    @pa.dataframe_check
    def leaves_its_origin(cls, frame: pd.DataFrame) -> pd.Series[bool]:
        """A round trip would be a mistake of the key."""
        return frame["origin"] != frame["dest"]


class Flights(Scheduled):
    """A month of flights as reported. Clock times are local and written hhmm; delays are in minutes.

    A cancelled flight has no times at all, a diverted one no delay on arrival. An arrival earlier than its
    departure is no fault: it is the next morning.
    """

    year: int = pa.Field(eq=2013)
    month: int = pa.Field(in_range={"min_value": 1, "max_value": 12})
    day: int = pa.Field(in_range={"min_value": 1, "max_value": 31})
    dep_time: float = pa.Field(nullable=True, in_range={"min_value": 1, "max_value": 2400})
    sched_dep_time: int = pa.Field(in_range={"min_value": 1, "max_value": 2359})
    dep_delay: float = pa.Field(nullable=True, in_range={"min_value": -60, "max_value": 1440})
    arr_time: float = pa.Field(nullable=True, in_range={"min_value": 1, "max_value": 2400})
    sched_arr_time: int = pa.Field(in_range={"min_value": 1, "max_value": 2400})
    arr_delay: float = pa.Field(nullable=True, in_range={"min_value": -120, "max_value": 1440})
    tailnum: str = pa.Field(nullable=True)
    air_time: float = pa.Field(nullable=True, in_range={"min_value": 10, "max_value": 800})
    # 17 miles is real: one flight from Newark to La Guardia, cancelled.
    distance: int = pa.Field(in_range={"min_value": 10, "max_value": 6000})
    hour: int = pa.Field(in_range={"min_value": 0, "max_value": 23})
    minute: int = pa.Field(in_range={"min_value": 0, "max_value": 59})

    @pa.check("dep_time", "sched_dep_time", "arr_time", "sched_arr_time")
    def is_a_clock_time(cls, hhmm: pd.Series[float]) -> pd.Series[bool]:
        """Midnight is written 2400 (29 departures, 150 arrivals), so the last hour has one minute."""
        return (hhmm % 100 < 60) & (hhmm <= 2400)

    @pa.dataframe_check
    def leaves_in_its_hour(cls, frame: pd.DataFrame) -> pd.Series[bool]:
        """`hour` and `minute` repeat the scheduled time."""
        return frame["hour"] * 100 + frame["minute"] == frame["sched_dep_time"]

    @pa.dataframe_check
    def arrives_only_if_it_left(cls, frame: pd.DataFrame) -> pd.Series[bool]:
        """A cancelled flight has no delay on arrival."""
        return frame["dep_time"].notna() | frame["arr_delay"].isna()


class Conditions(pa.DataFrameModel):
    """The weather in an hour: °F, %, degrees, mph, inches, hPa, miles. Any instrument can be silent."""

    temp: float = pa.Field(nullable=True, in_range={"min_value": -40, "max_value": 130})
    dewp: float = pa.Field(nullable=True, in_range={"min_value": -60, "max_value": 100})
    humid: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 100})
    wind_dir: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 360})
    # The source has 1,048 mph at Newark on 12 February; `weather` takes it out.
    wind_speed: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 150})
    wind_gust: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 200})
    precip: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 10})
    pressure: float = pa.Field(nullable=True, in_range={"min_value": 870, "max_value": 1090})
    visib: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 10})


class Weather(Conditions):
    """Hourly weather at the three airports. Hours are missing, 31 December altogether."""

    origin: str = pa.Field(isin=AIRPORTS)
    time_hour: Hour

    class Config:
        strict = True
        unique = ("origin", "time_hour")


class Features(Scheduled, Conditions):
    """A flight that arrived: what was known before it left, and whether it came more than 15 minutes late."""

    dow: int = pa.Field(in_range={"min_value": 0, "max_value": 6}, description="Monday is 0, in New York")
    sched_dep_min: float = pa.Field(in_range={"min_value": 0, "max_value": 1440})
    sched_arr_min: float = pa.Field(in_range={"min_value": 0, "max_value": 1440})
    distance: float = pa.Field(in_range={"min_value": 10, "max_value": 6000})
    late: int = pa.Field(isin=[0, 1])
