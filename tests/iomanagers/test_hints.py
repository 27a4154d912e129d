# ruff: noqa: UP006, UP007, UP045 (the older spellings are tested too)
from __future__ import annotations

import collections.abc as abc
import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Generic, Literal, NewType, Optional, Protocol, TypedDict, TypeVar, Union

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.typing.pandas
import pandera.typing.polars
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlorch.iomanagers.hints import alternatives, judge, name

T = TypeVar("T")
Meters = NewType("Meters", float)


class Sized(Protocol):
    def size(self) -> int: ...


@typing.runtime_checkable
class Fits(Protocol):
    def fit(self, x: Any, y: Any) -> Any: ...


class Row(TypedDict):
    a: int


class Box(Generic[T]):
    pass


def numbers() -> Iterator[int]:
    yield 1


FITS: list[tuple[Any, Any]] = [
    (int, 1),
    (int, True),
    (float, 1.5),
    (float, 1),
    (float, np.float64(1)),
    (complex, 1),
    (str, ""),
    (bytes, b""),
    (None, None),
    (type(None), None),
    (Any, object()),
    (object, 1),
    (T, 1),
    ("int", "a forward reference"),
    (inspect.Parameter.empty, 1),
    (Optional[int], None),
    (Optional[int], 1),
    (int | str, "a"),
    (Union[int, str], 1),
    (Annotated[int, "meters"], 1),
    (Meters, 1.0),
    (Literal["a", 1], 1),
    (Literal["a"], "a"),
    (Literal[None], None),
    (list, [1, "a"]),
    (list[int], []),
    (list[int], [1, 2]),
    (list[Any], ["a", 1]),
    (list[Box], [Box()]),
    (set[int], {1}),
    (dict, {}),
    (dict[str, float], {"a": 1}),
    (dict[str, list[int]], {"a": [1]}),
    (abc.Mapping[str, int], {"a": 1}),
    (typing.List[int], [1]),
    (typing.Dict[str, int], {}),
    (abc.Sequence[int], (1, 2)),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (tuple[int, ...], ()),
    (tuple[()], ()),
    (tuple, (1, "a")),
    (abc.Iterator[int], numbers()),
    (Callable[[int], int], abs),
    (type[int], bool),
    (Row, {"a": 1}),
    (Box[int], Box()),
    (Sized, 1),
    (Fits, LinearRegression()),
    (pd.DataFrame, pd.DataFrame()),
    (pl.DataFrame, pl.DataFrame()),
    (pl.LazyFrame, pl.LazyFrame()),
    (pd.Series, pd.Series([1])),
    (pandera.typing.pandas.DataFrame, pd.DataFrame()),
    (pandera.typing.polars.LazyFrame, pl.LazyFrame()),
    (np.ndarray, np.ones(1)),
    (npt.NDArray[np.float64], np.ones(1)),
    (BaseEstimator, LinearRegression()),
    (ClassifierMixin, LogisticRegression()),
    (LinearRegression | LogisticRegression, LogisticRegression()),
]

MISFITS: list[tuple[Any, Any, str]] = [
    (int, "a", "str"),
    (int, 1.0, "float"),
    (int, None, "NoneType"),
    (float, "1", "str"),
    (str, 1, "int"),
    (None, 1, "int"),
    (int, np.int64(1), "numpy.int64"),
    (Optional[int], "a", "str"),
    (int | str, 1.5, "float"),
    (Meters, "a", "str"),
    (Literal["a", 1], True, "True"),
    (Literal["a"], "b", "'b'"),
    (Annotated[int, "m"], "a", "str"),
    (list[int], (1,), "tuple"),
    (list[int], [1, "a"], "list whose [1] is str"),
    (list[list[int]], [[1, 2.0]], "list whose [0] is list whose [1] is float"),
    (dict[str, int], {1: 1}, "dict with a key that is int"),
    (dict[str, int], {"a": "b"}, "dict whose ['a'] is str"),
    (dict[str, int], [], "list"),
    (tuple[int, str], (1,), "tuple of 1"),
    (tuple[int, str], (1, 2), "tuple whose [1] is int"),
    (tuple[int, ...], (1, "a"), "tuple whose [1] is str"),
    (Callable[[int], int], 1, "int"),
    (Row, [], "list"),
    (Box[int], 1, "int"),
    (Fits, 1, "int"),
    (pd.DataFrame, pl.DataFrame(), "polars.dataframe.frame.DataFrame"),
    (pl.DataFrame, pd.DataFrame(), "pandas.DataFrame"),
    (pandera.typing.pandas.DataFrame, [], "list"),
    (pl.LazyFrame, pl.DataFrame(), "polars.dataframe.frame.DataFrame"),
    (np.ndarray, [1.0], "list"),
    (BaseEstimator, 1, "int"),
    (LogisticRegression, LinearRegression(), "sklearn.linear_model.LinearRegression"),
]


@pytest.mark.parametrize(("annotation", "value"), FITS, ids=range(len(FITS)))
def test_what_fits(annotation: Any, value: Any) -> None:
    assert judge(annotation)(value) == ""


@pytest.mark.parametrize(("annotation", "value", "told"), MISFITS, ids=range(len(MISFITS)))
def test_what_does_not_fit_is_told_as_what_it_is(annotation: Any, value: Any, told: str) -> None:
    assert judge(annotation)(value) == told


def test_a_long_container_is_judged_by_its_first_thousand() -> None:
    assert judge(list[int])([1] * 999 + ["a"]) == "list whose [999] is str"
    assert judge(list[int])([1] * 1000 + ["a"]) == ""


SIMPLE = st.sampled_from([int, str, bool, float, type(None), bytes])


NESTED = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        inner.map(lambda one: list[one]),  # type: ignore[valid-type]
        inner.map(lambda one: dict[str, one]),  # type: ignore[valid-type]
        inner.map(lambda one: tuple[one, ...]),  # type: ignore[valid-type]
    ),
    max_leaves=3,
)


@given(NESTED, st.data())
@settings(max_examples=50, deadline=None)
def test_values_made_for_an_annotation_fit_it(annotation: Any, data: st.DataObject) -> None:
    assert judge(annotation)(data.draw(st.from_type(annotation))) == ""


def test_a_union_has_alternatives() -> None:
    assert alternatives(int) == (int,)
    assert alternatives(Annotated[int | None, "x"]) == (int, type(None))
    assert alternatives(Union[Meters, Annotated[str, 1]]) == (float, str)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (list[int], "list[int]"),
        (Optional[int], "Optional[int]"),
        (int | None, "int | None"),
        (dict[str, Any], "dict[str, Any]"),
        (pd.DataFrame, "pandas.DataFrame"),
        (LogisticRegression, "sklearn.linear_model.LogisticRegression"),
    ],
    ids=str,
)
def test_annotations_are_named_as_people_write_them(annotation: Any, text: str) -> None:
    assert name(annotation) == text
