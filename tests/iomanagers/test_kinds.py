# ruff: noqa: UP045 (the older spelling is tested too)
from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Optional, TypedDict

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pandera.typing.pandas
import polars as pl
import pytest
from pandera.typing.pandas import DataFrame
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from mlorch.errors import SchemaError, TypeCheckError
from mlorch.iomanagers.kinds import KINDS, Kinds

EMPTY = inspect.Parameter.empty


class Flights(pa.DataFrameModel):
    delay: float = pa.Field(ge=0, coerce=True)


class Record(TypedDict):
    a: int


class Color(str, Enum):  # noqa: UP042 (people write it so)
    RED = "red"


@dataclass
class Point:
    x: int


class Table(pd.DataFrame):
    """A frame that may hold more than Parquet keeps."""


cycle: list[Any] = []
cycle.append(cycle)

VALUES: list[tuple[Any, str]] = [
    (1, "json"),
    (True, "json"),
    (1.5, "json"),
    ("a", "json"),
    (None, "json"),
    ([1, {"a": None}], "json"),
    ({}, "json"),
    (np.float64(0.7), "json"),
    ({"auc": np.float64(0.7)}, "json"),
    (np.float32(0.7), "object"),
    (np.int64(1), "object"),
    ({1: "a"}, "object"),
    ([(1, 2)], "object"),
    ((1, 2), "object"),
    ({1}, "object"),
    (b"a", "object"),
    (Color.RED, "object"),
    ([Color.RED], "object"),
    ({Color.RED: 1}, "object"),
    (Point(1), "object"),
    (Point, "object"),
    (cycle, "object"),
    (print, "object"),
    (pd.DataFrame(), "frame"),
    (pl.DataFrame(), "frame"),
    (pl.LazyFrame(), "frame"),
    (Table(), "object"),
    (pd.Series([1]), "object"),
    (np.ones(1), "array"),
    (np.array([object()]), "object"),
    (np.ma.masked_array([1], [True]), "object"),
    (LogisticRegression(), "model"),
    (Pipeline([("a", LogisticRegression())]), "model"),
    (LogisticRegression, "object"),
]

ANNOTATIONS: list[tuple[Any, str]] = [
    (int, "json"),
    (Optional[float], "json"),
    (None, "json"),
    (dict[str, float], "json"),
    (list, "json"),
    (Literal["a"], "json"),
    (Record, "json"),
    (Annotated[str, 1], "json"),
    (pd.DataFrame, "frame"),
    (DataFrame[Flights], "frame"),
    (pl.LazyFrame, "frame"),
    (pandera.typing.pandas.DataFrame, "frame"),
    (pl.DataFrame | None, "frame"),
    (np.ndarray, "array"),
    (np.ndarray[Any, np.dtype[np.float64]], "array"),
    (BaseEstimator, "model"),
    (Pipeline, "model"),
    (EMPTY, "object"),
    (Any, "object"),
    (Point, "object"),
    (tuple[int, int], "object"),
    (object, "object"),
    (pd.Series, "object"),
    ("Unknown", "object"),
]


@pytest.mark.parametrize(("value", "kind"), VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize("annotation", [EMPTY, Any, object], ids=["empty", "any", "object"])
def test_a_value_chooses_its_kind_where_the_annotation_says_nothing(
    annotation: Any, value: Any, kind: str
) -> None:
    assert KINDS.manager_for(annotation, value) == (kind, KINDS.manager_named(kind))


@pytest.mark.parametrize(("annotation", "kind"), ANNOTATIONS, ids=range(len(ANNOTATIONS)))
def test_an_annotation_chooses_where_there_is_no_value_yet(annotation: Any, kind: str) -> None:
    assert KINDS.manager_for(annotation)[0] == kind


def test_what_may_be_absent_is_kept_by_what_it_is() -> None:
    assert KINDS.manager_for(Optional[pd.DataFrame], None)[0] == "json"
    assert KINDS.manager_for(Optional[pd.DataFrame], pd.DataFrame())[0] == "frame"


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        KINDS.manager_named("parcel")


def test_the_kinds_travel_to_other_processes() -> None:
    assert isinstance(pickle.loads(pickle.dumps(KINDS)), Kinds)


LIGHT = """
import sys
from mlorch.iomanagers.files import open_store
from mlorch.iomanagers.kinds import KINDS
values = {int: 1, dict[str, list[float]]: {"a": [1.0]}, object: (1, 2), str | None: None}
for annotation, value in values.items():
    KINDS.manager_for(annotation, KINDS.accept(value, annotation, "asset 'x' returned"))
    KINDS.combine({"": value}, KINDS.part(annotation))
heavy = {"cloudpickle", "fsspec", "joblib", "numpy", "pandas", "pandera", "polars", "pyarrow", "sklearn"}
print(sorted(heavy & set(sys.modules)))
"""


def test_plain_values_import_no_heavy_library() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# accept


@pytest.mark.parametrize(
    ("value", "annotation", "message"),
    [
        ("a", int, "asset 'x' returned str where its annotation says int"),
        (None, int, "asset 'x' returned NoneType where its annotation says int"),
        ([1, "a"], list[int], "asset 'x' returned list whose [1] is str where its annotation says list[int]"),
        ([], pd.DataFrame, "asset 'x' returned list where its annotation says pandas.DataFrame"),
        (
            np.int64(1),
            int,
            "asset 'x' returned numpy.int64 where its annotation says int; item() makes it a plain value",
        ),
        (np.ones(1), int, "asset 'x' returned numpy.ndarray where its annotation says int"),
    ],
    ids=range(6),
)
def test_a_value_that_contradicts_its_annotation_is_refused(
    value: Any, annotation: Any, message: str
) -> None:
    with pytest.raises(TypeCheckError) as refused:
        KINDS.accept(value, annotation, "asset 'x' returned")
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "annotation", [EMPTY, Any, int, int | None, float, Literal[10**6], "int"], ids=range(7)
)
def test_a_value_that_fits_passes_as_it_is(annotation: Any) -> None:
    value = 10**6
    assert KINDS.accept(value, annotation, "asset 'x' returned") is value


