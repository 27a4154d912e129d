"""The datasets that a run read and made, as MLflow lists them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mlorch.events import AssetMaterialized, AssetObserved, Json
from mlorch.mirrors.mlflow.history import Origin, Read

_DIGEST_LENGTH = 36
_NAME_LENGTH = 500
_MOST = 40

_TYPES = (
    (re.compile(r"u?int(8|16)|int32", re.I), "integer"),
    (re.compile(r"u?int64|uint32", re.I), "long"),
    (re.compile(r"float(16|32)", re.I), "float"),
    (re.compile(r"(float64|decimal)", re.I), "double"),
    (re.compile(r"bool(ean)?", re.I), "boolean"),
    (re.compile(r"(datetime|date|timestamp)", re.I), "datetime"),
    (re.compile(r"(str|object|utf8|category|categorical|enum|large_string)", re.I), "string"),
    (re.compile(r"(bytes|binary)", re.I), "binary"),
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A version of an asset as an MLflow dataset; `context` is "direct", "transitive" or "output"."""

    name: str
    digest: str
    context: str
    source: str
    schema: str | None
    profile: str | None


def datasets(origin: Origin, urls: Mapping[str, str]) -> list[Dataset]:
    """Return what was read, directly and from the sources, and what was made, at most 40.

    `urls` has, by the name of a Read, the page of the run that made it. Models are no datasets.
    """
    found = [_read(read, "direct", urls) for read in origin.direct if not is_model(read.fact)]
    found += [_read(read, "transitive", urls) for read in origin.sources if not is_model(read.fact)]
    event = origin.event
    kept = found[: _MOST - 1]
    if event.definition.get("value") not in (None, "model", "nothing"):
        kept.append(_dataset(event.asset, event.data_version, "output", "", event.metadata))
    return kept


def is_model(fact: AssetMaterialized | AssetObserved | None) -> bool:
    return isinstance(fact, AssetMaterialized) and fact.definition.get("value") == "model"


def column_type(dtype: str) -> str | None:
    """Return MLflow's name for the type of a column of pandas or polars; None for one it does not have."""
    for pattern, name in _TYPES:
        if pattern.match(dtype):
            return name
    return None


def columns_of(metadata: Mapping[str, Json]) -> list[tuple[str, str]]:
    """Return the recorded columns of a frame and their types; none for another value."""
    columns = metadata.get("columns")
    if not isinstance(columns, list):
        return []
    return [(str(one[0]), str(one[1])) for one in columns if isinstance(one, list | tuple) and len(one) == 2]


def _read(read: Read, context: str, urls: Mapping[str, str]) -> Dataset:
    metadata = read.fact.metadata if read.fact is not None else {}
    return _dataset(read.one.asset, read.one.data_version, context, urls.get(read.name, ""), metadata)


def _dataset(asset: str, data_version: str, context: str, url: str, metadata: Mapping[str, Json]) -> Dataset:
    source: dict[str, Any] = {"uri": f"mlorch://{quote(asset)}@{quote(data_version)}"}
    if url:
        source["url"] = url
    columns = columns_of(metadata)
    schema = [
        {"name": name, "type": column_type(dtype) or dtype, "required": True} for name, dtype in columns
    ]
    rows = metadata.get("rows")
    return Dataset(
        asset[:_NAME_LENGTH],
        data_version[:_DIGEST_LENGTH],
        context,
        json.dumps(source),
        json.dumps({"mlflow_colspec": schema}) if schema else None,
        json.dumps({"num_rows": rows}) if rows is not None else None,
    )
