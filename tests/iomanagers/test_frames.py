from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from polars.testing import assert_frame_equal as assert_polars_equal

from mlorch.definitions.io import InputContext, OutputContext, StoredValue
from mlorch.definitions.keys import AssetKey
from mlorch.errors import TypeCheckError
from mlorch.iomanagers.files import MemoryStore
from mlorch.iomanagers.frames import ParquetIOManager, concatenated

KEY = AssetKey("made")
EMPTY = inspect.Parameter.empty


class Shelf:
    """A frame kept by the manager, to be read as any annotation wants it."""

    def __init__(self, frame: Any) -> None:
        self.store = MemoryStore()
        context = OutputContext(
            KEY, None, run_id="run", step_key="made", annotation=EMPTY, path="made", store=self.store
        )
        self.stored: StoredValue = ParquetIOManager().handle_output(context, frame)
        self.metadata = context.output_metadata

    def read(self, annotation: Any = EMPTY) -> Any:
        return ParquetIOManager().load_input(
            InputContext(
                KEY,
                None,
                annotation=annotation,
                path="made",
                store=self.store,
                uri=self.stored.uri,
                content_hash=self.stored.content_hash,
            )
        )


EXACT = {
    "text": pd.DataFrame({"a": ["x", None, "ü"]}),
    "times": pd.DataFrame(
        {
            "utc": pd.date_range("2013-03-10", periods=3, freq="h", tz="UTC").as_unit("us"),
            "local": pd.date_range("2013-03-10", periods=3, freq="h", tz="America/New_York").as_unit("us"),
            "plain": pd.date_range("2013-03-10", periods=3, freq="h").as_unit("ns"),
            "long": pd.to_timedelta([1, None, 3], unit="s"),
        }
    ),
    "nullable": pd.DataFrame(
        {"i": pd.array([1, None], dtype="Int64"), "b": pd.array([True, None], "boolean")}
    ),
    "categories": pd.DataFrame({"c": pd.Categorical(["b", None], ["z", "b"], ordered=True)}),
    "periods": pd.DataFrame({"p": pd.period_range("2013-01", periods=2, freq="M")}),
    "numbered columns": pd.DataFrame({0: [1], 1: [2]}),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="str"), "b": pd.Series([], dtype="int64")}),
    "nothing": pd.DataFrame(),
    "filtered rows": pd.DataFrame({"a": range(5)}).query("a % 2 == 0"),
    "named index": pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key")),
    "two indices": pd.DataFrame(
        {"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", None])
    ),
    "every second": pd.DataFrame({"a": [1, 2]}, index=range(0, 4, 2)),
    "stepped labels": pd.DataFrame({"a": [1, 2]}, index=[7, 7]),
}


@pytest.mark.parametrize("name", EXACT)
def test_pandas_frames_come_back_exactly(name: str) -> None:
    assert_frame_equal(Shelf(EXACT[name]).read(), EXACT[name], check_freq=False)


CELLS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    "whole": st.integers(-(2**63), 2**63 - 1),
    "real": st.floats(),
    "flag": st.booleans(),
}
PANDAS = {"text": "str", "whole": "int64", "real": "float64", "flag": "bool"}
POLARS_TYPES = {"text": pl.String, "whole": pl.Int64, "real": pl.Float64, "flag": pl.Boolean}


@given(st.lists(st.fixed_dictionaries(CELLS), max_size=5))
@settings(deadline=None, max_examples=50)
def test_frames_of_both_libraries_come_back_exactly(rows: list[dict[str, Any]]) -> None:
    pandas = pd.DataFrame(rows, columns=list(PANDAS)).astype(PANDAS)
    assert_frame_equal(Shelf(pandas).read(), pandas)
    polars = pl.DataFrame(rows, schema=POLARS_TYPES)
    assert_polars_equal(Shelf(polars).read(), polars)


POLARS = pl.DataFrame(
    {
        "t": pl.Series([0, 1, None]).cast(pl.Datetime("us", "America/New_York")),
        "c": pl.Series(["a", "b", None], dtype=pl.Categorical),
        "e": pl.Series(["a", "b", None], dtype=pl.Enum(["b", "a"])),
        "l": [[1], [2, 3], None],
        "s": [{"x": 1}, {"x": 2}, None],
        "d": pl.Series([1, 2, 3]).cast(pl.Decimal(10, 2)),
    }
)


