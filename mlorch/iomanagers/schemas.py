"""pandera's schemas as annotations: frames are validated and coerced, and all failures reported at once."""

from __future__ import annotations

import copy
import hashlib
import re
import typing
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from mlorch.errors import SchemaError
from mlorch.iomanagers.failures import message, report

Model = Any
"""A class derived from pandera's DataFrameModel."""

Known = Sequence[Mapping[str, Any]]
"""The recorded metadata of what a value was read from, one for each partition."""

_POINTWISE = frozenset(
    {
        "equal_to", "not_equal_to", "greater_than", "greater_than_or_equal_to", "less_than",
        "less_than_or_equal_to", "in_range", "isin", "notin", "str_matches", "str_contains",
        "str_startswith", "str_endswith", "str_length",
    }
)  # fmt: skip
"""pandera's own checks that look at one cell at a time: what passed once passes again, beside any other."""


def model_of(annotation: Any) -> Model | None:
    """Return the schema of `DataFrame[Schema]` or `LazyFrame[Schema]`, None of any other annotation."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(origin, type) and origin.__module__.startswith("pandera.typing"):
        model = arguments[0]
        return model if hasattr(model, "to_schema") else None
    return None


def validated(frame: Any, model: Model, where: str, known: Known = ()) -> Any:
    """Return the frame as its schema wants it, or raise SchemaError with every failure.

    Bytes that were already found to satisfy this very schema, and were checked against their hash, still do.
    For a frame read from them only the rest is checked: what functions of the user compute, since they may
    have changed, and what concerns all partitions together where several were concatenated (uniqueness).
    """
    schema = model.to_schema()
    if _is_vouched_for(frame, model, known):
        schema = _rest(model, len(known) > 1)
        if schema is None:
            return frame
    if hasattr(frame, "collect"):
        return _checked(frame.collect(), schema, where).lazy()
    return _checked(frame, schema, where)


def passed(frames: Sequence[Any], model: Model) -> dict[str, Any]:
    """Return what is recorded of frames that satisfy their schema, in the form of a report of failures."""
    lengths = [None if hasattr(one, "collect") else len(one) for one in frames]
    rows = None if None in lengths else sum(one for one in lengths if one is not None)
    asked = [[column, check, 0] for column, check in _asked(model)]
    return {"schema": model.to_schema().name or "", "rows": rows, "failures": 0, "counts": asked}


@lru_cache(maxsize=256)
def _asked(model: Model) -> tuple[tuple[str, str], ...]:
    """Return each column with each of its checks, its type first."""
    found = []
    for name, column in model.to_schema().columns.items():
        found.append((name, str(column.dtype)))
        found.extend((name, str(check.error or check.name)) for check in column.checks)
    return tuple(found)


def columns(frame: Any) -> list[list[str]]:
    """Return [[name, dtype], …] of a pandas or polars frame."""
    if hasattr(frame, "collect_schema"):
        return [[name, str(dtype)] for name, dtype in frame.collect_schema().items()]
    return [[str(name), str(dtype)] for name, dtype in frame.dtypes.items()]


@lru_cache(maxsize=256)
def digest(model: Model) -> str | None:
    """Return a hash of what `validated` need not ask twice; None where it would always have to.

    Two equal digests mean equal names, types, flags and pointwise checks under the same pandera.
    """
    import pandera

    try:
        text = f"{pandera.__version__} {_described(model.to_schema())}"
    except _IndescribableError:
        return None
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _checked(frame: Any, schema: Any, where: str) -> Any:
    if not hasattr(frame, "iloc"):
        return _run(frame, schema, where)
    if schema.index is None and not frame.index.is_unique:
        # pandera stumbles over rows that share a label; here labels mean nothing to it, so positions will do.
        counted = _run(frame.reset_index(drop=True), schema, where)
        return counted.set_axis(frame.index.take(counted.index))
    # pandera would copy all of the frame; of a shallow copy pandas copies the columns that are changed.
    return _run(frame.copy(deep=False), schema, where, inplace=True)


def _run(frame: Any, schema: Any, where: str, **options: Any) -> Any:
    from pandera.config import ValidationDepth, config_context
    from pandera.errors import SchemaErrors

    try:
        # Whatever the environment says: what is recorded as checked was checked.
        with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            return schema.validate(frame, lazy=True, **options)
    except SchemaErrors as errors:
        found = report(errors.failure_cases, frame, schema, where)
        raise SchemaError(message(found, errors.failure_cases, schema), found) from None


def _is_vouched_for(frame: Any, model: Model, known: Known) -> bool:
    if not known or digest(model) is None:
        return False
    expected = {"schema_digest": digest(model), "columns": columns(frame)}
    return all(one.get(name) == value for one in known for name, value in expected.items())


@lru_cache(maxsize=256)
def _rest(model: Model, is_several: bool) -> Any:
    """Return the part of a schema that no earlier validation vouches for, None where nothing is left."""
    schema = copy.deepcopy(model.to_schema())
    for column in schema.columns.values():
        column.checks = [check for check in column.checks if not _is_pointwise(check)]
        column.unique = column.unique and is_several
    schema.columns = {name: each for name, each in schema.columns.items() if each.checks or each.unique}
    schema.unique = schema.unique if is_several else None
    schema.strict = schema.ordered = schema.add_missing_columns = False
    return schema if schema.columns or schema.checks or schema.unique or schema.index is not None else None


def _is_pointwise(check: Any) -> bool:
    """Say whether a check is pandera's own and looks at one cell at a time."""
    is_own = type(getattr(check, "_check_fn", None)).__module__.startswith("pandera.")
    return is_own and check.name in _POINTWISE and check.groupby is None


class _IndescribableError(Exception):
    """Something in a schema can't be told from something else by its text."""


_COSMETIC = frozenset(
    {"title", "description", "error", "metadata", "index", "strategy", "constraint", "_check_fn"}
)
"""What a digest leaves out: it checks nothing, or, as the index, is checked each time."""


def _described(value: Any) -> str:
    if isinstance(value, re.Pattern):
        return f"{value.pattern!r}/{value.flags}"
    if isinstance(value, Mapping):
        return str([(key, _described(one)) for key, one in value.items()])
    if isinstance(value, list | tuple):
        return str([_described(one) for one in value])
    if isinstance(value, set | frozenset):
        return str(sorted(_described(one) for one in value))
    if isinstance(value, type) or not type(value).__module__.startswith("pandera."):
        text = repr(value)
        # An address says nothing, and an ellipsis leaves something out.
        if not isinstance(value, str) and (" at 0x" in text or "..." in text):
            raise _IndescribableError
        return text
    parts = {name: one for name, one in vars(value).items() if name not in _COSMETIC}
    if parts.get("parsers"):
        raise _IndescribableError
    if "checks" in parts:
        parts["checks"] = [check for check in parts["checks"] if _is_pointwise(check)]
    return f"{type(value).__qualname__}{_described(parts)}"
