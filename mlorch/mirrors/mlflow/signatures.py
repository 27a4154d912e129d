"""What a model takes and gives, from the recorded columns of what it was trained on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlorch.mirrors.mlflow.datasets import column_type, columns_of
from mlorch.mirrors.mlflow.history import Read


def signature_of(model: Any, reads: Iterable[Read]) -> Any:
    """Return an MLflow signature, or None where a column of the model is in no upstream frame."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    types: dict[str, str] = {}
    for read in reads:
        if read.fact is not None:
            types |= dict(columns_of(read.fact.metadata))
    names = getattr(model, "feature_names_in_", None)
    if names is None or any(name not in types for name in names):
        return None
    inputs: list[Any] = [
        ColSpec(kind, str(name)) for name in names if (kind := column_type(types[name])) is not None
    ]
    if len(inputs) < len(names):
        return None
    output = _output_type(model)
    return ModelSignature(
        inputs=Schema(inputs),
        outputs=Schema([ColSpec(output)]) if output is not None else None,
    )


def _output_type(model: Any) -> str | None:
    from sklearn.base import is_regressor

    classes = getattr(model, "classes_", None)
    dtype = getattr(classes, "dtype", None)
    if dtype is not None:
        return column_type(str(dtype)) or "string"
    return "double" if is_regressor(model) else None