def test_polars_frames_come_back_exactly() -> None:
    assert_polars_equal(Shelf(POLARS).read(), POLARS)
    assert_polars_equal(Shelf(POLARS.lazy()).read(pl.LazyFrame).collect(), POLARS)


def test_files_are_parquet_with_zstd(tmp_path: Any) -> None:
    for frame in (EXACT["text"], POLARS):
        shelf = Shelf(frame)
        (tmp_path / "a.parquet").write_bytes(shelf.store.files[shelf.stored.uri])
        assert shelf.stored.uri == "memory:made.parquet"
        assert pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def test_the_consumer_names_the_library_and_the_writer_decides_where_it_does_not() -> None:
    pandas = pd.DataFrame({"a": ["x", None], "b": [1, 2]})
    polars = pl.DataFrame({"a": ["x", None], "b": [1, 2]})
    for written in (pandas, polars, polars.lazy()):
        shelf = Shelf(written)
        assert_frame_equal(shelf.read(pd.DataFrame), pandas)
        assert_polars_equal(shelf.read(pl.DataFrame), polars)
        assert_polars_equal(shelf.read(pl.LazyFrame | None).collect(), polars)
        assert type(shelf.read()) is (pd.DataFrame if written is pandas else pl.DataFrame)


def test_polars_sees_an_index_of_pandas_only_if_it_has_a_name() -> None:
    assert Shelf(EXACT["filtered rows"]).read(pl.DataFrame).columns == ["a"]
    assert Shelf(EXACT["named index"]).read(pl.DataFrame).columns == ["a", "key"]


def test_rows_and_columns_are_recorded() -> None:
    assert Shelf(EXACT["times"]).metadata == {
        "rows": 3,
        "columns": [
            ["utc", "datetime64[us, UTC]"],
            ["local", "datetime64[us, America/New_York]"],
            ["plain", "datetime64[ns]"],
            ["long", "timedelta64[us]"],
        ],
    }
    recorded = {"rows": 3, "columns": [["a", "String"], ["b", "Int64"]]}
    frame = pl.DataFrame({"a": ["x"] * 3, "b": [1, 2, 3]})
    assert Shelf(frame).metadata == Shelf(frame.lazy()).metadata == recorded


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"mixed": [1, "a"]}),
        pd.DataFrame({"thing": [object()]}),
        pd.DataFrame([[1, 2]], columns=["twice", "twice"]),
        pd.DataFrame({"imaginary": [1j]}),
        pl.DataFrame({"thing": [object()]}),
    ],
    ids=["mixed", "thing", "twice", "imaginary", "polars"],
)
def test_a_frame_that_parquet_cannot_keep_is_refused(frame: Any) -> None:
    with pytest.raises(TypeCheckError, match="asset 'made' returned a frame that Parquet can't keep"):
        Shelf(frame)


# concatenated


def test_rows_are_counted_anew_and_real_labels_stay() -> None:
    parts = [pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [3]})]
    assert_frame_equal(concatenated(parts), pd.DataFrame({"a": [1, 2, 3]}))
    labelled = [part.set_index(part["a"].rename("key")) for part in parts]
    assert concatenated(labelled).index.equals(pd.Index([1, 2, 3], name="key"))


def test_categories_stay_categories() -> None:
    parts = [pd.DataFrame({"c": pd.Categorical(values)}) for values in (["a", "b"], ["c", "a"], [None])]
    parts[2]["c"] = parts[2]["c"].astype(pd.CategoricalDtype(["z"]))
    whole = concatenated(parts)["c"]
    assert list(whole.cat.categories) == ["a", "b", "c", "z"]
    assert list(whole.astype(object)) == ["a", "b", "c", "a", np.nan]


def test_parts_without_rows_change_no_types() -> None:
    part = EXACT["times"]
    assert_frame_equal(concatenated([part.head(0), part, part.head(0)]), part, check_freq=False)


def test_polars_parts_may_differ_in_columns_and_width_of_numbers() -> None:
    parts = [pl.DataFrame({"a": [1], "b": ["x"]}), pl.DataFrame({"a": [0.5]})]
    expected = pl.DataFrame({"a": [1.0, 0.5], "b": ["x", None]})
    assert_polars_equal(concatenated(parts), expected)
    assert_polars_equal(concatenated([part.lazy() for part in parts]).collect(), expected)
