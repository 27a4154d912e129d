"""pandas and polars frames ↔ Parquet files, compressed with zstd."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, BinaryIO, Literal

from mlorch.definitions.io import InputContext, IOManager, OutputContext, StoredValue
from mlorch.errors import TypeCheckError
from mlorch.iomanagers.hashes import recorded
from mlorch.iomanagers.hints import alternatives, class_of
from mlorch.iomanagers.schemas import columns, digest, model_of

Library = Literal["pandas", "polars", "lazy", ""]
"""Whose frames a class is; "lazy" is polars' LazyFrame, "" no frame."""

_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")


class ParquetIOManager(IOManager):
    """Keeps frames. Adds "rows", "columns" ([[name, dtype], …]) and the schema that the frame satisfies.

    A frame is read by the library that the consumer's annotation names, otherwise by the one that wrote it.
    pandas' index is kept: a range costs nothing, any other becomes a column, which polars sees if it has a
    name. Categories that are no text come back as plain values, lists in cells as arrays. A LazyFrame is
    collected.
    """

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue:
        frame = obj.collect() if library(type(obj)) == "lazy" else obj
        context.add_output_metadata({"rows": len(frame), "columns": columns(frame)})
        model = schema_of(context.annotation, type(obj))
        if model is not None:
            context.add_output_metadata({"schema": model.__qualname__, "schema_digest": digest(model)})
        try:
            return context.store.write(f"{context.path}.parquet", lambda file: _dump(frame, file))
        except _refusals(frame) as error:
            raise TypeCheckError(
                f"asset {str(context.asset_key)!r} returned a frame that Parquet can't keep: {error}"
            ) from error

    def load_input(self, context: InputContext) -> Any:
        data = recorded(context)
        wanted = wanted_library(context.annotation) or _writer(data)
        if wanted == "pandas":
            import pandas as pd

            return pd.read_parquet(io.BytesIO(data), engine="pyarrow")
        import polars as pl

        frame = pl.read_parquet(io.BytesIO(data))
        frame = frame.drop([name for name in frame.columns if _UNNAMED_INDEX.fullmatch(name)])
        return frame.lazy() if wanted == "lazy" else frame


def _library(cls: type) -> Library:
    """Return whose frames a class is, seen by its ancestors' names: nothing is imported to ask."""
    for ancestor in cls.__mro__:
        package = ancestor.__module__.partition(".")[0]
        if package == "pandas" and ancestor.__name__ == "DataFrame":
            return "pandas"
        if package == "polars" and ancestor.__name__ in ("DataFrame", "LazyFrame"):
            return "polars" if ancestor.__name__ == "DataFrame" else "lazy"
    return ""


library: Callable[[type], Library] = lru_cache(maxsize=1024)(_library)


def wanted_library(annotation: Any) -> Library:
    """Return whose frames an annotation asks for, "" where it asks for none."""
    classes = map(class_of, alternatives(annotation))
    return next((found for cls in classes if cls is not None and (found := library(cls))), "")


def concatenated(parts: Sequence[Any]) -> Any:
    """Return frames of one library as one, in their order. Columns that some parts lack are empty there.

    Ranges that only count rows are counted anew; any other index of pandas is kept as it is.
    """
    if library(type(parts[0])) != "pandas":
        import polars as pl

        return pl.concat(parts, how="diagonal_relaxed")
    import pandas as pd

    is_counted = all(type(part.index) is pd.RangeIndex and part.index.name is None for part in parts)
    return pd.concat(_with_common_categories(parts), ignore_index=is_counted)


def _with_common_categories(parts: Sequence[Any]) -> Sequence[Any]:
    """Let categorical columns stay so: pandas makes them plain where categories differ between the parts."""
    import pandas as pd
    from pandas.api.types import union_categoricals

    found = [{name for name, dtype in part.dtypes.items() if dtype == "category"} for part in parts]
    for name in set.intersection(*found):
        dtypes = [part[name].dtype for part in parts]
        is_same_inside = len({dtype.categories.dtype for dtype in dtypes}) == 1
        if is_same_inside and any(dtype != dtypes[0] for dtype in dtypes):
            empty = [pd.Series([], dtype=dtype) for dtype in dtypes]
            common = union_categoricals(empty, ignore_order=True).dtype
            parts = [part.assign(**{name: part[name].astype(common)}) for part in parts]
    return parts


def schema_of(annotation: Any, cls: type) -> Any:
    """Return the schema among an annotation's alternatives that is for frames of this class, if any."""
    for member in alternatives(annotation):
        origin = class_of(member)
        if origin is not None and library(origin) == library(cls) and (model := model_of(member)):
            return model
    return None


def _writer(data: bytes) -> Library:
    import pyarrow.parquet as pq

    return "pandas" if b"pandas" in (pq.read_schema(io.BytesIO(data)).metadata or {}) else "polars"


def _dump(frame: Any, file: BinaryIO) -> None:
    if library(type(frame)) == "pandas":
        frame.to_parquet(file, engine="pyarrow", compression="zstd")
        return
    # polars would hide what the file raises, a full disk for one, behind an error of its own.
    written = io.BytesIO()
    frame.write_parquet(written, compression="zstd")
    file.write(written.getbuffer())


def _refusals(frame: Any) -> tuple[type[Exception], ...]:
    if library(type(frame)) == "pandas":
        return ValueError, TypeError, NotImplementedError
    import polars as pl

    return (pl.exceptions.PolarsError,)
