"""What is recorded about a value, with a kind: a link, a table, a moment, for whoever shows it."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.errors import TypeCheckError

KIND = "$metadata"
"""In the log, the field of a value's kind; text, numbers and plain JSON are recorded as they are."""

_PLAIN = frozenset({"text", "int", "float", "bool", "json", "null"})


@dataclass(frozen=True, slots=True)
class TableColumnConstraints:
    """What holds of a column."""

    nullable: bool = True
    unique: bool = False
    other: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TableConstraints:
    """What holds of a table beyond its columns."""

    other: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its name and the name of its type."""

    name: str
    type: str = "string"
    description: str | None = None
    constraints: TableColumnConstraints = field(default_factory=TableColumnConstraints)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableSchema:
    """The columns of a table, in order."""

    columns: Sequence[TableColumn]
    constraints: TableConstraints = field(default_factory=TableConstraints)

    @staticmethod
    def from_name_type_dict(name_type_dict: Mapping[str, str]) -> TableSchema:
        return TableSchema([TableColumn(name, kind) for name, kind in name_type_dict.items()])


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A row: text, numbers, booleans or None by column."""

    data: Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True, init=False)
class TableColumnDep:
    """A column of an asset that another column is made from."""

    asset_key: AssetKey
    column_name: str

    def __init__(self, asset_key: CoercibleToAssetKey, column_name: str) -> None:
        object.__setattr__(self, "asset_key", AssetKey.from_user_string(key_text(asset_key)))
        object.__setattr__(self, "column_name", column_name)


@dataclass(frozen=True, slots=True)
class TableColumnLineage:
    """Which columns upstream each column is made from."""

    deps_by_column: Mapping[str, Sequence[TableColumnDep]]


@dataclass(frozen=True, slots=True, eq=False)
class MetadataValue:
    """A value and what kind it is; its static methods make them. It equals its plain value, too."""

    kind: str
    value: Any
    schema: TableSchema | None = None
    """Of a table."""

    @staticmethod
    def text(text: str) -> MetadataValue:
        return MetadataValue("text", text)

    @staticmethod
    def int(value: int) -> MetadataValue:
        return MetadataValue("int", value)

    @staticmethod
    def float(value: float) -> MetadataValue:
        return MetadataValue("float", value)

    @staticmethod
    def bool(value: bool) -> MetadataValue:
        return MetadataValue("bool", value)

    @staticmethod
    def null() -> MetadataValue:
        return MetadataValue("null", None)

    @staticmethod
    def json(data: Any) -> MetadataValue:
        return MetadataValue("json", data)

    @staticmethod
    def md(data: str) -> MetadataValue:
        return MetadataValue("md", data)

    @staticmethod
    def url(url: str) -> MetadataValue:
        return MetadataValue("url", url)

    @staticmethod
    def path(path: str | os.PathLike[str]) -> MetadataValue:
        return MetadataValue("path", os.fspath(path))

    @staticmethod
    def notebook(path: str | os.PathLike[str]) -> MetadataValue:
        return MetadataValue("notebook", os.fspath(path))

    @staticmethod
    def timestamp(value: builtins.float | datetime) -> MetadataValue:
        """A moment: seconds since the epoch, or a time. Raises TypeCheckError for one without a time zone."""
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise TypeCheckError(f"the time {value} has no time zone; write datetime(…, tzinfo=UTC)")
            value = value.timestamp()
        return MetadataValue("timestamp", value)

    @staticmethod
    def asset(asset_key: CoercibleToAssetKey) -> MetadataValue:
        return MetadataValue("asset", AssetKey.from_user_string(key_text(asset_key)))

    @staticmethod
    def job(
        job_name: str, location_name: str | None = None, repository_name: str | None = None
    ) -> MetadataValue:
        return MetadataValue("job", job_name)

    @staticmethod
    def dagster_run(run_id: str) -> MetadataValue:
        return MetadataValue("dagster_run", run_id)

    @staticmethod
    def python_artifact(python_artifact: Callable[..., Any] | type) -> MetadataValue:
        """A function or class, by where it is: "module:name"."""
        return MetadataValue(
            "python_artifact", f"{python_artifact.__module__}:{python_artifact.__qualname__}"
        )

    @staticmethod
    def table(
        records: Iterable[TableRecord | Mapping[str, Any]], schema: TableSchema | None = None
    ) -> MetadataValue:
        """Rows; the columns are read from the first where no schema says them."""
        rows = [one if isinstance(one, TableRecord) else TableRecord(one) for one in records]
        if schema is None and rows:
            columns = [TableColumn(name, _column_type(value)) for name, value in rows[0].data.items()]
            schema = TableSchema(columns)
        return MetadataValue("table", rows, schema)

    @staticmethod
    def table_schema(schema: TableSchema) -> MetadataValue:
        return MetadataValue("table_schema", schema)

    @staticmethod
    def column_lineage(lineage: TableColumnLineage) -> MetadataValue:
        return MetadataValue("column_lineage", lineage)

    @staticmethod
    def of(value: Any) -> MetadataValue:
        """Return a value with the kind that its type has, or that was recorded with it."""
        if isinstance(value, MetadataValue):
            return value
        if isinstance(value, Mapping) and KIND in value:
            return _restored(value)
        for cls, kind in _KIND_OF:
            if isinstance(value, cls):
                return MetadataValue(kind, value)
        return MetadataValue.path(value) if isinstance(value, os.PathLike) else MetadataValue("json", value)

    def to_json(self) -> Any:
        """Return what is recorded; `of` reads it back."""
        if self.kind in _PLAIN:
            return self.value
        recorded: dict[str, Any] = {KIND: self.kind, "value": _WRITTEN.get(self.kind, _same)(self.value)}
        if self.schema is not None:
            recorded["schema"] = _schema_fields(self.schema)
        return recorded

    def __eq__(self, other: object) -> builtins.bool:
        if isinstance(other, MetadataValue):
            return (self.kind, self.value, self.schema) == (other.kind, other.value, other.schema)
        return builtins.bool(self.value == other)

    __hash__ = None  # type: ignore[assignment]  # what it holds may change


