"""Text ↔ .txt files."""

from __future__ import annotations

from mlorch.definitions.io import InputContext, IOManager, OutputContext, StoredValue
from mlorch.errors import TypeCheckError
from mlorch.iomanagers.hashes import recorded


class TextIOManager(IOManager):
    """Keeps a string as it is, in UTF-8: a prompt, a report, a log. Adds "lines"."""

    def handle_output(self, context: OutputContext, obj: object) -> StoredValue:
        if not isinstance(obj, str):
            raise TypeCheckError(f"{context} is {type(obj).__name__}, not str; plain text is a str")
        # A lone surrogate is no UTF-8, yet Python's strings may hold one; it is kept as it is.
        data = obj.encode("utf-8", "surrogatepass")
        context.add_output_metadata({"lines": len(obj.splitlines())})
        return context.store.write(f"{context.path}.txt", lambda file: file.write(data))

    def load_input(self, context: InputContext) -> str:
        return recorded(context).decode("utf-8", "surrogatepass")
