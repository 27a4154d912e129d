"""Tables of a DuckDB file; `mlorch[duckdb]` installs it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlorch.errors import MissingDependencyError, StorageError, TypeCheckError
from mlorch.iomanagers.tables import Condition, Slice, TableIOManager, value_of

if TYPE_CHECKING:
    import pyarrow as pa

_PATIENCE = 30.0
"""Seconds to wait for another process: one alone may have a DuckDB file open for writing."""


class DuckDBIOManager(TableIOManager):
    """Keeps frames as tables of a DuckDB file."""

    database: str

    @contextmanager
    def writing(self, of: Slice) -> Iterator[_Session]:
        with self._connected(of) as connection:
            connection.execute("BEGIN TRANSACTION")
            try:
                yield _Session(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def reading(self, of: Slice) -> Iterator[_Session]:
        with self._connected(of) as connection:
            yield _Session(connection)

    @contextmanager
    def _connected(self, of: Slice) -> Iterator[Any]:
        try:
            import duckdb
        except ImportError:
            raise MissingDependencyError(
                "DuckDBIOManager needs DuckDB: `pip install 'mlorch[duckdb]'` installs it"
            ) from None
        try:
            with _patient(self.database) as connection:
                yield connection
        except (duckdb.ConversionException, duckdb.ConstraintException) as error:
            raise TypeCheckError(f"the table {of} does not take these rows: {error}") from error
        except duckdb.Error as error:
            raise StorageError(f"the table {of} can't be used: {error}") from error


class _Session:
    """A transaction of a DuckDB connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def types(self, of: Slice) -> Mapping[str, pa.DataType] | None:
        known = self._connection.execute(
            "SELECT 1 FROM duckdb_tables() WHERE table_name = ? AND schema_name = ?",
            [of.table, of.schema or "main"],
        )
        if not known.fetchall():
            return None
        schema = self._connection.sql(f"SELECT * FROM {_name(of)} LIMIT 0").to_arrow_table().schema
        return {one.name: one.type for one in schema}

    def create(self, of: Slice, schema: pa.Schema) -> None:
        if of.schema:
            self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(of.schema)}")
        self._with(schema.empty_table(), f"CREATE OR REPLACE TABLE {_name(of)} AS SELECT * FROM given")

    def delete(self, of: Slice) -> None:
        where, values = self._where(of)
        self._connection.execute(f"DELETE FROM {_name(of)}{where}", values)

    def insert(self, of: Slice, rows: pa.Table) -> None:
        self._with(rows, f"INSERT INTO {_name(of)} BY NAME SELECT * FROM given")

    def select(self, of: Slice) -> pa.Table:
        where, values = self._where(of)
        found = self._connection.sql(f"SELECT * FROM {_name(of)}{where}", params=values)
        return found.to_arrow_table()

    def _with(self, given: pa.Table, statement: str) -> None:
        self._connection.register("given", given)
        try:
            self._connection.execute(statement)
        finally:
            self._connection.unregister("given")

    def _where(self, of: Slice) -> tuple[str, list[Any]]:
        if not of.conditions:
            return "", []
        types = self.types(of) or {}
        parts = [f"{_quoted(one.column)} {one.operator} ?" for one in of.conditions]
        return f" WHERE {' AND '.join(parts)}", [_value(one, types, of) for one in of.conditions]


def _patient(database: str) -> Any:
    import duckdb

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return duckdb.connect(database)
        except duckdb.IOException as error:
            if "lock" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _value(condition: Condition, types: Mapping[str, pa.DataType], of: Slice) -> Any:
    if condition.column not in types:
        raise TypeCheckError(
            f"the table {of} has no column {condition.column!r}, which carries its partitions"
        )
    return value_of(condition, types[condition.column])


def _name(of: Slice) -> str:
    return f"{_quoted(of.schema)}.{_quoted(of.table)}" if of.schema else _quoted(of.table)


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
