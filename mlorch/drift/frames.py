"""The columns of pandas and polars frames, as arrays and counts."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from mlorch.drift.numbers import Floats
from mlorch.errors import UserError

Form = Literal["number", "flag", "category", "text", "moment", "other"]
"""What the dtype of a column says, and of pandas' objects the values."""

MOST_ROWS = 100_000
"""More rows are sampled: they would cost time and say nothing new."""


def collected(frame: Any) -> Any:
    """Return a frame with its rows there. Raises UserError for what is no frame."""
    found = frame.collect() if hasattr(frame, "collect") else frame
    if not (hasattr(found, "columns") and hasattr(found, "__len__")):
        raise UserError(f"drift is seen in frames of pandas or polars, not in a {type(frame).__name__}")
    return found


def sampled(frame: Any, seed: int, most: int = MOST_ROWS) -> Any:
    """Return the frame, or of a longer one so many rows, by chance and the same ones each time."""
    if len(frame) <= most:
        return frame
    rows = np.sort(np.random.default_rng(seed).choice(len(frame), most, replace=False))
    return frame.iloc[rows] if hasattr(frame, "iloc") else frame[rows]


def form_of(series: Any) -> Form:
    """Return what a column holds."""
    return _form_in_pandas(series) if hasattr(series, "iloc") else _form_in_polars(series)


def floats(series: Any) -> Floats:
    """Return the numbers of a column; what is missing, endless or no number is left out."""
    if hasattr(series, "iloc"):
        import pandas as pd

        plain = series.astype(object) if str(series.dtype) == "category" else series
        values = pd.to_numeric(plain, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    else:
        import polars as pl

        is_plain = series.dtype.is_numeric() or series.dtype == pl.Boolean
        plain = series if is_plain else series.cast(pl.String, strict=False)
        values = plain.cast(pl.Float64, strict=False).to_numpy()
    return np.asarray(values[np.isfinite(values)], dtype=np.float64)


def counts(series: Any, form: Form) -> dict[str, int]:
    """Return how often each value of a column occurs, as text, the most frequent first."""
    if form == "number":
        values, times = np.unique(floats(series), return_counts=True)
        found = {label(value): int(count) for value, count in zip(values, times, strict=True)}
    elif form == "flag":
        true, known = int(series.sum()), len(series) - missing(series)
        found = {"False": known - true, "True": true}
    elif hasattr(series, "iloc"):
        found = {str(name): int(count) for name, count in series.value_counts(dropna=True).items()}
    else:
        import polars as pl

        rows = series.drop_nulls().cast(pl.String).value_counts().rows()
        found = {name: int(count) for name, count in rows}
    kept = ((name, count) for name, count in found.items() if count)
    return dict(sorted(kept, key=lambda one: (-one[1], one[0])))


def missing(series: Any) -> int:
    """Return how many values of a column are not there."""
    return int(series.isna().sum() if hasattr(series, "isna") else series.null_count())


def label(value: float) -> str:
    """Return a number as the name of a category: 5 and 5.0 are one."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))


def _form_in_pandas(series: Any) -> Form:
    import pandas as pd

    dtype = series.dtype
    name = str(dtype)
    if name == "category":
        return "category"
    if isinstance(dtype, pd.StringDtype) or name.startswith("string"):
        return "text"
    if isinstance(dtype, pd.PeriodDtype):
        return "moment"
    if dtype.kind != "O":
        return _BY_KIND.get(dtype.kind, "other")
    return _BY_VALUES.get(pd.api.types.infer_dtype(series, skipna=True), "other")


_BY_KIND: dict[str, Form] = {
    "b": "flag",
    "i": "number",
    "u": "number",
    "f": "number",
    "M": "moment",
    "U": "text",
}
_BY_VALUES: dict[str, Form] = {
    "string": "text", "empty": "text", "boolean": "flag", "integer": "number", "floating": "number",
    "mixed-integer-float": "number", "decimal": "number", "datetime": "moment", "datetime64": "moment",
    "date": "moment", "period": "moment", "categorical": "category",
}  # fmt: skip


def _form_in_polars(series: Any) -> Form:
    import polars as pl

    dtype = series.dtype
    if dtype.is_numeric():
        return "number"
    if dtype in (pl.Categorical, pl.Enum):
        return "category"
    if dtype in (pl.String, pl.Null):
        return "text"
    if dtype == pl.Boolean:
        return "flag"
    return "moment" if dtype in (pl.Date, pl.Datetime, pl.Time) else "other"
