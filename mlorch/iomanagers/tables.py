"""Frames as tables of a database: a partition is a slice of rows, replaced in one transaction."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from mlorch.definitions.io import InputContext, OutputContext, StoredValue
from mlorch.definitions.managers import ConfigurableIOManager
from mlorch.errors import IntegrityError, InvalidDefinitionError, NotFoundError, TypeCheckError
from mlorch.iomanagers.arrow import frame_of, table_of, types_of

if TYPE_CHECKING:
    import pyarrow as pa


class Condition(NamedTuple):
    """What holds for a column in every row of a slice; the value as text."""

    column: str
    operator: str
    """One of "=", ">=" and "<"."""
    value: str


class Slice(NamedTuple):
    """A table, or those of its rows that are one partition."""

    schema: str | None
    table: str
    conditions: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table


class Session(Protocol):
    """A transaction in a database."""

    def types(self, of: Slice) -> Mapping[str, pa.DataType] | None:
        """Return the columns of the table, None where there is no such table."""

    def create(self, of: Slice, schema: pa.Schema) -> None:
        """Make the table, in place of one that is there."""

    def delete(self, of: Slice) -> None:
        """Remove the rows of the slice."""

    def insert(self, of: Slice, rows: pa.Table) -> None:
        """Add rows to the table."""

    def select(self, of: Slice) -> pa.Table:
        """Return the rows of the slice."""


class TableIOManager(ConfigurableIOManager):
    """Keeps frames as tables, named by the last part of the asset's key.

    The schema is that of the asset's metadata ("schema"), else `schema_name`, else the part of the key
    before the last. An asset with partitions names the column that carries them in its metadata,
    {"partition_expr": "day"}, or one for each dimension, {"partition_expr": {"day": "day", "to": "dest"}}.
    A column of times or dates is compared with the window of the partition, any other with its key.

    The rows of a partition, or all, are replaced in one transaction, and read back in it: what is recorded is
    the hash of what the database holds, whatever the order. A table keeps the newest version only. Adds
    "table" to what is recorded of every frame. An AssetIn(metadata={"columns": […]}) reads only those.
    """

    schema_name: str | None = None

    @abstractmethod
    def writing(self, of: Slice) -> AbstractContextManager[Session]:
        """Give a transaction that is kept whole, or not at all."""

    @abstractmethod
    def reading(self, of: Slice) -> AbstractContextManager[Session]:
        """Give a transaction that sees one state of the database."""

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue:
        rows = table_of(obj, context)
        metadata = context.definition_metadata
        place = self._place(context, metadata)
        with self.writing(place) as session:
            types = session.types(place)
            rows = _typed(rows, types or {})
            found = types or {one.name: one.type for one in rows.schema}
            of = place._replace(conditions=tuple(_conditions(context, metadata, found)))
            _prepare(session, of, rows.schema, context)
            session.insert(of, rows)
            kept = session.select(of)
            if len(kept) != len(rows):
                raise TypeCheckError(_strangers(context, of, len(rows), len(kept)))
            digest, size = _hash_of(kept)
        context.add_output_metadata({"table": str(of)})
        return StoredValue(_uri(of), digest, size)

    def load_input(self, context: InputContext) -> Any:
        metadata = context.upstream_output.definition_metadata if context.upstream_output is not None else {}
        of = self._place(context, metadata) if context.uri is None else _parsed(context.uri)
        with self.reading(of) as session:
            types = session.types(of)
            if types is None:
                raise NotFoundError(f"{context}: there is no table {of}; materialize it again")
            if context.uri is None:
                of = of._replace(conditions=tuple(_conditions(context, metadata, types)))
            kept = session.select(of)
        if context.content_hash is not None and _hash_of(kept)[0] != context.content_hash:
            raise IntegrityError(
                f"{context}: the rows in {of} are not those that were recorded. They were changed by "
                "something else than mlorch, or an older version was asked for, while a table keeps only its "
                "newest; materialize it again"
            )
        chosen = context.definition_metadata.get("columns") or kept.column_names
        return frame_of(_as_recorded(kept.select(list(chosen)), types_of(context)), context)

    def _place(self, context: OutputContext | InputContext, metadata: Mapping[str, Any]) -> Slice:
        path = context.asset_key.path if context.has_asset_key else [self._name_of(context)]
        before = path[-2] if len(path) > 1 else None
        schema = metadata.get("schema") or self.schema_name or before
        return Slice(schema, str(metadata.get("table") or path[-1]))

    def _name_of(self, context: OutputContext | InputContext) -> str:
        kept = context if isinstance(context, OutputContext) else context.upstream_output
        return kept.name if kept is not None else context.name


def _typed(rows: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Return the rows with the table's types for columns that hold nothing and so have none of their own."""
    import pyarrow as pa

    for position, name in enumerate(rows.column_names):
        if name in types and rows.column(position).null_count == len(rows):
            rows = rows.set_column(position, name, pa.nulls(len(rows), types[name]))
    return rows


def _prepare(session: Session, of: Slice, schema: pa.Schema, context: OutputContext) -> None:
    """Leave the table without the rows of the slice, and with the columns of the frame."""
    types = session.types(of)
    if types is None:
        session.create(of, schema)
        return
    wrong = [f"{one.name} ({one.type})" for one in schema if not _fits(one.type, types.get(one.name))]
    wrong += [f"{name} (missing)" for name in types if schema.get_field_index(name) < 0]
    if not wrong:
        session.delete(of)
    elif of.conditions:
        raise TypeCheckError(
            f"{context} has other columns than the table {of}: {', '.join(wrong)}; the other partitions are "
            "there, so change the table by hand, or drop it and materialize all of them"
        )
    else:
        session.create(of, schema)


