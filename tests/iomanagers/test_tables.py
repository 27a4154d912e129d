"""Tables of databases: which rows are a partition, what is refused, and what a reader gets."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
import polars as pl
import pytest
import sqlalchemy as sa
from pandera.typing.pandas import DataFrame

from mlorch import (
    AssetIn,
    DailyPartitionsDefinition,
    DuckDBIOManager,
    EnvVar,
    Instance,
    SQLEngine,
    SQLIOManager,
    StaticPartitionsDefinition,
    asset,
    load_asset,
    materialize,
)
from mlorch.definitions.definitions import Definitions
from mlorch.errors import IntegrityError, InvalidDefinitionError, RunFailedError, StorageError, TypeCheckError
from mlorch.iomanagers.tables import TableIOManager

DAYS = DailyPartitionsDefinition("2013-01-01", end_date="2013-01-05")
CITIES = StaticPartitionsDefinition(["NYC", "it's", "São Paulo"])


@pytest.fixture(params=["sqlite", "duckdb", "postgres"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TableIOManager]:
    if request.param == "duckdb":
        yield DuckDBIOManager(database=str(tmp_path / "tables.duckdb"))
        return
    is_served = request.param == "postgres"
    url = request.getfixturevalue("postgres_database") if is_served else f"sqlite:///{tmp_path}/tables.db"
    engine = SQLEngine(url=url)
    yield SQLIOManager(engine=engine)
    engine.close()


class World:
    """An instance and its tables."""

    def __init__(self, tables: TableIOManager) -> None:
        self.resources = {"tables": tables}
        self.instance = Instance.ephemeral()

    def make(self, *assets: Any, partition: str | None = None) -> Any:
        result = materialize(
            list(assets), partition_key=partition, instance=self.instance, resources=self.resources
        )
        return result

    def read(self, one: Any, partition: str | None = None) -> Any:
        definitions = Definitions([one], resources=self.resources)
        return load_asset(one, partition, instance=self.instance, definitions=definitions)

    def error(self, *assets: Any, partition: str | None = None) -> str:
        with pytest.raises((RunFailedError, TypeCheckError, InvalidDefinitionError, StorageError)) as raised:
            self.make(*assets, partition=partition)
        return str(raised.value)


@pytest.fixture
def world(tables: TableIOManager) -> World:
    return World(tables)


def by_day(rows: dict[str, int], hour: int = 5) -> Any:
    @asset(partitions_def=DAYS, io_manager_key="tables", metadata={"partition_expr": "at"})
    def flights(context) -> pd.DataFrame:
        day = pd.Timestamp(context.partition_key) + pd.Timedelta(hours=hour)
        return pd.DataFrame(
            {"at": [day] * rows[context.partition_key], "n": range(rows[context.partition_key])}
        )

    return flights


def test_a_partition_replaces_its_rows_and_no_others(world: World) -> None:
    first = by_day({"2013-01-01": 2, "2013-01-02": 3})
    for day in ("2013-01-01", "2013-01-02"):
        world.make(first, partition=day)
    second = by_day({"2013-01-01": 4})
    world.make(second, partition="2013-01-01")
    assert len(world.read(second, "2013-01-01")) == 4
    assert len(world.read(second, "2013-01-02")) == 3


def test_rows_of_another_partition_are_refused_and_nothing_is_written(world: World) -> None:
    good = by_day({"2013-01-01": 2})
    world.make(good, partition="2013-01-01")
    message = world.error(by_day({"2013-01-01": 3}, hour=24), partition="2013-01-01")
    assert "only 0 of 3 rows belong to it by 'at'; nothing was written" in message
    assert len(world.read(good, "2013-01-01")) == 2


def test_a_column_of_text_is_compared_with_the_key(world: World) -> None:
    @asset(partitions_def=CITIES, io_manager_key="tables", metadata={"partition_expr": "city"})
    def weather(context) -> pd.DataFrame:
        return pd.DataFrame({"city": [context.partition_key], "wind": [1.5]})

    for city in CITIES.get_partition_keys():
        world.make(weather, partition=city)
    assert world.read(weather, "it's").to_dict("records") == [{"city": "it's", "wind": 1.5}]


def test_a_partitioned_table_needs_to_know_its_column(world: World) -> None:
    @asset(partitions_def=CITIES, io_manager_key="tables")
    def weather(context) -> pd.DataFrame:
        return pd.DataFrame({"city": [context.partition_key]})

    assert '@asset(metadata={"partition_expr": "day"})' in world.error(weather, partition="NYC")


def test_other_columns_replace_a_whole_table_and_are_refused_in_a_part_of_one(world: World) -> None:
    def whole(**columns: Any) -> Any:
        @asset(io_manager_key="tables")
        def numbers() -> pd.DataFrame:
            return pd.DataFrame(columns)

        return numbers

    world.make(whole(a=[1, 2]))
    world.make(whole(a=["x"], b=[1.5]))
    assert world.read(whole()).to_dict("list") == {"a": ["x"], "b": [1.5]}

    world.make(by_day({"2013-01-01": 2}), partition="2013-01-01")

    @asset(partitions_def=DAYS, io_manager_key="tables", metadata={"partition_expr": "at"})
    def flights(context) -> pd.DataFrame:
        return pd.DataFrame({"at": [pd.Timestamp(context.partition_key)], "n": [0.5], "m": [1]})

    message = world.error(flights, partition="2013-01-02")
    assert "other columns than the table flights: n (double), m (int64)" in message


def test_rows_that_somebody_else_changed_are_refused(tmp_path: Path) -> None:
    world = World(SQLIOManager(engine=SQLEngine(url=f"sqlite:///{tmp_path}/tables.db")))

    @asset(io_manager_key="tables")
    def numbers() -> pd.DataFrame:
        return pd.DataFrame({"n": [1, 2]})

    world.make(numbers)
    with sqlite3.connect(tmp_path / "tables.db") as connection:
        connection.execute("UPDATE numbers SET n = 3 WHERE n = 2")
    connection.close()
    with pytest.raises(IntegrityError, match="changed by something else than mlorch, or an older version"):
        world.read(numbers)


class Flight(pa.DataFrameModel):
    n: int = pa.Field(ge=0)
    late: float


def test_a_schema_without_coercion_still_gets_its_types(world: World) -> None:
    @asset(io_manager_key="tables")
    def flights() -> pl.DataFrame:
        return pl.DataFrame({"n": [1, 2], "late": [1, 2]})

    @asset
    def late(flights: DataFrame[Flight]) -> float:
        assert str(flights["late"].dtype) == "float64"
        return float(flights["late"].sum())

    assert world.make(flights, late).asset_value("late") == 3.0


def test_a_reader_may_ask_for_some_columns(world: World) -> None:
    @asset(io_manager_key="tables")
    def wide() -> pd.DataFrame:
        return pd.DataFrame({"a": [1], "b": [2], "c": [3]})

    world.make(wide)
    tables = world.resources["tables"]
    assert tables.load_input(reading(tables, {"columns": ["c", "a"]})).to_dict("list") == {"c": [3], "a": [1]}


def reading(tables: TableIOManager, metadata: dict[str, Any]) -> Any:
    from inspect import Parameter

    from mlorch import AssetKey, InputContext
    from mlorch.iomanagers.memory import MemoryStore

    return InputContext(
        AssetKey("wide"),
        None,
        annotation=Parameter.empty,
        path="wide",
        store=MemoryStore(),
        uri="table:///wide",
        metadata=metadata,
    )


def test_a_prefix_names_the_schema_and_metadata_may_name_all(world: World) -> None:
    @asset(key_prefix="raw", io_manager_key="tables")
    def numbers() -> pd.DataFrame:
        return pd.DataFrame({"n": [1]})

    @asset(name="other", io_manager_key="tables", metadata={"schema": "marts", "table": "numbers"})
    def others() -> pd.DataFrame:
        return pd.DataFrame({"n": [2]})

    result = world.make(numbers, others)
    assert result.asset_value("raw/numbers")["n"].tolist() == [1]
    assert result.asset_value("other")["n"].tolist() == [2]


def test_what_exists_beside_the_table_stays(postgres_database: str) -> None:
    engine = SQLEngine(url=postgres_database)
    with engine.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE numbers (n numeric(10, 2) PRIMARY KEY, note text)"))

    @asset(io_manager_key="tables")
    def numbers() -> pd.DataFrame:
        return pd.DataFrame({"n": [1, 2], "note": ["x", None]})

    world = World(SQLIOManager(engine=engine))
    world.make(numbers)
    assert world.read(numbers).fillna("").to_dict("list") == {"n": [1, 2], "note": ["x", ""]}
    assert [one["name"] for one in sa.inspect(engine.engine).get_columns("numbers")] == ["n", "note"]
    assert sa.inspect(engine.engine).get_pk_constraint("numbers")["constrained_columns"] == ["n"]

    @asset(name="numbers", io_manager_key="tables")
    def twice() -> pd.DataFrame:
        return pd.DataFrame({"n": [3, 3], "note": ["y", "z"]})

    assert "does not take these rows" in world.error(twice)
    assert world.read(numbers)["n"].tolist() == [1, 2]
    engine.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [("nonsense", "is none that SQLAlchemy knows"), ("oracle://x", "needs a driver"), ("huh://x", "is none")],
)
def test_a_url_that_leads_nowhere_is_told(url: str, message: str) -> None:
    from mlorch.errors import UserError

    with pytest.raises(UserError, match=message):
        _ = SQLEngine(url=url).engine


def test_a_password_from_the_environment_stays_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE", f"sqlite:///{tmp_path}/s3cret.db")

    @asset(io_manager_key="tables")
    def numbers() -> pd.DataFrame:
        return pd.DataFrame({"n": [1]})

    world = World(SQLIOManager(engine=SQLEngine(url=EnvVar("WAREHOUSE"))))
    world.make(numbers)
    assert (tmp_path / "s3cret.db").exists()
    assert "s3cret" not in "".join(repr(one) for one in world.instance.log.read())


def test_an_asset_reads_through_the_engine_itself(tmp_path: Path) -> None:
    @asset(io_manager_key="tables")
    def numbers() -> pd.DataFrame:
        return pd.DataFrame({"n": [1, 2]})

    @asset(deps=["numbers"])
    def total(warehouse: SQLEngine) -> int:
        with warehouse.engine.connect() as connection:
            return int(connection.execute(sa.text("SELECT sum(n) FROM numbers")).scalar_one())

    engine = SQLEngine(url=f"sqlite:///{tmp_path}/tables.db")
    resources = {"tables": SQLIOManager(engine=engine), "warehouse": engine}
    assert materialize([numbers, total], resources=resources).asset_value("total") == 3
    engine.close()


def test_partitions_are_read_together(world: World) -> None:
    flights = by_day({"2013-01-01": 2, "2013-01-02": 3})

    @asset(ins={"flights": AssetIn("flights")})
    def days(flights: dict[str, pd.DataFrame]) -> dict[str, int]:
        return {day: len(one) for day, one in flights.items()}

    for day in ("2013-01-01", "2013-01-02"):
        world.make(flights, partition=day)
    for day in ("2013-01-03", "2013-01-04"):
        world.make(by_day({day: 0}), partition=day)
    found = materialize(
        [flights, days], selection=["days"], instance=world.instance, resources=world.resources
    )
    assert found.asset_value("days") == {"2013-01-01": 2, "2013-01-02": 3, "2013-01-03": 0, "2013-01-04": 0}


def test_no_version_of_a_table_can_be_put_back(tmp_path: Path) -> None:
    from mlorch.app.loading import find_version, restore

    @asset(io_manager_key="tables")
    def numbers() -> pd.DataFrame:
        return pd.DataFrame({"n": [1]})

    engine = SQLEngine(url=f"sqlite:///{tmp_path}/tables.db")
    with Instance.local(tmp_path) as instance:
        materialize([numbers], resources={"tables": SQLIOManager(engine=engine)}, instance=instance)
        with pytest.raises(StorageError, match="table:///numbers is kept by an IO manager of its own"):
            restore(find_version(instance.log, "numbers", None, None), instance)
    engine.close()


def test_partitions_of_a_new_table_may_come_at_once(postgres_database: str) -> None:
    flights = by_day(dict.fromkeys(DAYS.get_partition_keys(), 50))
    world = World(SQLIOManager(engine=SQLEngine(url=postgres_database)))
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(world.make, flights, partition=day) for day in DAYS.get_partition_keys()]
    assert all(one.result().success for one in made)
    assert {len(world.read(flights, day)) for day in DAYS.get_partition_keys()} == {50}
