"""What a column is to a comparison: the schema says it first, then the dtype and the values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from mlorch.drift.frames import Form
from mlorch.drift.numbers import Floats

Kind = Literal["numeric", "categorical", "datetime", "identifier", "text", "other"]

FEW = 10
"""So many different numbers are still categories."""

SKIPPED: Mapping[str, str] = {
    "datetime": "its values are moments, new ones in each partition by nature",
    "identifier": "its values are identifiers: nearly each occurs once",
    "text": "it has too many different texts to be categories",
    "other": "its values are no plain numbers, texts, flags or categories",
}
"""Why columns of a kind are not compared, but for what they lack."""


_NAMES = ("category", "categorical", "enum", "bool")


def declared_kinds(schema: Any) -> dict[str, Kind]:
    """Return what a pandera schema (or model) says of columns, of those of which it says anything.

    What may only be one of a list is categorical, numbers too; what must be unique is an identifier.
    """
    found: dict[str, Kind] = {}
    if schema is None:
        return found
    columns = (schema.to_schema() if hasattr(schema, "to_schema") else schema).columns
    for name, column in columns.items():
        dtype = str(column.dtype).lower()
        if column.unique:
            found[name] = "identifier"
        elif dtype.startswith(_NAMES) or any(check.name == "isin" for check in column.checks):
            found[name] = "categorical"
    return found


def kind_of_counts(form: Form, distinct: int, values: int) -> Kind:
    """Return what a column of text, flags or categories is that has so many different values."""
    if form in ("flag", "category") and distinct <= 1000:
        return "categorical"
    if distinct <= max(2 * FEW, min(values // 20, 1000)):
        return "categorical"
    return "identifier" if distinct > 0.9 * values else "text"


def kind_of_numbers(values: Floats, rows: int) -> Kind:
    """Return what a column with these numbers is, taken from so many rows."""
    different = np.unique(values)
    if len(different) <= FEW:
        return "categorical"
    # Numbers that only count rows, whatever their order.
    is_dense = different[-1] - different[0] < 2 * rows
    is_whole = bool(np.all(different == np.floor(different)))
    is_serial = len(different) == len(values) and is_dense and is_whole
    return "identifier" if is_serial else "numeric"
