"""What a column is: by its schema, then by its dtype and values, the same in pandas and polars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pandera.polars
import polars as pl
import pytest

from mlorch.drift import profile
from mlorch.drift.kinds import declared_kinds

N = 400
RNG = np.random.default_rng(0)
MOMENTS = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(N)]
COLUMNS = {
    "price": (RNG.lognormal(size=N).tolist(), "numeric"),
    "age": (RNG.integers(18, 90, N).tolist(), "numeric"),
    "stars": (RNG.integers(1, 6, N).tolist(), "categorical"),
    "is_late": ((RNG.random(N) < 0.3).tolist(), "categorical"),
    "carrier": (RNG.choice(["AA", "B6", "DL"], N).tolist(), "categorical"),
    "row": (RNG.permutation(N).tolist(), "identifier"),
    "code": ([f"x{number}" for number in range(N)], "identifier"),
    "tail": (RNG.choice([f"t{number}" for number in range(120)], N).tolist(), "text"),
    "at": (MOMENTS, "datetime"),
    "lists": ([[1, 2]] * N, "other"),
    "empty": ([None] * N, "categorical"),
    "gaps": ([None if at % 4 == 0 else at / 7 for at in range(N)], "numeric"),
    "maybe": ([None if at % 4 == 0 else at % 3 == 0 for at in range(N)], "categorical"),
}


@pytest.fixture(params=["pandas", "polars", "lazy"])
def frame(request):
    columns = {name: values for name, (values, _) in COLUMNS.items()}
    if request.param == "pandas":
        return pd.DataFrame(columns)
    found = pl.DataFrame(columns)
    return found.lazy() if request.param == "lazy" else found


def test_dtype_and_values_say_what_a_column_is(frame):
    found = profile(frame)
    assert {name: one.kind for name, one in found.columns.items()} == {
        name: kind for name, (_, kind) in COLUMNS.items()
    }
    assert {found.columns[name].missing for name in ("gaps", "maybe")} == {100}
    assert found.columns["empty"].missing == N
    assert found.columns["maybe"].counts == {"False": 200, "True": 100}


def test_pandas_and_polars_give_one_profile(frame):
    columns = {name: values for name, (values, _) in COLUMNS.items()}
    assert profile(frame).to_json() == profile(pd.DataFrame(columns)).to_json()


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("Int64", "categorical"), ("Float64", "categorical"), ("int64[pyarrow]", "categorical"),
        ("boolean", "categorical"), ("category", "categorical"), ("string", "categorical"),
        ("object", "categorical"), ("timedelta64[ns]", "other"), ("period[M]", "datetime"),
    ],
)  # fmt: skip
def test_every_dtype_of_pandas_is_known(dtype, kind):
    values = pd.to_datetime(["2024-01"] * 120) if dtype.startswith("period") else [0, 1, 1] * 40
    column = pd.Series(values).astype(dtype)
    assert profile(column.to_frame("x")).columns["x"].kind == kind


def test_a_column_of_numbers_and_text_is_no_category_of_numbers():
    found = profile(pd.DataFrame({"x": pd.Series([1, "a"] * 60, dtype=object)}))
    assert found.columns["x"].kind == "other"


class Declared(pa.DataFrameModel):
    late: int = pa.Field(isin=list(range(20)))
    key: str = pa.Field(unique=True)
    free: float


def test_the_schema_is_asked_first():
    frame = pd.DataFrame({"late": RNG.integers(0, 20, N), "key": ["a"] * N, "free": RNG.random(N)})
    plain, declared = profile(frame), profile(frame, Declared)
    assert [one.kind for one in plain.columns.values()] == ["numeric", "categorical", "numeric"]
    assert [one.kind for one in declared.columns.values()] == ["categorical", "identifier", "numeric"]
    assert profile(frame, Declared.to_schema()).to_json() == declared.to_json()


def test_a_schema_for_polars_says_the_same():
    schema = pandera.polars.DataFrameSchema(
        {
            "a": pandera.polars.Column(pl.Categorical),
            "b": pandera.polars.Column(pl.Int64, pandera.polars.Check.isin([1, 2])),
            "c": pandera.polars.Column(pl.Float64),
        }
    )
    assert declared_kinds(schema) == {"a": "categorical", "b": "categorical"}
