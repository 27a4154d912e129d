"""The datasets of a run."""

from __future__ import annotations

import json

import pytest

from mlorch.mirrors.mlflow.datasets import column_type, datasets
from tests.mirrors.mlflow.facts import inputs, made, version
from tests.mirrors.mlflow.test_contents import origin_of


def test_what_was_read_and_what_was_made() -> None:
    origin = origin_of(
        made("flights"),
        made("features", inputs=inputs(("flights", None))),
        made("table", inputs=inputs(("features", None))),
    )
    found = datasets(origin, {f"features@{version('features', None)}": "#/experiments/1/runs/2"})
    assert [(one.name, one.context) for one in found] == [
        ("features", "direct"),
        ("flights", "transitive"),
        ("table", "output"),
    ]
    first = found[0]
    assert first.digest == version("features", None)[:36]
    assert json.loads(first.source) == {
        "uri": f"mlorch://features@{version('features', None)}",
        "url": "#/experiments/1/runs/2",
    }
    assert json.loads(first.schema or "")["mlflow_colspec"][0] == {
        "name": "a",
        "type": "long",
        "required": True,
    }
    assert json.loads(first.profile or "") == {"num_rows": 10}


def test_producer_and_consumer_name_a_version_alike() -> None:
    producer = datasets(origin_of(made("flights")), {})
    consumer = datasets(origin_of(made("flights"), made("features", inputs=inputs(("flights", None)))), {})
    assert producer[-1].digest == consumer[0].digest


def test_models_are_no_datasets() -> None:
    origin = origin_of(
        made("model", kind="model"), made("scores", kind="json", inputs=inputs(("model", None)))
    )
    assert [one.name for one in datasets(origin, {})] == ["scores"]
    assert datasets(origin_of(made("model", kind="model")), {}) == []


def test_at_most_forty() -> None:
    names = [f"up{n}" for n in range(60)]
    origin = origin_of(*map(made, names), made("table", inputs=inputs(*((name, None) for name in names))))
    found = datasets(origin, {})
    assert len(found) == 40
    assert found[-1].context == "output"


@pytest.mark.parametrize(
    ("dtype", "wanted"),
    [
        ("int64", "long"), ("Int64", "long"), ("uint32", "long"), ("uint8", "integer"), ("int32", "integer"),
        ("float64", "double"), ("Float64", "double"), ("float32", "float"), ("bool", "boolean"),
        ("Boolean", "boolean"), ("str", "string"), ("object", "string"), ("String", "string"),
        ("category", "string"), ("datetime64[us, UTC]", "datetime"), ("Datetime(time_unit='us')", "datetime"),
        ("List(Int64)", None), ("timedelta64[ns]", None),
    ],
)  # fmt: skip
def test_column_types_of_pandas_and_polars(dtype: str, wanted: str | None) -> None:
    assert column_type(dtype) == wanted
