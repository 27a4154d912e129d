"""Every IO manager of mlorch keeps the contract that is shipped for people's own."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression

from mlorch import (
    ConfigurableIOManager,
    ConfigurableIOManagerFactory,
    CSVIOManager,
    DailyPartitionsDefinition,
    DirectoryIOManager,
    DuckDBIOManager,
    FilesystemIOManager,
    InMemoryIOManager,
    InputContext,
    IOManager,
    JoblibIOManager,
    JsonIOManager,
    NumpyIOManager,
    OutputContext,
    ParquetIOManager,
    PickleIOManager,
    SQLEngine,
    SQLIOManager,
    TextIOManager,
    UPathIOManager,
    fs_io_manager,
    mem_io_manager,
)
from mlorch.definitions.io import StoredValue
from mlorch.testing import IOManagerContract

MOMENTS: Any = ["2013-01-01 00:00:00", "2013-01-02 03:04:05.123456", None, "1999-12-31"]

FRAMES = (
    pd.DataFrame(
        {
            "text": ["001", "", None, 'a,"b"\nc'],
            "number": [0.1, None, 1e300, -0.0],
            "count": pd.array([1, None, 3, 4], dtype="Int64"),
            "small": np.array([1, 2, 3, -4], dtype="int8"),
            "flag": [True, False, True, True],
            "at": pd.to_datetime(MOMENTS, format="ISO8601"),
            "there": pd.to_datetime(["2013-03-31 01:30:00"] * 4).tz_localize("Europe/Berlin"),
            "day": [date(2013, 1, 1), None, date(2013, 1, 2), date(1, 1, 1)],
            "class": pd.Categorical(["x", "y", "x", None]),
        }
    ),
    pd.DataFrame({"text": ["x"]}),
)

POLARS = (
    pl.DataFrame(
        {"a": [1, None], "b": ["", "x"], "c": [1.5, -0.0], "d": [date(2013, 1, 1), None]}
    ).with_columns(at=pl.col("d").cast(pl.Datetime("us")), there=pl.col("d").cast(pl.Datetime("us", "UTC"))),
    pl.DataFrame({"a": ["x"]}),
)


class TestJson(IOManagerContract):
    values: ClassVar = [{"auc": 0.7, "ok": [True, None, "ü"]}, "other", None]

    def io_manager(self, folder: Path) -> IOManager:
        return JsonIOManager()


class TestText(IOManagerContract):
    values: ClassVar = ["line\r\nü\n", "", "\ud800"]

    def io_manager(self, folder: Path) -> IOManager:
        return TextIOManager()


class TestNumpy(IOManagerContract):
    values: ClassVar = [np.ones((2, 3)), np.array([], dtype="datetime64[us]")]

    def io_manager(self, folder: Path) -> IOManager:
        return NumpyIOManager()


class TestJoblib(IOManagerContract):
    values: ClassVar = [LinearRegression(), LinearRegression(fit_intercept=False)]

    def io_manager(self, folder: Path) -> IOManager:
        return JoblibIOManager()

    def is_same(self, left: Any, right: Any) -> bool:
        return repr(left) == repr(right)


class TestPickle(IOManagerContract):
    values: ClassVar = [(1, (2, b"3")), ("other",)]

    def io_manager(self, folder: Path) -> IOManager:
        return PickleIOManager()


class TestParquet(IOManagerContract):
    values: ClassVar = FRAMES

    def io_manager(self, folder: Path) -> IOManager:
        return ParquetIOManager()


class TestCSV(IOManagerContract):
    values: ClassVar = FRAMES

    def io_manager(self, folder: Path) -> IOManager:
        return CSVIOManager()


class TestCSVOfPolars(IOManagerContract):
    values: ClassVar = POLARS

    def io_manager(self, folder: Path) -> IOManager:
        return CSVIOManager(separator="\t")


class TestFilesystem(TestPickle):
    def io_manager(self, folder: Path) -> IOManager:
        return FilesystemIOManager(base_dir=str(folder / "storage"))


class TestFsIOManager(TestPickle):
    def io_manager(self, folder: Path) -> IOManager:
        return fs_io_manager.configured({"base_dir": str(folder / "storage")})


class TestInMemory(IOManagerContract):
    values: ClassVar = [object(), object()]
    is_travelling: ClassVar = False

    def io_manager(self, folder: Path) -> IOManager:
        return InMemoryIOManager()


class TestMemIOManager(TestInMemory):
    def io_manager(self, folder: Path) -> IOManager:
        return mem_io_manager


class TestDirectory(IOManagerContract):
    @pytest.fixture(autouse=True)
    def _filled(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
        (one / "deep" / "er").mkdir(parents=True)
        (one / "deep" / "er" / ".hidden").write_text("x")
        (one / "a.txt").write_text("a")
        (two / "a.txt").write_text("b")
        self.values = [one, two]  # type: ignore[misc]

    def io_manager(self, folder: Path) -> IOManager:
        return DirectoryIOManager(base_dir=str(folder / "folders"))

    def is_same(self, left: Any, right: Any) -> bool:
        return contents(left) == contents(right)

    def tamper(self, stored: StoredValue, folder: Path) -> bool:
        (Path(stored.uri) / "more.txt").write_text("forged")
        return True


def contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


class Lines(UPathIOManager):
    extension: str = ".txt"

    def dump_to_path(self, context: OutputContext, obj: list[str], path: Path) -> None:
        with path.open("w") as file:
            file.writelines(f"{line}\n" for line in obj)

    def load_from_path(self, context: InputContext, path: Path) -> list[str]:
        return path.read_text().splitlines()


class TestUPath(IOManagerContract):
    values: ClassVar = [["a", "b"], []]

    def io_manager(self, folder: Path) -> IOManager:
        return Lines(folder / "lines")


class TestUPathOnAUrl(TestUPath):
    def io_manager(self, folder: Path) -> IOManager:
        return Lines(f"memory://{uuid.uuid5(uuid.NAMESPACE_URL, str(folder)).hex}")


class LinesFactory(ConfigurableIOManagerFactory):
    base_path: str

    def create_io_manager(self, context: Any) -> Lines:
        return Lines(base_path=self.base_path)


class TestAFactory(TestUPath):
    def io_manager(self, folder: Path) -> IOManager:
        return LinesFactory(base_path=str(folder / "lines"))


class Shelf(ConfigurableIOManager):
    """As people write it who know Dagster: paths of its own, and nothing returned."""

    base: str

    def _path(self, context: OutputContext | InputContext) -> Path:
        parts = [part.replace("/", "-").replace("..", "--") for part in context.get_asset_identifier()]
        return Path(self.base, *parts).with_suffix(".shelf")

    def handle_output(self, context: OutputContext, obj: str) -> None:
        self._path(context).parent.mkdir(parents=True, exist_ok=True)
        self._path(context).write_text(obj)

    def load_input(self, context: InputContext) -> str:
        return self._path(context).read_text()


class TestOneOfDagster(IOManagerContract):
    values: ClassVar = ["a", "b"]
    odd_partitions: ClassVar = ["a b", "ü", "a/b"]

    def io_manager(self, folder: Path) -> IOManager:
        return Shelf(base=str(folder / "shelf"))


class Tables(IOManagerContract):
    """Rows say themselves which partition they are."""

    values: ClassVar[Sequence[Any]] = FRAMES
    metadata: ClassVar = {"partition_expr": "part"}

    def value_of(self, partition_key: str) -> Any:
        return pd.DataFrame({"part": [partition_key] * 2, "n": [1, len(partition_key)]})


class TestSQLite(Tables):
    def io_manager(self, folder: Path) -> IOManager:
        return SQLIOManager(engine=SQLEngine(url=f"sqlite:///{folder}/tables.db"))


class TestPostgres(Tables):
    @pytest.fixture(autouse=True)
    def _served(self, postgres_database: str) -> None:
        self.url = postgres_database

    def io_manager(self, folder: Path) -> IOManager:
        return SQLIOManager(engine=SQLEngine(url=self.url))


class TestDuckDB(Tables):
    def io_manager(self, folder: Path) -> IOManager:
        return DuckDBIOManager(database=str(folder / "tables.duckdb"))


class TestSQLiteOfPolars(TestSQLite):
    values: ClassVar[Sequence[Any]] = POLARS


class TestDays(TestSQLite):
    """A column of times is compared with the window of a partition."""

    partitions_def: ClassVar = DailyPartitionsDefinition("2013-01-01", end_date="2013-01-05")
    odd_partitions: ClassVar = ["2013-01-03"]

    def value_of(self, partition_key: str) -> Any:
        return pd.DataFrame({"part": pd.to_datetime([partition_key]) + pd.Timedelta(hours=5), "n": [1]})