def test_an_annotation_that_cannot_be_remembered_works_as_well() -> None:
    unhashable: Any = Literal[[1]]
    assert KINDS.accept([1], unhashable, "asset 'x' returned") == [1]
    with pytest.raises(TypeCheckError, match="2 where"):
        KINDS.accept(2, unhashable, "asset 'x' returned")


def frame(*delays: object) -> pd.DataFrame:
    return pd.DataFrame({"delay": list(delays)})


def test_a_schema_is_found_within_its_wrappings() -> None:
    for annotation in (DataFrame[Flights], Optional[DataFrame[Flights]], Annotated[DataFrame[Flights], "x"]):
        accepted = KINDS.accept(frame("1"), annotation, "asset 'x' returned")
        assert accepted.equals(frame(1.0))
        with pytest.raises(SchemaError, match="breaks Flights"):
            KINDS.accept(frame(-1), annotation, "asset 'x' returned")
        with pytest.raises(TypeCheckError, match="returned list where"):
            KINDS.accept([], annotation, "asset 'x' returned")
    assert KINDS.accept(None, Optional[DataFrame[Flights]], "asset 'x' returned") is None
    with pytest.raises(TypeCheckError, match="NoneType"):
        KINDS.accept(None, DataFrame[Flights], "asset 'x' returned")


def test_each_frame_of_a_dict_is_validated() -> None:
    by_month = dict[str, DataFrame[Flights]]
    accepted = KINDS.accept({"01": frame("1"), "02": frame("2")}, by_month, "asset 'x' got")
    assert accepted["02"].equals(frame(2.0))
    with pytest.raises(SchemaError, match=r"^asset 'x' got \(02\) a frame that breaks Flights"):
        KINDS.accept({"01": frame("1"), "02": frame(-2)}, by_month, "asset 'x' got")
    with pytest.raises(TypeCheckError, match=r"\['01'\] is list"):
        KINDS.accept({"01": []}, by_month, "asset 'x' got")


# combine and part


def test_a_dict_by_key_is_given_whole_also_for_one_partition() -> None:
    assert KINDS.part(dict[str, int]) is int
    assert KINDS.part(Optional[dict[str, int]]) is int
    assert KINDS.combine({"b": 1}, dict[str, int]) == {"b": 1}
    assert list(KINDS.combine({"b": 1, "a": 2}, dict[str, int])) == ["b", "a"]
    assert KINDS.combine({}, dict[str, int]) == {}


def test_a_dict_without_partitions_is_a_value_like_any_other() -> None:
    assert KINDS.combine({"": {"auc": 0.7}}, dict[str, float]) == {"auc": 0.7}


def test_one_partition_is_the_value_itself_several_a_dict_none_none() -> None:
    for annotation in (int, EMPTY, Any, dict[int, int]):
        assert KINDS.part(annotation) is annotation
        assert KINDS.combine({"a": 1}, annotation) == 1
        assert KINDS.combine({"a": 1, "b": 2}, annotation) == {"a": 1, "b": 2}
        assert KINDS.combine({}, annotation) is None


def test_frames_are_concatenated_where_a_frame_is_wanted() -> None:
    parts = {"b": frame(1), "a": frame(2)}
    for annotation in (pd.DataFrame, DataFrame[Flights], Optional[pd.DataFrame]):
        assert KINDS.combine(parts, annotation).equals(frame(1, 2))
        assert KINDS.combine({"b": parts["b"]}, annotation) is parts["b"]
    assert KINDS.combine(parts, EMPTY) == parts
    assert KINDS.combine(parts, dict[str, pd.DataFrame]) == parts
    assert KINDS.combine({}, pd.DataFrame) is None


def test_what_is_no_frame_stays_a_dict_and_is_refused() -> None:
    several = KINDS.combine({"a": 1, "b": 2}, pd.DataFrame)
    with pytest.raises(TypeCheckError, match=r"dict where its annotation says pandas\.DataFrame"):
        KINDS.accept(several, pd.DataFrame, "asset 'x' got")
