"""Where the data come from. A database or a bucket would be such a class, too."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mlorch import ConfigurableResource


class Inbox(ConfigurableResource):
    """A folder in which each month's files arrive: `flights/2013-01-01.csv`, `weather/2013-01-01.csv`."""

    folder: str

    def read(self, table: str, month: str) -> pd.DataFrame:
        """A month of a table; `month` is its partition key."""
        return pd.read_csv(Path(self.folder) / table / f"{month}.csv", parse_dates=["time_hour"])