def TableMetadataValue(records: Iterable[TableRecord], schema: TableSchema | None) -> MetadataValue:
    """Return a table as metadata."""
    return MetadataValue.table(records, schema)


def with_kinds(metadata: Mapping[str, Any] | None) -> dict[str, MetadataValue]:
    """Return metadata, given or as it was recorded, as values with kinds."""
    return {str(name): MetadataValue.of(value) for name, value in (metadata or {}).items()}


def shown(recorded: Any) -> Any:
    """Return a recorded value without its kind, as text shows it."""
    return recorded["value"] if isinstance(recorded, Mapping) and KIND in recorded else recorded


_KIND_OF: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (str, "text"),
    (type(None), "null"),
    (TableSchema, "table_schema"),
    (TableColumnLineage, "column_lineage"),
    (AssetKey, "asset"),
)


def _column_type(value: Any) -> str:
    return {bool: "bool", int: "int", float: "float"}.get(type(value), "string")


def _same(value: Any) -> Any:
    return value


def _schema_fields(schema: TableSchema) -> dict[str, Any]:
    columns = [
        {
            "name": one.name,
            "type": one.type,
            "description": one.description,
            "constraints": {
                "nullable": one.constraints.nullable,
                "unique": one.constraints.unique,
                "other": list(one.constraints.other),
            },
            "tags": dict(one.tags),
        }
        for one in schema.columns
    ]
    return {"columns": columns, "constraints": list(schema.constraints.other)}


def _schema(fields: Mapping[str, Any]) -> TableSchema:
    columns = [
        TableColumn(**{**one, "constraints": _column_constraints(**one["constraints"])})
        for one in fields["columns"]
    ]
    return TableSchema(columns, TableConstraints(tuple(fields["constraints"])))


def _column_constraints(nullable: bool, unique: bool, other: Iterable[str]) -> TableColumnConstraints:
    return TableColumnConstraints(nullable, unique, tuple(other))


def _lineage_fields(lineage: TableColumnLineage) -> dict[str, Any]:
    return {
        column: [[str(one.asset_key), one.column_name] for one in deps]
        for column, deps in lineage.deps_by_column.items()
    }


def _lineage(fields: Mapping[str, Any]) -> TableColumnLineage:
    return TableColumnLineage(
        {column: [TableColumnDep(*one) for one in deps] for column, deps in fields.items()}
    )


_WRITTEN: Mapping[str, Callable[[Any], Any]] = {
    "table_schema": _schema_fields,
    "column_lineage": _lineage_fields,
    "asset": str,
    "table": lambda rows: [dict(one.data) for one in rows],
}

_READ: Mapping[str, Callable[[Any], Any]] = {
    "table_schema": _schema,
    "column_lineage": _lineage,
    "asset": AssetKey.from_user_string,
    "table": lambda rows: [TableRecord(one) for one in rows],
}


def _restored(recorded: Mapping[str, Any]) -> MetadataValue:
    kind = recorded[KIND]
    schema = _schema(recorded["schema"]) if "schema" in recorded else None
    return MetadataValue(kind, _READ.get(kind, _same)(recorded["value"]), schema)
