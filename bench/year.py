"""What a year of retraining costs: the flights example as plain function calls with files, and as assets.

Both, in turn, read the source once, and each month validate, join, fit on three months, try on the next, and
keep every table, model and score in a file; on one thread. mlorch records everything besides; the mirrors are
counted apart. Prints processor seconds of whole processes, imports included.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parent / "examples" / "nyc_flights" / "src"
ROUNDS = 3
LIBRARIES = ("OMP", "OPENBLAS", "MKL")
ONE_THREAD = {"POLARS_MAX_THREADS": "1", **{f"{name}_NUM_THREADS": "1" for name in LIBRARIES}}


def plain(folder: Path) -> None:
    """The floor: the example's functions, called month by month, with files between them."""
    import json

    import joblib
    import pandas as pd

    from nyc_flights import assets
    from nyc_flights.learning import Hyperparameters
    from nyc_flights.resources import FlightsSource
    from nyc_flights.schemas import Features, Flights, Weather

    source, months = FlightsSource(), assets.MONTHS.get_partition_keys()
    for name in ("flights", "weather", "features", "model", "evaluation"):
        (folder / name).mkdir()

    def keep(frame: pd.DataFrame, schema: Any, name: str, month: str) -> None:
        schema.validate(frame, lazy=True).to_parquet(folder / name / f"{month}.parquet", compression="zstd")

    def read(name: str, month: str) -> pd.DataFrame:
        return pd.read_parquet(folder / name / f"{month}.parquet")

    for index, month in enumerate(months):
        context = _Context(assets.MONTHS.time_window_for_partition_key(month))
        keep(assets.flights(context, source), Flights, "flights", month)
        keep(assets.weather(context, source), Weather, "weather", month)
        joined = assets.features(context, read("flights", month), read("weather", month))
        keep(joined, Features, "features", month)
        seen = pd.concat([read("features", one) for one in months[max(0, index - 2) : index + 1]])
        joblib.dump(assets.model(seen, Hyperparameters()), folder / "model" / f"{month}.joblib")
        if index:
            before = joblib.load(folder / "model" / f"{months[index - 1]}.joblib")
            scores = assets.evaluation(context, before, read("features", month))
            (folder / "evaluation" / f"{month}.json").write_text(json.dumps(scores))


def tracked(folder: Path) -> None:
    """The same as assets, everything recorded."""
    from mlorch import Instance
    from mlorch.app.materializing import Request, run_request
    from nyc_flights.definitions import defs

    with Instance.local(folder) as instance:
        assert run_request(defs, instance, Request(only_stale=True, auto=True)).success


class _Context:
    """What the functions ask of their context."""

    def __init__(self, window: object) -> None:
        self.partition_time_window = window

    def log_metric(self, name: str, value: float) -> None:
        pass


def seconds(name: str) -> float:
    """Return the user and system seconds of a process that does the year in a folder of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join([str(EXAMPLE), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-W", "ignore", __file__, name, folder]
        subprocess.run(command, env={**os.environ, **ONE_THREAD, "PYTHONPATH": path}, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    if len(sys.argv) == 3:
        {"plain": plain, "tracked": tracked}[sys.argv[1]](Path(sys.argv[2]))
    else:
        pairs = [(seconds("plain"), seconds("tracked")) for _ in range(ROUNDS)]
        floor, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(ours / floor for floor, ours in pairs)
        print(
            f"  plain functions  {floor:6.1f} s of processor\n  mlorch           {ours:6.1f} s, × {ratio:.2f}"
        )
