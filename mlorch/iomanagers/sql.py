"""Tables of any database that SQLAlchemy knows."""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from mlorch.definitions.resources import ConfigurableResource, InitResourceContext
from mlorch.errors import MissingDependencyError, StorageError, TypeCheckError
from mlorch.iomanagers.tables import Condition, Slice, TableIOManager, value_of

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

_BATCH = 10_000
"""Rows that are sent at once."""


class SQLEngine(ConfigurableResource):
    """A database by its URL, as "postgresql+psycopg://user@host/name" or "sqlite:///file.db".

    Assets take it as a resource and use `engine`, SQLAlchemy's. Its connections close with the run.
    """

    url: str

    _engine: Any = PrivateAttr(default=None)

    @property
    def engine(self) -> sa.Engine:
        """Raises MissingDependencyError where the driver is not installed, StorageError for no URL."""
        if self._engine is None:
            self._engine = _engine(self.url)
            # Nobody closes what is used without a run.
            weakref.finalize(self, self._engine.dispose)
        made: sa.Engine = self._engine
        return made

    def close(self) -> None:
        """Close the connections that wait to be used again; the next use opens new ones."""
        if self._engine is not None:
            self._engine.dispose()

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        self.close()

    def __getstate__(self) -> dict[Any, Any]:
        """Leave the connections out: another process opens its own."""
        state = super().__getstate__()
        private = state.get("__pydantic_private__") or {}
        return {**state, "__pydantic_private__": {**private, "_engine": None}}


class SQLIOManager(TableIOManager):
    """Keeps frames as tables of a database that SQLAlchemy knows.

    A database without schemas, as SQLite, has "schema_table" for "schema.table". Times are kept to the
    microsecond.
    """

    engine: SQLEngine

    @contextmanager
    def writing(self, of: Slice) -> Iterator[_Session]:
        with self._told(of), self.engine.engine.connect() as connection, connection.begin():
            if connection.dialect.name == "sqlite":
                driver: Any = connection.connection.dbapi_connection
                if not driver.in_transaction:
                    # Python's module would begin one only with the first change to a row.
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
            elif connection.dialect.name == "postgresql":
                # Two partitions of a new table may come at once; one of them makes it.
                lock = zlib.crc32(str(of).encode())
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock})")
            yield _Session(connection)

    @contextmanager
    def reading(self, of: Slice) -> Iterator[_Session]:
        with self._told(of), self.engine.engine.connect() as connection:
            yield _Session(connection)

    @contextmanager
    def _told(self, of: Slice) -> Iterator[None]:
        from sqlalchemy.exc import DataError, IntegrityError, OperationalError, ProgrammingError

        try:
            yield
        except (DataError, IntegrityError) as error:
            raise TypeCheckError(f"the table {of} does not take these rows: {_said(error)}") from error
        except (OperationalError, ProgrammingError) as error:
            raise StorageError(f"the table {of} can't be used: {_said(error)}") from error


