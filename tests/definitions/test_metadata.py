"""Metadata with a kind."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest

from mlorch import (
    AssetKey,
    AssetMaterialization,
    MetadataValue,
    TableColumn,
    TableColumnDep,
    TableColumnLineage,
    TableRecord,
    TableSchema,
)
from mlorch.definitions.metadata import TableColumnConstraints, shown
from mlorch.errors import TypeCheckError
from mlorch.execution.metadata import plain

SCHEMA = TableSchema(
    [TableColumn("code", "int", "what", TableColumnConstraints(nullable=False)), TableColumn("name")]
)
LINEAGE = TableColumnLineage({"total": [TableColumnDep("raw/orders", "price")]})

OF_EACH_KIND = [
    MetadataValue.text("hello"),
    MetadataValue.int(3),
    MetadataValue.float(0.5),
    MetadataValue.bool(True),
    MetadataValue.null(),
    MetadataValue.json({"a": [1, None]}),
    MetadataValue.md("# Title"),
    MetadataValue.url("https://example.org"),
    MetadataValue.path(PurePosixPath("/data/x.csv")),
    MetadataValue.notebook("report.ipynb"),
    MetadataValue.timestamp(datetime(2024, 1, 1, tzinfo=UTC)),
    MetadataValue.asset(AssetKey(["raw", "orders"])),
    MetadataValue.job("nightly"),
    MetadataValue.dagster_run("abc"),
    MetadataValue.python_artifact(MetadataValue),
    MetadataValue.table([TableRecord({"code": 1, "name": "x"})], SCHEMA),
    MetadataValue.table_schema(SCHEMA),
    MetadataValue.column_lineage(LINEAGE),
]


@pytest.mark.parametrize("value", OF_EACH_KIND, ids=lambda one: one.kind)
def test_every_kind_is_recorded_and_read_back(value: MetadataValue) -> None:
    recorded = plain({"it": value})["it"]
    assert json.loads(json.dumps(recorded)) == recorded
    assert MetadataValue.of(recorded) == value
    assert MetadataValue.of(recorded).kind == value.kind


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("x", "text"),
        (1, "int"),
        (True, "bool"),
        (0.5, "float"),
        (None, "null"),
        ([1], "json"),
        (SCHEMA, "table_schema"),
        (LINEAGE, "column_lineage"),
        (AssetKey("a"), "asset"),
        (PurePosixPath("a/b"), "path"),
    ],
)
def test_a_plain_value_has_the_kind_of_its_type(given: object, kind: str) -> None:
    value = MetadataValue.of(given)
    assert value.kind == kind
    assert MetadataValue.of(plain({"it": given})["it"]).kind == kind


def test_a_report_says_the_kinds_of_its_metadata() -> None:
    report = AssetMaterialization("a", metadata={"rows": 5, "link": MetadataValue.url("https://x")})
    assert report.metadata["rows"].value == 5
    assert report.metadata["rows"] == 5
    assert report.metadata["link"].kind == "url"
    assert report.metadata["link"] != MetadataValue.text("https://x")


def test_the_columns_of_a_table_are_read_from_its_first_row() -> None:
    value = MetadataValue.table([TableRecord({"a": 1, "b": "x", "c": 0.5, "d": True})])
    assert value.schema is not None
    assert [one.type for one in value.schema.columns] == ["int", "string", "float", "bool"]


def test_what_is_shown_leaves_the_kind_out() -> None:
    assert shown(MetadataValue.url("https://x").to_json()) == "https://x"
    assert shown({"a": 1}) == {"a": 1}


def test_a_moment_needs_a_time_zone() -> None:
    with pytest.raises(TypeCheckError, match="time zone"):
        MetadataValue.timestamp(datetime(2024, 1, 1))  # noqa: DTZ001 - it is refused


def test_a_password_in_a_link_is_masked() -> None:
    recorded = plain({"it": MetadataValue.url("https://me:secret@host/x")})
    assert "secret" not in json.dumps(recorded)
