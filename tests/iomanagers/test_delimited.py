"""CSV: what the files look like, and how they come back."""

from __future__ import annotations

from inspect import Parameter
from typing import Any

import pandas as pd
import pandera.pandas as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.typing.pandas import DataFrame

from mlorch import AssetKey, CSVIOManager, InputContext, OutputContext, asset, materialize
from mlorch.errors import IntegrityError, TypeCheckError
from mlorch.iomanagers.memory import MemoryStore

KEY = AssetKey("made")


class Shelf:
    def __init__(self, manager: CSVIOManager | None = None) -> None:
        self.store = MemoryStore()
        self.manager = manager or CSVIOManager()
        self.context = OutputContext(
            KEY,
            None,
            run_id="run",
            step_key="made",
            annotation=Parameter.empty,
            path="made",
            store=self.store,
        )

    def keep(self, frame: Any) -> str:
        self.stored = self.manager.handle_output(self.context, frame)
        return self.store.files[self.stored.uri].decode()

    def load(self, annotation: Any = Parameter.empty, *, knows_types: bool = True) -> Any:
        recorded = self.context.output_metadata if knows_types else {}
        return self.manager.load_input(
            InputContext(
                KEY,
                None,
                annotation=annotation,
                path="made",
                store=self.store,
                uri="memory:made.csv",
                recorded_metadata=recorded,
            )
        )


def test_the_file_is_one_that_every_program_reads() -> None:
    frame = pd.DataFrame(
        {"name": ["ü", None, ""], "n": [1.5, None, 2.0], "at": pd.to_datetime(["2013-01-01"] * 3)}
    )
    assert Shelf(CSVIOManager(separator=";")).keep(frame).splitlines() == [
        '"name";"n";"at"',
        '"ü";1.5;2013-01-01 00:00:00.000000',
        ";;2013-01-01 00:00:00.000000",
        '"";2;2013-01-01 00:00:00.000000',
    ]


@given(
    st.lists(
        st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\0\r"))), min_size=1
    )
)
def test_any_text_comes_back(texts: list[str | None]) -> None:
    shelf = Shelf()
    shelf.keep(pl.DataFrame({"text": texts}, schema={"text": pl.String}))
    assert shelf.load()["text"].to_list() == texts


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False)), min_size=1))
def test_any_number_comes_back(numbers: list[float | None]) -> None:
    shelf = Shelf()
    shelf.keep(pl.DataFrame({"n": numbers}, schema={"n": pl.Float64}))
    assert shelf.load()["n"].to_list() == numbers


def test_the_reader_s_library_is_used_and_otherwise_the_writer_s() -> None:
    shelf = Shelf()
    shelf.keep(pl.DataFrame({"a": [1, 2]}))
    assert isinstance(shelf.load(), pl.DataFrame)
    assert isinstance(shelf.load(pl.LazyFrame), pl.LazyFrame)
    assert isinstance(shelf.load(pd.DataFrame), pd.DataFrame)


def test_types_that_nobody_recorded_are_told_from_the_file() -> None:
    shelf = Shelf()
    shelf.store.write("made.csv", lambda file: file.write(b"a,b,c\n1,x,2013-01-01\n,y,2013-01-02\n"))
    frame = shelf.load(pl.DataFrame, knows_types=False)
    assert frame.schema == {"a": pl.Int64, "b": pl.String, "c": pl.Date}


class Measured(pa.DataFrameModel):
    code: str
    weight: float = pa.Field(nullable=True)


def test_a_schema_without_coercion_gets_its_types_from_a_file_of_others() -> None:
    shelf = Shelf()
    shelf.store.write("made.csv", lambda file: file.write(b"code,weight\n001,1\n002,2\n"))
    frame = shelf.load(DataFrame[Measured], knows_types=False)
    assert [str(dtype) for dtype in frame.dtypes] == ["str", "float64"]
    Measured.validate(frame)


def test_a_schema_is_checked_and_coerced_through_a_run() -> None:
    @asset(io_manager_key="csv")
    def measured() -> DataFrame[Measured]:
        return pd.DataFrame({"code": ["001", ""], "weight": [1.0, None]})  # type: ignore[return-value]

    @asset
    def heaviest(measured: DataFrame[Measured]) -> str:
        return str(measured.sort_values("weight")["code"].iloc[0])

    assert (
        materialize([measured, heaviest], resources={"csv": CSVIOManager()}).asset_value("heaviest") == "001"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1], "is list, not a frame of pandas or polars"),
        (pd.DataFrame({"a": [1]}, index=["x"]), r"reset_index\(\) makes it columns"),
        (pd.DataFrame({1: [1]}), "columns need names that are text"),
        (pd.DataFrame(), "columns need names that are text"),
        (pl.DataFrame({"a": [[1, 2]]}), "that CSV can't hold"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "that Arrow can't hold"),
    ],
)
def test_what_a_file_would_lose_is_refused(value: Any, message: str) -> None:
    with pytest.raises(TypeCheckError, match=message):
        Shelf().keep(value)


def test_a_file_that_is_none_is_told() -> None:
    shelf = Shelf()
    shelf.store.write("made.csv", lambda file: file.write(b"a,b\n1\n"))
    with pytest.raises(IntegrityError, match="asset 'made' can't be read as CSV"):
        shelf.load()
