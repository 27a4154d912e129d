"""What holds for the tables of this project.

A table is checked when it is stored and again when it is read. One that breaks its schema is not stored:
the run fails and shows all that is wrong at once, and the version before stays.
"""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import pandera.pandas as pa

AIRPORTS = ["EWR", "JFK", "LGA"]

Hour = Annotated[pd.DatetimeTZDtype, "us", "UTC"]


class Flights(pa.DataFrameModel):
    """A month of flights. Scheduled times are local, written hhmm; the delay is in minutes."""

    time_hour: Hour
    carrier: str = pa.Field(str_matches=r"^[0-9A-Z]{2}$")
    flight: int = pa.Field(gt=0)
    origin: str = pa.Field(isin=AIRPORTS)
    dest: str = pa.Field(str_matches=r"^[A-Z]{3}$")
    sched_dep_time: int = pa.Field(in_range={"min_value": 0, "max_value": 2400})
    sched_arr_time: int = pa.Field(in_range={"min_value": 0, "max_value": 2400})
    distance: int = pa.Field(gt=0)
    # Missing for flights that were cancelled or diverted.
    arr_delay: float = pa.Field(nullable=True, in_range={"min_value": -120, "max_value": 1440})

    class Config:
        strict = True
        coerce = True
        unique = ("time_hour", "carrier", "flight")

    @pa.check("sched_dep_time", "sched_arr_time")
    def is_a_clock_time(cls, hhmm: pd.Series[int]) -> pd.Series[bool]:
        """No hour has more than sixty minutes."""
        return hhmm % 100 < 60


class Weather(pa.DataFrameModel):
    """Weather by the hour: °F, %, mph, inches, hPa, miles."""

    time_hour: Hour
    origin: str = pa.Field(isin=AIRPORTS)
    temp: float = pa.Field(nullable=True, in_range={"min_value": -40, "max_value": 130})
    humid: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 100})
    # The source has 1,048 mph in February; `weather` takes it out. Leave that line out to see it refused.
    wind_speed: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 150})
    precip: float = pa.Field(nullable=True, ge=0)
    pressure: float = pa.Field(nullable=True, in_range={"min_value": 870, "max_value": 1090})
    visib: float = pa.Field(nullable=True, ge=0)

    class Config:
        strict = True
        coerce = True
        unique = ("time_hour", "origin")


class Features(pa.DataFrameModel):
    """A flight that arrived: what was known before it left, and whether it came more than 15 minutes late."""

    time_hour: Hour
    carrier: str
    origin: str = pa.Field(isin=AIRPORTS)
    weekday: int = pa.Field(in_range={"min_value": 0, "max_value": 6}, description="Monday is 0, in New York")
    departure: float = pa.Field(in_range={"min_value": 0, "max_value": 1440}, description="Minute of the day")
    arrival: float = pa.Field(in_range={"min_value": 0, "max_value": 1440}, description="Minute of the day")
    distance: float = pa.Field(gt=0)
    temp: float = pa.Field(nullable=True)
    humid: float = pa.Field(nullable=True)
    wind_speed: float = pa.Field(nullable=True)
    precip: float = pa.Field(nullable=True)
    pressure: float = pa.Field(nullable=True)
    visib: float = pa.Field(nullable=True)
    late: int = pa.Field(isin=[0, 1])

    class Config:
        strict = True
        coerce = True
