"""What mlorch loads: `definitions` in pyproject.toml names this module."""

from __future__ import annotations

from mlorch import Definitions, load_assets_from_modules

from . import assets
from .jobs import drifted, monthly, retrain
from .resources import FlightsSource

defs = Definitions(
    assets=load_assets_from_modules([assets]),
    jobs=[retrain],
    schedules=[monthly],
    sensors=[drifted],
    resources={"source": FlightsSource()},
)
