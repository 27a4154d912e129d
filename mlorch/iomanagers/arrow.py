"""Frames of either library ↔ Arrow tables, for the formats and databases that keep no types of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlorch.definitions.io import InputContext, OutputContext
from mlorch.errors import TypeCheckError
from mlorch.iomanagers.frames import library, schema_of, wanted_library
from mlorch.iomanagers.hints import alternatives
from mlorch.iomanagers.schemas import columns, digest, model_of

if TYPE_CHECKING:
    import pyarrow as pa

_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=(.+))?\]")
_DECIMAL = re.compile(r"decimal(?:128|256)\((\d+), (-?\d+)\)")


def table_of(frame: Any, context: OutputContext) -> pa.Table:
    """Return a frame as Arrow has it, categories as plain values, and record what it is.

    Adds "rows", "columns", "types" (Arrow's) and "library", by which it is read back, and the schema that it
    satisfies. An index without a name that numbers rows is not kept. Raises TypeCheckError for a value that
    is no frame, for any other index, and for what Arrow can't hold.
    """

    kind = library(type(frame))
    if not kind:
        raise TypeCheckError(f"{context} is {type(frame).__name__}, not a frame of pandas or polars")
    whole = frame.collect() if kind == "lazy" else frame
    if not len(whole.columns) or not all(isinstance(name, str) for name in whole.columns):
        raise TypeCheckError(f"{context} is a frame whose columns need names that are text")
    try:
        table = _from_pandas(whole, context) if kind == "pandas" else whole.to_arrow()
    except (ValueError, TypeError, NotImplementedError) as error:
        raise TypeCheckError(f"{context} is a frame that Arrow can't hold: {error}") from error
    table = _plain(table).replace_schema_metadata(None)
    types = [[one.name, str(one.type)] for one in table.schema]
    context.add_output_metadata(
        {"rows": len(whole), "columns": columns(whole), "types": types, "library": kind}
    )
    model = schema_of(context.annotation, type(frame))
    if model is not None:
        context.add_output_metadata({"schema": model.__qualname__, "schema_digest": digest(model)})
    return table


def frame_of(table: pa.Table, context: InputContext) -> Any:
    """Return an Arrow table as the consumer's annotation wants it, otherwise as what was kept.

    Columns get the types that the frame had, then those of the consumer's schema where the values allow it.
    """
    import pandas as pd
    import polars as pl

    recorded = context.recorded_metadata
    kind = wanted_library(context.annotation) or recorded.get("library") or "pandas"
    model = next(filter(None, map(model_of, alternatives(context.annotation))), None)
    if kind != "pandas":
        frame = pl.DataFrame(pl.from_arrow(table))
        of_few = [name for name, dtype in recorded.get("columns", ()) if dtype == "Categorical"]
        frame = frame.with_columns(pl.col(name).cast(pl.Categorical) for name in of_few if name in frame)
        frame = _as_schema(frame, model) if model is not None else frame
        return frame.lazy() if kind == "lazy" else frame
    dtypes = dict(recorded.get("columns", ())) if recorded.get("library") == "pandas" else {}
    found: pd.DataFrame = table.to_pandas()
    for name, dtype in dtypes.items():
        if name in found and str(found[name].dtype) != dtype:
            found[name] = _cast(found[name], dtype)
    return _as_schema(found, model) if model is not None else found


def types_of(context: InputContext) -> dict[str, pa.DataType]:
    """Return the recorded Arrow types by column; what is not recorded, or unknown, is left out."""
    recorded = {name: arrow_type(text) for name, text in context.recorded_metadata.get("types", ())}
    return {name: found for name, found in recorded.items() if found is not None}


def arrow_type(text: str) -> pa.DataType | None:
    """Return the Arrow type that is written so, None where it is none that frames are kept with."""
    import pyarrow as pa

    if stamp := _TIMESTAMP.fullmatch(text):
        return pa.timestamp(stamp[1], stamp[2])
    if decimal := _DECIMAL.fullmatch(text):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    try:
        return pa.type_for_alias("float32" if text == "float" else text)
    except ValueError:
        return None


def _from_pandas(frame: Any, context: OutputContext) -> pa.Table:
    import pyarrow as pa

    if frame.index.name is not None or frame.index.nlevels > 1 or frame.index.dtype.kind not in "iu":
        raise TypeCheckError(
            f"{context} is a frame whose index would be lost; reset_index() makes it columns, "
            "or keep the frame as Parquet"
        )
    # Arrow asks of times with a zone what pandas will answer otherwise one day, so they go without it.
    zones = {name: dtype.tz for name, dtype in frame.dtypes.items() if getattr(dtype, "tz", None) is not None}
    naive = frame.assign(**{name: frame[name].dt.tz_convert(None) for name in zones})
    table = pa.Table.from_pandas(naive, preserve_index=False)
    for name, zone in zones.items():
        position = table.schema.get_field_index(name)
        kind = pa.timestamp(table.schema.field(position).type.unit, pa.lib.tzinfo_to_string(zone))
        table = table.set_column(position, name, table.column(position).cast(kind))
    return table


def _plain(table: pa.Table) -> pa.Table:
    """Return the table without what only Arrow knows: dictionaries, views and large strings."""
    import pyarrow as pa

    for position, one in enumerate(table.schema):
        kind = one.type.value_type if pa.types.is_dictionary(one.type) else one.type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
            kind = pa.string()
        elif pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
            kind = pa.binary()
        if kind != one.type:
            table = table.set_column(position, one.name, table.column(position).cast(kind))
    return table


def _cast(series: Any, dtype: str) -> Any:
    try:
        return series.astype(dtype)
    except (TypeError, ValueError):
        return series


def _as_schema(frame: Any, model: Any) -> Any:
    """Return the frame with the types that its schema names; what can't be cast is left for validation."""
    wanted = {name: each.dtype for name, each in model.to_schema().columns.items() if each.dtype is not None}
    if hasattr(frame, "iloc"):
        return frame.assign(
            **{name: _coerced(frame[name], dtype) for name, dtype in wanted.items() if name in frame}
        )
    for name, dtype in wanted.items():
        if name in frame.columns and frame.schema[name] != dtype.type:
            frame = _coerced_polars(frame, name, dtype.type)
    return frame


def _coerced(series: Any, dtype: Any) -> Any:
    try:
        return series if str(series.dtype) == str(dtype) else dtype.coerce(series)
    except Exception:  # noqa: BLE001 - pandera raises what the library below does; validation reports it
        return series


def _coerced_polars(frame: Any, name: str, dtype: Any) -> Any:
    import polars as pl

    try:
        return frame.with_columns(pl.col(name).cast(dtype))
    except pl.exceptions.PolarsError:
        return frame
