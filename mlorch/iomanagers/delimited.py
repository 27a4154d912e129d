"""pandas and polars frames ↔ .csv files."""

from __future__ import annotations

import io
from typing import Any

from mlorch.definitions.io import InputContext, OutputContext, StoredValue
from mlorch.definitions.managers import ConfigurableIOManager
from mlorch.errors import IntegrityError, TypeCheckError
from mlorch.iomanagers.arrow import frame_of, table_of, types_of
from mlorch.iomanagers.hashes import recorded


class CSVIOManager(ConfigurableIOManager):
    """Keeps frames as text that every program reads: UTF-8, a line of names, text in quotes.

    Columns come back with the types they had; those of a file that mlorch did not write are told from it. An
    index is not kept, categories come back without their order, times to what their type says.
    """

    separator: str = ","

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue:
        import pyarrow as pa
        import pyarrow.csv as pc

        table = table_of(obj, context)
        written = io.BytesIO()
        try:
            pc.write_csv(table, written, pc.WriteOptions(delimiter=self.separator))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise TypeCheckError(f"{context} is a frame that CSV can't hold: {error}") from error
        return context.store.write(f"{context.path}.csv", lambda file: file.write(written.getvalue()))

    def load_input(self, context: InputContext) -> Any:
        import pyarrow as pa
        import pyarrow.csv as pc

        converting = pc.ConvertOptions(
            column_types=types_of(context),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        parsing = pc.ParseOptions(delimiter=self.separator, newlines_in_values=True, ignore_empty_lines=False)
        try:
            table = pc.read_csv(
                io.BytesIO(recorded(context)), parse_options=parsing, convert_options=converting
            )
        except pa.ArrowInvalid as error:
            raise IntegrityError(f"{context} can't be read as CSV: {error}") from error
        return frame_of(table, context)