class _Session:
    """A transaction, and what it has found out about tables."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._found: dict[str, sa.Table | None] = {}

    def types(self, of: Slice) -> Mapping[str, pa.DataType] | None:
        table = self._table(of)
        return None if table is None else {one.name: _arrow(one.type) for one in table.columns}

    def create(self, of: Slice, schema: pa.Schema) -> None:
        import sqlalchemy as sa

        former = self._table(of)
        if former is not None:
            former.drop(self._connection)
        name = self._name(of)
        if name["schema"] is not None and not sa.inspect(self._connection).has_schema(name["schema"]):
            self._connection.execute(sa.schema.CreateSchema(name["schema"], if_not_exists=True))
        columns = [sa.Column(one.name, _sql(one.type, one.name)) for one in schema]
        made = sa.Table(name["name"], sa.MetaData(), *columns, schema=name["schema"])
        made.create(self._connection)
        self._found[str(of)] = made

    def delete(self, of: Slice) -> None:
        table = self._known(of)
        self._connection.execute(table.delete().where(*_where(table, of.conditions)))

    def insert(self, of: Slice, rows: pa.Table) -> None:
        table, dialect = self._known(of), self._connection.dialect
        add = _copy_rows if (dialect.name, dialect.driver) == ("postgresql", "psycopg") else _insert_rows
        for batch in _in_utc(rows).to_batches(_BATCH):
            if batch.num_rows:
                add(self._connection, table, batch)

    def select(self, of: Slice) -> pa.Table:
        import pyarrow as pa

        table = self._known(of)
        found = self._connection.execute(table.select().where(*_where(table, of.conditions))).fetchall()
        columns = list(zip(*found, strict=True)) or [()] * len(table.columns)
        arrays = [_array(one, cells) for one, cells in zip(table.columns, columns, strict=True)]
        return pa.Table.from_arrays(arrays, names=[one.name for one in table.columns])

    def _table(self, of: Slice) -> sa.Table | None:
        if str(of) not in self._found:
            self._found[str(of)] = self._look(of)
        return self._found[str(of)]

    def _look(self, of: Slice) -> sa.Table | None:
        import sqlalchemy as sa
        from sqlalchemy.exc import NoSuchTableError

        name = self._name(of)
        try:
            return sa.Table(
                name["name"],
                sa.MetaData(),
                schema=name["schema"],
                autoload_with=self._connection,
                resolve_fks=False,
            )
        except NoSuchTableError:
            return None

    def _known(self, of: Slice) -> sa.Table:
        table = self._table(of)
        if table is None:
            raise StorageError(f"there is no table {of}")
        return table

    def _name(self, of: Slice) -> dict[str, Any]:
        if of.schema and self._connection.dialect.name == "sqlite":
            return {"name": f"{of.schema}_{of.table}", "schema": None}
        return {"name": of.table, "schema": of.schema}


def _engine(url: str) -> sa.Engine:
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        parsed = sa.make_url(url)
        options = {"timeout": 30.0} if parsed.get_backend_name() == "sqlite" else {}
        return sa.create_engine(parsed, connect_args=options)
    except ImportError as error:
        extra = "; `pip install 'mlorch[postgres]'` installs it" if "psycopg" in str(error) else ""
        raise MissingDependencyError(f"the database needs a driver: {error}{extra}") from error
    except (ArgumentError, NoSuchModuleError):
        raise StorageError(
            "SQLEngine: url is none that SQLAlchemy knows; write it as 'postgresql+psycopg://user@host/name'"
        ) from None


def _insert_rows(connection: sa.Connection, table: sa.Table, batch: pa.RecordBatch) -> None:
    # From dicts, SQLAlchemy's own way, it takes twice as long.
    made = table.insert().values(dict.fromkeys(batch.schema.names)).compile(dialect=connection.dialect)
    if not made.positional:
        connection.execute(table.insert(), batch.to_pylist())
        return
    columns = []
    for name in made.positiontup or ():
        process = table.columns[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        cells = batch.column(name).to_pylist()
        columns.append(cells if process is None else [process(cell) for cell in cells])
    connection.exec_driver_sql(str(made), list(zip(*columns, strict=True)))


def _copy_rows(connection: sa.Connection, table: sa.Table, batch: pa.RecordBatch) -> None:
    """Send rows to PostgreSQL as it takes them fastest."""
    import psycopg
    from sqlalchemy.exc import DataError

    driver: Any = connection.connection.dbapi_connection
    quoted = connection.dialect.identifier_preparer
    names = ", ".join(quoted.quote(name) for name in batch.schema.names)
    statement = f"COPY {quoted.format_table(table)} ({names}) FROM STDIN"
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                copy.write_row(row)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise DataError(statement, None, error) from error


def _where(table: sa.Table, conditions: tuple[Condition, ...]) -> Iterator[sa.ColumnElement[bool]]:
    for one in conditions:
        if one.column not in table.columns:
            raise TypeCheckError(
                f"the table {table.name} has no column {one.column!r}, which carries its partitions"
            )
        column = table.columns[one.column]
        value = value_of(one, _arrow(column.type))
        yield {"=": column == value, ">=": column >= value, "<": column < value}[one.operator]


def _sql(kind: pa.DataType, name: str) -> sa.types.TypeEngine[Any]:
    import pyarrow.types as kinds
    import sqlalchemy as sa

    if kinds.is_decimal(kind):
        return sa.Numeric(kind.precision, kind.scale)
    if kinds.is_timestamp(kind):
        return sa.DateTime(timezone=kind.tz is not None)
    for is_kind, made in (
        (kinds.is_boolean, sa.Boolean),
        (kinds.is_integer, sa.BigInteger),
        (kinds.is_floating, sa.Double),
        (kinds.is_string, sa.Text),
        (kinds.is_date, sa.Date),
        (kinds.is_time, sa.Time),
        (kinds.is_binary, sa.LargeBinary),
    ):
        if is_kind(kind):
            return made()
    raise TypeCheckError(f"a table can't hold the column {name!r} of type {kind}")


def _arrow(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    """Return the Arrow type whose values a column gives and takes."""
    import pyarrow as pa
    import sqlalchemy as sa

    if isinstance(kind, sa.DateTime):
        return pa.timestamp("us", "UTC" if kind.timezone else None)
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        return pa.decimal128(kind.precision or 38, kind.scale or 0)
    for known, found in (
        (sa.Boolean, pa.bool_()),
        (sa.Integer, pa.int64()),
        (sa.Float, pa.float64()),
        (sa.Date, pa.date32()),
        (sa.Time, pa.time64("us")),
        (sa.LargeBinary, pa.binary()),
    ):
        if isinstance(kind, known):
            return found
    return pa.string()


def _in_utc(rows: pa.Table) -> pa.Table:
    """Return the rows with times to the microsecond, those with a zone in UTC: SQLite forgets zones."""
    import pyarrow as pa

    for position, one in enumerate(rows.schema):
        if pa.types.is_timestamp(one.type):
            kind = pa.timestamp("us", "UTC" if one.type.tz else None)
            rows = rows.set_column(position, one.name, rows.column(position).cast(kind, safe=False))
    return rows


def _array(column: sa.Column[Any], cells: tuple[Any, ...]) -> pa.Array:
    import pyarrow as pa

    kind = _arrow(column.type)
    try:
        return pa.array(cells, type=kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # A column may hold more than its type says: decimals of any scale, SQLite anything at all.
        return pa.array(cells)


def _said(error: Any) -> str:
    return " ".join(str(error.orig).split())
