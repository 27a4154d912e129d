"""What a model takes and gives, from the recorded columns of what it was trained on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from mlorch.mirrors.mlflow.datasets import column_type, columns_of
from mlorch.mirrors.mlflow.history import Read

# Times with a zone, categories, what may be null beside numbers that may not, and what is too large.
_REFUSED = re.compile(r"datetime64\[.*,|Datetime\(.*zone|category|Categorical|Enum|U?Int\d|[Bb]oolean|uint64")


def signature_of(model: Any, reads: Iterable[Read]) -> Any:
    """Return an MLflow signature, or None where a column of the model is in no upstream frame.

    MLflow checks what goes into a model against it, so that a column of a type that it refuses may be any.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    types: dict[str, str] = {}
    for read in reads:
        if read.fact is not None:
            types |= dict(columns_of(read.fact.metadata))
    names = getattr(model, "feature_names_in_", None)
    if names is None or any(name not in types for name in names):
        return None
    inputs: list[Any] = [ColSpec(_checked_type(types[name]) or AnyType(), str(name)) for name in names]  # type: ignore[no-untyped-call]
    output = _output_type(model)
    return ModelSignature(
        inputs=Schema(inputs),
        outputs=Schema([ColSpec(output)]) if output is not None else None,
    )


def _checked_type(dtype: str) -> str | None:
    """Return the type of a column where MLflow's check takes all its values, as found by trying them."""
    return None if _REFUSED.match(dtype) else column_type(dtype)


def _output_type(model: Any) -> str | None:
    from sklearn.base import is_regressor

    classes = getattr(model, "classes_", None)
    dtype = getattr(classes, "dtype", None)
    if dtype is not None:
        return column_type(str(dtype)) or "string"
    return "double" if is_regressor(model) else None