def _fits(given: pa.DataType, column: pa.DataType | None) -> bool:
    """Say whether a column of a table takes values of this type as they are."""
    import pyarrow.types as kinds

    if column is None:
        return False
    rank = (kinds.is_boolean, kinds.is_integer, kinds.is_floating, kinds.is_decimal)
    order = [next((n for n, is_kind in enumerate(rank) if is_kind(one)), None) for one in (given, column)]
    if order[0] is not None and order[1] is not None:
        return order[0] == order[1] or 0 < order[0] < order[1]
    if kinds.is_timestamp(given) and kinds.is_timestamp(column):
        return True
    return bool(given == column)


def _conditions(
    context: OutputContext | InputContext, metadata: Mapping[str, Any], types: Mapping[str, pa.DataType]
) -> Iterator[Condition]:
    if not context.has_asset_partitions:
        return
    expression = metadata.get("partition_expr")
    if not expression:
        raise InvalidDefinitionError(
            f"{context}: nothing says which column of its table carries the partition; "
            'name it: @asset(metadata={"partition_expr": "day"})'
        )
    key = context.asset_partition_key
    if not isinstance(expression, Mapping):
        yield from _condition(str(expression), key, context.partitions_def, types)
        return
    dimensions = getattr(key, "keys_by_dimension", None) or {}
    definitions = {
        one.name: one.partitions_def for one in getattr(context.partitions_def, "partitions_defs", ())
    }
    for dimension, part in dimensions.items():
        if dimension not in expression:
            raise InvalidDefinitionError(
                f"{context}: partition_expr names no column for the dimension {dimension!r}"
            )
        yield from _condition(str(expression[dimension]), part, definitions.get(dimension), types)


def _condition(
    column: str, key: str, partitions_def: Any, types: Mapping[str, pa.DataType]
) -> Iterator[Condition]:
    import pyarrow.types as kinds

    window = getattr(partitions_def, "time_window_for_partition_key", None)
    kind = types.get(column)
    if window is None or kind is None or not kinds.is_temporal(kind):
        yield Condition(column, "=", key)
        return
    bounds = (window(key).start, window(key).end)
    if kinds.is_date(kind):
        bounds = tuple(bound.date() for bound in bounds)
    elif kind.tz is None:
        # Times without a zone are taken for what the clock on the wall of the partitions says.
        bounds = tuple(bound.replace(tzinfo=None) for bound in bounds)
    for operator, bound in zip((">=", "<"), bounds, strict=True):
        yield Condition(column, operator, bound.isoformat())


def value_of(condition: Condition, kind: pa.DataType) -> Any:
    """Return the value of a condition as a column of this type has it."""
    import pyarrow.types as kinds

    for is_kind, read in (
        (kinds.is_boolean, lambda text: text.lower() in ("true", "1")),
        (kinds.is_integer, int),
        (kinds.is_floating, float),
        (kinds.is_date, date.fromisoformat),
        (kinds.is_timestamp, datetime.fromisoformat),
        (kinds.is_time, time.fromisoformat),
    ):
        if is_kind(kind):
            try:
                return read(condition.value)
            except ValueError:
                raise TypeCheckError(
                    f"the column {condition.column!r} holds {kind}, which the partition {condition.value!r} "
                    "is not; name another as partition_expr"
                ) from None
    return condition.value


def _strangers(context: OutputContext, of: Slice, given: int, kept: int) -> str:
    columns = ", ".join(repr(column) for column in dict.fromkeys(one.column for one in of.conditions))
    return (
        f"{context}: only {kept:,} of {given:,} rows belong to it by {columns}; nothing was written. "
        "Leave the others out, they would be lost in other partitions"
    )


def _hash_of(rows: pa.Table) -> tuple[str, int]:
    """Return a hash over the names of columns and the rows, in whatever order, and the bytes that it took."""
    import pyarrow as pa

    columns = sorted(rows.column_names)
    cells = []
    for name in columns:
        column = rows.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        cells.append([str(one) if isinstance(one, date | time) else one for one in column.to_pylist()])
    lines = [repr(row).encode() for row in zip(*cells, strict=True)]
    digest = hashlib.md5(repr(columns).encode(), usedforsecurity=False)
    for line in sorted(hashlib.md5(line, usedforsecurity=False).digest() for line in lines):
        digest.update(line)
    return digest.hexdigest(), sum(map(len, lines))


def _as_recorded(rows: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Return the rows with the recorded types where the values allow it."""
    import pyarrow as pa

    for position, name in enumerate(rows.column_names):
        wanted = types.get(name)
        if wanted is not None and wanted != rows.column(position).type:
            try:
                rows = rows.set_column(position, name, rows.column(position).cast(wanted))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                continue
    return rows


def _uri(of: Slice) -> str:
    """Return what is recorded, by which exactly this slice is found again."""
    conditions = urlencode([(f"{one.column} {one.operator}", one.value) for one in of.conditions])
    place = f"table://{quote(of.schema or '', safe='')}/{quote(of.table, safe='')}"
    return f"{place}?{conditions}" if conditions else place


def _parsed(uri: str) -> Slice:
    parts = urlsplit(uri)
    pairs: Sequence[tuple[str, str]] = parse_qsl(parts.query, keep_blank_values=True)
    halves = [(name.rpartition(" "), value) for name, value in pairs]
    conditions = tuple(Condition(column, operator, value) for (column, _, operator), value in halves)
    return Slice(unquote(parts.netloc) or None, unquote(parts.path.removeprefix("/")), conditions)
